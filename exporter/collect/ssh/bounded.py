"""A stream that ends: at a moment that moves with the phase of a visit, and after so many bytes.

paramiko has no time-out for a key exchange that stops, for ``exec_command``, or for a peer that drips; and no cap on
what a peer may send. All of it comes through here, so one absolute deadline and one budget bound every case.
"""

from __future__ import annotations

import contextlib
import errno
import re
import socket
import time
from enum import Enum
from typing import Protocol

HANDSHAKE_BUDGET = 64 * 1024
_IDENTIFICATION = re.compile(rb"(?:^|\n)SSH-[^\n]*\n")
_LONGEST_GREETING = 8 * 1024


class Stream(Protocol):
    """What the bytes go through: a TCP socket, or a channel of a bastion."""

    def recv(self, size: int, /) -> bytes: ...
    def send(self, data: bytes, /) -> int: ...
    def settimeout(self, seconds: float | None, /) -> None: ...
    def getpeername(self) -> object: ...
    def close(self) -> None: ...


def hang_up(connection: Stream) -> None:
    """Close, and wake a thread that waits in connect or recv."""
    if isinstance(connection, socket.socket):
        with contextlib.suppress(OSError):  # not connected (any more)
            connection.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError, EOFError):  # a channel says farewell, and its bastion may be gone
        connection.close()


class Ending(Enum):
    """Why the conversation ended, seen from the socket."""

    EXPIRED = "the deadline passed"
    EXHAUSTED = "the peer sent more than it may"
    CLOSED = "the peer closed or reset the connection"


class Bounds:
    """What a peer may take of time and send of bytes. ``deadline`` is on the monotonic clock, and moves with the phase.

    With ``patience`` (seconds) the deadline moves ahead whenever something comes: for a connection that is kept.
    """

    def __init__(self, banner_deadline: float, handshake_deadline: float) -> None:
        self._handshake_deadline = handshake_deadline
        self.greeting = b""  # what came before the SSH identification
        self.deadline = banner_deadline
        self.budget = HANDSHAKE_BUDGET
        self.received = 0  # bytes
        self.identified = False
        self.patience: float | None = None
        self.ending: Ending | None = None

    def take(self, data: bytes) -> None:
        """Count what came. Raises OSError where it is more than may come, and for an end."""
        if not data:
            self.ending = self.ending or Ending.CLOSED
        self.received += len(data)
        if self.patience:
            self.deadline = max(self.deadline, time.monotonic() + self.patience) if self.deadline else 0.0
            return
        self.budget -= len(data)
        if self.budget < 0:
            raise self.end(Ending.EXHAUSTED)
        if not self.identified:
            self._greet(data)

    def check(self) -> None:
        """Raises OSError once the time is over."""
        if time.monotonic() >= self.deadline:
            raise self.end(Ending.EXPIRED)

    def notice_expiry(self) -> None:
        """Paramiko's own time-outs may be a moment faster than ours: the bound is the same."""
        if time.monotonic() >= self.deadline:
            self.ending = self.ending or Ending.EXPIRED

    def end(self, ending: Ending) -> OSError:
        """What to raise for this ending."""
        # not a time-out to paramiko, which would try again
        self.ending = self.ending or ending
        return ConnectionAbortedError(errno.ECONNABORTED, ending.value)

    def _greet(self, data: bytes) -> None:
        self.greeting += data
        if _IDENTIFICATION.search(self.greeting):
            self.identified = True
            self.deadline = self._handshake_deadline
        elif len(self.greeting) > _LONGEST_GREETING:
            raise self.end(Ending.EXHAUSTED)


class BoundedSocket(Bounds):
    """What paramiko takes for a socket. ``deadline`` may be moved from another thread."""

    def __init__(self, stream: Stream, banner_deadline: float, handshake_deadline: float) -> None:
        super().__init__(banner_deadline, handshake_deadline)
        self._stream = stream
        self._is_closed = False

    def recv(self, size: int) -> bytes:
        """As socket.recv; ends the conversation where a bound is passed."""
        self.check()
        try:
            data = self._stream.recv(size)
        except TimeoutError:  # paramiko polls: let it look around
            self.check()
            raise
        except OSError:
            self.ending = self.ending or Ending.CLOSED
            raise
        self.take(data)
        return data

    def send(self, data: bytes) -> int:
        self.check()
        try:
            sent = self._stream.send(data)
        except TimeoutError:
            self.check()
            raise
        except OSError:
            self.ending = self.ending or Ending.CLOSED
            raise
        if not sent:  # a channel's way to say that it is closed
            raise self.end(Ending.CLOSED)
        return sent

    def settimeout(self, seconds: float | None) -> None:
        self._stream.settimeout(seconds)

    @property
    def _closed(self) -> bool:
        """What paramiko asks of a socket when the interpreter ends."""
        return self._is_closed

    def getpeername(self) -> object:
        return self._stream.getpeername()

    def close(self) -> None:
        self._is_closed = True
        hang_up(self._stream)
