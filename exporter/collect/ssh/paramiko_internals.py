"""The non-public names of paramiko that reading nodes needs, all of them, and nothing else.

:data:`NEEDED` is what ``tests/test_paramiko_internals.py`` looks for: it names the one that a release has moved.
"""

from __future__ import annotations

import errno
import math
import socket
import threading
from collections import deque

import paramiko
from paramiko.agent import AgentSSH
from paramiko.common import MSG_CHANNEL_CLOSE, MSG_GLOBAL_REQUEST
from paramiko.message import Message
from paramiko.packet import Packetizer
from paramiko.pkey import PublicBlob
from paramiko.ssh_exception import ChannelException, SSHException

NEEDED = (
    (AgentSSH, "_connect"),
    (AgentSSH, "_send_message"),
    (paramiko.Transport, "_next_channel"),
    (paramiko.Transport, "_parse_channel_open_failure"),
    (paramiko.Transport, "_parse_channel_open_success"),
    (paramiko.Transport, "_parse_disconnect"),
    (paramiko.Transport, "_parse_request_failure"),
    (paramiko.Transport, "_parse_request_success"),
    (paramiko.Transport, "_really_parse_kex_init"),
    (paramiko.Transport, "_send_message"),
    (paramiko.Transport, "_send_user_message"),
    (paramiko.Transport, "_unlink_channel"),
    (paramiko.Transport, "preferred_keys"),
    (Packetizer, "read_all"),
    (Packetizer, "readline"),
    (Packetizer, "set_keepalive"),
    (Packetizer, "start_handshake"),
)

LARGEST_PACKET = 256 * 1024  # as OpenSSH has it (packet.h, PACKET_MAX_SIZE)
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
        self.has_had_enough = False  # the peer ended it over keys that it does not take
        super().__init__(peer, packetizer_class=packetizer)  # type: ignore[arg-type]  # a socket to paramiko

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
