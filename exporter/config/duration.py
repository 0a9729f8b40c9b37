"""Durations as Prometheus writes them: ``90s``, ``1h30m``, ``7d``; and as Go does."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

_LONGEST = 10 * 365 * 86400
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}
_PART = re.compile(r"([0-9]{1,9})(ms|[smhdwy])")
_WHOLE = re.compile(r"(?:[0-9]{1,9}(?:ms|[smhdwy])){1,9}")
_GO_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_GO_PART = re.compile(r"([0-9]{1,9}(?:\.[0-9]{0,9})?)(ns|us|ms|[smh])")
_GO_WHOLE = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{0,9})?(?:ns|us|ms|[smh])){1,9}")


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


def parse_go_duration(value: object) -> float:
    """Seconds of a duration as Go writes it, ``1.5s`` or ``1m30s``; 0 needs no unit. ValueError for anything else."""
    if (isinstance(value, int) and not isinstance(value, bool) and value == 0) or value == "0":
        return 0.0
    if not isinstance(value, str) or not _GO_WHOLE.fullmatch(value):
        raise ValueError("not a duration such as 1s, 250ms or 1m30s")
    seconds = sum(float(number) * _GO_UNITS[unit] for number, unit in _GO_PART.findall(value))
    if seconds > _LONGEST:
        raise ValueError("longer than ten years")
    return seconds


Seconds = Annotated[float, BeforeValidator(parse_duration)]
