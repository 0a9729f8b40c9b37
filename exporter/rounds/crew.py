"""Threads for the visits that block: as many as there is use for."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

log = logging.getLogger(__name__)

Work = Callable[[], None]

IDLE = 30.0  # seconds without work, after which a thread leaves


class Crew:
    """Who works is either at it or waits for more; a thread is begun only where nobody waits. Safe between threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()  # guards all of it
        self._works: deque[Work] = deque()
        self._threads: dict[int, threading.Thread] = {}
        self._idle = 0
        self._ended = False
        self._is_short = False

    @property
    def waiting(self) -> int:
        """Works that nobody has taken up yet."""
        with self._changed:
            return len(self._works)

    def hand_over(self, work: Work) -> None:
        """Have ``work`` called in a thread."""
        with self._changed:
            self._works.append(work)
            self._changed.notify()
            self._mend()

    def mend(self) -> None:
        """Begin the threads that could not be begun before."""
        with self._changed:
            self._mend()

    def interrupt(self) -> None:
        """Nobody takes up another work, now or later."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def join(self, deadline: float) -> list[str]:
        """The names of the threads that have not ended by then (monotonic clock)."""
        with self._changed:
            threads = tuple(self._threads.values())
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return [thread.name for thread in threads if thread.is_alive()]

    def _mend(self) -> None:
        while len(self._works) > self._idle and not self._ended:
            self._threads = {number: thread for number, thread in self._threads.items() if thread.is_alive()}
            number = next(number for number in range(len(self._threads) + 1) if number not in self._threads)
            thread = threading.Thread(target=self._run, name=f"visit-{number}", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # the process may have no more threads
                if not self._is_short:
                    fields = {"workers": len(self._threads), "error": str(error)}
                    log.error("fewer workers than there is work for", extra=fields)  # noqa: TRY400 - told in words
                self._is_short = True
                return
            self._threads[number] = thread
            self._idle += 1
            self._is_short = False

    def _run(self) -> None:
        while work := self._next():
            try:
                work()
            except Exception:
                log.exception("a visit ended in a way nobody foresaw")
            with self._changed:
                self._idle += 1

    def _next(self) -> Work | None:
        """Wait for a work; None where there is none for so long, or will be none."""
        with self._changed:
            self._changed.wait_for(lambda: self._works or self._ended, IDLE)
            self._idle -= 1
            return self._works.popleft() if self._works and not self._ended else None
