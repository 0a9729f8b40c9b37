"""What a node costs as the fleet grows: CPU of a visit without its transport, memory, and the scrape of them all.

Each size in a process of its own (``python -m bench.growth NODES``). Every node gives the same recorded answer, which
is read, judged and recorded as any other; what comes of it is in memory once a node.
"""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from bench.cost import memory
from bench.measure import Row
from bench.plot import Plot, Points
from exporter.collect.answer import answer
from exporter.config.settings import Pace, Paths, TransportKind
from exporter.model.facts import NodeFacts
from exporter.model.host import Flags
from exporter.model.node import Node, SshAccess
from exporter.model.report import NodeReport
from exporter.model.snapshot import FleetSnapshot
from exporter.rounds.state import FleetState
from exporter.rounds.visit import visit
from exporter.serve.compression import Coding
from exporter.serve.exposition import Format
from exporter.serve.kept import KeptExposition
from tests.nodes import NodeTree
from tests.trees import NOW

SIZES = (100, 1_000, 10_000, 100_000)
REACH = 1.05  # the power of the number of nodes by which all of it grows; 1 is linear
SCRAPES = 5
CHANGED = 100  # every so-many-th node, from a scrape to the next
VISIT, MEMORY = "visit", "memory"
NOTHING, SOME, ALL = "nothing changed", "1 % changed", "all changed"


def rows(*, small: bool = False) -> list[Row]:
    """Cost a node at each size, and the power by which the whole grows."""
    found = {nodes: _measured(nodes) for nodes in (SIZES[:2] if small else SIZES)}
    visit_ = Plot("growth-visit", "CPU of a visit, without its transport", "ms", (("", _points(found, VISIT)),))
    held = Plot(
        "growth-memory",
        "Memory of a node, what is known and what is kept for scrapes",
        "kB",
        (("", _points(found, MEMORY)),),
    )
    curves = tuple((name, _points(found, name)) for name in (NOTHING, SOME, ALL))
    scrape = Plot("growth-scrape", "CPU of a scrape, compressed", "ms", curves, logarithmic=True)
    return [
        _row("CPU of a visit, without its transport", visit_.curves[0][1], "ms a node", plot=visit_, of_one=True),
        _row("memory of a node, scraped once", held.curves[0][1], "kB a node", plot=held, of_one=True),
        *(_row(f"a scrape, {name}", points, "ms", plot=scrape if name == SOME else None) for name, points in curves),
    ]


def _row(measure: str, points: Points, unit: str, plot: Plot | None, *, of_one: bool = False) -> Row:
    """``of_one``: the points are a node's, not the whole fleet's."""
    told = ", ".join(f"{value:.3g} at {nodes:,.0f}" for nodes, value in points)
    whole = [(nodes, value * nodes if of_one else value) for nodes, value in points]
    return Row(measure, f"{told} {unit}", "the nodes to the power of 1", power(whole), REACH, plot=plot)


def power(points: Sequence[tuple[float, float]]) -> float:
    """The slope of the straight line through the points on logarithmic axes, by least squares."""
    across, up = ([math.log(point[axis]) for point in points] for axis in (0, 1))
    return statistics.linear_regression(across, up).slope


def _points(found: dict[int, dict[str, float]], name: str) -> Points:
    return tuple((nodes, costs[name]) for nodes, costs in found.items())


def _measured(nodes: int) -> dict[str, float]:
    asked = [sys.executable, "-m", "bench.growth", str(nodes)]
    done = subprocess.run(asked, stdout=subprocess.PIPE, text=True, check=True)
    costs: dict[str, float] = json.loads(done.stdout)
    return costs


class Recorded:
    """A transport whose nodes all give one answer."""

    def __init__(self, text: bytes) -> None:
        self._text = text

    def read(self, node: Node, remembered: Flags = ()) -> NodeFacts:
        return answer.parse(self._text, node.paths, NOW, NOW, remembered)


def costs(nodes: int) -> dict[str, float]:
    """Of a fleet of so many: ms a visit, kB a node, ms a scrape."""
    with tempfile.TemporaryDirectory() as folder:
        transports = {TransportKind.SSH: Recorded(NodeTree.worker(Path(folder, "root")).output())}
    state = FleetState()
    before = memory()
    fleet = tuple(_node(number) for number in range(nodes))
    state.settle(fleet, ("cluster",), Pace())

    def visit_all() -> None:
        for node in fleet:
            state.record(visit(node, state.report(node.name) or NodeReport(node), transports, lambda: NOW))

    taken = cpu(visit_all)
    kept = KeptExposition()
    kept.body(state.snapshot(NOW), NOW, Format.TEXT, Coding.GZIP, b"")
    after = memory()
    return {VISIT: taken / nodes * 1e3, MEMORY: (after - before) / nodes / 1e3} | _scrapes(kept, state.snapshot(NOW))


def _scrapes(kept: KeptExposition, snapshot: FleetSnapshot) -> dict[str, float]:
    """ms of CPU of a scrape by what has changed since the one before."""
    taken: dict[str, list[float]] = {NOTHING: [], SOME: [], ALL: []}
    for name, every in ((ALL, 1), (SOME, CHANGED), (NOTHING, 0)):
        for number in range(SCRAPES):
            changed = _changed(snapshot, every) if every else snapshot
            now = NOW + number
            taken[name].append(cpu(lambda: kept.body(changed, now, Format.TEXT, Coding.GZIP, b"")))  # noqa: B023 # called at once
            snapshot = changed
    return {name: statistics.median(values) * 1e3 for name, values in taken.items()}


def _changed(snapshot: FleetSnapshot, every: int) -> FleetSnapshot:
    """Every so-many-th node visited again."""
    reports = list(snapshot.reports)
    for place in range(0, len(reports), every):
        reports[place] = replace(reports[place], duration=(reports[place].duration or 0.0) + 0.001)
    return replace(snapshot, reports=tuple(reports))


def cpu(work: Callable[[], object]) -> float:
    """Seconds of this process."""
    began = time.process_time()
    work()
    return time.process_time() - began


def _node(number: int) -> Node:
    name = f"worker-{number:06}.example.org"
    access = SshAccess(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    return Node(name, access, Paths(), labels=(("cluster", f"cluster-{number % 10:02}"),))


if __name__ == "__main__":
    print(json.dumps(costs(int(sys.argv[1]))))
