"""One connection: uvicorn's own protocol within, what it may take and how long without."""

from __future__ import annotations

import asyncio
import time
from typing import Any, cast

from exporter.serve.connections import Connections, Phase

MOST_UNASKED = 32 * 1024  # bytes of a line and headers, or of what follows them while they are answered
_BITE = 16 * 1024
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: 18\r\nconnection: close\r\n\r\nrequest too large\n"
)


class Visitor(asyncio.Protocol):
    """Stands between the transport and ``inner``, either of uvicorn's HTTP protocols."""

    def __init__(self, inner: Any, connections: Connections) -> None:
        self._inner = inner
        self._connections = connections
        self._transport: asyncio.Transport | None = None
        self._unasked = 0
        self.opening: asyncio.Task[None] | None = None
        self.phase = Phase.HANDSHAKE
        self.since = time.monotonic()
        self.served = False
        connections.add(self)

    def look(self, now: float) -> None:
        if self.phase is Phase.ANSWER and self._inner.cycle.response_complete:
            self._enter(Phase.IDLE, now)
            self.served = True

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
        elif self.opening is not None:
            self.opening.cancel()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's have no common base with asyncio's
        self._enter(Phase.HEAD, time.monotonic())
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), _BITE):
            if self._transport is None or self._transport.is_closing():
                return
            self._bite(data[start : start + _BITE])

    def eof_received(self) -> bool | None:
        self._inner.eof_received()
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def _bite(self, data: bytes) -> None:
        now = time.monotonic()
        self.look(now)
        before = self._inner.cycle
        self._inner.data_received(data)
        if self._inner.cycle is not before and self.phase is not Phase.ANSWER:  # line and headers are complete
            self._unasked = 0
            self._enter(Phase.ANSWER, now)
            return
        if self.phase is Phase.IDLE:
            self._enter(Phase.HEAD, now)
        self._unasked += len(data)  # a body, a part of a head, or requests that do not wait for their turn
        if self._unasked > MOST_UNASKED:
            self._refuse(now)

    def _refuse(self, now: float) -> None:
        if self._transport is None:
            return
        if self.phase is Phase.ANSWER:  # half an answer may be on its way
            self._transport.abort()
            return
        self._transport.write(_TOO_LARGE)
        self._transport.close()
        self._enter(Phase.CLOSING, now)

    def _enter(self, phase: Phase, now: float) -> None:
        self.phase, self.since = phase, now
