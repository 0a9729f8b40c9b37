"""paramiko with its own thread, as a visit has it that has one as well.

Of the same purpose as :mod:`exporter.collect.ssh.paramiko_internals`: what we need of it that is not public.
"""

from __future__ import annotations

import errno
import math
import threading
from collections import deque

import paramiko
from paramiko.common import MSG_CHANNEL_CLOSE
from paramiko.message import Message
from paramiko.packet import Packetizer
from paramiko.ssh_exception import ChannelException, SSHException

from exporter.collect.ssh.paramiko_internals import LARGEST_PACKET, PeerTransport, must_take_packets

NEEDED = (
    (paramiko.Transport, "_next_channel"),
    (paramiko.Transport, "_parse_channel_open_failure"),
    (paramiko.Transport, "_parse_channel_open_success"),
    (paramiko.Transport, "_send_message"),
    (paramiko.Transport, "_unlink_channel"),
    (Packetizer, "read_all"),
    (Packetizer, "readline"),
    (Packetizer, "set_keepalive"),
    (Packetizer, "start_handshake"),
)

_ENDED_KEPT = 1000


class SocketPacketizer(Packetizer):
    """Without paramiko's own time-outs for banner and handshake: the socket has its deadline. No packet is too long."""

    def start_handshake(self, timeout: float) -> None:
        pass

    def readline(self, _timeout: float) -> str:
        return super().readline(math.inf)

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:  # noqa: FBT001, FBT002 - paramiko's own
        if n > LARGEST_PACKET:
            raise SSHException("a packet that is too long is announced")
        return super().read_all(n, check_rekey)


class ClientTransport(PeerTransport):
    """A client's transport whose channels may be opened by many threads at once, each told its own refusal.

    paramiko keeps one exception for all of them, and leaves a channel open at the peer that was granted too late.
    """

    def __init__(self, peer: object) -> None:
        self._opening = threading.local()
        self._sending = threading.local()
        self._ended: deque[int] = deque()
        self._refusals: dict[int, ChannelException] = {}
        self._abandoned: set[int] = set()
        super().__init__(peer, SocketPacketizer)

    def open(self, kind: str, timeout: float, destination: tuple[str, int] | None = None) -> paramiko.Channel:
        """A channel. Raises ChannelException with the peer's own code where it refuses, else SSHException."""
        self._opening.number = None  # none was given out yet
        try:
            return self.open_channel(kind, destination, ("127.0.0.1", 0), timeout=timeout)
        except SSHException as error:
            number: int | None = self._opening.number
            if number is None:
                raise
            refusal = self._refusals.pop(number, None)
            if refusal is None:
                self._abandoned.add(number)
                raise
            raise refusal from error

    def tunnel(self, destination: tuple[str, int], timeout: float) -> Tunnel:
        """A way to ``destination`` through the peer. Raises as :meth:`open`."""
        return Tunnel(self, self.open("direct-tcpip", timeout, destination))

    def send_through(self, channel: paramiko.Channel, data: bytes) -> int:
        """As the channel's send, but never after its end.

        paramiko may send data that another thread's close has overtaken, and OpenSSH then ends the whole connection
        ("data packet referred to nonexistent channel"): one node's end would be that of every other.
        """
        self._sending.channel = channel
        try:
            return channel.send(data)
        finally:
            self._sending.channel = None

    def _send_message(self, data: Message) -> None:
        """Messages of channels come here one at a time; a channel is marked as closed before its end is sent."""
        channel: paramiko.Channel | None = getattr(self._sending, "channel", None)
        if channel is not None and channel.closed:
            raise OSError(errno.EPIPE, "the channel is closed")
        super()._send_message(data)  # type: ignore[misc]  # not in the types

    def ask_for_life(self, every: float) -> None:
        """Have the peer say something each ``every`` seconds."""
        self.packetizer.set_keepalive(every, self.ask_for_a_word)

    def _unlink_channel(self, number: int) -> None:
        """paramiko remembers every channel there ever was; late messages come for the last ones alone."""
        super()._unlink_channel(number)  # type: ignore[misc]  # not in the types
        self._ended.append(number)
        while len(self._ended) > _ENDED_KEPT:
            self.channels_seen.pop(self._ended.popleft(), None)

    def _next_channel(self) -> int:
        number: int = super()._next_channel()  # type: ignore[misc]  # not in the types
        self._opening.number = number
        return number

    def _parse_channel_open_failure(self, message: Message) -> None:
        number, code = message.get_int(), message.get_int()
        self._refusals[number] = ChannelException(code, message.get_text())
        message.rewind()
        super()._parse_channel_open_failure(message)  # type: ignore[misc]  # not in the types

    def _parse_channel_open_success(self, message: Message) -> None:
        number, theirs = message.get_int(), message.get_int()
        if number in self._abandoned:
            self._abandoned.discard(number)
            farewell = Message()
            farewell.add_byte(bytes([MSG_CHANNEL_CLOSE]))
            farewell.add_int(theirs)
            self.say(farewell)
            return
        message.get_int()  # its window
        must_take_packets(message.get_int())
        message.rewind()
        super()._parse_channel_open_success(message)  # type: ignore[misc]  # not in the types


class Tunnel:
    """A channel of a bastion as a stream, safe to close while another thread sends."""

    def __init__(self, transport: ClientTransport, channel: paramiko.Channel) -> None:
        self._transport = transport
        self._channel = channel
        self.recv = channel.recv
        self.settimeout = channel.settimeout
        self.getpeername = channel.getpeername
        self.close = channel.close

    def send(self, data: bytes, /) -> int:
        try:
            return self._transport.send_through(self._channel, data)
        except (EOFError, SSHException) as error:  # the bastion's own connection has ended
            raise OSError(errno.EPIPE, "the bastion is gone") from error

    @property
    def has_ended(self) -> bool:
        """Whether the far end has told that it ended; else it may have been cut off with the whole connection."""
        return bool(self._channel.eof_received)
