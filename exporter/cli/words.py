"""How states, dates, durations and sizes are told in a terminal."""

from __future__ import annotations

from datetime import UTC, datetime

from exporter.model.assessment import State

STYLES = {
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
_SIZES = ("B", "kB", "MB", "GB", "TB", "PB")


def duration(seconds: float) -> str:
    """The largest unit and the one below it: ``35d4h``."""
    left = int(max(0, seconds))
    for place, (unit, size) in enumerate(_UNITS):
        if left >= size:
            lower, lower_size = _UNITS[min(place + 1, len(_UNITS) - 1)]
            rest = left % size // lower_size
            return f"{left // size}{unit}" + (f"{rest}{lower}" if rest and lower != unit else "")
    return "0s"


def moment(seconds: float) -> str:
    """ISO 8601, UTC; a date beyond Python's calendar as its number."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return str(seconds)


def minute(seconds: float) -> str:
    """A moment for the eye, to the minute, UTC: ``2026-02-11 09:30``."""
    told = moment(seconds)
    return told[:16].replace("T", " ") if told.endswith("Z") else told


def utc(seconds: float) -> str:
    """The same with its zone, as it stands in a sentence."""
    return f"{minute(seconds)} UTC"


def day(seconds: float) -> str:
    """The same to the day."""
    told = moment(seconds)
    return told[:10] if told.endswith("Z") else told


def size(number: float) -> str:
    """Bytes in decimal units: ``2.8 kB``."""
    for unit in _SIZES[:-1]:
        if number < 999.5:
            return f"{number:.0f} {unit}" if unit == "B" or number >= 9.95 else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.0f} {_SIZES[-1]}"
