"""The running parts, composed: daemon, keeper and web server, with the process' signals."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace

from exporter import __version__
from exporter.cli.web import Web
from exporter.config.settings import Visits
from exporter.errors import Mistake
from exporter.model.snapshot import FleetSnapshot
from exporter.rounds.daemon import Daemon
from exporter.rounds.descriptors import Descriptors, raised_limit
from exporter.rounds.keeper import Keeper, Kept
from exporter.rounds.prober import Prober
from exporter.rounds.state import FleetState
from exporter.rounds.store.place import place
from exporter.rounds.store.store import Store
from exporter.serve.door import Door, Rules
from exporter.serve.listener import Entrance, Listener, url
from exporter.serve.users import Passwords
from exporter.serve.web import Backend, Endpoints

log = logging.getLogger(__name__)


_LAST_WRITE = 2.0  # seconds for what waits to be written


def leave(left: list[str]) -> int:
    """The exit status. A thread left in native code would abort the interpreter's own way out: then without it."""
    if left:
        logging.shutdown()
        sys.stdout.flush()
        os._exit(0)
    return 0


class Service:
    """One exporter. :meth:`run` returns once a signal ended it."""

    def __init__(self, path: str, kept: Kept, web: Web) -> None:
        """Raises ConfigurationError where another exporter has the store."""
        state = FleetState(kept.shard)
        self._store = _store(kept, state)
        self.daemon = Daemon(state, descriptors=Descriptors(raised_limit(), web.most_connections), past=self._store)
        self._keeper = Keeper(path, kept, self.daemon, state)
        self._web = web
        self._passwords = Passwords()
        prober = Prober(self._keeper, self.daemon, state, web.most_connections // 2)
        backend = Backend(
            snapshot=self._snapshot,
            probe=prober.probe,
            reload=self._reload if web.lifecycle else None,
            is_alive=self.daemon.is_alive,
            ready_after=lambda: self._keeper.config.ready_after,
            door=lambda: web.doorkeeper.status if web.doorkeeper else None,
            probed=lambda: None if self._is_scheduled else self.daemon.snapshot(),
        )
        self._listener = self._listening(Endpoints(backend))

    def run(self, meanwhile: Callable[[], None] = lambda: None) -> list[str]:
        """Visit and serve until SIGTERM or SIGINT; the threads that did not end in time.

        ``meanwhile`` is called once all of it runs.
        """
        if self._store:
            self._store.start()
        else:
            log.info("no store: what is learned ends with this process")
        self.daemon.start()
        self._keeper.start()
        if self._web.doorkeeper:
            self._web.doorkeeper.start()
        probes = {"probes": ",".join(map(url, self._web.health_sockets))} if self._web.health_sockets else {}
        log.info("serving", extra={"version": __version__, "addresses": ",".join(self._web.urls), **probes})

        def on_loop(loop: asyncio.AbstractEventLoop) -> None:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._end)
            loop.add_signal_handler(signal.SIGHUP, self._keeper.request)
            loop.call_soon(meanwhile)

        self._listener.run(on_loop)
        left = self.daemon.stop()
        if not self._keeper.stop(within=0.5):
            left.append("keeper")
        if self._web.doorkeeper and not self._web.doorkeeper.stop(within=0.5):
            left.append("doorkeeper")
        if not self._passwords.stop(within=0.5):
            left.append("passwords")
        if self._store and not self._store.stop(within=_LAST_WRITE):
            left.append("store")
        log.info("stopped", extra={"threads_left": ",".join(left)} if left else {})
        return left

    def _listening(self, endpoints: Endpoints) -> Listener:
        """The endpoints behind their door, and the probes beside it."""
        web, nothing = self._web, Rules()
        door = Door(
            endpoints.application(), lambda: web.doorkeeper.rules if web.doorkeeper else nothing, self._passwords
        )
        tls = web.doorkeeper.tls if web.doorkeeper else None
        entrances = [Entrance(door, web.sockets, tls, web.most_connections)]
        if web.health_sockets:
            entrances.append(Entrance(endpoints.probes(), web.health_sockets))
        return Listener(*entrances, closing=self._passwords.forget_waiting)

    def _snapshot(self) -> FleetSnapshot:
        """What /metrics tells of; nodes that are visited by probes are told by these."""
        whole = self.daemon.snapshot()
        return whole if self._is_scheduled else replace(whole, reports=())

    @property
    def _is_scheduled(self) -> bool:
        return self._keeper.config.visits is Visits.SCHEDULED

    def _reload(self) -> tuple[Mistake, ...]:
        return (*self._keeper.reload(), *(self._web.doorkeeper.look() if self._web.doorkeeper else ()))

    def _end(self) -> None:
        self._listener.stop()
        self.daemon.interrupt()  # visits end while the last requests do
        self._keeper.interrupt()


def _store(kept: Kept, state: FleetState) -> Store | None:
    """What outlives this process, where anything is to. Raises ConfigurationError where another exporter has it."""
    where = place(kept.config.store)
    if where is None:
        return None

    def snapshot() -> FleetSnapshot:
        return state.snapshot(time.time())

    def is_whole() -> bool:
        return all(source.up for source in snapshot().counters.sources)

    return Store(where, lambda: snapshot().reports, state.restore, state.stored, is_whole=is_whole)
