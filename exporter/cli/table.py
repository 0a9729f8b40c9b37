"""The fleet as a table for people, in a terminal."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from exporter.cli.words import STYLES, duration
from exporter.judge import rotation
from exporter.model.report import FleetSnapshot
from exporter.serve.views import NodeView, views

_BAR = 10
_COLUMNS = ("NODE", "STATE", "LIFE", "EXPIRES", "AGE", "REASON")
_WIDE_GAP = 2
_NARROWEST_NODE = 16


def fleet_table(snapshot: FleetSnapshot, now: float, width: int) -> Table:
    """One line a node: its state, where now stands in its life, what is left, how old that is, and what is wrong.

    Where ``width`` is too small the gaps shrink, then the bar goes, then names are folded; nothing is ever cut.
    """
    rows = [_row(view, now) for view in views(snapshot, now)]
    widths = [max([len(title), *(len(row[place]) for row in rows)]) for place, title in enumerate(_COLUMNS)]
    gap = _WIDE_GAP if _total(widths, _WIDE_GAP) <= width else 1
    shown = [place for place, title in enumerate(_COLUMNS) if title != "LIFE" or _total(widths, gap) <= width]
    taken = _total([widths[place] for place in shown], gap) - widths[0]
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, gap, 0, 0))
    for place in shown:
        size = min(widths[0], max(_NARROWEST_NODE, width - taken)) if place == 0 else widths[place]
        table.add_column(_COLUMNS[place], overflow="fold", no_wrap=place not in (0, len(_COLUMNS) - 1), min_width=size)
    for row in rows:
        table.add_row(*(row[place] for place in shown))
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
    return name, state, _life(view, now), expires, Text(duration(now - report.client.taken)), reason


def _life(view: NodeView, now: float) -> Text:
    """The certificate's life as a bar: the rotation window heavy, a mark where now is."""
    if view.report.client is None:
        return Text()
    certificate = view.report.client.certificate
    elapsed = (now - certificate.not_before) / max(1, certificate.lifetime)
    here = min(_BAR - 1, max(0, int(elapsed * _BAR)))
    opens, closes = round(rotation.WINDOW_OPENS * _BAR), round(rotation.WINDOW_CLOSES * _BAR)
    bar = "".join("▲" if place == here else "━" if opens <= place < closes else "─" for place in range(_BAR))
    return Text(bar, style=STYLES[view.client_state])
