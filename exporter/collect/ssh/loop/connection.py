"""One SSH connection in the loop: what arrives goes through its bounds into paramiko's protocol."""

from __future__ import annotations

from collections.abc import Callable

from exporter.collect.ssh.bounded import Bounds, Ending
from exporter.collect.ssh.loop.stream import LoopStream
from exporter.collect.ssh.paramiko_internals import of_ours
from exporter.collect.ssh.paramiko_stepped import SteppedTransport


class Connection:
    """A stream, its bounds, and the protocol. ``changed`` is called whenever something has come, or all is over."""

    def __init__(self, stream: LoopStream, bounds: Bounds, changed: Callable[[], None]) -> None:
        self._bounds = bounds
        self._changed = changed
        self._error: Exception | None = None
        self.stream = stream
        self.transport = SteppedTransport(stream)

    def begin(self) -> None:
        """Say who we are, and listen."""
        self.transport.begin()
        self.stream.receiver = self

    def received(self, data: bytes) -> None:
        try:
            self._bounds.take(data)
            if not data:
                self._end(EOFError("the peer has closed"))
            else:
                self._feed(data)
        except Exception as error:  # noqa: BLE001 - a hostile peer's bytes raise anything
            self._end(of_ours(error))
        self._changed()

    def go_on(self) -> None:
        """Take what has come since the transport had enough."""
        try:
            self.transport.has_enough = False
            self._feed(b"")
        except Exception as error:  # noqa: BLE001 - a hostile peer's bytes raise anything
            self._end(of_ours(error))

    def broke(self, error: OSError) -> None:
        self._bounds.ending = self._bounds.ending or Ending.CLOSED
        self._end(error)
        self._changed()

    def must_live(self) -> None:
        """Raises what it ended by, once it has ended."""
        if self._error:
            raise self._error

    def close(self) -> None:
        """Hang up, and let go of what holds each other: hundreds a second are too many to wait to be collected."""
        self._end(EOFError("closed"))
        self._changed = _nobody
        self.transport.let_go()

    def _feed(self, data: bytes) -> None:
        self.transport.feed(data, identified=self._bounds.identified)
        if not self.transport.active:
            self._end(EOFError("disconnected"))

    def _end(self, error: Exception) -> None:
        if self._error is None:
            self._error = error
            self.transport.end(error)
            self.stream.close()


def _nobody() -> None:
    """Is told that something has changed."""
