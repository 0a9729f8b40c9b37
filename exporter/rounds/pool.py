"""Due visits begin: each when its lane and the brake allow, no more than so many at once.

One thread begins them all. What the engine takes is left to it; what blocks goes to the crew's threads.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial

from exporter.rounds.crew import Crew, Work
from exporter.rounds.lanes import Job, Lanes, Way

log = logging.getLogger(__name__)

# Begins the visit of a node, or gives what a thread is to call for it; calls what it is given once the visit is over.
Begin = Callable[[str, Callable[[], None]], Work | None]


class Pool:
    """The visits under way. One thread resizes and fills it."""

    def __init__(self, begin: Begin, login_room: Callable[[], int]) -> None:
        """``login_room`` tells how many logins may be under way at once."""
        self._begin = begin
        self._login_room = login_room
        self._lanes = Lanes()
        self._under_way: set[Job] = set()
        self._changed = threading.Condition()  # guards the two
        self._crew = Crew()
        self._dispatcher: threading.Thread | None = None
        self._wanted = 0
        self._ended = False

    @property
    def waiting(self) -> int:
        """Visits that are due and wait: for a free place or thread, for their turn to log in."""
        with self._changed:
            waiting = len(self._lanes)
        return waiting + self._crew.waiting

    def put(self, not_after: float, name: str, way: Way) -> None:
        with self._changed:
            self._lanes.put(not_after, name, way)
            self._changed.notify()

    def hasten(self, name: str, not_after: float) -> None:
        """Have a node's visit be so urgent, where it waits for its turn."""
        with self._changed:
            self._lanes.hasten(name, not_after)
            self._changed.notify()

    def sort_anew(self, way: Callable[[str], Way | None]) -> tuple[str, ...]:
        """Have the visits that wait queue where ``way`` has them now; the names of those that it has nowhere."""
        with self._changed:
            dropped = self._lanes.sort_anew(way)
            self._changed.notify()
        return dropped

    def resize(self, wanted: int, logins_per_second: float) -> None:
        """So many visits at once and logins a second from now on; those under way are not ended by it."""
        if self._ended:
            return
        with self._changed:
            self._wanted = wanted
            self._lanes.limit(logins_per_second, time.monotonic())
            self._changed.notify()
        self.mend()

    def mend(self) -> None:
        """Start the threads that are missing."""
        if self._ended:
            return
        if self._dispatcher is None or not self._dispatcher.is_alive():
            dispatcher = threading.Thread(target=self._dispatch, name="dispatch", daemon=True)
            try:
                dispatcher.start()
            except RuntimeError:  # the process may have no more threads
                log.exception("no visit begins for now")
                return
            self._dispatcher = dispatcher
        self._crew.mend()

    def interrupt(self) -> None:
        """No visit begins, now or later."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._crew.interrupt()

    def join(self, deadline: float) -> list[str]:
        """What has not ended by then (monotonic clock): the names of threads, and the engine with visits left."""
        threads = [self._dispatcher] if self._dispatcher else []
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        left = self._crew.join(deadline)
        blocked = len(left) + self._crew.waiting
        with self._changed:
            ended = self._changed.wait_for(
                lambda: len(self._under_way) <= blocked, max(0.0, deadline - time.monotonic())
            )
        return [*left, *(thread.name for thread in threads if thread.is_alive()), *([] if ended else ["engine"])]

    def _dispatch(self) -> None:
        while job := self._next():
            over = partial(self._over, job)
            try:
                work = self._begin(job.name, over)
            except Exception:
                log.exception("a visit could not begin", extra={"node": job.name})
                over()
                continue
            if work:
                self._crew.hand_over(work)

    def _next(self) -> Job | None:
        """Wait for a visit that may begin; None where none will."""
        with self._changed:
            while not self._ended:
                now, free = time.monotonic(), len(self._under_way) < self._wanted
                room = self._login_room() if free else 0
                job = self._lanes.take(now, room) if free else None
                if job:
                    self._under_way.add(job)
                    return job
                self._changed.wait(self._lanes.wait(now, room) if free else None)
        return None

    def _over(self, job: Job) -> None:
        with self._changed:
            if job in self._under_way:
                self._under_way.remove(job)
                self._lanes.ended(job)
                self._changed.notify_all()
