"""The fleet as a table for people, in a terminal."""

from __future__ import annotations

from datetime import UTC, datetime

from rich.table import Table
from rich.text import Text

from exporter.judge import rotation
from exporter.model.assessment import State
from exporter.model.report import FleetSnapshot
from exporter.serve.samples import NodeView, views

_STYLES = {
    State.FRESH: "green",
    State.WINDOW: "cyan",
    State.LATE: "yellow",
    State.STALLED: "bold red",
    State.EXPIRED: "bold red",
    State.NOT_YET_VALID: "yellow",
    State.UNMANAGED: "dim",
    State.UNKNOWN: "magenta",
}
_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
_BAR = 8


def fleet_table(snapshot: FleetSnapshot, now: float, *, title: str | None = None) -> Table:
    """One line a node: its state, where now stands in its life, what is left, and why it is not up."""
    table = Table(title=title, box=None, pad_edge=False, title_justify="left", header_style="bold")
    for column in ("NODE", "STATE", "LIFE", "EXPIRES", "AGE", "REASON"):
        table.add_column(column, no_wrap=column != "REASON", overflow="fold")
    for view in views(snapshot, now):
        table.add_row(*_row(view, now))
    return table


def _row(view: NodeView, now: float) -> tuple[Text | str, ...]:
    report = view.report
    state = Text(view.client_state, style=_STYLES[view.client_state])
    reasons = [str(report.reason)] if report.reason else [str(finding.cause) for finding in report.findings]
    reason = Text(", ".join(reasons), style="magenta" if report.reason else "yellow")
    if report.client is None:
        return report.node.name, state, "", "", "", reason
    certificate = report.client.certificate
    left = certificate.not_after - now
    expires = f"in {duration(left)}" if left >= 0 else f"{duration(-left)} ago"
    return report.node.name, state, _life(view, now), expires, duration(now - report.client.taken), reason


def _life(view: NodeView, now: float) -> Text:
    """The certificate's life as a bar: the rotation window heavy, a mark where now is."""
    if view.report.client is None:
        return Text("")
    certificate = view.report.client.certificate
    elapsed = (now - certificate.not_before) / max(1, certificate.lifetime)
    here = min(_BAR - 1, max(0, int(elapsed * _BAR)))
    opens, closes = int(rotation.WINDOW_OPENS * _BAR), int(rotation.WINDOW_CLOSES * _BAR)
    bar = "".join("▲" if place == here else "━" if opens <= place <= closes else "─" for place in range(_BAR))
    return Text(bar, style=_STYLES[view.client_state])


def duration(seconds: float) -> str:
    """The two largest units: ``35d4h``."""
    left, parts = int(max(0, seconds)), []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts[:2]) or "0s"


def moment(seconds: float) -> str:
    """ISO 8601, UTC; a date beyond Python's calendar as its number."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return str(seconds)
