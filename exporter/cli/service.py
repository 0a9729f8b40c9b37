"""The running parts, composed: daemon, keeper and web server, with the process' signals."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable

from exporter import __version__
from exporter.rounds.daemon import Daemon
from exporter.rounds.keeper import Keeper, Kept
from exporter.rounds.state import FleetState
from exporter.serve.listener import Listener, url
from exporter.serve.web import Backend, Endpoints

log = logging.getLogger(__name__)


def leave(left: list[str]) -> int:
    """The exit status. A thread left in native code would abort the interpreter's own way out: then without it."""
    if left:
        logging.shutdown()
        sys.stdout.flush()
        os._exit(0)
    return 0


class Service:
    """One exporter. :meth:`run` returns once a signal ended it."""

    def __init__(self, path: str, kept: Kept, sockets: list[socket.socket], *, lifecycle: bool) -> None:
        state = FleetState()
        self.daemon = Daemon(state)
        self._keeper = Keeper(path, kept, self.daemon, state)
        self._sockets = sockets
        backend = Backend(
            snapshot=self.daemon.snapshot,
            reload=self._keeper.reload if lifecycle else None,
            is_alive=self.daemon.is_alive,
            ready_after=lambda: self._keeper.config.ready_after,
        )
        self._listener = Listener(Endpoints(backend).application(), sockets)

    def run(self, meanwhile: Callable[[], None] = lambda: None) -> list[str]:
        """Visit and serve until SIGTERM or SIGINT; the threads that did not end in time.

        ``meanwhile`` is called once all of it runs.
        """
        self.daemon.start()
        self._keeper.start()
        log.info(
            "serving", extra={"version": __version__, "addresses": ",".join(url(bound) for bound in self._sockets)}
        )

        def on_loop(loop: asyncio.AbstractEventLoop) -> None:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._end)
            loop.add_signal_handler(signal.SIGHUP, self._keeper.request)
            loop.call_soon(meanwhile)

        self._listener.run(on_loop)
        left = self.daemon.stop()
        if not self._keeper.stop(within=0.5):
            left.append("keeper")
        log.info("stopped", extra={"threads_left": ",".join(left)} if left else {})
        return left

    def _end(self) -> None:
        self._listener.stop()
        self.daemon.interrupt()  # visits end while the last requests do
        self._keeper.interrupt()
