"""What ssh_config asks for and we do not do: told once, however many nodes it counts for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from exporter.errors import Mistake

MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class RefusedFor(Mistake):
    """An option of ssh_config that counts for one or more hosts of ours."""

    whose: tuple[str, ...] = ()

    def __str__(self) -> str:
        more = len(self.whose) - MOST_NAMED
        named = ", ".join(self.whose[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
        return f"{self.place}: {self.message}; counts for {named}"


def told_once(mistakes: Iterable[Mistake]) -> list[Mistake]:
    """The mistakes in order, each option of ssh_config with all whom it counts for."""
    found: dict[Mistake, tuple[str, ...]] = {}
    for mistake in mistakes:
        if isinstance(mistake, RefusedFor):
            option = RefusedFor(mistake.place, mistake.message)
            found[option] = (*found.get(option, ()), *mistake.whose)
        else:
            found[mistake] = ()
    return [RefusedFor(one.place, one.message, whose) if whose else one for one, whose in found.items()]
