"""A socket that ends: at a moment that moves with the phase of a visit, and after so many bytes.

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

HANDSHAKE_BUDGET = 64 * 1024
_IDENTIFICATION = re.compile(rb"(?:^|\n)SSH-[^\n]*\n")
_LONGEST_GREETING = 8 * 1024


def hang_up(connection: socket.socket) -> None:
    """Close, and wake a thread that waits in connect or recv."""
    with contextlib.suppress(OSError):  # not connected (any more)
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


class Ending(Enum):
    """Why the conversation ended, seen from the socket."""

    EXPIRED = "the deadline passed"
    EXHAUSTED = "the peer sent more than it may"
    CLOSED = "the peer closed or reset the connection"


class BoundedSocket:
    """What paramiko takes for a socket. ``deadline`` is on the monotonic clock; it may be moved from another thread."""

    def __init__(self, connected: socket.socket, banner_deadline: float, handshake_deadline: float) -> None:
        self._socket = connected
        self._handshake_deadline = handshake_deadline
        self.greeting = b""  # what came before the SSH identification
        self.deadline = banner_deadline
        self.budget = HANDSHAKE_BUDGET
        self.identified = False
        self.ending: Ending | None = None

    def recv(self, size: int) -> bytes:
        """As socket.recv; ends the conversation where a bound is passed."""
        self._check()
        try:
            data = self._socket.recv(size)
        except TimeoutError:  # paramiko polls: let it look around
            self._check()
            raise
        except OSError:
            self.ending = self.ending or Ending.CLOSED
            raise
        if not data:
            self.ending = self.ending or Ending.CLOSED
        self.budget -= len(data)
        if self.budget < 0:
            raise self._end(Ending.EXHAUSTED)
        if not self.identified:
            self._greet(data)
        return data

    def send(self, data: bytes) -> int:
        self._check()
        try:
            return self._socket.send(data)
        except TimeoutError:
            self._check()
            raise
        except OSError:
            self.ending = self.ending or Ending.CLOSED
            raise

    def settimeout(self, seconds: float | None) -> None:
        self._socket.settimeout(seconds)

    @property
    def _closed(self) -> bool:
        """What paramiko asks of a socket when the interpreter ends."""
        return self._socket.fileno() == -1

    def getpeername(self) -> object:
        return self._socket.getpeername()

    def close(self) -> None:
        hang_up(self._socket)

    def _greet(self, data: bytes) -> None:
        self.greeting += data
        if _IDENTIFICATION.search(self.greeting):
            self.identified = True
            self.deadline = self._handshake_deadline
        elif len(self.greeting) > _LONGEST_GREETING:
            raise self._end(Ending.EXHAUSTED)

    def notice_expiry(self) -> None:
        """Paramiko's own time-outs may be a moment faster than ours: the bound is the same."""
        if time.monotonic() >= self.deadline:
            self.ending = self.ending or Ending.EXPIRED

    def _check(self) -> None:
        if time.monotonic() >= self.deadline:
            raise self._end(Ending.EXPIRED)

    def _end(self, ending: Ending) -> OSError:
        # not a time-out to paramiko, which would try again
        self.ending = self.ending or ending
        return ConnectionAbortedError(errno.ECONNABORTED, ending.value)
