"""Durations as Prometheus writes them: ``90s``, ``1h30m``, ``7d``."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

_LONGEST = 10 * 365 * 86400
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}
_PART = re.compile(r"([0-9]{1,9})(ms|[smhdwy])")
_WHOLE = re.compile(r"(?:[0-9]{1,9}(?:ms|[smhdwy])){1,9}")


def parse_duration(value: object) -> float:
    """Seconds; ValueError for anything but a positive duration with its unit."""
    if not isinstance(value, str) or not _WHOLE.fullmatch(value):
        raise ValueError("not a duration such as 30s, 5m or 1h30m")
    seconds = sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(value))
    if seconds <= 0:
        raise ValueError("must be longer than nothing")
    if seconds > _LONGEST:
        raise ValueError("longer than ten years")
    return seconds


Seconds = Annotated[float, BeforeValidator(parse_duration)]
