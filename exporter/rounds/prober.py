"""Visits that somebody asks for and waits for: who may be visited so, and when what is known already is the answer."""

from __future__ import annotations

import difflib
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from exporter.config.schema import Module
from exporter.config.settings import ProbeVisit
from exporter.config.targets import canonical, is_allowed
from exporter.config.value import node_name
from exporter.errors import ConfigurationError, ProbeError, Refusal
from exporter.model.node import Node
from exporter.model.probe import DEFAULT_MODULE, Probing
from exporter.model.report import NodeReport
from exporter.model.snapshot import FleetSnapshot
from exporter.rounds import schedule
from exporter.rounds.daemon import Daemon
from exporter.rounds.keeper import Keeper, Kept
from exporter.rounds.state import FleetState

Ended = Callable[[], None]


class Prober:
    """Begins probes. Safe to share between threads."""

    def __init__(
        self, keeper: Keeper, daemon: Daemon, state: FleetState, most: int, clock: Callable[[], float] = time.time
    ) -> None:
        """``most`` probes may be waited for at once."""
        self._keeper = keeper
        self._daemon = daemon
        self._state = state
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting = 0

    def probe(self, target: str, module: str, ended: Ended) -> Probing:
        """Have a target visited now; ``ended`` is called once, from any thread, maybe before this returns.

        A node that was visited a moment ago is not visited again, nor one that refused us lately: what came of that is
        the answer. Raises ProbeError.
        """
        kept = self._keeper.kept
        settings = _module(module, kept)
        node = self._node(target, module, settings, kept)
        report = self._state.report(node.name)
        if report is None:  # it has left the inventory this very moment
            raise ProbeError(Refusal.FORBIDDEN, f"{target} is no node of the inventory any more")
        if self._is_answer(report, settings, kept):
            ended()
        else:
            self._begin(node, ended)
        return Probing(lambda: self._known(node.name, target, kept), settings.timeout)

    def _begin(self, node: Node, ended: Ended) -> None:
        with self._lock:
            if self._waiting >= self._most:
                raise ProbeError(Refusal.BUSY, f"{self._waiting} probes are waited for already")
            self._waiting += 1

        def over() -> None:
            with self._lock:
                self._waiting -= 1
            ended()

        self._daemon.look(node, over)

    def _node(self, target: str, name: str, module: Module, kept: Kept) -> Node:
        """The inventory's node of this name, or a guest that the module allows."""
        try:
            node_name(target)
        except ValueError as error:
            raise ProbeError(Refusal.MALFORMED, f"target: {error}; a port is a module's to set") from error
        guest = canonical(target)  # else each spelling were a guest of its own, and a login
        if report := self._state.report(target) or self._state.report(guest):
            return report.node
        if not is_allowed(guest, module.targets):
            whose = "" if kept.shard.is_whole else f" of shard {kept.shard.index} of {kept.shard.total}"
            others = "is none of its targets" if module.targets else "has no others"
            text = f"{target} is no node of the inventory{whose}, and module {name!r} {others}"
            raise ProbeError(Refusal.FORBIDDEN, text)
        try:
            node = kept.guests.node(guest, name, module, f"target {target}")
        except ConfigurationError as error:
            raise ProbeError(Refusal.FORBIDDEN, str(error)) from error
        self._state.invite(node)
        return node

    def _is_answer(self, report: NodeReport, module: Module, kept: Kept) -> bool:
        """Whether a visit so soon after the last one is more than a node is to be asked for."""
        last, now, pace = report.last_visit, self._clock(), kept.config.pace
        if last is None or (report.may_be_mended_by_reload and last < self._keeper.adopted):
            return False
        pause = schedule.LONG_BACK_OFF if report.is_refused else pace.min_interval / 2
        if module.visit is ProbeVisit.DUE:
            pause = max(pause, schedule.due(report, pace) - last)
        return 0 <= now - last < pause

    def _known(self, name: str, target: str, kept: Kept) -> FleetSnapshot:
        report = self._state.report(name)
        found = () if report is None else (replace(report, node=replace(report.node, name=target)),)
        return FleetSnapshot(found, kept.catalogue.labels, kept.config.pace)


def _module(name: str, kept: Kept) -> Module:
    """Raises ProbeError where there is none of this name."""
    known = {DEFAULT_MODULE: Module(), **kept.config.modules}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ProbeError(Refusal.MALFORMED, f"no module {name!r} is configured{hint}")
    return known[name]
