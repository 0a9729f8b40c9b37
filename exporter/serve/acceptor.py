"""Takes connections from a bound socket, and no more of them than there is room for."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
import time
from collections.abc import Callable

from exporter.serve.connections import PATIENCE, Connections, Phase
from exporter.serve.protocol import Visitor
from exporter.serve.refusals import Refusals

log = logging.getLogger(__name__)

_AT_ONCE = 32
_PAUSE = 0.2
_NO_DESCRIPTORS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Acceptor:
    """One bound socket. Stands where uvicorn has asyncio's own servers."""

    def __init__(
        self,
        bound: socket.socket,
        new: Callable[[], asyncio.Protocol],
        tls: ssl.SSLContext | None,
        connections: Connections,
        refusals: Refusals,
    ) -> None:
        self._bound = bound
        self._new = new
        self._tls = tls
        self._connections = connections
        self._refusals = refusals
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[None]] = set()
        self._resuming: asyncio.TimerHandle | None = None
        bound.settimeout(0)
        self._resume()

    def close(self) -> None:
        """Take no more, and give up those that are still being opened."""
        if self._resuming is not None:
            self._resuming.cancel()
        self._loop.remove_reader(self._bound)
        self._bound.close()
        for task in self._opening:
            task.cancel()

    async def wait_closed(self) -> None:
        if self._opening:
            await asyncio.wait(self._opening)

    def _resume(self) -> None:
        self._resuming = None
        self._loop.add_reader(self._bound, self._accept)

    def _pause(self, reason: str) -> None:
        """The kernel keeps those that wait, as many as its backlog has places."""
        self._refusals.tell(reason)
        self._loop.remove_reader(self._bound)
        self._resuming = self._loop.call_later(_PAUSE, self._resume)

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            now = time.monotonic()
            if not self._connections.has_room(now):
                self._pause("as many connections as may be, all being answered")
                return
            try:
                accepted, address = self._bound.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno in _NO_DESCRIPTORS:
                    self._connections.shrink(now)
                self._pause(f"not accepted: {error.strerror}")
                return
            if self._connections.make_room(now):
                self._refusals.tell("as many connections as may be, an idle one ended")
            self._begin(accepted, str(address[0]))

    def _begin(self, accepted: socket.socket, client: str) -> None:
        accepted.settimeout(0)
        visitor = Visitor(self._new(), self._connections)
        visitor.opening = self._loop.create_task(self._open(visitor, accepted, client))

        def opened(task: asyncio.Task[None]) -> None:
            self._opening.discard(task)
            if visitor.opening is not None:  # given up before it began
                visitor.opening = None
                accepted.close()

        self._opening.add(visitor.opening)
        visitor.opening.add_done_callback(opened)

    async def _open(self, visitor: Visitor, accepted: socket.socket, client: str) -> None:
        try:
            # asyncio does not for a socket that it did not make
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._loop.connect_accepted_socket(
                lambda: visitor,
                accepted,
                ssl=self._tls,
                ssl_handshake_timeout=PATIENCE[Phase.HANDSHAKE] if self._tls else None,
                ssl_shutdown_timeout=PATIENCE[Phase.CLOSING] if self._tls else None,
            )
        except OSError as error:  # ssl.SSLError is one, and so is what a handshake that takes too long gives
            self._refusals.tell(_reason(error), client)
        except Exception:
            log.exception("a connection could not be begun in a way nobody foresaw")
        finally:
            visitor.opening = None  # else they would keep each other, and a TLS buffer, until the next collection
            if visitor.phase is Phase.HANDSHAKE:  # it never was a connection
                self._connections.discard(visitor)


def _reason(error: OSError) -> str:
    """A few words, never what a client sent."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"client certificate: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {getattr(error, 'reason', None) or error.args[0]}"
    return "gone, or too slow, within the TLS handshake"
