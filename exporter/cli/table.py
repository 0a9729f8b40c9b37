"""The fleet as a table for people, in a terminal."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from exporter.cli.words import STYLES, duration
from exporter.judge import rotation
from exporter.model.snapshot import FleetSnapshot
from exporter.serve.views import NodeView, views

_BAR, _SHORTEST_BAR = 10, 6
_COLUMNS = ("NODE", "STATE", "LIFE", "EXPIRES", "AGE", "REASON")
_LIFE = _COLUMNS.index("LIFE")
# For what grows with time, so that a table that is shown again and again keeps its columns.
_ROOM = {"EXPIRES": len("in 364d23h"), "AGE": len("23h59m")}
_WIDE_GAP = 2
_NARROWEST_NODE = 16


def fleet_table(snapshot: FleetSnapshot, now: float, width: int) -> Table:
    """One line a node: its state, where now stands in its life, what is left, how old that is, and what is wrong.

    Where ``width`` is too small the gaps shrink, then the bar does and goes, then names are folded; nothing is ever
    cut.
    """
    nodes = views(snapshot, now)
    rows = [_row(view, now) for view in nodes]
    widths = [
        max([len(title), _ROOM.get(title, 0), *(len(row[place]) for row in rows)])
        for place, title in enumerate(_COLUMNS)
    ]
    widths[_LIFE] = _BAR
    gap = _WIDE_GAP if _total(widths, _WIDE_GAP) <= width else 1
    widths[_LIFE] = min(_BAR, width - _total(widths, gap) + _BAR)
    shown = [place for place in range(len(_COLUMNS)) if place != _LIFE or widths[_LIFE] >= _SHORTEST_BAR]
    taken = _total([widths[place] for place in shown], gap) - widths[0]
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, gap, 0, 0))
    for place in shown:
        size = min(widths[0], max(_NARROWEST_NODE, width - taken)) if place == 0 else widths[place]
        table.add_column(_COLUMNS[place], overflow="fold", no_wrap=place not in (0, len(_COLUMNS) - 1), min_width=size)
    for view, row in zip(nodes, rows, strict=True):
        cells = [*row[:_LIFE], _life(view, now, widths[_LIFE]), *row[_LIFE + 1 :]]
        table.add_row(*(cells[place] for place in shown))
    return table


def _total(widths: list[int], gap: int) -> int:
    return sum(widths) + gap * (len(widths) - 1)


def _row(view: NodeView, now: float) -> tuple[Text, ...]:
    report = view.report
    name, state = Text(report.node.name), Text(view.client_state, style=STYLES[view.client_state])
    reasons = [str(report.reason)] if report.reason else []
    if view.findings:  # the first is the cause; `explain` tells the others
        more = f" +{len(view.findings) - 1}" if len(view.findings) > 1 else ""
        reasons.append(f"{view.findings[0].cause}{more}")
    reason = Text(", ".join(reasons), style="magenta" if report.reason else "yellow")
    if report.client is None:
        return name, state, Text(), Text(), Text(), reason
    left = report.client.certificate.not_after - now
    expires = Text(f"in {duration(left)}" if left >= 0 else f"{duration(-left)} ago")
    return name, state, Text(), expires, Text(duration(now - report.client.taken)), reason


def _life(view: NodeView, now: float, length: int) -> Text:
    """The certificate's life as a bar: the rotation window heavy, a mark where now is."""
    if view.report.client is None:
        return Text()
    certificate = view.report.client.certificate
    elapsed = (now - certificate.not_before) / max(1, certificate.lifetime)
    opens, closes = round(rotation.WINDOW_OPENS * length), round(rotation.WINDOW_CLOSES * length)
    here = _here(elapsed, opens, closes, length)
    bar = "".join("▲" if place == here else "━" if opens <= place < closes else "─" for place in range(length))
    return Text(bar, style=STYLES[view.client_state])


def _here(elapsed: float, opens: int, closes: int, length: int) -> int:
    """Where the mark stands: in the bar's window if and only if it is in the certificate's."""
    parts = (
        (0.0, rotation.WINDOW_OPENS, 0, opens),
        (rotation.WINDOW_OPENS, rotation.WINDOW_CLOSES, opens, closes),
        (rotation.WINDOW_CLOSES, 1.0, closes, length),
    )
    begin, end, first, behind = next((part for part in parts if elapsed < part[1]), parts[-1])
    place = first + int((elapsed - begin) / (end - begin) * (behind - first))
    return min(behind - 1, max(first, place))
