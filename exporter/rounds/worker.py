"""What a thread of the pool does with a due node: one visit, its outcome recorded, told and counted."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from exporter.config.settings import TransportKind
from exporter.errors import Reason
from exporter.model.node import Node
from exporter.model.report import NodeReport, Visit
from exporter.rounds import brake, schedule
from exporter.rounds.fleet import Fleet
from exporter.rounds.state import FleetState
from exporter.rounds.visit import visit

log = logging.getLogger(__name__)


class Worker:
    """One for all threads: it has nothing but the state, which has its own lock."""

    def __init__(self, state: FleetState, clock: Callable[[], float], stopping: threading.Event) -> None:
        self._state = state
        self._clock = clock
        self._stopping = stopping

    def visit(self, name: str, fleet: Fleet) -> float | None:
        """Visit a node; when it is due again (epoch seconds), None: as the schedule says. Never raises."""
        try:
            report = self._state.report(name)
            return None if report is None else self._visit(report, fleet)
        except Exception:
            log.exception("a visit could not be recorded", extra={"node": name})
            return self._clock() + fleet.pace.interval

    def _visit(self, report: NodeReport, fleet: Fleet) -> float | None:
        releases = self._state.brake_releases
        paused_until, due = self._paused_until(report.node), None
        if paused_until is None:
            outcome = visit(report.node, report, fleet.transports, self._clock)
        else:
            outcome = Visit(report.node, self._clock(), 0.0, Reason.LOGINS_PAUSED)
            due = schedule.first_due(report.node.name, paused_until, len(fleet.nodes), fleet.pace)
        if self._state.brake(outcome, releases):
            fields = {"seconds": int(brake.PAUSE), "node": outcome.node.name, "reason": str(outcome.reason)}
            log.error("too many logins were refused: none for a while, unless a reload ends the pause", extra=fields)
        recorded = None if self._stopping.is_set() else self._state.record(outcome)
        if recorded is None:
            return self._clock()  # another node by now: it was not looked at yet
        _tell(*recorded)
        return due

    def _paused_until(self, node: Node) -> float | None:
        by_ssh = node.transport is TransportKind.SSH
        return self._state.logins_paused_until(self._clock()) if by_ssh else None


def _tell(before: NodeReport, after: NodeReport) -> None:
    """A node is logged when its reason changes, not at each visit; what many share is told by who finds it."""
    if after.reason is before.reason or (after.reason or before.reason or Reason.INTERNAL).is_shared:
        return
    if after.reason:
        fields = {"node": after.node.name, "reason": str(after.reason), "detail": after.detail}
        log.warning("visit failed", extra=fields)
    elif before.reason is not Reason.NOT_YET_VISITED:
        log.info("visits succeed again", extra={"node": after.node.name})
