"""Dates, spans and lists as they stand in evidence. Dates are UTC."""

from __future__ import annotations

import posixpath
from datetime import UTC, datetime

NEAR = 2 * 86400.0
_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def when(moment: float, now: float) -> str:
    """``2026-12-30``; within two days of ``now`` with hour and minute. Beyond Python's calendar: the number."""
    try:
        there = datetime.fromtimestamp(moment, UTC)
    except (ValueError, OverflowError, OSError):
        return f"second {moment:.0f} of the epoch"
    return f"{there:%Y-%m-%d %H:%M} UTC" if abs(moment - now) < NEAR else f"{there:%Y-%m-%d}"


def span(seconds: float) -> str:
    """``2 d 4 h``: the largest unit that fits, and the next."""
    left = int(abs(seconds))
    for place, (unit, size) in enumerate(_UNITS):
        if left >= size:
            lower, lower_size = _UNITS[min(place + 1, len(_UNITS) - 1)]
            rest = left % size // lower_size
            return f"{left // size} {unit}" + (f" {rest} {lower}" if rest else "")
    return "0 s"


def names(paths: list[str], most: int = 3) -> str:
    """The last names of some paths: ``a, b and 4 more``."""
    shown = [posixpath.basename(path) for path in paths[:most]]
    more = len(paths) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
