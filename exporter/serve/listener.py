"""Sockets and the server loop: it runs in the main thread until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable, Iterator

import uvicorn
from starlette.applications import Starlette

from exporter.errors import ConfigurationError, Mistake

_BACKLOG = 128
_MOST_CONNECTIONS = 512
_KEEP_ALIVE = 75
_GRACE = 1  # seconds for requests under way when the exporter stops


def listen(addresses: list[str]) -> list[socket.socket]:
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
            mistakes.append(Mistake(f"--web.listen-address={address}", problem))
    if mistakes:
        for one in bound:
            one.close()
        raise ConfigurationError(*mistakes)
    return bound


def url(bound: socket.socket) -> str:
    """Where a person finds what is served on this socket."""
    host, port = bound.getsockname()[:2]
    if host in ("::", "0.0.0.0"):  # noqa: S104 - a comparison
        host = "localhost"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Listener:
    """One application on bound sockets."""

    def __init__(self, application: Starlette, sockets: list[socket.socket]) -> None:
        self._sockets = sockets
        config = uvicorn.Config(
            application,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=_GRACE,
        )
        self._server = _Server(config)
        self._loop_factory = config.get_loop_factory()

    def run(self, on_loop: Callable[[asyncio.AbstractEventLoop], None]) -> None:
        """Serve until :meth:`stop`; ``on_loop`` gets the running loop first, to add its signal handlers."""

        async def serve() -> None:
            on_loop(asyncio.get_running_loop())
            await self._server.serve(self._sockets)

        with asyncio.Runner(loop_factory=self._loop_factory) as runner:
            runner.run(serve())

    def stop(self) -> None:
        """Finish the requests under way and return from :meth:`run`."""
        self._server.should_exit = True


class _Server(uvicorn.Server):
    """Leaves signals alone: the command line has its own handlers."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


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
