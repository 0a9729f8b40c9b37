"""``python -m bench.sweepers NAME FOLDER``: sweeps all trees below a folder, once for each line of its input.

A process of its own each, so that its memory is its own. Each sweep is answered with a line: CPU seconds, wall seconds,
resident bytes, certificates read.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from bench.cost import measured, memory
from exporter.demo.node_tree import CURRENT

Sweep = Callable[[], int]  # how many client certificates it brought


def ours(roots: list[str]) -> Sweep:
    """Whole visits, as the daemon's worker makes them, in one thread: read, judged, and the report made anew."""
    from exporter.collect.local.transport import LocalTransport  # noqa: PLC0415 - the other's memory is without it
    from exporter.config.settings import Paths, TransportKind  # noqa: PLC0415 - likewise
    from exporter.model.node import LocalAccess, Node  # noqa: PLC0415 - likewise
    from exporter.model.report import NodeReport  # noqa: PLC0415 - likewise
    from exporter.rounds.visit import visit  # noqa: PLC0415 - likewise

    nodes = [Node(os.path.basename(root), LocalAccess(root), Paths()) for root in roots]
    reports = {node.name: NodeReport(node) for node in nodes}
    transports = {TransportKind.LOCAL: LocalTransport()}

    def sweep() -> int:
        for node in nodes:
            report = reports[node.name]
            reports[node.name] = report.after(visit(node, report, transports))
        return sum(report.up and report.client is not None for report in reports.values())

    return sweep


def dates(roots: list[str]) -> Sweep:
    """The end of each client certificate and nothing else, read again where link or target changed."""
    from cryptography import x509  # noqa: PLC0415 - the other's memory is without it

    known: dict[str, tuple[object, float]] = {}

    def sweep() -> int:
        for root in roots:
            target = root + os.readlink(root + CURRENT)
            found = os.stat(target)
            seen = (target, found.st_ino, found.st_mtime_ns)
            if root not in known or known[root][0] != seen:
                with open(target, "rb") as file:
                    certificate = x509.load_pem_x509_certificate(file.read())
                known[root] = seen, certificate.not_valid_after_utc.timestamp()
        return len(known)

    return sweep


SWEEPERS: dict[str, Callable[[list[str]], Sweep]] = {"ours": ours, "dates": dates}


def main(name: str, folder: str) -> None:
    sweep = SWEEPERS[name](sorted(entry.path for entry in os.scandir(folder)))
    for _ in sys.stdin:
        brought = 0

        def work() -> None:
            nonlocal brought
            brought = sweep()

        cost = measured(work)
        print(cost.cpu, cost.wall, memory(), brought, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
