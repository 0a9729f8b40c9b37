"""One round over many distinct nodes: memory of the process that visits them, failures, threads."""

from __future__ import annotations

from bench.measure import Row
from bench.race import race
from bench.ssh import OURS
from bench.sshds import site

NODES, IN_FLIGHT = 10_000, 128
MEGABYTES = 90  # at the peak
THREADS = 1  # beside the main one


def rows(*, small: bool = False) -> list[Row]:
    """A process of its own with all nodes' accesses and host keys, and the engine."""
    nodes = 300 if small else NODES
    with site(nodes) as where:
        outcome = race(OURS, where, IN_FLIGHT)
    about = f"{nodes:,} nodes, {IN_FLIGHT} in flight"
    took = f"in {outcome.cost.wall:.0f} s, {outcome.cost.cpu / nodes * 1e3:.2f} ms of CPU a visit"
    return [
        Row.limited(f"memory at its peak, {about}", outcome.memory / 1e6, MEGABYTES, "MB", took),
        Row.limited(f"nodes that gave no answer, {about}", nodes - outcome.answered, 0, "nodes"),
        Row.limited(f"threads beside the main one, {about}", outcome.threads - 1, THREADS, "threads"),
    ]
