"""The event loop: one thread for every socket and every visit, which is there while there is something to do.

A visit is a coroutine. It waits by :meth:`Task.pause`, until something that it is told about has changed, and looks for
itself whether that is what it waits for: to be woken for nothing costs nothing but the look.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import logging
import math
import selectors
import socket
import threading
import time
import types
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import Protocol, TypeVar

log = logging.getLogger(__name__)

Call = Callable[[], None]
T = TypeVar("T")


class Flushed(Protocol):
    """What gathers what it sends until the turn is over."""

    def flush(self) -> None: ...


class Loop:
    """:meth:`soon` and :meth:`start` may come from any thread; all else belongs to the loop's own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: deque[Call] = deque()
        self._thread: threading.Thread | None = None
        self._alarm: socket.socket | None = None  # wakes the thread
        self._is_alarmed = False
        self._selector: selectors.BaseSelector | None = None
        self._tasks: set[Task] = set()
        self._ready: deque[Task] = deque()
        self._unflushed: list[Flushed] = []
        self._timers: list[tuple[float, int, Task]] = []
        self._number = itertools.count()

    def soon(self, call: Call) -> None:
        """Have something called in the loop's next turn.

        Raises RuntimeError or OSError where there is no loop yet, and the process may have no more threads or files.
        """
        with self._lock:
            if self._thread is None:
                self._begin()
            self._calls.append(call)
            if self._alarm and not self._is_alarmed:
                self._is_alarmed = True
                self._alarm.send(b"\0")

    @property
    def is_running(self) -> bool:
        """Whether there is something to do."""
        return self._thread is not None

    def start(self, body: Callable[[Task], Coroutine[None, None, None]]) -> None:
        """Run a coroutine, which must not raise; it gets the task that it waits by."""

        def begin() -> None:
            task = Task(self, body)
            self._tasks.add(task)
            self.wake(task)

        self.soon(begin)

    def wake(self, task: Task) -> None:
        """Let it go on in this turn, or in the next."""
        if not task.is_ready and task in self._tasks:
            task.is_ready = True
            self._ready.append(task)

    def time(self, task: Task, until: float) -> None:
        """Wake it at ``until`` (monotonic clock), too. One timer stands for a task, and moves when it is over."""
        task.until = until
        if until < task.timer:
            task.timer = until
            heapq.heappush(self._timers, (until, next(self._number), task))

    def watch(self, watched: socket.socket, events: int, call: Callable[[int], None]) -> None:
        """Have ``call`` called with the events for which the socket is ready; 0 for none any more."""
        if self._selector is None:
            raise RuntimeError("not in the loop")
        if watched in self._selector.get_map():
            if events:
                self._selector.modify(watched, events, call)
            else:
                self._selector.unregister(watched)
        elif events:
            self._selector.register(watched, events, call)

    def flush_later(self, one: Flushed) -> None:
        """At the end of this turn."""
        self._unflushed.append(one)

    def _begin(self) -> None:
        """Begin the thread; it waits for the lock, which is held."""
        with contextlib.ExitStack() as stack:
            ours, theirs = map(stack.enter_context, socket.socketpair())
            selector = stack.enter_context(selectors.DefaultSelector())
            selector.register(ours, selectors.EVENT_READ, lambda _: self._quieten(ours))
            thread = threading.Thread(target=self._run, args=(ours, theirs, selector), name="ssh-loop", daemon=True)
            thread.start()
            stack.pop_all()  # they are the thread's now
        self._thread, self._alarm, self._selector = thread, theirs, selector

    def _run(self, ours: socket.socket, theirs: socket.socket, selector: selectors.BaseSelector) -> None:
        with ours, theirs, selector:
            while self._go_on():
                self._turn()
                for key, events in selector.select(self._patience()):
                    _safely(key.data, events)
                self._ring()

    def _go_on(self) -> bool:
        """Whether there is still something to do; if not, the next call gets a thread of its own."""
        with self._lock:
            if self._tasks or self._calls:
                return True
            self._thread = self._alarm = None
            self._is_alarmed = False
            self._timers.clear()
            return False

    def _turn(self) -> None:
        while self._calls:
            _safely(self._calls.popleft())
        while self._ready:
            task = self._ready.popleft()
            task.is_ready = False
            if task in self._tasks and not task.go_on():  # it may have woken itself with its last breath
                self._tasks.discard(task)
        unflushed, self._unflushed = self._unflushed, []
        for one in unflushed:
            _safely(one.flush)

    def _patience(self) -> float | None:
        if self._calls or self._ready or self._unflushed or not self._tasks:
            return 0.0
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None

    def _ring(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            _, _, task = heapq.heappop(self._timers)
            task.timer = math.inf
            if task not in self._tasks:
                continue
            if task.until <= now:
                self.wake(task)
            else:
                self.time(task, task.until)

    def _quieten(self, ours: socket.socket) -> None:
        with self._lock:
            self._is_alarmed = False
            ours.recv(64)


class Task:
    """One coroutine in the loop."""

    def __init__(self, loop: Loop, body: Callable[[Task], Coroutine[None, None, None]]) -> None:
        self.loop = loop
        self.is_ready = False
        self.until = self.timer = math.inf
        self._coroutine = body(self)

    def wake(self) -> None:
        """Something has changed that it may be waiting for."""
        self.loop.wake(self)

    async def pause(self, until: float) -> None:
        """Wait to be woken. Raises TimeoutError once ``until`` (monotonic clock) is over."""
        if time.monotonic() >= until:
            raise TimeoutError
        self.loop.time(self, until)
        await _switch()

    async def aside(self, work: Callable[[], T], until: Callable[[], float]) -> T:
        """What ``work`` returns or raises; it may block, and so has a thread. Raises TimeoutError as :meth:`pause`."""
        outcome: list[T | BaseException] = []

        def run() -> None:
            try:
                outcome.append(work())
            except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
                outcome.append(error)
            self.loop.soon(self.wake)

        threading.Thread(target=run, name="ssh-aside", daemon=True).start()
        while not outcome:
            await self.pause(until())
        if isinstance(outcome[0], BaseException):
            raise outcome[0]
        return outcome[0]

    def go_on(self) -> bool:
        """Until it waits again; False once it is over."""
        try:
            self._coroutine.send(None)
        except StopIteration:
            return False
        except Exception:
            log.exception("the loop's task failed")
            return False
        return True


@types.coroutine
def _switch() -> Generator[None, None, None]:
    yield


def _safely(call: Callable[..., None], *arguments: object) -> None:
    """One that fails must not end the loop, and with it every other visit."""
    try:
        call(*arguments)
    except Exception:
        log.exception("the loop's call failed")
