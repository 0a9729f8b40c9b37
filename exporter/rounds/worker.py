"""What becomes of a due node: one visit, on the engine or in a thread, its outcome recorded, told and counted."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from exporter.config.settings import TransportKind
from exporter.errors import CollectError, Reason
from exporter.model.facts import NodeFacts
from exporter.model.node import Node
from exporter.model.report import NodeReport
from exporter.rounds import brake, schedule
from exporter.rounds.crew import Work
from exporter.rounds.fleet import Fleet
from exporter.rounds.past import NoPast, Past
from exporter.rounds.state import FleetState
from exporter.rounds.visit import judged, read

log = logging.getLogger(__name__)

Ended = Callable[[float | None], None]  # is told when the node is due again (epoch seconds); None: as the schedule says


@dataclass(frozen=True, slots=True)
class _Beginning:
    """A visit that begins: what was known before it."""

    report: NodeReport
    fleet: Fleet
    releases: int  # of the brake
    paused_until: float | None
    monotonic: float


class Worker:
    """One for all visits: it has nothing but the state, which has its own lock, and where its reports are kept."""

    def __init__(
        self, state: FleetState, clock: Callable[[], float], stopping: threading.Event, past: Past | None = None
    ) -> None:
        self._state = state
        self._clock = clock
        self._stopping = stopping
        self._past = past or NoPast()

    def begin(self, name: str, fleet: Fleet, ended: Ended) -> Work | None:
        """Begin a visit on the fleet's engine; or what a thread is to call, where that does not take the node.

        ``ended`` is called once, in the end, from any thread.
        """
        try:
            beginning = self._before(name, fleet)
        except Exception:
            log.exception("a visit could not begin", extra={"node": name})
            ended(self._clock() + fleet.pace.interval)
            return None
        if beginning is None:
            ended(None)
            return None

        def done(outcome: NodeFacts | Exception) -> None:
            ended(self._after(beginning, outcome))

        report = beginning.report
        if beginning.paused_until is not None:
            done(CollectError(Reason.LOGINS_PAUSED))
            return None
        try:
            if fleet.engine is None or not fleet.engine.takes(report.node):
                return lambda: done(read(report.node, report, fleet.transports))
            fleet.engine.begin(report.node, report.flags, done)
        except Exception as error:  # noqa: BLE001 - it is what the visit came to
            done(error)
        return None

    def visit(self, name: str, fleet: Fleet) -> float | None:
        """Visit a node, however long it takes; when it is due again, as :data:`Ended` is told it."""
        beginning = self._before(name, fleet)
        if beginning is None:
            return None
        if beginning.paused_until is not None:
            return self._after(beginning, CollectError(Reason.LOGINS_PAUSED))
        return self._after(beginning, read(beginning.report.node, beginning.report, fleet.transports))

    def _before(self, name: str, fleet: Fleet) -> _Beginning | None:
        """None where the node has left."""
        report = self._state.report(name)
        if report is None:
            return None
        releases = self._state.brake_releases
        return _Beginning(report, fleet, releases, self._paused_until(report.node), time.monotonic())

    def _after(self, beginning: _Beginning, outcome: NodeFacts | Exception) -> float | None:
        try:
            return self._record(beginning, outcome)
        except Exception:
            log.exception("a visit could not be recorded", extra={"node": beginning.report.node.name})
            return self._clock() + beginning.fleet.pace.interval

    def _record(self, beginning: _Beginning, outcome: NodeFacts | Exception) -> float | None:
        report, fleet = beginning.report, beginning.fleet
        duration = time.monotonic() - beginning.monotonic
        began = self._clock() - duration  # by the clock that there is now: it may have been set since
        visit = judged(report.node, report, outcome, began, duration)
        if self._state.brake(visit, beginning.releases):
            fields = {"seconds": int(brake.PAUSE), "node": visit.node.name, "reason": str(visit.reason)}
            whose = " of guests" if visit.node.is_guest else ""
            log.error(
                "too many logins%s were refused: none for a while, unless a reload ends the pause", whose, extra=fields
            )
        recorded = None if self._stopping.is_set() else self._state.record(visit)
        if recorded is None:
            return self._clock()  # another node by now: it was not looked at yet
        if not report.node.is_guest:
            self._past.told(*recorded)
        _tell(*recorded)
        if beginning.paused_until is None:
            return None
        return schedule.first_due(report.node.name, beginning.paused_until, len(fleet.nodes), fleet.pace)

    def _paused_until(self, node: Node) -> float | None:
        by_ssh = node.transport is TransportKind.SSH
        if not by_ssh:
            return None
        return self._state.logins_paused_until(self._clock(), of_guests=node.is_guest)


def _tell(before: NodeReport, after: NodeReport) -> None:
    """A node is logged when its reason changes, not at each visit; what many share is told by who finds it."""
    if after.reason is before.reason or (after.reason or before.reason or Reason.INTERNAL).is_shared:
        return
    if after.reason:
        fields = {"node": after.node.name, "reason": str(after.reason), "detail": after.detail}
        log.warning("visit failed", extra=fields)
    elif before.reason is not Reason.NOT_YET_VISITED:
        log.info("visits succeed again", extra={"node": after.node.name})
