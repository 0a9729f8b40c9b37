"""Samples as they were scraped, to input series of a promtool test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby

_MOVED = "_timestamp_seconds"


class Series:
    """One sample a series and step. ``start`` is what promtool's 0 stands for; only ``named`` metrics count."""

    def __init__(self, start: float, named: Iterable[str] | None = None) -> None:
        self._start = start
        self._named = None if named is None else frozenset(named)
        self._step = 0
        self._values: dict[str, list[str]] = {}
        self._now: set[str] = set()
        self._before: set[str] = set()
        self._names: dict[tuple[str, str], tuple[str, bool] | None] = {}

    def add(self, target: Mapping[str, str], text: str) -> None:
        """What one target's scrape at this step brought, in the text format, with the labels of that target."""
        extra = ",".join(f'{name}="{value}"' for name, value in target.items())
        for line in text.split("\n"):
            if not line or line[0] == "#":
                continue
            own, _, value = line.rpartition(" ")
            key = extra, own
            if key not in self._names:
                self._names[key] = self._entered(own, extra)
            if found := self._names[key]:
                self._put(found[0], self._moved(value) if found[1] else _number(value))

    def put(self, series: str, value: str) -> None:
        """A sample that no exporter of ours gives."""
        self._put(series, value)

    def next(self) -> None:
        """The step is over: what it did not bring, and the one before did, is stale."""
        for series in self._before - self._now:
            self._append(series, "stale")
        self._before, self._now = self._now, set()
        self._step += 1

    def skip(self) -> None:
        """A step at which nobody scraped."""
        self._step += 1

    @property
    def steps(self) -> int:
        return self._step

    def lines(self) -> list[dict[str, str]]:
        """As promtool has them, equal neighbours told once."""
        return [{"series": series, "values": _pressed(values)} for series, values in self._values.items()]

    def all(self) -> Iterable[tuple[str, list[str]]]:
        """Each series with its samples by step; ``_`` where there is none."""
        return self._values.items()

    def _entered(self, own: str, extra: str) -> tuple[str, bool] | None:
        name, brace, rest = own.partition("{")
        if self._named is not None and name not in self._named:
            return None
        labels = f"{extra},{rest[:-1]}" if brace and rest != "}" else extra
        return f"{name}{{{labels.rstrip(',')}}}", name.endswith(_MOVED)

    def _put(self, series: str, value: str) -> None:
        self._now.add(series)
        self._append(series, value)

    def _append(self, series: str, value: str) -> None:
        values = self._values.setdefault(series, [])
        values.extend("_" for _ in range(self._step - len(values)))
        values.append(value)

    def _moved(self, value: str) -> str:
        return f"{float(value) - self._start:.3f}"


def _number(value: str) -> str:
    number = float(value)
    return str(int(number)) if number.is_integer() else value


def _pressed(values: list[str]) -> str:
    words = []
    for value, group in groupby(values):
        more = sum(1 for _ in group) - 1
        if value == "_":
            words.append(f"_x{more + 1}")
        elif value == "stale" or not more:
            words += [value] * (more + 1)
        else:
            words.append(f"{value}+0x{more}")
    return " ".join(words)
