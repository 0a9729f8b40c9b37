"""What a bench measures, and how it tells it: costs of one run, contenders in turns, rows that pass or miss.

A part of the bench is a module with ``rows(*, small: bool = False) -> list[Row]``; ``small`` is a short form that
proves that everything works, and whose figures mean nothing. ``python -m bench`` runs them.
"""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.cost import Cost, measured
from bench.figures import figure
from bench.plot import Plot

__all__ = ["Cost", "Row", "Spread", "UncountedError", "Verdict", "alternated", "markdown", "measured", "tell"]

COLUMNS = ("measure", "ours", "against", "ratio", "to reach", "")


@dataclass(frozen=True, slots=True)
class Spread:
    """One value a round, in the order of the rounds."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def least(self) -> float:
        return min(self.values)

    @property
    def most(self) -> float:
        return max(self.values)

    def over(self, other: Spread) -> Spread:
        """The ratios inside each round: what slowed a whole round down does not show in them."""
        return Spread(tuple(ours / theirs for ours, theirs in zip(self.values, other.values, strict=True)))

    def told(self, unit: str = "", scale: float = 1.0) -> str:
        """``median (least-most) unit`` of the values times ``scale``."""
        median, least, most = (figure(value * scale) for value in (self.median, self.least, self.most))
        spread = f" ({least}-{most})" if len(self.values) > 1 else ""
        return f"{median}{spread} {unit}".rstrip()


class UncountedError(Exception):
    """A round that does not count, and why: not every piece of the work was done."""

    def __init__(self, contender: str, why: str) -> None:
        super().__init__(f"{contender}: {why}")


def alternated(
    contenders: Mapping[str, Callable[[], Cost]], rounds: int, of: Callable[[Cost], float] = lambda cost: cost.cpu
) -> dict[str, Spread]:
    """Each contender once a round, all in turns, so that a busy moment meets all of them.

    Every other round goes backwards, so that none always runs after the same one. The spreads are of CPU seconds unless
    ``of`` takes another figure from a cost. A contender with an UncountedError is left out, with a word.
    """
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name in list(found)[:: -1 if number % 2 else 1]:
            try:
                found[name].append(of(contenders[name]()))
            except UncountedError as error:
                print(f"left out: {error}", flush=True)
                del found[name]
    return {name: Spread(tuple(values)) for name, values in found.items()}


class Verdict(StrEnum):
    """What a row comes to."""

    PASS = "pass"
    MISS = "miss"
    SKIPPED = "skipped"
    STATED = "stated"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: ``ratio`` is to be at most ``reach``; without a reach it is stated and no more.

    Against a fixed limit the ratio is that of the value to the limit, and the reach 1. ``skipped`` says why nothing was
    measured; a ``plot`` is drawn where the table is written to a page.
    """

    measure: str
    ours: str = ""
    against: str = ""
    ratio: float | None = None
    reach: float | None = None
    skipped: str = ""
    plot: Plot | None = None

    @classmethod
    def compared(
        cls, measure: str, ours: Spread, theirs: Spread, *, reach: float | None = None, scale: float = 1e3
    ) -> Row:
        """Ours against a peer's of the same rounds, in ms of ``scale`` a second; the ratio is the rounds' median."""
        return cls(measure, ours.told("ms", scale), theirs.told("ms", scale), ours.over(theirs).median, reach)

    @classmethod
    def limited(cls, measure: str, ours: float, limit: float, unit: str, more: str = "") -> Row:
        """A value that may be at most ``limit``; ``more`` is what else is to be said of it."""
        told = ", ".join(filter(None, (f"{figure(ours)} {unit}".rstrip(), more)))
        ratio = ours / limit if limit else math.inf if ours else 0.0
        most = f"{limit:,.0f}" if limit == int(limit) else figure(limit)
        return cls(measure, told, f"at most {most} {unit}".rstrip(), ratio, 1.0)

    @classmethod
    def failed(cls, measure: str, why: str, reach: float | None = None) -> Row:
        """What we did not bring about ourselves: a miss."""
        return cls(measure, why, ratio=math.inf, reach=reach or 1.0)

    @classmethod
    def not_measured(cls, measure: str, why: str) -> Row:
        return cls(measure, skipped=why)

    @property
    def verdict(self) -> Verdict:
        if self.skipped:
            return Verdict.SKIPPED
        if self.reach is None or self.ratio is None:
            return Verdict.STATED
        return Verdict.PASS if self.ratio <= self.reach else Verdict.MISS

    @property
    def cells(self) -> tuple[str, ...]:
        """The columns' texts."""
        ratio = "" if self.ratio is None else figure(self.ratio)
        reach = "" if self.reach is None else f"{self.reach:g}"
        return (self.measure, self.ours or self.skipped, self.against, ratio, reach, self.verdict)


_WIDE = 160  # columns of a log
_COLOURS = {Verdict.PASS: "green", Verdict.MISS: "bold red", Verdict.SKIPPED: "yellow", Verdict.STATED: "dim"}


def tell(rows: Iterable[Row], title: str = "") -> None:
    """Prints the rows as a table on the terminal."""
    table = Table(*COLUMNS, title=title or None, title_justify="left")
    for row in rows:
        *cells, verdict = row.cells
        table.add_row(*map(Text, cells), Text(verdict, _COLOURS[row.verdict]))
    Console(width=None if sys.stdout.isatty() else _WIDE).print(table)


def markdown(rows: Sequence[Row]) -> str:
    """The rows as a table of Markdown, without a line break at its end."""
    lines = [COLUMNS, ("---",) * len(COLUMNS), *(row.cells for row in rows)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
