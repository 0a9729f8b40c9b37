"""A bounded number of threads that visit what is due."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from exporter.rounds.lanes import Job, Lanes, Way

log = logging.getLogger(__name__)


class Pool:
    """Workers that call ``work`` with the name of a node. One thread resizes and fills it."""

    def __init__(self, work: Callable[[str], None]) -> None:
        self._work = work
        self._lanes = Lanes()
        self._changed = threading.Condition()  # guards the lanes
        self._workers: dict[int, threading.Thread] = {}
        self._wanted = 0
        self._ended = False
        self._missing = 0

    @property
    def waiting(self) -> int:
        """Visits that are due and wait: for a free worker, for a place, for their turn to log in."""
        with self._changed:
            return len(self._lanes)

    def put(self, not_after: float, name: str, way: Way) -> None:
        with self._changed:
            self._lanes.put(not_after, name, way)
            self._changed.notify()

    def resize(self, wanted: int, logins_per_second: float) -> None:
        """So many workers and logins from now on; workers too many leave after the visit that they are at."""
        if self._ended:
            return
        with self._changed:
            self._wanted = wanted
            self._lanes.limit(logins_per_second, time.monotonic())
            self._changed.notify_all()
        self.mend()

    def mend(self) -> None:
        """Start the workers that are missing."""
        for number in range(self._wanted):
            worker = self._workers.get(number)
            if self._ended:
                return
            if worker is not None and worker.is_alive():
                continue
            worker = threading.Thread(target=self._run, args=(number,), name=f"visit-{number}", daemon=True)
            try:
                worker.start()
            except RuntimeError as error:  # the process may have no more threads
                if self._missing != number:
                    fields = {"workers": number, "error": str(error)}
                    log.error("fewer workers than configured", extra=fields)  # noqa: TRY400 - told in words
                self._missing = number
                return
            self._workers[number] = worker

    def interrupt(self) -> None:
        """No worker begins another visit, now or later."""
        with self._changed:
            self._ended, self._wanted = True, 0
            self._changed.notify_all()

    def join(self, deadline: float) -> list[str]:
        """The names of the workers that have not ended by then (monotonic clock)."""
        workers = tuple(self._workers.values())
        for worker in workers:
            worker.join(max(0.0, deadline - time.monotonic()))
        return [worker.name for worker in workers if worker.is_alive()]

    def _run(self, number: int) -> None:
        while job := self._next(number):
            try:
                self._work(job.name)
            finally:
                with self._changed:
                    self._lanes.ended(job)
                    self._changed.notify()

    def _next(self, number: int) -> Job | None:
        """Wait for a visit that may begin; None where this worker is not wanted any more."""
        with self._changed:
            while number < self._wanted:
                now = time.monotonic()
                job = self._lanes.take(now)
                if job:
                    self._changed.notify()  # another may be ready, too
                    return job
                self._changed.wait(self._lanes.wait(now))
        return None
