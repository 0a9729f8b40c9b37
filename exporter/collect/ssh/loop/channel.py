"""A channel of a connection in the loop (RFC 4254)."""

from __future__ import annotations

from collections.abc import Callable

from paramiko.common import (
    MSG_CHANNEL_CLOSE,
    MSG_CHANNEL_DATA,
    MSG_CHANNEL_EOF,
    MSG_CHANNEL_EXTENDED_DATA,
    MSG_CHANNEL_FAILURE,
    MSG_CHANNEL_OPEN,
    MSG_CHANNEL_REQUEST,
    MSG_CHANNEL_SUCCESS,
    MSG_CHANNEL_WINDOW_ADJUST,
)
from paramiko.message import Message
from paramiko.ssh_exception import ChannelException

from exporter.collect.ssh.paramiko_internals import must_take_packets
from exporter.collect.ssh.paramiko_stepped import SteppedTransport

WINDOW = 1024 * 1024  # bytes that a peer may send unasked
_LARGEST = 32 * 1024  # of data in one message


class Channel:
    """Opened by :meth:`open`; ``changed`` is called whenever the peer has said something about it."""

    def __init__(self, transport: SteppedTransport, changed: Callable[[], None]) -> None:
        self._transport = transport
        self._changed = changed
        self._number = transport.enter(self)
        self._theirs: int | None = None  # its number at the peer, once it is open
        self._window = self._largest = 0  # what the peer takes: in all for now, and at once
        self._outgoing = bytearray()
        self._is_finished = False  # nothing more is to be sent
        self._has_said_so = False
        self._is_closed = False  # by us
        self.refusal: ChannelException | None = None
        self.has_ended = False  # the far end has told that it ended
        self.was_closed = False  # by the peer
        self._is_lost = False

    @property
    def is_open(self) -> bool:
        return self._theirs is not None

    @property
    def is_over(self) -> bool:
        """Nothing more is said of it: closed by the peer, or cut off with the whole connection."""
        return self.was_closed or self._is_lost

    def open(self, kind: str, *parts: str | int) -> None:
        """Ask the peer for it."""
        message = Message()
        message.add_byte(bytes([MSG_CHANNEL_OPEN]))
        message.add_string(kind)
        for number in (self._number, WINDOW, _LARGEST):
            message.add_int(number)
        for part in parts:
            message.add_int(part) if isinstance(part, int) else message.add_string(part)
        self._transport.say(message)

    def send(self, data: bytes, /) -> int:
        """All of it, as soon as the peer takes it."""
        if not (self._is_closed or self._is_finished or self.was_closed):
            self._outgoing += data
            self._send()
        return len(data)

    def finish(self) -> None:
        """Nothing more is sent."""
        self._is_finished = True
        self._send()

    def close(self) -> None:
        """Also where it is not open yet: then as soon as it is."""
        if not self._is_closed:
            self._is_closed = True
            self._outgoing.clear()
            if self._theirs is not None:
                self._say(MSG_CHANNEL_CLOSE)
                self._leave()

    def granted(self, theirs: int, window: int, largest: int) -> None:
        must_take_packets(largest)
        self._theirs, self._window, self._largest = theirs, window, min(largest, _LARGEST)
        if self._is_closed:
            self._say(MSG_CHANNEL_CLOSE)
        self._changed()

    def refused(self, refusal: ChannelException) -> None:
        self.refusal = refusal
        self._transport.leave(self._number)
        self._changed()

    def lost(self) -> None:
        self._is_lost = True
        self._changed()

    def handle(self, kind: int, message: Message) -> None:
        if kind == MSG_CHANNEL_WINDOW_ADJUST:
            self._window += message.get_int()
            self._send()
        elif kind == MSG_CHANNEL_DATA:
            self._take(message.get_string(), of_errors=False)
        elif kind == MSG_CHANNEL_EXTENDED_DATA:
            message.get_int()  # what kind; there is none but standard error
            self._take(message.get_string(), of_errors=True)
        elif kind == MSG_CHANNEL_EOF:
            self._end()
        elif kind == MSG_CHANNEL_CLOSE:
            self._close()
        elif kind == MSG_CHANNEL_REQUEST:
            self._answer(message)
        else:
            self._told(success=kind == MSG_CHANNEL_SUCCESS)
        self._changed()

    def _take(self, data: bytes, *, of_errors: bool) -> None:
        """Data of the peer's; ``of_errors``: of standard error."""

    def _end(self) -> None:
        self.has_ended = True

    def _told(self, *, success: bool) -> None:
        """Whether a request was granted."""

    def _asked(self, kind: str, message: Message) -> None:
        """A request of the peer's."""

    def _close(self) -> None:
        self.was_closed = True
        if not self._is_closed:
            self._is_closed = True
            self._say(MSG_CHANNEL_CLOSE)
        self._leave()

    def _leave(self) -> None:
        if self._is_closed and self.was_closed:
            self._transport.leave(self._number)

    def _answer(self, message: Message) -> None:
        kind, wants_answer = message.get_text(), message.get_boolean()
        self._asked(kind, message)
        if wants_answer and not self._is_closed:
            self._say(MSG_CHANNEL_FAILURE)

    def _send(self) -> None:
        while self._outgoing and self._window and self._theirs is not None and not self._is_closed:
            size = min(len(self._outgoing), self._window, self._largest)
            message = self._begin_message(MSG_CHANNEL_DATA)
            message.add_string(bytes(self._outgoing[:size]))
            del self._outgoing[:size]
            self._window -= size
            self._transport.say(message)
        if self._is_finished and not (self._outgoing or self._has_said_so or self._is_closed):
            self._has_said_so = True
            self._say(MSG_CHANNEL_EOF)

    def _say(self, kind: int) -> None:
        self._transport.say(self._begin_message(kind))

    def _begin_message(self, kind: int) -> Message:
        if self._theirs is None:
            raise RuntimeError("a channel that is not open")
        message = Message()
        message.add_byte(bytes([kind]))
        message.add_int(self._theirs)
        return message
