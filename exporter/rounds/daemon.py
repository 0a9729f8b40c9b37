"""The loop: one thread keeps the schedule, a bounded number of workers visit nodes.

The threads share no data but :class:`FleetState`; they talk by queues. A node that hangs holds one worker until the
visit's own deadline and delays nobody else's schedule.
"""

from __future__ import annotations

import heapq
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from exporter.config.settings import Pace
from exporter.errors import Reason
from exporter.model.node import Node
from exporter.model.report import FleetSnapshot, NodeReport, Visit
from exporter.rounds import schedule
from exporter.rounds.state import FleetState
from exporter.rounds.visit import Transports, visit

log = logging.getLogger(__name__)

LONGEST_WAIT = 1.0
STOPS_WITHIN = 4.0
CLOCK_STEP = 5.0


@dataclass(frozen=True, slots=True)
class Fleet:
    """What a configuration comes to: the nodes, how to read them, and how often."""

    nodes: tuple[Node, ...]
    labels: tuple[str, ...]
    pace: Pace
    transports: Transports
    concurrency: int
    close: Callable[[], None]  # ends every conversation of these transports


@dataclass(order=True, frozen=True, slots=True)
class _Job:
    """A due visit; the nearest notAfter goes first. Without a name: a worker's leave."""

    not_after: float
    number: int
    name: str = field(default="", compare=False)


class Daemon:
    """Visits a fleet for ever. :meth:`start`, any number of :meth:`apply`, :meth:`stop`."""

    def __init__(self, state: FleetState, clock: Callable[[], float] = time.time) -> None:
        self._state = state
        self._clock = clock
        self._inbox: queue.SimpleQueue[Fleet | str | None] = queue.SimpleQueue()
        self._ready: queue.PriorityQueue[_Job] = queue.PriorityQueue()
        self._stopping = threading.Event()
        self._scheduler = threading.Thread(target=self._schedule, name="schedule", daemon=True)
        self._workers: list[threading.Thread] = []
        # the scheduler's own, but for the fleet, which workers read
        self._fleet: Fleet | None = None
        self._retired: list[Fleet] = []
        self._sleeping: list[tuple[float, str]] = []
        self._due: dict[str, float] = {}
        self._jobs = 0
        self._lead: float | None = None  # the wall clock's over the monotonic one

    def start(self) -> None:
        self._scheduler.start()

    def apply(self, fleet: Fleet) -> None:
        """Visit this fleet from now on; readings of nodes that stay are kept."""
        self._inbox.put(fleet)

    def is_alive(self) -> bool:
        """False once the schedule has ended, be it by a mistake of ours: then nothing is looked at any more."""
        return self._scheduler.is_alive()

    def snapshot(self) -> FleetSnapshot:
        return self._state.snapshot(overdue=self._ready.qsize())

    def stop(self) -> list[str]:
        """End every visit; the names of the threads that did not end in time."""
        self._stopping.set()
        self._inbox.put(None)
        deadline = time.monotonic() + STOPS_WITHIN
        self._scheduler.join(STOPS_WITHIN)
        for fleet in [*self._retired, *([self._fleet] if self._fleet else [])]:
            fleet.close()
        for _ in self._workers:
            self._dismiss()
        threads = [self._scheduler, *self._workers]
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return [thread.name for thread in threads if thread.is_alive()]

    def _schedule(self) -> None:
        """Keep the schedule until told to stop."""
        while not self._stopping.is_set():
            try:
                message = self._inbox.get(timeout=self._until_next())
            except queue.Empty:
                message = ""
            if isinstance(message, Fleet):
                self._settle(message)
            elif message:
                self._put_to_sleep(message)
            self._mind_the_clock()
            self._wake()

    def _mind_the_clock(self) -> None:
        """A wall clock that was set back must not leave nodes asleep until it has caught up."""
        lead = self._clock() - time.monotonic()
        if self._lead is not None and lead < self._lead - CLOCK_STEP and self._fleet:
            now = self._clock()
            for name, due in list(self._due.items()):
                self._sleep(name, min(due, schedule.first_due(name, now, len(self._due), self._fleet.pace)))
        self._lead = lead

    def _until_next(self) -> float:
        # short enough for a wall clock that steps
        nearest = self._sleeping[0][0] - self._clock() if self._sleeping else LONGEST_WAIT
        return min(max(0.0, nearest), LONGEST_WAIT)

    def _settle(self, fleet: Fleet) -> None:
        before = {report.node.name: report.node for report in self._state.snapshot().reports}
        anew = self._fleet is None or self._fleet.transports is not fleet.transports
        if self._fleet and anew:
            self._retired = [*self._retired[-3:], self._fleet]
        self._fleet = fleet
        self._state.settle(fleet.nodes, fleet.labels, fleet.pace)
        self._resize(fleet.concurrency)
        at_work = set(before) - set(self._due)
        now, old = self._clock(), self._due
        self._due, self._sleeping = {}, []
        for report in self._state.snapshot().reports:
            name = report.node.name
            if name in before and name in at_work:
                continue  # it comes back by itself
            first = schedule.first_due(name, now, len(fleet.nodes), fleet.pace)
            refused = report.reason is not None and report.reason.backs_off_long
            if name not in old or before.get(name) != report.node or (refused and anew):
                self._sleep(name, first)  # a reload may have brought the right key
            else:
                self._sleep(name, old[name] if report.last_visit is None else schedule.due(report, fleet.pace))

    def _put_to_sleep(self, name: str) -> None:
        report = self._state.report(name)
        if report is not None and self._fleet is not None:
            self._sleep(name, schedule.due(report, self._fleet.pace))

    def _sleep(self, name: str, due: float) -> None:
        self._due[name] = due
        heapq.heappush(self._sleeping, (due, name))

    def _wake(self) -> None:
        now = self._clock()
        while self._sleeping and self._sleeping[0][0] <= now:
            due, name = heapq.heappop(self._sleeping)
            report = self._state.report(name)
            if self._due.get(name) != due or report is None:
                continue
            del self._due[name]
            self._jobs += 1
            not_after = report.client.certificate.not_after if report.client else 0.0
            self._ready.put(_Job(not_after, self._jobs, name))

    def _resize(self, wanted: int) -> None:
        self._workers = [worker for worker in self._workers if worker.is_alive()]
        for _ in range(wanted, len(self._workers)):
            self._dismiss()
        for number in range(len(self._workers), wanted):
            worker = threading.Thread(target=self._work, name=f"visit-{number}", daemon=True)
            self._workers.append(worker)
            worker.start()

    def _dismiss(self) -> None:
        self._jobs += 1
        self._ready.put(_Job(float("-inf"), self._jobs))

    def _work(self) -> None:
        """Visit what is due, until dismissed."""
        while name := self._ready.get().name:
            report, fleet = self._state.report(name), self._fleet
            if report is not None and fleet is not None and not self._stopping.is_set():
                outcome = visit(report.node, report, fleet.transports, self._clock)
                if not self._stopping.is_set():
                    self._record(outcome)
            self._inbox.put(name)

    def _record(self, outcome: Visit) -> None:
        recorded = self._state.record(outcome)
        if recorded:
            _tell(*recorded)


def _tell(before: NodeReport, after: NodeReport) -> None:
    """A node is logged when its reason changes, not at each visit."""
    if after.reason is before.reason:
        return
    if after.reason:
        fields = {"node": after.node.name, "reason": str(after.reason), "detail": after.detail}
        log.warning("visit failed", extra=fields)
    elif before.reason is not Reason.NOT_YET_VISITED:
        log.info("visits succeed again", extra={"node": after.node.name})
