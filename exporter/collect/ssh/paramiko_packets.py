"""paramiko's packets out of what has arrived: one is read once it is there whole, so that reading never waits.

Of the same purpose as :mod:`exporter.collect.ssh.paramiko_internals`: what we need of it that is not public.
"""

from __future__ import annotations

from typing import Any, Protocol

from paramiko.packet import Packetizer
from paramiko.ssh_exception import SSHException

from exporter.collect.ssh.paramiko_internals import LARGEST_PACKET

NEEDED = (
    (Packetizer, "complete_handshake"),
    (Packetizer, "need_rekey"),
    (Packetizer, "read_all"),
    (Packetizer, "read_message"),
    (Packetizer, "readline"),
    (Packetizer, "set_inbound_cipher"),
    (Packetizer, "set_log"),
    (Packetizer, "start_handshake"),
    (Packetizer, "write_all"),
)

_LENGTH = 4
_SHORTEST = 5  # a length, and what it must count: the padding's own length and four bytes of padding


class Outlet(Protocol):
    """Where what is sent goes: never blocks."""

    def send(self, data: bytes, /) -> int: ...
    def settimeout(self, seconds: float | None, /) -> None: ...
    def close(self) -> None: ...


class SteppedPacketizer(Packetizer):
    """Reads a packet only once it has arrived whole."""

    def __init__(self, outlet: Outlet) -> None:
        super().__init__(outlet)  # type: ignore[arg-type]  # a socket to paramiko
        self._outlet = outlet
        self._arrived = b""
        self._at = 0
        self._block_size = 8
        self._mac_size = 0
        self._sealed: _Sealed | None = None

    def feed(self, data: bytes) -> None:
        """Add what has arrived."""
        self._arrived = self._arrived[self._at :] + data if self._at < len(self._arrived) else data
        self._at = 0

    def has_packet(self) -> bool:
        """Whether the next packet is there whole. Raises SSHException where one is announced that may not be."""
        there = len(self._arrived) - self._at
        if there < (_LENGTH if self._sealed is None else self._block_size):
            return False
        if self._sealed is None:
            length = int.from_bytes(self._arrived[self._at : self._at + _LENGTH], "big")
        else:
            length = self._sealed.length(self._arrived[self._at : self._at + self._block_size])
        if not _SHORTEST <= length <= LARGEST_PACKET:
            raise SSHException("a packet of no good length is announced")
        return there >= max(_LENGTH + length, self._block_size) + self._mac_size

    def set_inbound_cipher(self, **given: Any) -> None:  # type: ignore[override]  # paramiko names each
        self._block_size, self._mac_size = given["block_size"], given["mac_size"]
        self._sealed = None
        if not (given["etm"] or given["aead"]):
            given["block_engine"] = self._sealed = _Sealed(given["block_engine"])
        super().set_inbound_cipher(**given)

    def readline(self, _timeout: float) -> str:
        line, found, rest = self._arrived[self._at :].partition(b"\n")
        if not found:
            raise SSHException("no whole line")
        self._arrived, self._at = rest, 0
        return line.removesuffix(b"\r").decode("utf-8")

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:  # noqa: ARG002, FBT001, FBT002 - paramiko's own
        if n <= 0:
            return b""
        data = self._arrived[self._at : self._at + n]
        if len(data) < n:
            raise SSHException("a packet is longer than it says")
        self._at += n
        return data

    def write_all(self, out: bytes) -> None:  # type: ignore[override]  # that is what it is given
        self._outlet.send(out)

    def set_log(self, log: object) -> None:
        pass

    def start_handshake(self, timeout: float) -> None:
        pass

    def complete_handshake(self) -> None:
        pass


class _Cipher(Protocol):
    def update(self, data: bytes) -> bytes: ...


class _Sealed:
    """A cipher under which a packet's length stands, too: the first block is opened ahead, once, to know it."""

    def __init__(self, engine: _Cipher) -> None:
        self._engine = engine
        self._ahead = b""

    def length(self, block: bytes) -> int:
        """What the packet that begins with this block announces."""
        self._ahead = self._ahead or self._engine.update(block)
        return int.from_bytes(self._ahead[:_LENGTH], "big")

    def update(self, data: bytes) -> bytes:
        """As the cipher's: the next block that is asked for is the one that was opened ahead."""
        ahead, self._ahead = self._ahead, b""
        return ahead + self._engine.update(data[len(ahead) :])
