"""Durations as Prometheus writes them: ``90s``, ``1h30m``, ``7d``."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART = re.compile(r"(\d+)(ms|[smhdw])")
_WHOLE = re.compile(r"(?:\d+(?:ms|[smhdw]))+")


def parse_duration(value: object) -> float:
    """Seconds; ValueError for anything but a positive duration with its unit."""
    if not isinstance(value, str) or not _WHOLE.fullmatch(value):
        raise ValueError("not a duration such as 30s, 5m or 1h30m")
    seconds = sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(value))
    if seconds <= 0:
        raise ValueError("must be longer than nothing")
    return seconds


Seconds = Annotated[float, BeforeValidator(parse_duration)]
