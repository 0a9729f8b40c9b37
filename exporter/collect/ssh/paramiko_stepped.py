"""paramiko's protocol without its thread: a step for each packet that has arrived, and never a wait.

Of the same purpose as :mod:`exporter.collect.ssh.paramiko_internals`: what we need of it that is not public.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import paramiko
from paramiko.auth_handler import AuthHandler
from paramiko.common import (
    MSG_CHANNEL_OPEN_FAILURE,
    MSG_CHANNEL_OPEN_SUCCESS,
    MSG_DEBUG,
    MSG_DISCONNECT,
    MSG_IGNORE,
    MSG_KEXINIT,
    MSG_UNIMPLEMENTED,
)
from paramiko.message import Message
from paramiko.ssh_exception import ChannelException, MessageOrderError, SSHException

from exporter.collect.ssh.paramiko_negotiation import NegotiatingTransport
from exporter.collect.ssh.paramiko_packets import Outlet, SteppedPacketizer

NEEDED = (
    (AuthHandler, "_handler_table"),
    (AuthHandler, "wait_for_response"),
    (paramiko.Transport, "_check_banner"),
    (paramiko.Transport, "_enforce_strict_kex"),
    (paramiko.Transport, "_expect_packet"),
    (paramiko.Transport, "_log"),
    (paramiko.Transport, "_parse_disconnect"),
    (paramiko.Transport, "_send_kex_init"),
    (paramiko.Transport, "_send_message"),
)
_OF_KEY_EXCHANGE = range(30, 42)
_OF_CHANNELS = range(93, 101)


class Channel(Protocol):
    """What is told of a channel."""

    def granted(self, theirs: int, window: int, largest: int) -> None: ...
    def refused(self, refusal: ChannelException) -> None: ...
    def handle(self, kind: int, message: Message) -> None: ...
    def lost(self) -> None: ...


class SteppedTransport(NegotiatingTransport):
    """A client's transport that is fed. Its owner bounds time and bytes; nothing here waits, logs or has a thread."""

    packetizer: SteppedPacketizer
    if TYPE_CHECKING:  # what paramiko's types leave out
        _expected_packet: tuple[int, ...]
        _handler_table: dict[int, Callable[[Message], object]]

        def _check_banner(self) -> None: ...
        def _enforce_strict_kex(self, kind: int) -> None: ...
        def _expect_packet(self, *kinds: int) -> None: ...
        def _send_kex_init(self) -> None: ...
        def _send_message(self, message: Message) -> None: ...

    def __init__(self, outlet: Outlet) -> None:
        super().__init__(outlet, SteppedPacketizer)
        self._next_number = 0
        self._open: dict[int, Channel] = {}
        self._held: deque[Message] = deque()  # for the end of a key exchange
        self._verdict = _Flag()
        self._is_greeted = False
        self.has_enough = False  # what else comes is of no interest: the connection is about to be closed
        self._handler_table[MSG_CHANNEL_OPEN_SUCCESS] = self._granted
        self._handler_table[MSG_CHANNEL_OPEN_FAILURE] = self._refused

    def begin(self) -> None:
        """Say who we are."""
        self.active = True
        self.packetizer.write_all(f"{self.local_version}\r\n".encode("ascii"))

    def feed(self, data: bytes, *, identified: bool) -> None:
        """Go as far as what has arrived allows. ``identified``: the peer's identification line is there whole.

        Raises what paramiko does, or whatever a hostile peer's bytes make it raise.
        """
        self.packetizer.feed(data)
        if not self._is_greeted:
            if not identified:
                return
            self._is_greeted = True
            self._check_banner()
            self._send_kex_init()
            self._expect_packet(MSG_KEXINIT)
        while self.active and not self.has_enough and self.packetizer.has_packet():
            self._step(*self.packetizer.read_message())

    def end(self, error: Exception) -> None:
        """No more of it: ``error`` is what :meth:`verdict` and get_exception tell."""
        self.saved_exception = error
        self.active = False
        for channel in tuple(self._open.values()):
            channel.lost()

    def let_go(self) -> None:
        """Nobody asks for anything any more."""
        self._open.clear()
        self._handler_table = {}
        self.auth_handler = None
        self.kex_engine = None

    def offer_key(self, user: str, key: paramiko.PKey) -> None:
        """Ask to be let in with a key."""
        self._verdict = _Flag()
        self.auth_publickey(user, key, self._verdict)  # type: ignore[arg-type]  # an event to paramiko

    @property
    def is_decided(self) -> bool:
        """Whether the peer has said something about the key, or will not any more."""
        return self._verdict.is_set() or not self.active

    def verdict(self) -> list[str]:
        """As auth_publickey returns it, or raises, once it is decided."""
        if self.auth_handler is None:
            raise self.saved_exception or RuntimeError("no key was offered")
        return self.auth_handler.wait_for_response(self._verdict)  # type: ignore[arg-type]  # an event to paramiko

    def enter(self, channel: Channel) -> int:
        """The number under which a channel is told what concerns it, until :meth:`leave`."""
        number, self._next_number = self._next_number, self._next_number + 1 & 0xFFFFFFFF
        self._open[number] = channel
        return number

    def leave(self, number: int) -> None:
        """Both sides have closed it."""
        self._open.pop(number, None)

    def say(self, message: Message) -> None:
        if not self.active:
            return
        if self.clear_to_send.is_set():
            self._send_message(message)
        else:
            self._held.append(message)

    def _step(self, kind: int, message: Message) -> None:
        """What paramiko's own thread does with a packet (Transport.run)."""
        if self.packetizer.need_rekey() and not self.in_kex:
            self._send_kex_init()
        if kind in (MSG_IGNORE, MSG_DEBUG):
            self._enforce_strict_kex(kind)
        elif kind == MSG_DISCONNECT:
            self._parse_disconnect(message)
            self.active = False
        elif not self._is_of_key_exchange(kind, message):
            self._dispatch(kind, message)
        while self._held and self.clear_to_send.is_set():
            self._send_message(self._held.popleft())

    def _is_of_key_exchange(self, kind: int, message: Message) -> bool:
        """Whether it was one of the exchange's own messages, which is then done with."""
        if not self._expected_packet:
            return False
        if kind not in self._expected_packet:
            error = MessageOrderError if self.agreed_on_strict_kex else SSHException
            raise error(f"Expecting packet from {self._expected_packet!r}, got {kind:d}")
        self._expected_packet = ()
        if kind not in _OF_KEY_EXCHANGE:
            return False
        if self.kex_engine:
            self.kex_engine.parse_next(kind, message)
        return True

    def _dispatch(self, kind: int, message: Message) -> None:
        if kind in self._handler_table:
            self._handler_table[kind](message)
        elif kind in _OF_CHANNELS:
            self._channel(message).handle(kind, message)
        elif kind in (of_login := getattr(self.auth_handler, "_handler_table", {})):
            of_login[kind](message)
        elif kind != MSG_UNIMPLEMENTED:
            answer = Message()
            answer.add_byte(bytes([MSG_UNIMPLEMENTED]))
            answer.add_int(message.seqno)
            self._send_message(answer)

    def _channel(self, message: Message) -> Channel:
        channel = self._open.get(message.get_int())
        if channel is None:
            raise SSHException("a message for a channel that is none")
        return channel

    def _granted(self, message: Message) -> None:
        self._channel(message).granted(message.get_int(), message.get_int(), message.get_int())

    def _refused(self, message: Message) -> None:
        self._channel(message).refused(ChannelException(message.get_int(), message.get_text()))

    def _log(self, level: int, msg: object, *args: object) -> None:
        pass


class _Flag:
    """What paramiko takes for the event of a login."""

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        self._is_set = True

    def is_set(self) -> bool:
        return self._is_set

    def wait(self, _timeout: float) -> bool:
        return self._is_set
