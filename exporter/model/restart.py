"""Would the kubelet come back after a restart: a verdict about certificate files, and nothing more."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Ending(StrEnum):
    """How a kubelet that does not come back looks."""

    DIES = "dies"  # at once, at each start
    EXITS = "exits"  # 5:00 to 5:04 after each start, again and again
    LIVES = "lives"  # and never authenticates: nothing that looks at processes shows it


@dataclass(frozen=True, slots=True)
class Restart:
    """``safe`` True: no certificate file stops it. False: one does. None: it cannot be known.

    ``reason`` is a stable identifier in kebab case, ``words`` the same as a sentence with the node's own paths.
    """

    safe: bool | None
    reason: str
    words: str
    ending: Ending | None = None  # of a False
    until: float | None = None  # when it heals by itself, seconds since the epoch
