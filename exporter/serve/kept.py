"""The exposition of a fleet, kept from scrape to scrape: what has not changed since the last one is not made again.

Reports are frozen, so a node has changed where its report is another object, or where the moment has come at which time
alone changes its state or what it tells of its fleet. Of these nodes the lines of those families are made that rest on
what has changed of them (serve/parts.py), all others stay, and a scrape joins them by family (serve/columns.py). While
no report has changed and no such moment has come, a scrape costs what joining the kept pieces does. What comes of it is
what exposition.render makes from nothing, byte for byte.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from functools import lru_cache, reduce
from itertools import compress
from operator import and_, or_

from exporter.config.settings import Pace, Paths
from exporter.judge import rotation
from exporter.model.assessment import State
from exporter.model.node import LocalAccess, Node
from exporter.model.report import NodeReport
from exporter.model.snapshot import FleetSnapshot
from exporter.serve.columns import Column
from exporter.serve.compression import Coding, Piece
from exporter.serve.crowd import Crowd
from exporter.serve.exposition import Format, encoded, header
from exporter.serve.families import FAMILIES, FLEET_FAMILIES, Family, FleetFamily
from exporter.serve.lines import fleet_lines, start_of
from exporter.serve.parts import changed
from exporter.serve.views import FleetView, Moment, NodeView, outlook

_NOT_SEEN = NodeView(NodeReport(Node("", LocalAccess("/"), Paths())), State.UNKNOWN, State.UNKNOWN, ())
_AT_ONCE = 256  # nodes: family after family they are gone through, so all of them should fit into a processor's cache


class KeptExposition:
    """One fleet's. Scrapes take turns; neither a visit nor its record ever waits for one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fleet = _Fleet()

    def body(self, snapshot: FleetSnapshot, now: float, chosen: Format, coding: Coding, rest: bytes) -> bytes:
        """The fleet's families at ``now`` (epoch seconds), and after them the ``rest`` of the body."""
        with self._lock:
            try:
                self._fleet.settle(snapshot, now)
                pieces = list(self._fleet.pieces(chosen, coding))
            except BaseException:
                self._fleet = _Fleet()  # half of it may be of another moment
                raise
        return coding.whole([*pieces, coding.piece(rest)])


class _Fleet:
    """Nodes by their place in the inventory: reports, views, and until when each view holds."""

    def __init__(self) -> None:
        self._reports: tuple[NodeReport, ...] = ()
        self._labels: tuple[str, ...] = ()
        self._pace = Pace()
        self._suspect = False
        self._starts: list[str] = []
        self._views: list[NodeView] = []
        self._until: list[float] = []
        self._columns = [Column(family) for family in FAMILIES]
        self._crowd = Crowd()
        self._whole = FleetView({}, {}, ())
        # between these two moments nothing changes while the reports are the same
        self._since = self._next = 0.0

    def settle(self, snapshot: FleetSnapshot, now: float) -> None:
        """Make it the snapshot's at ``now``."""
        is_same = snapshot.reports is self._reports and snapshot.labels == self._labels and snapshot.pace == self._pace
        if is_same and self._since <= now < self._next:
            return
        changed = self._take(snapshot)
        suspect = rotation.is_exporter_clock_suspect(snapshot.clock_offsets)
        if suspect != self._suspect or snapshot.pace != self._pace or now < self._since:
            changed = list(range(len(self._reports)))
        elif now >= self._next:
            due = (place for place, until in enumerate(self._until) if until <= now)
            changed = sorted({*changed, *due})
        self._suspect, self._pace = suspect, snapshot.pace
        self._look(changed, now)
        self._whole = FleetView(
            self._crowd.inventory,
            self._crowd.counted(self._views),
            self._crowd.findings(self._views, now, exporter_clock_suspect=suspect),
        )
        self._since, self._next = now, min(self._until, default=float("inf"))

    def pieces(self, chosen: Format, coding: Coding) -> Iterable[Piece]:
        """All families, each below its header."""
        for column in self._columns:
            if pieces := list(column.pieces(coding)):
                yield _header_piece(column.family, chosen, coding)
                yield from pieces
        for family in FLEET_FAMILIES:
            if lines := fleet_lines(family, self._whole):
                yield _header_piece(family, chosen, coding)
                yield coding.piece(encoded(lines))

    def _take(self, snapshot: FleetSnapshot) -> list[int]:
        """Take the reports; the places of those that are others than before."""
        before, self._reports = self._reports, snapshot.reports
        if snapshot.labels != self._labels:
            self._labels = snapshot.labels
            self._arrange([-1] * len(snapshot.reports))
            return list(range(len(snapshot.reports)))
        if _are_the_same_nodes(before, snapshot.reports):
            return [place for place, report in enumerate(snapshot.reports) if report is not before[place]]
        known = {report.node.name: place for place, report in enumerate(before)}
        places = [known.get(report.node.name, -1) for report in snapshot.reports]
        self._arrange(places)
        return [
            place
            for place, (old, report) in enumerate(zip(places, snapshot.reports, strict=True))
            if old < 0 or report is not before[old]
        ]

    def _arrange(self, places: list[int]) -> None:
        """The inventory has changed: where each node was before, -1 where nothing is to be kept of it."""
        reports = self._reports
        for column in self._columns:
            column.arrange(places)
        self._starts = [start_of(report.node, self._labels) for report in reports]
        self._crowd.arrange(places, [report.node.cluster for report in reports])
        self._until = [self._until[place] if place >= 0 else 0.0 for place in places]
        self._views = [self._views[place] if place >= 0 else _NOT_SEEN for place in places]

    def _look(self, places: Sequence[int], now: float) -> None:
        """See these nodes as they are at ``now``, and write their lines."""
        at, reports = Moment(now, self._pace, self._suspect), self._reports
        views, until = self._views, self._until
        for begin in range(0, len(places), _AT_ONCE):
            some = places[begin : begin + _AT_ONCE]
            seen, changes = [], []
            for place in some:
                node, until[place] = outlook(reports[place], at)
                changes.append(changed(views[place], node))
                views[place] = node
                seen.append(node)
            starts = [self._starts[place] for place in some]
            everywhere, anywhere = reduce(and_, changes), reduce(or_, changes)
            for column in self._columns:
                parts = column.family.rests_on
                if everywhere & parts:
                    column.write(some, seen, starts)
                elif anywhere & parts:
                    which = [change & parts for change in changes]
                    column.write(
                        list(compress(some, which)), list(compress(seen, which)), list(compress(starts, which))
                    )
            self._crowd.look(some, seen, now)


def _are_the_same_nodes(before: tuple[NodeReport, ...], after: tuple[NodeReport, ...]) -> bool:
    """Whether the inventory is as it was: each node in its place, with its labels."""
    if len(before) != len(after):
        return False
    return all(old is new or old.node is new.node for old, new in zip(before, after, strict=True))


@lru_cache(maxsize=4 * (len(FAMILIES) + len(FLEET_FAMILIES)))
def _header_piece(family: Family | FleetFamily, chosen: Format, coding: Coding) -> Piece:
    return coding.piece(encoded(header(family, chosen)))
