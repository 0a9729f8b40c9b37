"""The loop: one thread keeps the schedule, a pool has a bounded number of visits under way.

The threads share no data but :class:`FleetState`; they talk by queues. A node that hangs holds one place until the
visit's own deadline and delays nobody else's schedule.
"""

from __future__ import annotations

import logging
import math
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from exporter.config.settings import Pace
from exporter.model.node import Hop, Node
from exporter.model.report import NodeReport
from exporter.model.snapshot import FleetSnapshot
from exporter.rounds import schedule
from exporter.rounds.agenda import Agenda
from exporter.rounds.crew import Work
from exporter.rounds.cut_off import CutOff
from exporter.rounds.descriptors import Descriptors
from exporter.rounds.fleet import Fleet
from exporter.rounds.lanes import way_of
from exporter.rounds.past import NoPast, Past
from exporter.rounds.pool import Pool
from exporter.rounds.state import FleetState
from exporter.rounds.worker import Worker

log = logging.getLogger(__name__)

LONGEST_WAIT = 1.0
STOPS_WITHIN = 2.5
CLOCK_STEP = 5.0
LET_GO_AFTER = 5.0  # a visit may have taken them up a moment ago
AT_ONCE = -math.inf  # before all that is due


@dataclass(frozen=True, slots=True)
class _Asked:
    """Somebody's wish that a node be visited now, and what is to be called once it was."""

    node: Node
    ended: Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Done:
    """Word that a visit has ended, and when the node is due again; None: as the schedule says."""

    name: str
    fleet: Fleet  # whose keys and known hosts it had
    due: float | None


