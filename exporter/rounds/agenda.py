"""Who is due when. Nothing here costs more as the fleet grows than a heap does: no scan, no entry that stays for good.

A node that is put off leaves its earlier entry in the heap, where it is skipped once it comes up. When such entries are
more than those that count, the heap is made anew: it is never longer than twice the nodes and a little.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator

SLACK = 64  # outdated entries that are not worth the work


class Agenda:
    """The due moment of each node, by name; any clock, in seconds. Of one thread: it has no lock."""

    def __init__(self, due: Iterable[tuple[str, float]] = ()) -> None:
        self._due = dict(due)
        self._heap = [(moment, name) for name, moment in self._due.items()]
        heapq.heapify(self._heap)

    def __len__(self) -> int:
        return len(self._due)

    def __contains__(self, name: str) -> bool:
        return name in self._due

    def __iter__(self) -> Iterator[tuple[str, float]]:
        """Every node and its moment, in no order."""
        return iter(self._due.items())

    @property
    def length(self) -> int:
        """How long the heap is, with the entries that count no more."""
        return len(self._heap)

    def due(self, name: str) -> float | None:
        """When a node is due; None where it is not on the agenda."""
        return self._due.get(name)

    def put(self, name: str, due: float) -> None:
        """Have a node due at this moment, and at no other."""
        if self._due.get(name) == due:
            return
        self._due[name] = due
        heapq.heappush(self._heap, (due, name))
        if len(self._heap) > 2 * len(self._due) + SLACK:
            self._heap = [(moment, one) for one, moment in self._due.items()]
            heapq.heapify(self._heap)

    def bring_forward(self, name: str, due: float) -> None:
        """Have a node that is on the agenda due no later than this."""
        if name in self._due:
            self.put(name, min(due, self._due[name]))

    def drop(self, name: str) -> None:
        """Have a node due at no moment."""
        self._due.pop(name, None)

    def nearest(self) -> float | None:
        """When the first node is due; None where none is."""
        while self._heap:
            moment, name = self._heap[0]
            if self._due.get(name) == moment:
                return moment
            heapq.heappop(self._heap)
        return None

    def take(self, now: float) -> str | None:
        """The node that has been due the longest, which leaves the agenda; None where nobody is due."""
        nearest = self.nearest()
        if nearest is None or nearest > now:
            return None
        _, name = heapq.heappop(self._heap)
        del self._due[name]
        return name
