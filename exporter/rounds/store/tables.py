"""The store's tables as they are written and read. Many rows go into one statement.

Python's sqlite3 lets go of the interpreter's lock for each statement, and has to wait for its turn after it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, fields
from itertools import chain, islice

from exporter.model.assessment import CertificateRole
from exporter.model.node import Node
from exporter.model.report import NodeReport
from exporter.rounds.store.batch import Absent, Batch, Known
from exporter.rounds.store.late import has_no_reading
from exporter.rounds.store.records import KEPT_ROTATIONS, Outcome, SeenRotation
from exporter.rounds.store.report_rows import MOMENTS, PARTS, Stored, moments, texts, way
from exporter.rounds.store.schema import RING, slot

KEPT_WHILE_GONE = 86400.0  # seconds that a node's past is kept once it has left the inventory
MAY_RETURN = 3600.0  # seconds from a start on, of one that had left for longer before it

_SIZES = (256, 64, 16, 4, 1)  # rows a statement
_TEXTS = ("report", *PARTS)
_ROTATION = tuple(field.name for field in fields(SeenRotation))
_OUTCOME = tuple(field.name for field in fields(Outcome))

Row = Sequence[object]
Written = Mapping[str, tuple[NodeReport, bool]]  # as a Batch has them


def known(connection: sqlite3.Connection) -> dict[str, Known]:
    """Every node that has a row, by name."""
    select = "SELECT name, id, visits, gone, client_taken NOTNULL FROM node JOIN moment USING (id)"
    rows = connection.execute(select)
    return {
        name: Known(number, visits, gone=gone, is_unheard=bool(dated)) for name, number, visits, gone, dated in rows
    }


def reports(connection: sqlite3.Connection, names: Sequence[str]) -> Iterator[tuple[str, Stored]]:
    """What is stored of these nodes, by name."""
    select = f"SELECT name, read_as, {', '.join((*_TEXTS, *MOMENTS))} FROM node JOIN moment USING (id)"  # noqa: S608 - constants
    few = len(names) <= _SIZES[0]
    rows = connection.execute(f"{select} WHERE name IN ({_marks(len(names))})" if few else select, names if few else ())
    wanted = frozenset(names)
    end = 2 + len(_TEXTS)
    for row in rows:
        if row[0] in wanted:
            yield row[0], Stored(row[1], row[2:end], row[end:])


def rotations(connection: sqlite3.Connection, name: str) -> tuple[SeenRotation, ...]:
    """Of one node, the oldest first."""
    of_node = "FROM rotation WHERE node = (SELECT id FROM node WHERE name = ?) ORDER BY seen, id"
    rows = connection.execute(f"SELECT {', '.join(_ROTATION)} {of_node}", (name,))
    return tuple(SeenRotation(CertificateRole(cert), bool(managed), *others) for cert, managed, *others in rows)


def outcomes(connection: sqlite3.Connection, name: str) -> tuple[Outcome, ...]:
    """Of one node, the oldest first."""
    found = connection.execute("SELECT id FROM node WHERE name = ?", (name,)).fetchone()
    if found is None:
        return ()
    slots = [slot(found[0], visit) for visit in range(RING)]
    select = f"SELECT {', '.join(_OUTCOME)} FROM outcome WHERE slot IN ({_marks(RING)}) ORDER BY ended"  # noqa: S608 - constants
    rows = connection.execute(select, slots)
    return tuple(Outcome(*row) for row in rows)


class Tables:
    """A connection that writes. Nodes are known to it by name."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.known = known(connection)
        self._next = max((node.id for node in self.known.values()), default=0) + 1
        self._rotated: set[int] = set()

    def close(self) -> None:
        self.connection.close()

    def write(self, batch: Batch) -> None:
        """One transaction; what is in ``batch`` is known afterwards.

        A report without a reading leaves a row with a certificate as it is: its past was not recalled.
        """
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            written = {name: one for name, one in batch.reports.items() if self._may_replace(name, one[0])}
            self._write_reports(written)
            self._write_happenings(batch, written)
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def note_inventory(self, nodes: Iterable[Node], now: float, steady: float, *, is_whole: bool = True) -> None:
        """Since when nodes are gone, and which are back. ``now`` is in epoch seconds, ``steady`` monotonic.

        Of an inventory that is not ``is_whole`` nobody more has left.
        """
        names = {node.name for node in nodes}
        changed: list[Row] = []
        for name, node in self.known.items():
            if name in names and node.gone is not None:
                node.gone, node.absent = None, None
                changed.append((node.gone, node.id))
            elif name not in names and node.gone is None and is_whole:
                node.gone, node.absent = now, Absent(steady)
                changed.append((node.gone, node.id))
            elif node.gone is not None and node.absent is None and is_whole:
                node.absent = Absent(steady, was_long=now - node.gone > KEPT_WHILE_GONE)
        self._many("UPDATE node SET gone = ? WHERE id = ?", changed)

    def tidy(self, now: float, steady: float, *, is_whole: bool = True) -> None:
        """Without nodes that are gone for long, and without the oldest rotations of the others. Clocks as above."""
        old = {name: node.id for name, node in self.known.items() if is_whole and _is_over(node, now, steady)}
        gone = [(number,) for number in old.values()]
        for table in ("node", "moment"):
            self._many(f"DELETE FROM {table} WHERE id = ?", gone)  # noqa: S608 - constants
        self._many("DELETE FROM rotation WHERE node = ?", gone)
        slots = [(slot(number, visit),) for (number,) in gone for visit in range(RING)]
        self._many("DELETE FROM outcome WHERE slot = ?", slots)
        for name in old:
            del self.known[name]
        oldest = "SELECT id FROM rotation WHERE node = ? ORDER BY seen DESC, id DESC LIMIT -1 OFFSET ?"
        rows = [(number, KEPT_ROTATIONS) for number in self._rotated]
        self._many(f"DELETE FROM rotation WHERE id IN ({oldest})", rows)  # noqa: S608 - constants
        self._rotated.clear()

    def _may_replace(self, name: str, report: NodeReport) -> bool:
        node = self.known.get(name)
        return node is None or not node.is_unheard or not has_no_reading(report)

    def _write_reports(self, written: Written) -> None:
        whole: list[Row] = []
        for name, (report, is_whole) in written.items():
            node = self.known.get(name)
            if node is None:
                node = self.known[name] = Known(self._next)
                self._next += 1
            if is_whole:
                whole.append((node.id, name, way(report.node), node.gone, *texts(report)))
                node.node = report.node
            node.is_unheard = False
        self._insert("node", ("id", "name", "read_as", "gone", *_TEXTS), whole)

    def _write_happenings(self, batch: Batch, written: Written) -> None:
        """Outcomes first: they count the visits."""
        found: list[Row] = []
        for name, *outcome in batch.outcomes:
            node = self.known.get(name)
            if node is not None:
                found.append((slot(node.id, node.visits), *outcome))
                node.visits += 1
        self._insert("outcome", ("slot", *_OUTCOME), found)
        moved = [_moved(self.known[name], report) for name, (report, _) in written.items()]
        self._insert("moment", ("id", "visits", *MOMENTS), moved)
        seen = [(self.known[name].id, *astuple(rotation)) for name, rotation in batch.rotations if name in self.known]
        self._insert("rotation", ("node", *_ROTATION), seen)
        self._rotated.update(number for number, *_ in seen)

    def _insert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Rows in place of those with the same key."""
        ahead = iter(rows)
        left = len(rows)
        marks = f"({_marks(len(columns))})"
        for size in _SIZES:
            rows_marks = ", ".join([marks] * size)
            statement = f"REPLACE INTO {table} ({', '.join(columns)}) VALUES {rows_marks}"  # noqa: S608 - constants
            while left >= size:
                self.connection.execute(statement, list(chain.from_iterable(islice(ahead, size))))
                left -= size

    def _many(self, statement: str, rows: Sequence[Row]) -> None:
        if not rows:
            return
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            self.connection.executemany(statement, rows)
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")


def _marks(number: int) -> str:
    return ", ".join("?" * number)


def _is_over(node: Known, now: float, steady: float) -> bool:
    """Whether a node is gone for long by both clocks: the wall clock alone may have been set."""
    if node.gone is None or node.absent is None or now - node.gone <= KEPT_WHILE_GONE:
        return False
    return steady - node.absent.since > (MAY_RETURN if node.absent.was_long else KEPT_WHILE_GONE)


def _moved(node: Known, report: NodeReport) -> Row:
    return (node.id, node.visits, *moments(report))
