"""``python -m tests.soak``: exits with 1 on any miss. `make soak` runs it."""

from __future__ import annotations

import argparse
import logging
import sys

from tests.soak.soak import Plan, soak


def main() -> int:
    """0 where all is well."""
    usual = Plan()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=usual.seconds / 60)
    parser.add_argument("--nodes", type=int, default=usual.nodes)
    parser.add_argument("--interval", type=int, default=usual.interval, help="seconds")
    parser.add_argument("--concurrency", type=int, default=usual.concurrency)
    parser.add_argument("--engine", choices=("auto", "loop", "threads"), default=usual.engine)
    given = parser.parse_args()
    plan = Plan(
        nodes=given.nodes,
        seconds=given.minutes * 60,
        interval=given.interval,
        concurrency=given.concurrency,
        engine=given.engine,
    )
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # what the hostile peers' own servers have to say
    rows = soak(plan)
    for row in rows:
        print(f"{'ok  ' if row.is_well else 'MISS'}  {row.what}: {row.told}")
    return 0 if all(row.is_well for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
