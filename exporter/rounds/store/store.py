"""The store of one exporter: a thread that writes what visits bring, and gives it back after a restart.

Nobody waits for it but the inventory, which asks what was known of a node that is new. A disk that is full, a folder
that cannot be written and a broken file cost what would be kept, and nothing else.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from exporter.errors import ConfigurationError, Mistake
from exporter.model.node import Node
from exporter.model.report import NodeReport
from exporter.rounds.store.batch import Batch
from exporter.rounds.store.database import is_broken, open_to_write, set_aside
from exporter.rounds.store.late import has_no_reading
from exporter.rounds.store.lock import Lock
from exporter.rounds.store.recall import recall, recall_unwritten
from exporter.rounds.store.refusals import HeldError, RefusalError
from exporter.rounds.store.tables import Tables
from exporter.rounds.store.trouble import Trouble

log = logging.getLogger(__name__)

EVERY = 1.0  # seconds between two transactions
MANY = 5_000  # visits that are not kept waiting for that
MOST_WAITING = 50_000  # visits; of more, the reports are taken from the fleet's state later
RETRIES_AFTER = 10.0  # seconds
TIDIES_EVERY = 60.0
_RECALL_PATIENCE = 60.0
_POLL = 0.2

Clock = Callable[[], float]
Reports = Mapping[str, NodeReport]  # by the node's name
_NOTHING: Reports = {}


@dataclass(frozen=True, slots=True)
class _Inventory:
    """The nodes as they are now, and those of them of which something may be known; the answer is what is."""

    nodes: Sequence[Node]
    unknown: Sequence[Node]
    answer: queue.SimpleQueue[Reports]


class Store:
    """Use :meth:`start`, any number of :meth:`settle` and :meth:`told`, :meth:`stop`."""

    def __init__(
        self,
        path: str,
        reports: Callable[[], Iterable[NodeReport]],
        restore: Callable[[Reports], None],
        up: Callable[[bool], None],
        clocks: tuple[Clock, Clock] = (time.time, time.monotonic),
        is_whole: Callable[[], bool] = lambda: True,
    ) -> None:
        """``reports`` are the fleet's as they are now; ``restore`` is given the past of nodes that began without it,
        once it can be read; ``up`` hears whether reports are kept. ``clocks`` are the epoch's and a monotonic one.

        ``is_whole`` says whether every source of the inventory counts. Until it once does, nobody has left: a file that
        was broken from the start has nodes of whom nothing is known but their past.

        Raises ConfigurationError where another exporter has the file.
        """
        self._path = path
        self._reports = reports
        self._restore = restore
        self._clock, self._steady = clocks
        self._trouble = Trouble(path, up)
        self._lock: Lock | None = None
        self._tables: Tables | None = None
        self._batch = Batch()
        self._visits: deque[tuple[NodeReport, NodeReport]] = deque()
        self._inventories: queue.SimpleQueue[_Inventory] = queue.SimpleQueue()
        self._nodes: Sequence[Node] = ()
        self._names: frozenset[str] = frozenset()
        self._unrecalled: set[str] = set()  # names of nodes that the state may have without the past that is kept
        self._unanswered: deque[Sequence[Node]] = deque()
        self._is_behind = False  # the file lacks reports that the fleet's state has
        self._is_broken = False
        self._has_told = False
        self._is_whole = is_whole
        self._was_whole = False
        self._retry_at = self._tidy_at = 0.0  # on the monotonic clock
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, name="store", daemon=True)
        try:
            self._lock = Lock(path)
        except HeldError as error:
            raise ConfigurationError(Mistake(path, f"{error}; let `store` name another file")) from error
        except OSError:
            log.debug("no lock yet", extra={"file": path})  # the thread tries again, and tells

    def start(self) -> None:
        self.thread.start()

    def told(self, before: NodeReport, after: NodeReport) -> None:
        """A visit was recorded. Returns at once, whatever the disk does."""
        if len(self._visits) >= MOST_WAITING:
            self._is_behind = True
            return
        self._visits.append((before, after))
        if len(self._visits) == MANY:
            self._wake.set()

    def settle(self, nodes: Sequence[Node], unknown: Sequence[Node]) -> Reports:
        """The inventory as it is now; what was known of its ``unknown`` nodes."""
        answer: queue.SimpleQueue[Reports] = queue.SimpleQueue()
        self._inventories.put(_Inventory(nodes, unknown, answer))
        self._wake.set()
        deadline = time.monotonic() + _RECALL_PATIENCE
        while not self._stopping.is_set() and time.monotonic() < deadline:
            try:
                return answer.get(timeout=_POLL)
            except queue.Empty:
                continue
        self._unanswered.append(unknown)
        log.error("the store gives no answer: new nodes begin without a past", extra={"file": self._path})
        return {}

    def stop(self, within: float) -> bool:
        """Write what waits, and close; True once that is done."""
        self._stopping.set()
        self._wake.set()
        self.thread.join(within)
        return not self.thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait(EVERY)
            self._wake.clear()
            self._turn()
        self._turn()
        if self._tables:
            self._tables.close()
        if self._lock:
            self._lock.release()

    def _turn(self) -> None:
        """Whatever goes wrong, the writer goes on, and the inventory gets its answer."""
        inventory, past = self._asked(), None
        try:
            is_behind = self._gather()
            tables = self._opened()
            if tables:
                if inventory:
                    past = recall(tables, inventory.unknown)
                is_behind |= self._recall_late(tables)
                if self._batch:
                    tables.write(self._batch)
                    self._batch = Batch()
                if is_behind:
                    self._catch_up(tables)
                if inventory:
                    self._was_whole = self._was_whole or self._is_whole()
                    self._note(tables, inventory.nodes)
                    self._tell_start(past or {})
                self._tidy(tables)
                self._trouble.is_over()
        except (sqlite3.Error, OSError, RefusalError) as error:
            self._give_up(error)
            self._trouble.is_told(error)
        except Exception as error:  # noqa: BLE001 - the last wall, told whole
            self._batch = Batch()  # it may be what it stumbles over
            self._give_up(error)
            self._trouble.is_unforeseen(error)
        finally:
            if inventory:
                self._answer(inventory, past)

    def _answer(self, inventory: _Inventory, past: Reports | None) -> None:
        """With what can be read, where nothing can be written. What cannot be read either is recalled later."""
        try:
            if past is None:
                past = recall_unwritten(self._path, inventory.unknown)
            self._nodes, self._names = inventory.nodes, frozenset(node.name for node in inventory.nodes)
            self._unrecalled &= self._names
            if past is None:
                self._unrecalled |= {node.name for node in inventory.unknown}
        finally:
            inventory.answer.put(past or _NOTHING)
            self._wake.set()  # there may be another

    def _recall_late(self, tables: Tables) -> bool:
        """Give the state what it could not have when it asked; whether that was something."""
        while self._unanswered:
            self._unrecalled |= {node.name for node in self._unanswered.popleft()}
        if not self._unrecalled:
            return False
        waiting = [report for report in self._reports() if report.node.name in self._unrecalled]
        past = recall(tables, [report.node for report in waiting if has_no_reading(report)])
        if past:
            self._restore(past)
        self._unrecalled -= {report.node.name for report in waiting}
        return bool(past)

    def _tell_start(self, past: Reports) -> None:
        """Once: which file it is, and what the first inventory got of it."""
        if not self._has_told:
            self._has_told = True
            log.info("store opened", extra={"file": self._path, "restored": len(past)})

    def _asked(self) -> _Inventory | None:
        try:
            return self._inventories.get_nowait()
        except queue.Empty:
            return None

    def _gather(self) -> bool:
        """What visits brought, compared with what is stored; without a file nothing is. Guests are not kept.

        True where the state has more. Of visits that do not fit from now on, others may wait that are older: those
        are written first, in the next turn.
        """
        is_behind, self._is_behind = self._is_behind, False
        known = self._tables.known if self._tables else {}
        for _ in range(len(self._visits)):
            before, after = self._visits.popleft()
            if after.node.name in self._names:
                self._batch.add(before, after, known.get(after.node.name))
        if self._tables is None:
            self._batch.reports.clear()
        return is_behind or self._tables is None

    def _opened(self) -> Tables | None:
        """The tables, opened where they are not; None while it is too early to try again."""
        if self._tables is None and time.monotonic() >= self._retry_at:
            self._lock = self._lock or Lock(self._path)
            if self._is_broken:
                self._trouble.is_set_aside(set_aside(self._path, self._clock()))
                self._is_broken = False
            self._tables = Tables(open_to_write(self._path))
            if self._nodes:
                self._note(self._tables, self._nodes)
        return self._tables

    def _catch_up(self, tables: Tables) -> None:
        """All that the state has, over what is older."""
        reports = iter([report for report in self._reports() if report.last_visit is not None])
        while some := list(islice(reports, MANY)):
            batch = Batch()
            batch.reports = {report.node.name: (report, True) for report in some}
            tables.write(batch)

    def _note(self, tables: Tables, nodes: Sequence[Node]) -> None:
        tables.note_inventory(nodes, self._clock(), self._steady(), is_whole=self._was_whole)

    def _tidy(self, tables: Tables) -> None:
        if time.monotonic() >= self._tidy_at:
            self._tidy_at = time.monotonic() + TIDIES_EVERY
            tables.tidy(self._clock(), self._steady(), is_whole=self._was_whole)

    def _give_up(self, error: Exception) -> None:
        """For now: of what is in the file nothing is known any more."""
        if self._tables:
            self._tables.close()
        self._tables = None
        self._is_broken = is_broken(error)
        self._retry_at = time.monotonic() + (0.0 if self._is_broken else RETRIES_AFTER)
