"""The non-public names of paramiko that reading nodes needs: these, and in the modules ``paramiko_*`` beside it.

No other module has any. :data:`NEEDED` is what ``tests/test_paramiko_internals.py`` looks for: it names the one that a
release has moved.
"""

from __future__ import annotations

import math
import socket
import time

import paramiko
from paramiko.agent import AgentSSH
from paramiko.common import MSG_GLOBAL_REQUEST
from paramiko.message import Message
from paramiko.packet import Packetizer
from paramiko.pkey import PublicBlob
from paramiko.ssh_exception import SSHException

NEEDED = (
    (AgentSSH, "_connect"),
    (AgentSSH, "_send_message"),
    (paramiko.Transport, "_negotiate_keys"),
    (paramiko.Transport, "_parse_disconnect"),
    (paramiko.Transport, "_parse_request_failure"),
    (paramiko.Transport, "_parse_request_success"),
    (paramiko.Transport, "_really_parse_kex_init"),
    (paramiko.Transport, "_send_user_message"),
    (paramiko.Transport, "preferred_keys"),
)

LARGEST_PACKET = 256 * 1024  # as OpenSSH has it (packet.h, PACKET_MAX_SIZE)
_LEAST_PACKET = 1024  # an sshd takes 32768 (RFC 4253, 6.1)
# Key exchanges that a peer may ask for at once, the first among them, and the seconds until it may ask for one more. A
# visit is far below what an honest sshd has new keys for by default, but RekeyLimit may be low.
MOST_EXCHANGES = 5
EXCHANGE_EVERY = 10.0
# The peer's own group may be of 8192 bits: a quarter of a second of arithmetic, within which nobody else is served.
_NEVER = "diffie-hellman-group-exchange-"


class SocketAgent(AgentSSH):
    """The SSH agent over a socket of ours, with its time-out: paramiko's own waits for ever."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self._connect(connection)  # type: ignore[attr-defined]  # what paramiko's own agents call

    def own_keys(self) -> list[paramiko.PKey]:
        """What it holds. A certificate is shown whole, or sshd refuses an RSA one ("key type mismatch")."""
        keys = list(self.get_keys())
        for key in keys:
            if key.get_name().endswith("-cert-v01@openssh.com"):
                key.public_blob = PublicBlob(key.get_name(), key.blob)  # type: ignore[assignment]  # None in the stubs
        return [*keys]

    def _send_message(self, msg: bytes) -> object:
        try:
            return super()._send_message(msg)  # type: ignore[misc]  # paramiko's, not in its types
        except OSError as error:  # paramiko's thread does not survive a time-out here
            raise SSHException("the agent does not answer") from error


class PeerTransport(paramiko.Transport):
    """A client's transport that keeps what the peer said of itself, and asks for host keys in our order."""

    def __init__(self, peer: object, packetizer: type[Packetizer]) -> None:
        self._host_key_algorithms: tuple[str, ...] = ()
        self.offered: dict[str, list[str]] = {}  # the peer's algorithms
        self.replies = 0  # to requests that were about the whole connection
        self._exchanges_begun = -math.inf  # when the last would have begun, were they EXCHANGE_EVERY apart
        self.has_had_enough = False  # the peer ended it over keys that it does not take
        super().__init__(peer, packetizer_class=packetizer)  # type: ignore[arg-type]  # a socket to paramiko
        offer = self.get_security_options()
        offer.kex = tuple(name for name in offer.kex if not name.startswith(_NEVER))

    def get_exception(self) -> Exception | None:
        """A hostile peer's bytes make paramiko raise anything: what is not its own is named as such."""
        error = super().get_exception()
        return None if error is None else of_ours(error)

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        """The host key algorithms in our order: paramiko's has certificates last, so that none is ever shown."""
        return self._host_key_algorithms or tuple(super().preferred_keys)

    def prefer_host_keys(self, algorithms: tuple[str, ...]) -> None:
        """Ask for a host key in this order."""
        self._host_key_algorithms = algorithms

    def ask_for_a_word(self) -> None:
        """Have the peer say something, without waiting for it: it must answer a request that it does not know."""
        self.say(_QUESTION)

    def say(self, message: Message) -> None:
        """Send a message, but not within a key exchange."""
        self._send_user_message(message)  # type: ignore[attr-defined]  # not in the types

    def _negotiate_keys(self, message: Message) -> None:
        """As paramiko's; but an exchange costs us more than whoever asks for it, so that nobody has any number."""
        now = time.monotonic()
        self._exchanges_begun = max(self._exchanges_begun, now - MOST_EXCHANGES * EXCHANGE_EVERY) + EXCHANGE_EVERY
        if self._exchanges_begun > now:
            raise SSHException("new keys are asked for again and again")
        super()._negotiate_keys(message)  # type: ignore[misc]  # not in the types

    def _really_parse_kex_init(self, message: Message, ignore_first_byte: bool = False) -> dict[str, list[str]]:  # noqa: FBT001, FBT002 - paramiko's own
        parsed: dict[str, list[str]] = super()._really_parse_kex_init(message, ignore_first_byte)  # type: ignore[misc]  # not in the types
        if not ignore_first_byte:  # else it is our own that is looked at
            self.offered = parsed
        return parsed

    def _parse_disconnect(self, message: Message) -> None:
        message.get_int()  # its code
        self.has_had_enough = message.get_text().startswith("Too many authentication failures")  # sshd's auth.c
        message.rewind()
        super()._parse_disconnect(message)  # type: ignore[misc]  # not in the types

    def _parse_request_success(self, message: Message) -> None:
        self.replies += 1
        super()._parse_request_success(message)  # type: ignore[misc]  # not in the types

    def _parse_request_failure(self, message: Message) -> None:
        self.replies += 1
        super()._parse_request_failure(message)  # type: ignore[misc]  # not in the types


def must_take_packets(largest: int) -> None:
    """Raises SSHException where a peer has a channel's data in crumbs: a packet of work for each byte."""
    if largest < _LEAST_PACKET:
        raise SSHException("no packets but tiny ones are taken")


def of_ours(error: Exception) -> Exception:
    """An error as paramiko or a socket raises it; any other is named as one of paramiko's."""
    return error if isinstance(error, (SSHException, EOFError, OSError)) else SSHException(type(error).__name__)


def _question() -> Message:
    question = Message()
    question.add_byte(bytes([MSG_GLOBAL_REQUEST]))
    question.add_string("keepalive@openssh.com")
    question.add_boolean(True)  # noqa: FBT003 - paramiko's way
    return question


_QUESTION = _question()
