"""What visits brought since the last transaction: each node's last report, every outcome, every rotation."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from exporter.model.node import Node
from exporter.model.report import NodeReport
from exporter.rounds.store.records import SeenRotation, rotations
from exporter.rounds.store.report_rows import is_moved_only

MOST_OUTCOMES = 100_000  # of those that wait for a disk; older ones are dropped
MOST_ROTATIONS = 20_000


@dataclass(frozen=True, slots=True)
class Absent:
    """A node that is in no inventory ``since`` a moment of the monotonic clock.

    ``was_long``: it was already gone for as long as its past is kept when the file was opened, by the wall clock.
    """

    since: float
    was_long: bool = False


@dataclass(slots=True)
class Known:
    """A node's row. ``node``: what it was last written as, None where that is to be written anew.

    ``is_unheard``: it has a client certificate that nobody recalled, which no report without a reading may cost.
    ``gone``: since when the inventory lacks it, by the wall clock; ``absent``: the same, as this process saw it.
    """

    id: int
    visits: int = 0
    node: Node | None = None
    gone: float | None = None
    absent: Absent | None = None
    is_unheard: bool = False

    def is_of(self, node: Node) -> bool:
        """Whether it was written of a node that is read as this one is; a reload makes equal ones."""
        return self.node is node or (self.node is not None and self.node.is_read_as(node))


class Batch:
    """The writer's own: no lock."""

    def __init__(self) -> None:
        self.reports: dict[str, tuple[NodeReport, bool]] = {}  # and whether all of it is to be written
        self.outcomes: deque[tuple[str, float, float, str | None]] = deque(
            maxlen=MOST_OUTCOMES
        )  # name, and an Outcome's fields
        self.rotations: deque[tuple[str, SeenRotation]] = deque(maxlen=MOST_ROTATIONS)

    def __bool__(self) -> bool:
        return bool(self.reports or self.outcomes or self.rotations)

    def add(self, before: NodeReport, after: NodeReport, known: Known | None) -> None:
        """One visit, as the report was before and after it."""
        name = after.node.name
        earlier = self.reports.get(name)
        whole = (
            known is None
            or not known.is_of(after.node)
            or (earlier is not None and earlier[1])
            or not is_moved_only(before, after)
        )
        self.reports[name] = (after, whole)
        self.outcomes.append((name, after.last_visit or 0.0, after.duration or 0.0, after.reason))
        if whole:
            self.rotations.extend((name, rotation) for rotation in rotations(before, after))
