"""Visits of which nothing is expected, one interval apart: known without being made, so that a year takes seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass

from exporter.model.report import NodeReport


@dataclass(frozen=True, slots=True)
class Run:
    """``number`` visits of one node, due at ``first`` and every ``interval`` seconds (a whole number) from then on.

    ``before`` is what is known of the node before the first of them.
    """

    name: str
    before: NodeReport
    first: float
    interval: int
    number: int

    @property
    def last(self) -> float:
        return self.first + (self.number - 1) * self.interval

    def number_before(self, moment: float) -> int:
        """How many of its visits are due before this moment."""
        return min(self.number, max(0, math.ceil((moment - self.first) / self.interval)))


class Runs:
    """The runs of a fleet, one a node at most, by the second of their interval in which their visits are due."""

    def __init__(self) -> None:
        self._by_name: dict[str, Run] = {}
        self._slots: dict[int, dict[int, dict[str, Run]]] = {}

    def add(self, run: Run) -> int:
        """How many share its second."""
        sharing = self._slots.setdefault(run.interval, {}).setdefault(int(run.first % run.interval), {})
        self._by_name[run.name] = sharing[run.name] = run
        return len(sharing)

    def pop(self, name: str) -> Run | None:
        """Ends the run of a node."""
        run = self._by_name.pop(name, None)
        if run:
            del self._slots[run.interval][int(run.first % run.interval)][name]
        return run

    def due_in(self, second: int) -> list[tuple[float, str]]:
        """The visits that are due in this second (epoch), each with its moment, the latest first."""
        due = []
        for interval, slots in self._slots.items():
            for run in slots.get(second % interval, {}).values():
                moment = second + run.first % 1.0
                if run.first - 0.5 <= moment <= run.last + 0.5:
                    due.append((moment, run.name))
        return sorted(due, reverse=True)
