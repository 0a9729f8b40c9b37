"""Sockets and the server loop: it runs in the main thread until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import uvicorn

from exporter.errors import ConfigurationError, Mistake
from exporter.serve.acceptor import Acceptor
from exporter.serve.connections import PATIENCE, Connections, Phase
from exporter.serve.door import Application
from exporter.serve.protocol import MOST_UNASKED
from exporter.serve.refusals import Refusals

MOST_CONNECTIONS = 512
_BACKLOG = 1024
_GRACE = 1  # seconds for requests under way when the exporter stops
_SWEEP = 5  # of uvicorn's ticks, ten of which are a second


def listen(addresses: list[str], flag: str = "--web.listen-address") -> list[socket.socket]:
    """Bind every ``host:port``, ``:port`` or ``[::1]:port``. Raises ConfigurationError that names each that fails."""
    bound: list[socket.socket] = []
    mistakes: list[Mistake] = []
    for address in addresses:
        try:
            bound.append(_bind(address))
        except (OSError, ValueError) as error:
            problem = str(error)
            if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
                problem = "in use by another process; choose another port"
            mistakes.append(Mistake(f"{flag}={address}", problem))
    if mistakes:
        for one in bound:
            one.close()
        raise ConfigurationError(*mistakes)
    return bound


def url(bound: socket.socket, scheme: str = "http") -> str:
    """Where a person finds what is served on this socket."""
    host, port = bound.getsockname()[:2]
    if host in ("::", "0.0.0.0"):  # noqa: S104 - a comparison
        host = "localhost"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


@dataclass(frozen=True, slots=True)
class Entrance:
    """Sockets that lead to one application, and how many connections they may have, all together."""

    application: Application
    sockets: list[socket.socket]
    tls: ssl.SSLContext | None = None
    most_connections: int = MOST_CONNECTIONS


class Listener:
    """Entrances served by one loop. ``closing`` is called in the loop once it ends."""

    def __init__(self, *entrances: Entrance, closing: Callable[[], None] = lambda: None) -> None:
        self._server = _Server(entrances)
        self._closing = closing
        self._loop_factory = self._server.config.get_loop_factory()

    def run(self, on_loop: Callable[[asyncio.AbstractEventLoop], None]) -> None:
        """Serve until :meth:`stop`; ``on_loop`` gets the running loop first, to add its signal handlers."""

        async def serve() -> None:
            on_loop(asyncio.get_running_loop())
            try:
                await self._server.serve()
            finally:
                self._closing()

        with asyncio.Runner(loop_factory=self._loop_factory) as runner:
            runner.run(serve())

    def stop(self) -> None:
        """Finish the requests under way and return from :meth:`run`."""
        self._server.should_exit = True


class _Server(uvicorn.Server):
    """Accepts for itself, so that handshakes and idle connections count; leaves signals to the command line."""

    def __init__(self, entrances: tuple[Entrance, ...]) -> None:
        super().__init__(_config(entrances[0].application))
        self._entrances = [(entrance, Connections(entrance.most_connections)) for entrance in entrances]
        self._refusals = Refusals()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - it has its own
        await self.lifespan.startup()
        self.servers = cast(
            Any,
            [
                Acceptor(bound, self._protocols(entrance.application), entrance.tls, connections, self._refusals)
                for entrance, connections in self._entrances
                for bound in entrance.sockets
            ],
        )
        self.started = True

    async def on_tick(self, counter: int) -> bool:
        for _, connections in self._entrances if counter % _SWEEP == 0 else ():
            for phase in connections.sweep(time.monotonic()):
                if phase is not Phase.IDLE:
                    self._refusals.tell(f"too slow, phase {phase.value}")
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        for _, connections in self._entrances:
            connections.end_all()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def _protocols(self, application: Application) -> Callable[[], asyncio.Protocol]:
        """Makes uvicorn's protocol for each connection, all of them in this server's state."""
        config = _config(application)
        config.load()
        made = cast(Callable[..., asyncio.Protocol], config.http_protocol_class)
        return lambda: made(config=config, server_state=self.server_state, app_state=self.lifespan.state)


def _config(application: Application) -> uvicorn.Config:
    return uvicorn.Config(
        cast(Any, application),
        log_config=None,
        log_level="error",  # each malformed request would be a line
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=int(PATIENCE[Phase.IDLE]),
        timeout_graceful_shutdown=_GRACE,
        h11_max_incomplete_event_size=MOST_UNASKED,
    )


def _bind(address: str) -> socket.socket:
    host, colon, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise ValueError("not an address such as :10087 or 127.0.0.1:10087")
    wildcard = host in ("", "::") and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if wildcard or ":" in host else socket.AF_INET
    where = (host or ("::" if wildcard else ""), int(port))
    try:
        return socket.create_server(where, family=family, backlog=_BACKLOG, dualstack_ipv6=wildcard)
    except OSError:
        if not wildcard:
            raise
        return socket.create_server(("", int(port)), backlog=_BACKLOG)  # a kernel without IPv6
