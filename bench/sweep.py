"""A sweep of ten thousand mounted trees: nothing changed, everything rotated, and the memory that it takes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.cost import Cost, measured
from bench.figures import figure
from bench.measure import Row, Spread, UncountedError, alternated
from bench.mounted import Mounted
from exporter.demo.node_tree import CURRENT

NODES, ROUNDS, ROTATIONS = 10_000, 5, 3
SETTLED = 4  # sweeps until nothing is new any more: read, trusted, judged, judged for good
UNCHANGED, ROTATED = 1.0, 2.5  # CPU seconds
MEBIBYTES = 119
SAMPLE = 20  # files that openssl is started for
_TRUSTED = 2.5  # seconds until a file that was just written is trusted
_ELSEWHERE = "no package by that name; elsewhere, relative links and dates alone: {} s unchanged, {} s rotated, {} MiB"


class Sweeper:
    """One of ``bench.sweepers``, in a process of its own."""

    def __init__(self, name: str, folder: Path, nodes: int) -> None:
        self.memory = 0  # after its last sweep, in bytes
        self._name = name
        self._nodes = nodes
        command = [sys.executable, "-m", "bench.sweepers", name, str(folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def sweep(self) -> Cost:
        """All trees once. Raises UncountedError where one of them gave no certificate."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("a sweeper without pipes")
        self._process.stdin.write("sweep\n")
        self._process.stdin.flush()
        cpu, wall, memory, brought = self._process.stdout.readline().split()
        self.memory = int(memory)
        if int(brought) != self._nodes:
            raise UncountedError(self._name, f"{brought} of {self._nodes} trees gave their certificate")
        return Cost(float(cpu), float(wall))

    def close(self) -> None:
        self._process.communicate()


@contextmanager
def sweeper(name: str, folder: Path, nodes: int) -> Iterator[Sweeper]:
    """For as long as the block lasts."""
    one = Sweeper(name, folder, nodes)
    try:
        yield one
    finally:
        one.close()


class _Rotations:
    """Has all kubelets rotate before a sweeper sweeps a second time."""

    def __init__(self, trees: Mounted) -> None:
        self._trees = trees
        self._number = 0
        self._swept: dict[Sweeper, int] = {}

    def sweep(self, one: Sweeper) -> Cost:
        if self._swept.get(one, 0) == self._number:
            self._trees.rotate()
            self._number += 1
        self._swept[one] = self._number
        return one.sweep()


def rows(*, small: bool = False) -> list[Row]:
    """By whole visits, in one thread: read, judged, the node's report made anew."""
    nodes, rounds, rotations = (200, 2, 1) if small else (NODES, ROUNDS, ROTATIONS)
    with tempfile.TemporaryDirectory(prefix="bench-sweep-") as folder:
        trees, where = Mounted(Path(folder), nodes), Path(folder) / "trees"
        with sweeper("ours", where, nodes) as ours, sweeper("dates", where, nodes) as dates:
            first = ours.sweep()
            time.sleep(_TRUSTED)
            for one in (*[ours] * SETTLED, dates):
                one.sweep()
            unchanged = alternated({"ours": ours.sweep, "dates": dates.sweep}, rounds)
            chances = _Rotations(trees)
            racing = {"ours": lambda: chances.sweep(ours), "dates": lambda: chances.sweep(dates)}
            rotated = alternated(racing, rotations)
            memory = ours.memory
        return [
            *_rows(nodes, unchanged, rotated),
            Row.limited(f"resident after these sweeps of {nodes:,} trees", memory / 2**20, MEBIBYTES, "MiB"),
            Row(f"the first sweep of {nodes:,} trees: CPU", f"{figure(first.cpu)} s"),
            _openssl(trees),
            Row.not_measured("the same by x509-certificate-exporter 4.2.0", _ELSEWHERE.format(1.35, 12.2, 151)),
            Row.not_measured("the same by Telegraf 1.37.2", _ELSEWHERE.format(1.97, 2.00, 119)),
        ]


def _rows(nodes: int, unchanged: dict[str, Spread], rotated: dict[str, Spread]) -> Iterator[Row]:
    cases = (("nothing changed", unchanged, UNCHANGED), ("everything rotated", rotated, ROTATED))
    for case, spreads, limit in cases:
        measure = f"a sweep of {nodes:,} trees, {case}: CPU"
        if "ours" not in spreads:
            yield Row.failed(measure, "not every tree gave its certificate")
            continue
        more = f"of {spreads['ours'].told()}"
        if "dates" in spreads:
            more += f"; dates alone, in Python: {spreads['dates'].told('s')}"
        yield Row.limited(measure, spreads["ours"].median, limit * nodes / NODES, "s", more)


def _openssl(trees: Mounted) -> Row:
    """Stated beside it: one process a file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        return Row.not_measured("openssl x509, a file", "no openssl here")
    files = [f"{root}{os.readlink(f'{root}{CURRENT}')}" for root in trees.roots[:SAMPLE]]

    def ask() -> None:
        for file in files:
            subprocess.run([openssl, "x509", "-noout", "-enddate", "-in", file], check=True, capture_output=True)

    return Row("openssl x509, a file: CPU", f"{figure(measured(ask).cpu / len(files) * 1e3)} ms")
