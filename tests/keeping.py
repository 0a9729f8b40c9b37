"""A fleet's state with its store on a real disk, as a daemon has them; and a disk of a few hundred kilobytes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exporter.config.settings import Pace
from exporter.model.node import Node
from exporter.model.report import NodeReport
from exporter.rounds.state import FleetState
from exporter.rounds.store import store as module
from exporter.rounds.store.store import Store
from tests.reports import NOW

PATIENCE = 15.0


class Keeping:
    """State and store together. ``now`` is the exporter's clock, epoch seconds."""

    def __init__(self, path: Path, now: float = NOW) -> None:
        self.now, self.set_by = now, 0.0
        self.is_whole = True  # whether every source of the inventory counts
        self.state = FleetState()
        self.store = Store(
            str(path),
            lambda: self.state.snapshot(self.now).reports,
            self.state.restore,
            self.state.stored,
            (lambda: self.now, lambda: self.now - self.set_by),
            lambda: self.is_whole,
        )
        self.store.start()

    def set_clock(self, by: float) -> None:
        """The wall clock is set, which is no time that passes."""
        self.set_by += by
        self.now += by

    def settle(self, *nodes: Node) -> None:
        """The inventory, as a daemon takes it."""
        unknown = [node for node in nodes if self.state.report(node.name) is None]
        self.state.settle(nodes, (), Pace(), self.store.settle(nodes, unknown))

    def visited(self, *after: NodeReport) -> None:
        """What visits brought, recorded and told."""
        known = {report.node.name: report for report in self.state.snapshot(self.now).reports}
        for report in after:
            before = known[report.node.name]
            known[report.node.name] = report
            self.store.told(before, report)
        # recording makes reports from facts; here they are given, as if restored
        self.state.settle((), (), Pace())
        self.state.settle(tuple(report.node for report in known.values()), (), Pace(), known)

    @property
    def up(self) -> bool | None:
        return self.state.snapshot(self.now).counters.store_up

    @property
    def reports(self) -> tuple[NodeReport, ...]:
        return self.state.snapshot(self.now).reports

    def stop(self) -> None:
        assert self.store.stop(PATIENCE)


@contextlib.contextmanager
def keeping(path: Path, *nodes: Node, now: float = NOW) -> Iterator[Keeping]:
    """Open for a while, over an inventory."""
    kept = Keeping(path, now)
    try:
        kept.settle(*nodes)
        yield kept
    finally:
        kept.stop()


def known(path: Path, *nodes: Node, now: float = NOW) -> tuple[NodeReport, ...]:
    """What a fresh start has of these nodes."""
    with keeping(path, *nodes, now=now) as kept:
        return kept.reports


def wait_for(condition: Callable[[], object]) -> None:
    """Until it holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "never came about"
        time.sleep(0.01)


def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Transactions, retries and tidying at once: a test waits for what they do, not for their turn."""
    for name in ("EVERY", "RETRIES_AFTER", "TIDIES_EVERY"):
        monkeypatch.setattr(module, name, 0.01)
