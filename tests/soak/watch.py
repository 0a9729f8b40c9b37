"""What is seen of the exporter from outside: its threads, its descriptors, and what Prometheus says of its scrapes."""

from __future__ import annotations

import json
import os
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Look:
    """One moment."""

    threads: int
    descriptors: int
    memory: int  # resident, kB


@dataclass
class Watch:
    """A process through its life, one look a second or so."""

    pid: int
    looks: list[Look] = field(default_factory=list)

    def look(self) -> None:
        status = Path(f"/proc/{self.pid}/status").read_text()
        numbers = {line.partition(":")[0]: line.split()[1] for line in status.splitlines() if len(line.split()) > 1}
        descriptors = len(os.listdir(f"/proc/{self.pid}/fd"))
        self.looks.append(Look(int(numbers["Threads"]), descriptors, int(numbers["VmRSS"])))

    def third(self, number: int) -> list[Look]:
        """The looks of the first, second or last third of its life: 0, 1, 2."""
        size = len(self.looks) // 3
        return self.looks[number * size : (number + 1) * size]


def growth(watch: Watch, of: str) -> tuple[int, int, int]:
    """The least in the second third and in the last, and the most at all: what leaks lifts the least."""
    second, last = (min(getattr(look, of) for look in watch.third(number)) for number in (1, 2))
    return second, last, max(getattr(look, of) for look in watch.looks)


def asked(url: str, query: str) -> float:
    """The one number that a query gives; NaN where it gives none."""
    parameters = urllib.parse.urlencode({"query": query})
    with urllib.request.urlopen(f"{url}/api/v1/query?{parameters}", timeout=60) as answer:
        found = json.load(answer)["data"]["result"]
    return float(found[0]["value"][1]) if found else float("nan")
