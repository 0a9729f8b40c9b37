"""One round of a client over a site, in a process of its own: what others leave behind in memory is not in it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bench.clients.table import CLIENTS
from bench.measure import Cost, UncountedError
from bench.site import Site

_PATIENCE = 600.0  # seconds: a round of the slowest takes one of these minutes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a round came to; ``memory`` is the peak of the client's own process, in bytes, ``threads`` Python's most."""

    cost: Cost
    answered: int
    failures: dict[str, int]  # why others gave no answer, and how many
    memory: int
    threads: int


def race(name: str, site: Site, in_flight: int) -> Outcome:
    """One round. Raises UncountedError where the client failed as a whole."""
    asked = [sys.executable, "-m", "bench.clients", name, str(in_flight)]
    try:
        done = subprocess.run(
            asked, input=site.written(), capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise UncountedError(name, f"no end after {_PATIENCE:g} s") from error
    if done.returncode:
        raise UncountedError(name, (done.stderr.splitlines() or ["no word of why"])[-1])
    told = json.loads(done.stdout)
    outcomes: dict[str, int] = told["outcomes"]
    answered = outcomes.pop("", 0)
    return Outcome(Cost(told["cpu"], told["wall"]), answered, outcomes, told["memory"], told["threads"])


def counted(name: str, site: Site, in_flight: int) -> Outcome:
    """A round in which every node gave its answer. Raises UncountedError where one did not."""
    outcome = race(name, site, in_flight)
    if outcome.answered != len(site.addresses):
        raise UncountedError(name, f"{outcome.answered} of {len(site.addresses)} nodes answered: {outcome.failures}")
    return outcome


def contenders(
    names: Iterable[str], site: Site, in_flight: int, peaks: dict[str, int] | None = None
) -> dict[str, Callable[[], Cost]]:
    """The cost of a visit, for each client that can run here; ``peaks`` gets the most memory that each ever had."""

    def contender(name: str) -> Callable[[], Cost]:
        asked = site.first(CLIENTS[name].nodes or len(site.addresses))

        def visited() -> Cost:
            outcome = counted(name, asked, in_flight)
            if peaks is not None:
                peaks[name] = max(outcome.memory, peaks.get(name, 0))
            return outcome.cost / len(asked.addresses)

        return visited

    return {name: contender(name) for name in names if not CLIENTS[name].lacks}
