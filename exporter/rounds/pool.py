"""A bounded number of threads that visit what is due, the nearest notAfter first."""

from __future__ import annotations

import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

log = logging.getLogger(__name__)


@dataclass(order=True, frozen=True, slots=True)
class _Job:
    """A due visit. Without a name it only makes a worker look up."""

    not_after: float
    number: int
    name: str = field(default="", compare=False)


class Pool:
    """Workers that call ``work`` with the name of a node. One thread resizes and fills it."""

    def __init__(self, work: Callable[[str], None]) -> None:
        self._work = work
        self._jobs: queue.PriorityQueue[_Job] = queue.PriorityQueue()
        self._numbers = itertools.count()
        self._workers: dict[int, threading.Thread] = {}
        self._wanted = 0
        self._ended = False
        self._missing = 0

    @property
    def waiting(self) -> int:
        """Visits that are due and wait for a free worker."""
        return self._jobs.qsize()

    def put(self, not_after: float, name: str) -> None:
        self._jobs.put(_Job(not_after, next(self._numbers), name))

    def resize(self, wanted: int) -> None:
        """So many workers from now on; those too many leave after the visit that they are at."""
        if self._ended:
            return
        fewer, self._wanted = wanted < self._wanted, wanted
        self.mend()
        if fewer:
            self._nudge()

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
        self._ended, self._wanted = True, 0
        self._nudge()

    def join(self, deadline: float) -> list[str]:
        """The names of the workers that have not ended by then (monotonic clock)."""
        workers = tuple(self._workers.values())
        for worker in workers:
            worker.join(max(0.0, deadline - time.monotonic()))
        return [worker.name for worker in workers if worker.is_alive()]

    def _nudge(self) -> None:
        for _ in tuple(self._workers):
            self.put(float("-inf"), "")

    def _run(self, number: int) -> None:
        while number < self._wanted:
            job = self._jobs.get()
            if number >= self._wanted:
                self._jobs.put(job)  # for one that stays
                return
            if job.name:
                self._work(job.name)
