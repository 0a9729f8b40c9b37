"""``python -m bench [NAME ...]``: the parts of the bench, one after the other; all of them without a name."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bench import page
from bench.machine import machine
from bench.measure import Row, Verdict, tell

PARTS = {
    "ssh": "SSH: client CPU of a visit, against the peers",
    "bastion": "SSH through one bastion",
    "silent": "Nodes that fall silent",
    "memory": "Memory with many nodes",
    "exposition": "A scrape of `/metrics`",
    "store": "The store",
    "sweep": "A sweep of mounted trees",
    "schedule": "The schedule",
    "scaling": "A fleet shared out",
    "growth": "As the fleet grows",
}


def run(name: str, *, small: bool) -> list[Row]:
    """One part, told on the terminal. A part that is not there, or that fails, is a row that says so."""
    began = time.monotonic()
    if importlib.util.find_spec(f"bench.{name}") is None:
        rows = [Row.not_measured(name, f"there is no bench/{name}.py")]
    else:
        try:
            rows = list(importlib.import_module(f"bench.{name}").rows(small=small))
        except Exception as error:  # noqa: BLE001 # the other parts' figures are not lost for this one
            traceback.print_exc()
            rows = [Row.not_measured(name, f"failed: {type(error).__name__}")]
    tell(rows, f"{PARTS[name]} (in {time.monotonic() - began:.0f} s)")
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--small", action="store_true", help="prove that everything works; the figures mean nothing")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the tables between their marks of this page")
    given = parser.parse_args(arguments)
    if unknown := set(given.names) - set(PARTS):
        parser.error(f"no part of the bench: {', '.join(sorted(unknown))}")
    if given.small and given.write:
        parser.error("figures of the short form mean nothing: they are not written down")
    about = machine()
    for what, told in about.items():
        print(f"{what}: {told}")
    verdicts: Counter[Verdict] = Counter()
    for name in given.names or PARTS:
        rows = run(name, small=given.small)
        verdicts.update(row.verdict for row in rows)
        if given.write:
            page.write(given.write, about, name, rows)
    print(", ".join(f"{verdicts[verdict]} {verdict}" for verdict in Verdict))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
