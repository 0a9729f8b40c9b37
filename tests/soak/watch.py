"""What is seen of the exporter from outside: its threads, its descriptors, and what Prometheus says of its scrapes."""

from __future__ import annotations

import json
import os
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

_LOOKS_FOR, _COMES_TO_REST = 3.0, 90.0


@dataclass(frozen=True, slots=True)
class Look:
    """One moment."""

    threads: int
    descriptors: int
    memory: int  # resident, kB

    def is_within(self, other: Look) -> bool:
        """Whether it holds no more than another, but for what comes and goes: the loop's thread, a scrape."""
        return self.threads <= other.threads + 1 and self.descriptors <= other.descriptors + 3


@dataclass
class Watch:
    """A process through its life, one look a second or so."""

    pid: int
    looks: list[Look] = field(default_factory=list)

    def look(self) -> Look:
        status = Path(f"/proc/{self.pid}/status").read_text()
        numbers = {line.partition(":")[0]: line.split()[1] for line in status.splitlines() if len(line.split()) > 1}
        descriptors = len(os.listdir(f"/proc/{self.pid}/fd"))
        self.looks.append(Look(int(numbers["Threads"]), descriptors, int(numbers["VmRSS"])))
        return self.looks[-1]

    def at_rest(self, within: Look | None = None) -> Look:
        """The look with the least open of some; of as many as it takes to come down to another, for a minute."""
        least, deadline = self.look(), time.monotonic() + (_COMES_TO_REST if within else _LOOKS_FOR)
        while time.monotonic() < deadline and not (within and least.is_within(within)):
            time.sleep(0.1)
            least = min(least, self.look(), key=lambda look: (look.threads, look.descriptors))
        return least

    def most(self) -> Look:
        """The most of each, not at one moment."""
        seen = self.looks
        return Look(
            max(look.threads for look in seen),
            max(look.descriptors for look in seen),
            max(look.memory for look in seen),
        )


def asked(url: str, query: str) -> float:
    """The one number that a query gives; NaN where it gives none."""
    parameters = urllib.parse.urlencode({"query": query})
    with urllib.request.urlopen(f"{url}/api/v1/query?{parameters}", timeout=60) as answer:
        found = json.load(answer)["data"]["result"]
    return float(found[0]["value"][1]) if found else float("nan")
