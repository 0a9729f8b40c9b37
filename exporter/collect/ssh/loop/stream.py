"""A TCP connection in the loop, and what any stream of bytes there is."""

from __future__ import annotations

import contextlib
import selectors
import socket
from typing import Protocol

from exporter.collect.ssh.loop.reactor import Loop

_BITE = 32 * 1024
_MOST_UNSENT = 1024 * 1024  # bytes; a peer that takes no more is not listened to until it does


class Receiver(Protocol):
    """Who is told what comes through a stream."""

    def received(self, data: bytes) -> None:
        """What has come; nothing: the peer's end. May not raise."""

    def broke(self, error: OSError) -> None:
        """The stream is no more. May not raise."""


class LoopStream(Protocol):
    """What the bytes of a connection go through: a TCP socket, or a channel of a bastion. Never blocks.

    ``send`` takes everything, and keeps what cannot go yet.
    """

    receiver: Receiver | None

    def send(self, data: bytes, /) -> int: ...
    def settimeout(self, seconds: float | None, /) -> None: ...
    def close(self) -> None: ...

    @property
    def has_ended(self) -> bool:
        """Whether the far end itself has told that it ended."""
        ...


class TcpStream:
    """A connected socket."""

    def __init__(self, loop: Loop, connected: socket.socket) -> None:
        self._loop = loop
        self._socket = connected
        self._outgoing = bytearray()
        self._is_to_be_flushed = False
        self._is_blocked = False  # the kernel takes no more for now
        self._events = selectors.EVENT_READ
        self._is_deaf = False  # the peer takes no more for good; it may still have said something
        self._is_closed = False
        self.has_ended = False
        self.receiver: Receiver | None = None
        loop.watch(connected, selectors.EVENT_READ, self._ready)

    def send(self, data: bytes, /) -> int:
        if not (self._is_deaf or self._is_closed):
            self._outgoing += data
            if not (self._is_to_be_flushed or self._is_blocked):
                self._is_to_be_flushed = True
                self._loop.flush_later(self)
        return len(data)

    def settimeout(self, seconds: float | None, /) -> None:
        pass

    def flush(self) -> None:
        """Send what there is, as far as it goes."""
        self._is_to_be_flushed = False
        if self._is_closed or not self._outgoing:
            return
        try:
            sent = self._socket.send(self._outgoing)
        except BlockingIOError:
            sent = 0
        except OSError:  # reading tells what became of it, and what was said before
            self._is_deaf = True
            sent = len(self._outgoing)
        del self._outgoing[:sent]
        self._is_blocked = bool(self._outgoing)
        listens = selectors.EVENT_READ if len(self._outgoing) <= _MOST_UNSENT else 0
        events = listens | (selectors.EVENT_WRITE if self._is_blocked else 0)
        if events != self._events:
            self._events = events
            self._loop.watch(self._socket, events, self._ready)

    def close(self) -> None:
        if not self._is_closed:
            self.flush()  # a farewell
            self._is_closed = True
            self._outgoing.clear()
            self.receiver = None
            self._loop.watch(self._socket, 0, self._ready)
            with contextlib.suppress(OSError):
                self._socket.close()

    def _ready(self, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            self.flush()
        if events & selectors.EVENT_READ and self.receiver:
            try:
                data = self._socket.recv(_BITE)
            except BlockingIOError:
                return
            except OSError as error:
                self.receiver.broke(error)
                return
            self.has_ended = not data
            self.receiver.received(data)
