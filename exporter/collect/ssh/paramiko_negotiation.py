"""A key exchange of paramiko's at what it must cost: in our order, and thought through once for all hosts alike.

Of the same purpose as :mod:`exporter.collect.ssh.paramiko_internals`: what we need of it that is not public.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import paramiko
from paramiko.common import MSG_KEXINIT
from paramiko.message import Message
from paramiko.packet import Packetizer
from paramiko.ssh_exception import MessageOrderError

from exporter.collect.ssh.paramiko_internals import PeerTransport

NEEDED = (
    (paramiko.Transport, "_filter_algorithm"),
    (paramiko.Transport, "_parse_kex_init"),
    (paramiko.Transport, "_parse_newkeys"),
    (paramiko.Transport, "_send_kex_init"),
    (paramiko.Transport, "_send_message"),
)
# Without these it works as well, and costs a little more.
USED = ((paramiko.Transport, "_add_K"),)
# Of each kind of algorithm, what costs us least: an exchange on curve25519, packets of a clear length.
_CHEAP = {
    "kex": ("curve25519",),
    "ciphers": ("aes128-gcm", "aes256-gcm"),
    "macs": ("hmac-sha2-256-etm", "hmac-sha2-512-etm"),
}
_COOKIE = 16  # random bytes before the lists of a KEXINIT
_MOST_AGREED = 256
_LONGEST_KEPT = 8 * 1024  # bytes of lists: an sshd's are some 1,500, and a hostile peer's may fill what it is allowed
_AGREED_ON = (
    "agreed_on_strict_kex",
    "host_key_type",
    "local_cipher",
    "local_compression",
    "local_mac",
    "offered",
    "remote_cipher",
    "remote_compression",
    "remote_mac",
)


class NegotiatingTransport(PeerTransport):
    """Of paramiko's algorithms those come first that cost least; all others are there, too."""

    agreed_on_strict_kex: bool
    if TYPE_CHECKING:  # what paramiko's types leave out
        local_kex_init: bytes

        def _send_message(self, message: Message) -> None: ...

    def __init__(self, peer: object, packetizer: type[Packetizer]) -> None:
        self._secret: tuple[object, bytes] = (None, b"")
        super().__init__(peer, packetizer)

    def _filter_algorithm(self, kind: str) -> tuple[str, ...]:
        return _first(getattr(self, f"_preferred_{kind}"), _CHEAP.get(kind, ()))

    def _send_kex_init(self) -> None:
        """As paramiko's; but for the cookie, we offer the same to all hosts that are asked for the same keys."""
        lists = _OFFERS.get(self.preferred_keys)
        if lists is None:
            super()._send_kex_init()  # type: ignore[misc]  # not in the types
            if len(_OFFERS) >= _MOST_AGREED:
                _OFFERS.clear()
            _OFFERS[self.preferred_keys] = self.local_kex_init[1 + _COOKIE :]
            return
        with self.clear_to_send_lock:
            self.clear_to_send.clear()
        self.in_kex = True
        self.local_kex_init = self._latest_kex_init = bytes([MSG_KEXINIT]) + os.urandom(_COOKIE) + lists
        self._send_message(Message(self.local_kex_init))

    def _parse_kex_init(self, message: Message) -> None:
        """What is agreed on follows from both sides' lists, and many hosts have the same."""
        if self.initial_kex_done:
            super()._parse_kex_init(message)  # type: ignore[misc]  # not in the types
            return
        lists = (message.asbytes()[_COOKIE:], self.preferred_keys)
        agreed = _AGREED.get(lists)
        if agreed is None:
            super()._parse_kex_init(message)  # type: ignore[misc]  # not in the types
            if len(lists[0]) > _LONGEST_KEPT:
                return
            if len(_AGREED) >= _MOST_AGREED:
                _AGREED.clear()
            told = len(message.get_so_far())
            _AGREED[lists] = _Agreed({name: getattr(self, name) for name in _AGREED_ON}, type(self.kex_engine), told)
            return
        vars(self).update(agreed.on)
        if self.agreed_on_strict_kex and message.seqno != 0:
            raise MessageOrderError("In strict-kex mode, but KEXINIT was not the first packet!")
        self.kex_engine = agreed.exchange(self)
        self.remote_kex_init = bytes([MSG_KEXINIT]) + message.asbytes()[: agreed.length]

    def _add_K(self, message: Message) -> None:  # noqa: N802 - paramiko's own
        """The secret of an exchange stands before each key that follows from it: it is encoded once."""
        if self._secret[0] is not self.K:
            encoded = Message()
            super()._add_K(encoded)  # type: ignore[misc]  # not in the types
            self._secret = (self.K, encoded.asbytes())
        message.add_bytes(self._secret[1])

    def _parse_newkeys(self, message: Message) -> None:
        super()._parse_newkeys(message)  # type: ignore[misc]  # not in the types
        self._secret = (None, b"")


@dataclass(frozen=True, slots=True)
class _Agreed:
    """What follows from two sides' lists: attributes of a transport, the exchange's class, the length of the lists."""

    on: Mapping[str, object]
    exchange: Callable[[NegotiatingTransport], Any]
    length: int


_OFFERS: dict[tuple[str, ...], bytes] = {}
_AGREED: dict[tuple[bytes, tuple[str, ...]], _Agreed] = {}


@lru_cache(maxsize=16)
def _first(names: tuple[str, ...], wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The algorithms that begin with ``wanted`` before all others, in its order."""
    first = tuple(name for start in wanted for name in names if name.startswith(start))
    return (*first, *(name for name in names if name not in first))
