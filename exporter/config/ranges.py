"""Names with ranges: ``worker[001-120].prod`` is a hundred and twenty nodes."""

from __future__ import annotations

import itertools
import re

MOST_NAMES = 100_000
_RANGE = re.compile(r"\[([0-9,-]+)\]")
_PART = re.compile(r"([0-9]+)(?:-([0-9]+))?")
_MOST_DIGITS = 15
_TOO_MANY = f"a range of more than {MOST_NAMES} names"


def expand(pattern: str) -> list[str]:
    """Every name of ``pattern``, in order; leading zeros give the width. ValueError where a range is not one."""
    pieces = _RANGE.split(pattern)
    if any(bracket in piece for piece in pieces[::2] for bracket in "[]"):
        raise ValueError("brackets hold numbers, as in worker[001-120] or worker[1-3,7]")
    choices: list[list[str]] = []
    size = 1
    for index, piece in enumerate(pieces):
        choices.append([piece] if index % 2 == 0 else _numbers(piece))
        size *= len(choices[-1])
        if size > MOST_NAMES:
            raise ValueError(_TOO_MANY)
    return ["".join(parts) for parts in itertools.product(*choices)]


def _numbers(text: str) -> list[str]:
    names: list[str] = []
    for part in text.split(","):
        found = _PART.fullmatch(part)
        if not found:
            raise ValueError(f"[{text}] is not a range such as [001-120]")
        first, last = found[1], found[2] or found[1]
        if max(len(first), len(last)) > _MOST_DIGITS:
            raise ValueError(_TOO_MANY)
        if int(last) < int(first):
            raise ValueError(f"[{text}] ends before it begins")
        if len(names) + int(last) - int(first) >= MOST_NAMES:
            raise ValueError(_TOO_MANY)
        names.extend(str(number).zfill(len(first)) for number in range(int(first), int(last) + 1))
    return names
