"""The tables of docs/scheduling.md: the delays that are promised, and those that the simulation saw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.page import between
from bench.schedule import Past
from bench.simulation.delays import FORMULA, Kind, worst
from bench.simulation.fleets import DAY, HOUR, YEAR
from exporter.config.settings import Pace

PAGE = Path(__file__).parents[2] / "docs/scheduling.md"
LIFETIMES = {HOUR: "1 hour", DAY: "24 hours", YEAR: "1 year"}
LIVES = tuple(f"*L* {word}" for word in LIFETIMES.values())
SMALL, LARGE = 80, 10_000
ALLOWED, SEEN = "allowed", "seen"  # the names of their marks


def allowed(pace: Pace) -> str:
    """What the page promises; two fleets where it depends on their size."""
    rows: list[Sequence[str]] = [
        ("what happens", "seen after at most", *(f"lifetime {word}" for word in LIFETIMES.values()))
    ]
    for kind in Kind:
        figures = []
        for lifetime in LIFETIMES:
            small, large = (words(worst(kind, lifetime, pace, fleet)) for fleet in (SMALL, LARGE))
            figures.append(small if small == large else f"{small}; {large}")
        rows.append((kind, FORMULA[kind], *figures))
    return _table(rows)


def seen(pasts: Iterable[Past]) -> str:
    """The longest of each kind, and how often it happened."""
    rows: list[Sequence[str]] = [("what happens", *LIVES)]
    found = {key: worst for past in pasts for key, worst in past.tally.delays.items()}
    for kind in Kind:
        of_kind = [found.get((kind, lifetime)) for lifetime in LIFETIMES]
        if any(of_kind):
            rows.append((kind, *(f"{words(one.longest)} ({one.number:,})" if one else "" for one in of_kind)))
    return _table(rows)


def words(seconds: float) -> str:
    """``1 h 30 s``, ``14 min 54 s``, ``5 s``, ``at once``; rounded up."""
    whole = -int(-seconds // 1)
    parts = ((whole // HOUR, "h"), (whole % HOUR // 60, "min"), (whole % 60, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "at once"


def write(name: str, table: str) -> None:
    """Put a table between its marks on the page."""
    PAGE.write_text(between(PAGE.read_text(), name, table))


def _table(rows: Sequence[Sequence[str]]) -> str:
    lines = [rows[0], ("---",) * len(rows[0]), *rows[1:]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
