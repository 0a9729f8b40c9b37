"""What some work costs: CPU, time, memory. It imports nothing that would count as memory of what is measured."""

from __future__ import annotations

import gc
import re
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds that some work took: ``cpu`` of the process and its children, user and system; ``wall`` of the clock."""

    cpu: float
    wall: float

    def __truediv__(self, times: float) -> Cost:
        """What one of ``times`` equal pieces of the work took."""
        return Cost(self.cpu / times, self.wall / times)


def measured(work: Callable[[], object]) -> Cost:
    """The cost of one call. Children count once they have ended and were waited for."""
    gc.collect()
    cpu, wall = _cpu(), time.perf_counter()
    work()
    return Cost(_cpu() - cpu, time.perf_counter() - wall)


def _cpu() -> float:
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def peak_memory() -> int:
    """The most that this process ever had resident, in bytes.

    Not getrusage's ru_maxrss: that of a child begins with what its parent had when it was started.
    """
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    if found is None:
        raise RuntimeError("no VmHWM in /proc/self/status")
    return int(found[1]) * 1024


def memory() -> int:
    """What this process has resident now, in bytes, after a collection of garbage."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
