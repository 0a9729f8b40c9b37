"""The configuration, kept current: loaded, re-read on demand, its file_sd files watched. One thread owns all of it."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable

from exporter.collect.local.transport import LocalTransport
from exporter.collect.ssh.transport import SshTransport
from exporter.config.loading import load
from exporter.config.schema import Config
from exporter.config.settings import TransportKind, Visits
from exporter.errors import ConfigurationError, Mistake, Mistakes
from exporter.inventory.catalogue import Catalogue
from exporter.inventory.guests import Guests
from exporter.model.node import Node, SshAccess
from exporter.model.shard import WHOLE_FLEET, Shard
from exporter.rounds.daemon import Daemon
from exporter.rounds.fleet import Fleet
from exporter.rounds.state import FleetState
from exporter.rounds.visit import Transports

log = logging.getLogger(__name__)


_Answer = queue.SimpleQueue[tuple[Mistake, ...]]
_POLL = 0.2


class Kept:
    """One configuration, loaded whole: settings, the nodes of a shard, and the transports that read them."""

    def __init__(self, path: str, older: Kept | None = None, shard: Shard = WHOLE_FLEET) -> None:
        """Raises ConfigurationError with every mistake of the file, the inventory and the key files."""
        self.shard = shard
        self.config, document = load(path)
        self.catalogue: Catalogue
        self.guests: Guests
        mistakes = Mistakes()
        nodes: tuple[Node, ...] = ()
        with mistakes.gathered():
            self.catalogue = Catalogue(self.config, document, older.catalogue if older else None, shard)
            nodes = self.catalogue.nodes
        with mistakes.gathered():
            self.guests = Guests(self.config, document)
            nodes = (*nodes, *self.guests.samples)
        with mistakes.gathered():
            self.ssh = SshTransport(self.config.ssh, nodes)
        mistakes.tell()
        self._refuse_no_identity(path)
        self.local: LocalTransport = (
            older.local if older else LocalTransport()
        )  # what it knows holds under any configuration
        self._transports: Transports = {TransportKind.SSH: self.ssh, TransportKind.LOCAL: self.local}

    @property
    def fleet(self) -> Fleet:
        config = self.config
        return Fleet(
            nodes=self.catalogue.nodes,
            labels=self.catalogue.labels,
            pace=config.pace,
            transports=self._transports,
            concurrency=config.concurrency,
            is_scheduled=config.visits is Visits.SCHEDULED,
            close=self.ssh.close,
            is_idle=self.ssh.is_idle,
            engine=self.ssh,
            ssh_status=lambda: self.ssh.status,
        )

    def _refuse_no_identity(self, path: str) -> None:
        for access in (node.access for node in (*self.catalogue.nodes, *self.guests.samples)):
            on_the_way = (access, *(hop.access for hop in access.hops)) if isinstance(access, SshAccess) else ()
            for host in on_the_way:
                if not self._has_identity(host):
                    needed = f"needed to log in to {host.name}: name a private key, or set agent: true"
                    raise ConfigurationError(Mistake(f"{path}: ssh.identities", needed))

    def _has_identity(self, access: SshAccess) -> bool:
        own = self.config.ssh.identities if access.identities is None else access.identities
        agent = self.config.ssh.agent if access.agent is None else access.agent
        return bool(own) or agent


class Keeper:
    """Keeps a daemon on the configuration at ``path``."""

    def __init__(
        self, path: str, first: Kept, daemon: Daemon, state: FleetState, clock: Callable[[], float] = time.time
    ) -> None:
        self._path = path
        self._kept = first
        self.adopted = 0.0  # when the configuration was last taken in, epoch seconds
        self._daemon = daemon
        self._state = state
        self._clock = clock
        self._unverified = 0
        self._requests: queue.SimpleQueue[_Answer] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    @property
    def kept(self) -> Kept:
        """What counts now."""
        return self._kept

    @property
    def config(self) -> Config:
        return self._kept.config

    def start(self) -> None:
        """Hand over the first configuration, then watch."""
        self._adopt(self._kept)
        self._thread.start()

    def request(self) -> _Answer:
        """Have everything read again, without waiting for it."""
        answer: _Answer = queue.SimpleQueue()
        self._requests.put(answer)
        return answer

    def reload(self) -> tuple[Mistake, ...]:
        """Read everything again and wait for it; the mistakes, where there are any: then nothing has changed."""
        answer = self.request()
        while not self._stopping.is_set():
            try:
                return answer.get(timeout=_POLL)
            except queue.Empty:
                continue
        return (Mistake(self._path, "not read: the exporter stops"),)

    def interrupt(self) -> None:
        """Take no more requests, and let nobody wait for one; does not wait itself."""
        self._stopping.set()
        self.request()

    def stop(self, within: float) -> bool:
        """True once the thread has ended."""
        self.interrupt()
        self._thread.join(within)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                request = self._requests.get(timeout=self.config.file_sd_refresh)
            except queue.Empty:
                self._watch()
                continue
            if not self._stopping.is_set():
                request.put(self._reload())

    def _watch(self) -> None:
        before = self._kept.catalogue.nodes
        try:
            if self._kept.catalogue.refresh():
                self._publish()
                if self._kept.catalogue.nodes != before:
                    log.info("inventory changed", extra={"nodes": len(self._kept.catalogue.nodes)})
        except Exception:
            log.exception("file_sd could not be looked at in a way nobody foresaw; the inventory stays")

    def _reload(self) -> tuple[Mistake, ...]:
        try:
            self._adopt(Kept(self._path, self._kept, self._kept.shard))
        except ConfigurationError as error:
            self._state.reloaded(self._clock(), successful=False)
            log.error("reload refused, the old configuration stays", extra={"mistakes": str(error)})  # noqa: TRY400 - told in words
            return error.mistakes
        except Exception:
            self._state.reloaded(self._clock(), successful=False)
            log.exception("reload failed in a way nobody foresaw, the old configuration stays")
            return (Mistake(self._path, "internal error; the log has the traceback"),)
        return ()

    def _adopt(self, kept: Kept) -> None:
        if kept.config.store != self._kept.config.store:
            log.warning("another store is used from the next start on", extra={"file": self._path})
        self._kept, self.adopted = kept, self._clock()
        self._publish()
        self._state.reloaded(self._clock(), successful=True)
        log.info("configuration loaded", extra={"file": self._path, "nodes": len(kept.catalogue.nodes)})

    def _publish(self) -> None:
        self._state.sources(self._kept.catalogue.statuses)
        unverified = [node.name for node in self._kept.catalogue.nodes if node.is_unverified]
        if len(unverified) != self._unverified and unverified:
            fields = {"nodes": len(unverified), "one": unverified[0]}
            log.warning("host_key_policy: insecure: nobody checks who answers for these nodes", extra=fields)
        self._unverified = len(unverified)
        self._kept.local.keep(node.name for node in self._kept.catalogue.nodes)
        self._daemon.apply(self._kept.fleet)
