"""Exporters over simulated nodes, and the Prometheus that scrapes them: series for promtool, minute by minute.

The schedule, the judge, the report, the fleet's state and both renderers are the product's own; only nodes, clock and
network are simulated. promtool's clock begins at 0: that is the world's start, and the value of every
``…_timestamp_seconds`` is moved by as much.

A scrape that succeeds marks what it no longer brings as stale, one that fails all of the target but ``up``, and a
target that is gone ``up`` as well, as Prometheus does. Prometheus that is away itself marks nothing.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace

from prometheus_client import CollectorRegistry, generate_latest

from exporter.config.settings import Pace, TransportKind
from exporter.errors import CollectError, Reason
from exporter.model.facts import NodeFacts
from exporter.model.finding import Finding
from exporter.model.host import Flags
from exporter.model.node import Node
from exporter.model.shard import WHOLE_FLEET, Shard
from exporter.model.snapshot import SourceStatus, SshStatus
from exporter.rounds import schedule
from exporter.rounds.fleet import Fleet
from exporter.rounds.state import FleetState
from exporter.rounds.worker import Worker
from exporter.serve.doorkeeper import DoorStatus
from exporter.serve.exposition import Format, render
from exporter.serve.health import DoorCollector, HealthCollector
from tests.lives import Life
from tests.series import Series
from tests.trees import NOW

SCRAPE = 60
JOB = "kubelet-cert-exporter"


@dataclass
class Exporter:
    """One replica. What a story sets from outside are plain attributes."""

    lives: dict[str, Life]
    labels: tuple[str, ...]
    instance: str
    pace: Pace
    now: float
    shard: Shard = WHOLE_FLEET

    def __post_init__(self) -> None:
        self.job = JOB
        self.extra: dict[str, str] = {}  # labels that service discovery adds
        self.is_up = True  # answers Prometheus
        self.is_known = True  # Prometheus has it as a target
        self.is_stuck = False  # answers, and visits nobody
        self.waiting = 0  # due visits that wait for a worker
        self.ssh = SshStatus()
        self.door: DoorStatus | None = None
        self.found: dict[str, tuple[Finding, ...]] = {}  # what is found on nodes, whatever the judge says
        self.is_cut_off: set[str] = set()  # names of nodes that this replica alone does not reach
        self.restart(self.now)

    def restart(self, now: float) -> None:
        """A new process, with no memory."""
        self.now, self.is_up, self.is_known, self.is_stuck = now, True, True, False
        self.state = FleetState(self.shard)
        self._worker = Worker(self.state, lambda: self.now, threading.Event())
        self._due: list[tuple[float, str]] = []
        self._health = CollectorRegistry()  # without this process' own families
        self._health.register(HealthCollector(lambda: self.state.snapshot(self.now, self.waiting, self.ssh).counters))
        self._health.register(DoorCollector(lambda: self.door))
        self.state.reloaded(now, successful=True)
        self.settle(now)

    def settle(self, now: float) -> None:
        """The inventory as it is now; who is new in it is visited soon."""
        nodes = tuple(life.node for life in self.lives.values() if self.shard.has(life.name))
        self._fleet = Fleet(nodes, self.labels, self.pace, {TransportKind.SSH: self}, 8)
        self.state.settle(nodes, self.labels, self.pace)
        known = {name for _, name in self._due}
        for node in nodes:
            if node.name not in known:
                due = schedule.first_due(node.name, now, len(nodes), self.pace)
                heapq.heappush(self._due, (due, node.name))

    def sources(self, *statuses: SourceStatus) -> None:
        self.state.sources(statuses)

    def reload_fails(self, now: float) -> None:
        self.state.reloaded(now, successful=False)

    def read(self, node: Node, remembered: Flags = ()) -> NodeFacts:
        """The transport: what a visit of the node sees now."""
        if node.name in self.is_cut_off:
            raise CollectError(Reason.CONNECT_TIMEOUT)
        return self.lives[node.name].facts(self.now)

    def work(self, until: float) -> None:
        """Every visit that comes due by then."""
        while self.is_up and not self.is_stuck and self._due and self._due[0][0] <= until:
            due, name = heapq.heappop(self._due)
            self.now = max(self.now, due)
            self._visit(name)
        self.now = until

    def _visit(self, name: str) -> None:
        told = self._worker.visit(name, self._fleet)
        report = self.state.report(name)
        if report is None:
            return  # it has left
        assert report.reason is not Reason.INTERNAL, report.detail
        heapq.heappush(self._due, (schedule.due(report, self.pace) if told is None else told, name))

    def answer(self) -> str:
        """What a scrape brings."""
        snapshot = self.state.snapshot(self.now, self.waiting, self.ssh)
        if self.found:
            reports = [replace(it, findings=self.found.get(it.node.name, it.findings)) for it in snapshot.reports]
            snapshot = replace(snapshot, reports=tuple(reports))
        fleet = render(snapshot, self.now, Format.TEXT)
        return fleet.decode() + generate_latest(self._health).decode()


class World:
    """Nodes, exporters and one Prometheus; ``named`` are the metrics that its rules look at, all else is left out."""

    def __init__(self, named: Iterable[str] | None = None, *, labels: tuple[str, ...] = ("cluster",)) -> None:
        self.start = self.now = float(NOW)
        self.labels = labels
        self.lives: dict[str, Life] = {}
        self.exporters: list[Exporter] = []
        self.series = Series(self.start, named)
        self.is_watched = True  # Prometheus scrapes

    @property
    def minute(self) -> int:
        """promtool's clock, in minutes."""
        return round((self.now - self.start) / SCRAPE)

    def at(self, moment: float) -> int:
        """The first scrape at or after a moment."""
        return int(-((self.start - moment) // SCRAPE))

    def add(self, *lives: Life) -> None:
        for life in lives:
            self.lives[life.name] = life
        self.settle()

    def remove(self, *names: str) -> None:
        for name in names:
            del self.lives[name]
        self.settle()

    def settle(self) -> None:
        for exporter in self.exporters:
            exporter.settle(self.now)

    def watch(
        self,
        lead: float = 7200.0,
        instance: str = "one:10024",
        pace: Pace | None = None,
        own: Iterable[Life] = (),
        shard: Shard = WHOLE_FLEET,
    ) -> Exporter:
        """An exporter that has worked for so long when it is first scraped; of the world's lives, or of its own."""
        lives = {life.name: life for life in own} or self.lives
        exporter = Exporter(lives, self.labels, instance, pace or Pace(), self.now - lead, shard)
        exporter.work(self.now)
        self.exporters.append(exporter)
        return exporter

    def run(self, minutes: int) -> None:
        """So many scrapes, a minute apart, the first of them now."""
        for _ in range(minutes):
            for exporter in self.exporters:
                exporter.work(self.now)
                if self.is_watched:
                    self._scrape(exporter)
            if self.is_watched:
                self.series.next()
            else:
                self.series.skip()
            self.now += SCRAPE

    def run_until(self, minute: int) -> None:
        """All scrapes before that one."""
        self.run(minute - self.minute)

    def spell(self, state: str, node: str = "w1", cert: str = "client", instance: str = "one:10024") -> tuple[int, int]:
        """The first and last minute at which an exporter says that state of a certificate."""
        wanted = (f'node="{node}"', f'cert="{cert}"', f'state="{state}"', f'instance="{instance}"')
        for series, values in self.series.all():
            if series.startswith("kubelet_cert_rotation_state{") and all(word in series for word in wanted):
                minutes = [minute for minute, value in enumerate(values) if value == "1"]
                assert minutes, f"{node} is never {state}"
                return minutes[0], minutes[-1]
        raise AssertionError(f"no {cert} of {node}")

    def _scrape(self, exporter: Exporter) -> None:
        target = {"instance": exporter.instance, "job": exporter.job, **exporter.extra}
        text = exporter.answer() if exporter.is_known and exporter.is_up else ""
        if exporter.is_known:
            self.series.add(target, f"up {int(exporter.is_up)}\n{text}")
