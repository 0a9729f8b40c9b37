"""``forecast``: when a fleet's rotation windows open and close, from one round of visits."""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from collections.abc import Iterator
from itertools import groupby

from rich.console import Console
from rich.text import Text

from exporter.cli.glyphs import Glyphs, glyphs
from exporter.cli.output import nobody_reads
from exporter.cli.page import Page
from exporter.cli.selection import chosen
from exporter.cli.verdict import COULD_NOT_LOOK, FINE
from exporter.cli.visit import visit_all
from exporter.cli.words import STYLES, day, minute, moment
from exporter.errors import ConfigurationError, Mistake
from exporter.judge.forecast import DAY, HOUR, WEEK, Forecast, Period, forecast
from exporter.model.assessment import Certificate, State
from exporter.rounds.keeper import Kept
from exporter.serve.views import NodeView, views

_NAMES = {HOUR: "hour", DAY: "day", WEEK: "week"}
_OVERDUE = (State.LATE, State.STALLED, State.EXPIRED)
_BESIDE = 46  # cells: what stands before a row's bar
_QUIET = 3  # periods without anything: so many and more are told as one line


def command(given: argparse.Namespace) -> int:
    """0, or 2 where no node could be read at all. Raises ConfigurationError."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without UTF-8
    fleet = chosen(Kept(given.config_file).fleet, given.nodes)
    if not fleet.nodes:
        raise ConfigurationError(Mistake(given.config_file, "no nodes in the inventory"))
    snapshot, now = visit_all(fleet), time.time()
    nodes = views(snapshot, now)
    coming = forecast([_held(view) for view in nodes], now, given.days * DAY if given.days else None)
    try:
        if given.format == "json":
            print(json.dumps(plain(coming, now), indent=2))
        else:
            _print(coming)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough
        nobody_reads()
    return FINE if any(view.report.up for view in nodes) else COULD_NOT_LOOK


def _held(view: NodeView) -> tuple[Certificate | None, State]:
    reading = view.report.client
    return reading.certificate if reading else None, view.client_state


def _print(coming: Forecast) -> None:
    console = Console()
    page = Page(console)
    tell(coming, page, glyphs(console.encoding))
    page.print()


def tell(coming: Forecast, page: Page, signs: Glyphs) -> None:
    """Totals, the busiest time, and a row for each period with a bar for the rotations expected."""
    page.text(*_totals(coming))
    if coming.planned:
        titles = (f"{_NAMES[coming.step].upper()} FROM", " OPEN", "CLOSE", "ROTATIONS", "")
        page.blank()
        page.table([tuple(Text(title, "dim") for title in titles), *_rows(coming, page.width - _BESIDE, signs)], 0)
        page.blank()
    if coming.opens_later or coming.closes_later:
        page.text(f"Later: {coming.opens_later} open, {coming.closes_later} close, {coming.later:.1f} rotations.")
    if coming.busiest:
        begins, share = coming.busiest.begins, coming.busiest.rotations
        name = _NAMES[round(coming.busiest.ends - begins)]
        page.text(f"Most rotate in the {name} from {day(begins)}: {share:.1f} of {coming.planned} expected.")


def _totals(coming: Forecast) -> list[str | Text]:
    """Every certificate is counted once."""
    apart = dict(coming.apart)
    overdue = [Text(f"{apart[state]} {state}", STYLES[state]) for state in _OVERDUE if state in apart]
    others = [Text(f"{number} {state}", STYLES[state]) for state, number in coming.apart if state not in _OVERDUE]
    everybody = coming.planned + sum(apart.values())
    words: list[str | Text] = [
        f"{coming.planned} of {everybody} certificates are to be renewed; in their window now: {coming.open_now}."
    ]
    for label, parts in (("Overdue: ", overdue), ("Not in the forecast: ", others)):
        if parts:
            words.append(Text.assemble(label, Text(", ").join(parts), "."))
    return words


def _rows(coming: Forecast, width: int, signs: Glyphs) -> Iterator[tuple[Text, ...]]:
    """A long stretch without anything is one row."""
    most = max((period.rotations for period in coming.periods), default=0.0) or 1.0
    tell_time = minute if coming.step == HOUR else day
    for is_quiet, stretch in groupby(coming.periods, key=_is_quiet):
        periods = list(stretch)
        if is_quiet and len(periods) >= _QUIET:
            nothing = Text(f"{len(periods)} {_NAMES[coming.step]}s without any", "dim")
            yield Text(tell_time(periods[0].begins)), Text(), Text(), Text(), nothing
            continue
        for period in periods:
            yield (
                Text(tell_time(period.begins)),
                Text(f"{period.opens:>5}"),
                Text(f"{period.closes:>5}"),
                Text(f"{period.rotations:>9.1f}"),
                Text(signs.bar(period.rotations / most, width), "cyan"),
            )


def _is_quiet(period: Period) -> bool:
    return not (period.opens or period.closes or period.rotations)


def plain(coming: Forecast, now: float) -> dict[str, object]:
    """The same as data: docs/commands.md."""
    apart = dict(coming.apart)
    return {
        "now": moment(now),
        "period": _NAMES[coming.step],
        "planned": coming.planned,
        "in_window_now": coming.open_now,
        "overdue": {state: apart.get(state, 0) for state in _OVERDUE},
        "unmanaged": apart.get(State.UNMANAGED, 0),
        "unknown": apart.get(State.UNKNOWN, 0),
        "busiest": _period(coming.busiest) if coming.busiest else None,
        "periods": [_period(period) for period in coming.periods],
        "later": _counts(coming.opens_later, coming.closes_later, coming.later),
    }


def _period(period: Period) -> dict[str, object]:
    edges = {"from": moment(period.begins), "to": moment(period.ends)}
    return {**edges, **_counts(period.opens, period.closes, period.rotations)}


def _counts(opens: int, closes: int, rotations: float) -> dict[str, object]:
    return {"windows_open": opens, "windows_close": closes, "rotations": round(rotations, 3)}
