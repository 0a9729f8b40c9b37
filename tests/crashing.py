"""A process that keeps reports as fast as it can, until somebody ends it: ``python -m tests.crashing FILE FIRST``.

It prints each round once all of it is written. Every round is a visit of every node, and a rotation of some.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

from tests.keeping import Keeping
from tests.reports import NOW, node, report

FLEET = tuple(node(f"n{number}") for number in range(100))


def main(path: str, first: int) -> None:
    kept = Keeping(Path(path))
    kept.settle(*FLEET)
    for number in itertools.count(first):
        kept.visited(*(report(one, NOW + number, (number + place) // 10) for place, one in enumerate(FLEET)))
        kept.settle(*FLEET)  # what was told before is written then
        print(number, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
