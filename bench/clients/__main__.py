"""``python -m bench.clients NAME IN_FLIGHT``: one round of one client over the site that standard input describes.

Prints its cost and what came of it as JSON. What it takes to read the answers is the same for all, and is not in it.
"""

from __future__ import annotations

import json
import sys
from collections import Counter

from bench.clients.client import Tally
from bench.clients.table import CLIENTS
from bench.cost import measured, peak_memory
from bench.site import Site


def main() -> None:
    name, in_flight = sys.argv[1:]
    tally = Tally()
    visits = CLIENTS[name].load()(Site.read(sys.stdin.read()), int(in_flight))
    cost = measured(lambda: visits(tally))
    told = {
        "cpu": cost.cpu - tally.reading,
        "wall": cost.wall,
        "outcomes": Counter(tally.outcomes),
        "memory": peak_memory(),
        "threads": tally.threads,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
