"""paramiko's and the socket's errors to one :class:`Reason`: the border that no vendor exception crosses."""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping, Sequence
from enum import Enum

from paramiko import ssh_exception as vendor

from exporter.collect.ssh.bounded import Bounds, Ending
from exporter.errors import CollectError, Reason


class Phase(Enum):
    """How far a conversation has come."""

    HANDSHAKE = "handshake"
    AUTH = "auth"
    COMMAND = "command"


OF_VENDOR: dict[type[Exception], Reason] = {
    vendor.SSHException: Reason.PROTOCOL_ERROR,
    vendor.MessageOrderError: Reason.PROTOCOL_ERROR,
    vendor.IncompatiblePeer: Reason.NO_COMMON_ALGORITHM,
    vendor.AuthenticationException: Reason.AUTH_FAILED,
    vendor.BadAuthenticationType: Reason.AUTH_FAILED,
    vendor.PartialAuthentication: Reason.AUTH_FAILED,
    vendor.PasswordRequiredException: Reason.AUTH_FAILED,
    vendor.UnableToAuthenticate: Reason.AUTH_FAILED,
    vendor.ChannelException: Reason.SESSION_REFUSED,
    vendor.BadHostKeyException: Reason.HOST_KEY_CHANGED,
    vendor.ProxyCommandFailure: Reason.CONNECTION_LOST,
    vendor.NoValidConnectionsError: Reason.CONNECTION_REFUSED,
    vendor.CouldNotCanonicalize: Reason.NAME_NOT_RESOLVED,
    vendor.ConfigParseError: Reason.INTERNAL,
}
_UNREACHABLE = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.EACCES, errno.EPERM)
_OURS = (errno.EMFILE, errno.ENFILE)  # no file descriptor was to be had: no node's fault
_EXPIRED = {Phase.AUTH: Reason.AUTH_TIMEOUT, Phase.COMMAND: Reason.COMMAND_TIMEOUT}
# What sshd says, in clear, when it has too many connections (sshd.c, since OpenSSH 7 and 9.8).
_TURNED_AWAY = re.compile(rb"Exceeded MaxStartups|Not allowed at this time")
# paramiko's words for what is missing, and its names for the peer's lists.
_KINDS = {
    "kex algorithm": "kex_algo_list",
    "host key": "server_key_algo_list",
    "ciphers": "server_encrypt_algo_list",
    "macs": "server_mac_algo_list",
    "compression": "server_compress_algo_list",
}
_MOST_NAMED = 8
_GENERAL = (Reason.PROTOCOL_ERROR, Reason.CONNECTION_LOST)


def of_connect(error: OSError) -> Reason:
    """Why no connection came about."""
    if isinstance(error, TimeoutError):
        return Reason.CONNECT_TIMEOUT
    if isinstance(error, ConnectionRefusedError):
        return Reason.CONNECTION_REFUSED
    if error.errno in _OURS:
        return Reason.INTERNAL
    return Reason.UNREACHABLE if error.errno in _UNREACHABLE else Reason.CONNECTION_LOST


def of_conversation(error: Exception, phase: Phase, peer: Bounds) -> Reason:
    """Why a conversation ended: a bound that was passed says more than the exception that it made."""
    peer.notice_expiry()
    if peer.ending is Ending.EXPIRED:
        return _expired(phase, peer)
    if peer.ending is Ending.EXHAUSTED:
        return _exhausted(phase, peer)
    reason = _of_vendor(error)
    if reason not in _GENERAL:
        return reason
    if peer.ending is Ending.CLOSED:
        spoke_otherwise = not peer.identified and peer.greeting and not _TURNED_AWAY.match(peer.greeting)
        return Reason.NOT_SSH if spoke_otherwise else Reason.CONNECTION_LOST
    return reason if peer.identified else Reason.NOT_SSH


def missing_algorithm(error: Exception, offered: Mapping[str, Sequence[str]]) -> str:
    """Which kind of algorithm we and the peer have none of in common, and which ones it has.

    ``offered`` are the lists of its SSH_MSG_KEXINIT, by paramiko's names for them.
    """
    kind = next((kind for kind in _KINDS if f"no acceptable {kind}" in str(error)), None)
    if kind is None:
        return ""
    plain = [name for name in offered.get(_KINDS[kind], ()) if re.fullmatch(r"[A-Za-z0-9@.+_-]{1,64}", name)]
    return f"no {kind} in common; the other side has {', '.join(plain[:_MOST_NAMED]) or 'none'}"


def may_be_cut_off(error: CollectError, peer: Bounds | None, *, has_ended: bool) -> bool:
    """Whether what failed behind a bastion may have failed by the bastion's own end, or by its silence.

    ``has_ended``: the far end itself has told that it ended.
    """
    cut = peer is not None and peer.ending is Ending.CLOSED and not has_ended
    return cut or error.reason.endswith("_timeout")


def _expired(phase: Phase, peer: Bounds) -> Reason:
    if not peer.identified:
        return Reason.BANNER_TIMEOUT
    return _EXPIRED.get(phase, Reason.HANDSHAKE_TIMEOUT)


def _exhausted(phase: Phase, peer: Bounds) -> Reason:
    if not peer.identified:
        return Reason.NOT_SSH
    return Reason.OUTPUT_TOO_LARGE if phase is Phase.COMMAND else Reason.PROTOCOL_ERROR


def _of_vendor(error: Exception) -> Reason:
    for kind in type(error).__mro__:
        if kind in OF_VENDOR:
            return OF_VENDOR[kind]
    return Reason.CONNECTION_LOST if isinstance(error, (EOFError, OSError)) else Reason.PROTOCOL_ERROR
