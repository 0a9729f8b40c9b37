"""Due visits, the nearest notAfter first, within what each way to the nodes takes at once.

A bastion has a lane of its own, with its cap of channels and of logins a second; so one that is slow or full delays no
node behind another. All logins together have a limit besides. ``now`` is on the monotonic clock, in seconds.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from exporter.config.settings import TransportKind
from exporter.model.node import Hop, Node
from exporter.rounds.brake import ANSWERS_WITHIN

Way = Hop | TransportKind


def way_of(node: Node) -> Way:
    """The lane that a node's visits queue in: its bastion's, or that of its transport."""
    return node.bastion or node.transport


@dataclass(order=True, frozen=True, slots=True)
class Job:
    """A due visit."""

    not_after: float
    number: int
    name: str = field(compare=False)
    way: Way = field(compare=False)


class Pacer:
    """Events at least ``1 / per_second`` apart."""

    def __init__(self, per_second: float = math.inf) -> None:
        self.per_second = per_second
        self.ready_at = -math.inf

    def take(self, now: float) -> None:
        self.ready_at = max(self.ready_at, now) + 1 / self.per_second


class _Lane:
    """The due visits of one way."""

    def __init__(self, places: float, per_second: float, *, shared: Pacer | None) -> None:
        self.jobs: list[Job] = []
        self.under_way = 0
        self.logs_in = shared is not None
        self._places = places
        self._pacers = [Pacer(per_second), *([shared] if shared else [])]

    def ready_at(self) -> float:
        """When its first visit may begin; infinite while it has none, or no place for it."""
        if not self.jobs or self.under_way >= self._places:
            return math.inf
        return max(pacer.ready_at for pacer in self._pacers)

    def take(self, now: float) -> Job:
        for pacer in self._pacers:
            pacer.take(now)
        self.under_way += 1
        return heapq.heappop(self.jobs)


class Lanes:
    """Every lane. Not shared between threads by itself: the pool has the lock."""

    def __init__(self) -> None:
        self._all_logins = Pacer()
        self._lanes: dict[Way, _Lane] = {}
        self._numbers = itertools.count()
        self._logins: dict[int, float] = {}  # under way and not known to hang, by number, the oldest first: since when

    def __len__(self) -> int:
        return sum(len(lane.jobs) for lane in self._lanes.values())

    def limit(self, logins_per_second: float, now: float) -> None:
        """So many logins a second from now on, by whatever way."""
        self._all_logins.per_second = logins_per_second
        self._all_logins.ready_at = min(self._all_logins.ready_at, now + 1 / logins_per_second)

    def put(self, not_after: float, name: str, way: Way) -> None:
        self._enter(Job(not_after, next(self._numbers), name, way))

    def hasten(self, name: str, not_after: float) -> None:
        """Have a node's visit be so urgent, where it waits."""
        for lane in self._lanes.values():
            for place, job in enumerate(lane.jobs):
                if job.name == name and job.not_after > not_after:
                    lane.jobs[place] = replace(job, not_after=not_after)
                    heapq.heapify(lane.jobs)
                    return

    def sort_anew(self, way: Callable[[str], Way | None]) -> tuple[str, ...]:
        """Have all that waits queue where it belongs by now; whoever belongs nowhere is dropped, and told."""
        waiting = [job for lane in self._lanes.values() for job in lane.jobs]
        for lane in self._lanes.values():
            lane.jobs.clear()
        dropped: list[str] = []
        for job in waiting:
            belongs = way(job.name)
            if belongs is None:
                dropped.append(job.name)
            else:
                self._enter(replace(job, way=belongs))
        self._lanes = {way: lane for way, lane in self._lanes.items() if lane.jobs or lane.under_way}
        return tuple(dropped)

    def take(self, now: float, logins: float = math.inf) -> Job | None:
        """The most urgent visit that may begin now, where at most so many logins may be under way at once."""
        ready = [lane for lane in self._open(now, logins) if lane.ready_at() <= now]
        if not ready:
            return None
        lane = min(ready, key=lambda lane: lane.jobs[0])
        job = lane.take(now)
        if lane.logs_in:
            self._logins[job.number] = now
        return job

    def wait(self, now: float, logins: float = math.inf) -> float | None:
        """Seconds until a visit may begin; None: not before one ends or another comes."""
        nearest = min((lane.ready_at() for lane in self._open(now, logins)), default=math.inf)
        if self._logins and len(self._logins) >= logins:
            nearest = min(nearest, next(iter(self._logins.values())) + ANSWERS_WITHIN)
        return None if nearest == math.inf else max(0.0, nearest - now)

    def ended(self, job: Job) -> None:
        """A visit that was taken is over."""
        lane = self._lanes[job.way]
        lane.under_way -= 1
        self._logins.pop(job.number, None)
        if not lane.under_way and not lane.jobs:
            del self._lanes[job.way]

    def _open(self, now: float, logins: float) -> list[_Lane]:
        """The lanes that one login more, where they need one, does not bring above the limit."""
        while self._logins and next(iter(self._logins.values())) + ANSWERS_WITHIN <= now:
            del self._logins[next(iter(self._logins))]
        return [lane for lane in self._lanes.values() if not lane.logs_in or len(self._logins) < logins]

    def _enter(self, job: Job) -> None:
        if job.way not in self._lanes:
            self._lanes[job.way] = self._lane(job.way)
        heapq.heappush(self._lanes[job.way].jobs, job)

    def _lane(self, way: Way) -> _Lane:
        if isinstance(way, Hop):
            return _Lane(way.channels, way.logins_per_second, shared=self._all_logins)
        return _Lane(math.inf, math.inf, shared=self._all_logins if way is TransportKind.SSH else None)