class Daemon:
    """Visits a fleet for ever. :meth:`start`, any number of :meth:`apply`, :meth:`stop`."""

    def __init__(
        self,
        state: FleetState,
        clock: Callable[[], float] = time.time,
        descriptors: Descriptors | None = None,
        past: Past | None = None,
    ) -> None:
        """``descriptors`` bounds what is under way at once; None: ``concurrency`` alone does."""
        self._state = state
        self._descriptors = descriptors or Descriptors()
        self._past = past or NoPast()
        self._clock = clock
        self._inbox: queue.SimpleQueue[Fleet | _Asked | _Done | None] = queue.SimpleQueue()
        self._pool = Pool(self._begin, lambda: state.login_room)
        self._stopping = threading.Event()
        self._worker = Worker(state, clock, self._stopping, self._past)
        self._scheduler = threading.Thread(target=self._schedule, name="schedule", daemon=True)
        # the scheduler's own, but for the fleet, which visits begin with
        self._fleet: Fleet | None = None
        self._retired: list[tuple[float, Fleet]] = []  # with the moment, on the monotonic clock
        self._nodes: dict[str, Node] = {}
        self._agenda = Agenda()
        self._at_work: dict[str, Node] = {}  # as it was when its visit began
        self._waited_for: dict[str, list[Callable[[], None]]] = {}  # by whoever asked
        self._cut_off = CutOff()
        self._lead: float | None = None  # the wall clock's over the monotonic one

    def start(self) -> None:
        self._scheduler.start()

    def apply(self, fleet: Fleet) -> None:
        """Visit this fleet from now on. Its nodes are told to the state at once: one that left is gone.

        One that is new has the past that was kept of it.
        """
        unknown = [node for node in fleet.nodes if self._state.report(node.name) is None]
        past = self._past.settle(fleet.nodes, unknown)
        self._state.settle(fleet.nodes, fleet.labels, fleet.pace, past)
        self._inbox.put(fleet)

    def look(self, node: Node, ended: Callable[[], None]) -> None:
        """Visit a node now, whenever it is due, or have the visit count that is under way; it need not be the fleet's.

        ``ended`` is called once, from any thread, when the visit is recorded; never where the daemon stops before.
        """
        self._inbox.put(_Asked(node, ended))

    def is_alive(self) -> bool:
        """False once the schedule has ended: then nothing is looked at any more."""
        return self._scheduler.is_alive()

    def snapshot(self) -> FleetSnapshot:
        fleet = self._fleet
        return self._state.snapshot(self._clock(), self._pool.waiting, fleet.ssh_status() if fleet else None)

    def interrupt(self) -> None:
        """End every visit; does not wait."""
        self._stopping.set()
        self._inbox.put(None)
        self._pool.interrupt()
        for fleet in [*(fleet for _, fleet in self._retired), *([self._fleet] if self._fleet else [])]:
            fleet.close()

    def stop(self) -> list[str]:
        """End every visit and wait; the names of the threads, and the engine, that did not end in time."""
        deadline = time.monotonic() + STOPS_WITHIN
        self.interrupt()
        self._scheduler.join(STOPS_WITHIN)
        left = self._pool.join(deadline)
        return [*left, *([self._scheduler.name] if self._scheduler.is_alive() else [])]

    def _schedule(self) -> None:
        """Keep the schedule until told to stop."""
        while not self._stopping.is_set():
            try:
                self._turn()
            except Exception:
                log.exception("the schedule stumbled in a way nobody foresaw, and goes on")
                self._find_lost()
                self._stopping.wait(LONGEST_WAIT)

    def _turn(self) -> None:
        try:
            message = self._inbox.get(timeout=self._until_next())
        except queue.Empty:
            message = None
        if isinstance(message, Fleet):
            self._settle(message)
        elif isinstance(message, _Asked):
            self._ask(message)
        elif isinstance(message, _Done):
            self._put_to_sleep(message)
        self._mind_the_clock()
        self._let_go()
        self._wake()
        self._pool.mend()

    def _until_next(self) -> float:
        # short enough for a wall clock that steps
        nearest = self._agenda.nearest()
        return LONGEST_WAIT if nearest is None else min(max(0.0, nearest - self._clock()), LONGEST_WAIT)

    def _settle(self, fleet: Fleet) -> None:
        anew = self._fleet is None or self._fleet.transports is not fleet.transports
        retired, self._fleet, before, agenda = self._fleet, fleet, self._nodes, self._agenda
        if retired and anew:
            self._retired.append((time.monotonic(), retired))
            self._state.release_brake()
        self._nodes = {node.name: node for node in fleet.nodes}
        self._queue_anew()
        self._cut_off.settle(fleet.nodes)
        self._pool.resize(self._descriptors.most(fleet), fleet.pace.logins_per_second)
        self._agenda = Agenda(
            (node.name, self._next(node, before.get(node.name), agenda.due(node.name), anew=anew))
            for node in fleet.nodes
            if fleet.is_scheduled and node.name not in self._at_work  # else it comes back by itself
        )

    def _queue_anew(self) -> None:
        """Visits that wait have the limits of the way that leads to their nodes by now; a node that left has none."""
        guests = {name: node for name, node in self._at_work.items() if node.is_guest}
        by_now = {**guests, **self._nodes}
        dropped = self._pool.sort_anew(lambda name: way_of(by_now[name]) if name in by_now else None)
        for name in dropped:
            self._at_work.pop(name, None)
            for ended in self._waited_for.pop(name, ()):
                ended()

    def _next(self, node: Node, before: Node | None, due: float | None, *, anew: bool) -> float:
        """When a node is due after a change of the inventory or the configuration."""
        report, first = self._state.report(node.name), self._first(node.name)
        if report is None or report.last_visit is None:
            return first if due is None else min(due, first)  # it may be read in another way from now on
        changed = before is not None and not node.is_read_as(before)  # None: its past was kept, read as it is now
        retries = anew and report.may_be_mended_by_reload
        soon = first if changed or retries else schedule.resumed(report, self._clock(), len(self._nodes), self._pace)
        return soon if due is None else min(due, soon)  # what an earlier change brought forward stays so

    def _ask(self, asked: _Asked) -> None:
        name = asked.node.name
        self._waited_for.setdefault(name, []).append(asked.ended)
        if name not in self._at_work:
            self._agenda.drop(name)
            self._at_work[name] = asked.node
            self._pool.put(AT_ONCE, name, way_of(asked.node))
        else:
            self._pool.hasten(name, AT_ONCE)

    def _put_to_sleep(self, done: _Done) -> None:
        before = self._at_work.pop(done.name, None)
        for ended in self._waited_for.pop(done.name, ()):
            ended()
        report = self._state.report(done.name)
        if done.name in self._nodes and report is not None:
            within_reach = self._cut_off.after(report)
            due = self._cut_off.due(report, self._regular(report)) if done.due is None else done.due
            outdated = self._fleet is not None and done.fleet.transports is not self._fleet.transports
            changed = before is not None and not report.node.is_read_as(before)
            anew = changed or (outdated and report.may_be_mended_by_reload)
            if self._is_scheduled:
                self._agenda.put(done.name, self._first(done.name) if anew else due)
            self._look_at_all(within_reach, report.node.bastion)

    def _look_at_all(self, names: tuple[str, ...], bastion: Hop | None) -> None:
        """Soon, at the pace that the way to them takes."""
        per_second = bastion.logins_per_second if bastion else math.inf
        now = self._clock()
        for name in names:
            first = schedule.first_due(name, now, len(names), self._pace, per_second=per_second)
            self._agenda.bring_forward(name, first)

    def _mind_the_clock(self) -> None:
        """A wall clock that was set back leaves nobody asleep until it caught up; one set forward makes no herd."""
        now = self._clock()
        before, self._lead = self._lead, now - time.monotonic()
        step = self._lead - before if before is not None else 0.0
        if abs(step) > CLOCK_STEP:
            moved = ((name, due + min(0.0, step)) for name, due in self._agenda)
            self._agenda = Agenda((name, due if due > now else self._first(name)) for name, due in moved)

    def _let_go(self) -> None:
        """Transports of an earlier configuration are closed once their last visit is over."""
        for since, fleet in tuple(self._retired):
            if time.monotonic() - since > LET_GO_AFTER and fleet.is_idle():
                self._retired.remove((since, fleet))
                fleet.close()

    def _wake(self) -> None:
        now = self._clock()
        while (name := self._agenda.take(now)) is not None:
            self._at_work[name] = self._nodes[name]
            self._pool.put(schedule.urgency(self._state.report(name)), name, way_of(self._nodes[name]))

    def _find_lost(self) -> None:
        for name in self._nodes if self._is_scheduled else ():
            if name not in self._agenda and name not in self._at_work:
                self._agenda.put(name, self._first(name))

    def _first(self, name: str) -> float:
        return schedule.first_due(name, self._clock(), len(self._nodes), self._pace)

    def _regular(self, report: NodeReport) -> float:
        return schedule.next_due(report, self._clock(), len(self._nodes), self._pace)

    @property
    def _is_scheduled(self) -> bool:
        return self._fleet is not None and self._fleet.is_scheduled

    @property
    def _pace(self) -> Pace:
        return self._fleet.pace if self._fleet else Pace()

    def _begin(self, name: str, over: Callable[[], None]) -> Work | None:
        """One visit, as the pool has it."""
        fleet = self._fleet
        if fleet is None:
            return over

        def ended(due: float | None) -> None:
            self._inbox.put(_Done(name, fleet, due))
            over()

        return self._worker.begin(name, fleet, ended)
