"""Patterns of ssh_config: ``*``, ``?``, and lists of them with commas and ``!``."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass


def pattern(text: str) -> re.Pattern[str]:
    """One pattern; brackets mean themselves."""
    return re.compile(fnmatch.translate(text.replace("[", "[[]")))


def is_plain(text: str) -> bool:
    """Whether a pattern matches itself alone."""
    return not set(text) & set("*?!")


@dataclass(frozen=True, slots=True)
class PatternList:
    """Patterns, one of which must match, and those with ``!``, none of which may."""

    wanted: tuple[re.Pattern[str], ...]
    refused: tuple[re.Pattern[str], ...]

    @classmethod
    def of(cls, words: list[str]) -> PatternList:
        return cls(
            tuple(pattern(word) for word in words if not word.startswith("!")),
            tuple(pattern(word[1:]) for word in words if word.startswith("!")),
        )

    def matches(self, text: str) -> bool:
        if any(one.match(text) for one in self.refused):
            return False
        return any(one.match(text) for one in self.wanted)
