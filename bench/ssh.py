"""Client CPU of a visit over SSH: ours beside the peers, many in flight, on a real sshd."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from bench.clients.table import CLIENTS
from bench.measure import Row, Spread, alternated
from bench.race import contenders
from bench.sshds import site

REACH = {32: 0.32, 128: 0.22}  # in flight → of the manual's
OURS, MANUAL = "engine", "manual"
PEERS = (*("threads", "asyncssh", "asyncssh-tuned", "ssh2", "pssh"), *("ssh", "ssh-pinned", "ansible", "kept"))
NODES, ROUNDS = 300, 3


def rows(*, small: bool = False) -> list[Row]:
    """CPU a visit of each client, and of ours against it; and the peak of its memory where it has no children."""
    nodes, rounds = (60, 1) if small else (NODES, ROUNDS)
    found: list[Row] = []
    with site(nodes) as where:
        for in_flight in REACH:
            peaks: dict[str, int] = {}
            costs = alternated(contenders((OURS, MANUAL, *PEERS), where, in_flight, peaks), rounds)
            found.extend(_compared(costs, peaks, in_flight))
    return found


def _compared(costs: Mapping[str, Spread], peaks: Mapping[str, int], in_flight: int) -> Iterator[Row]:
    for name in (MANUAL, *PEERS):
        title = CLIENTS[name].title
        measure = f"a visit, {in_flight} in flight, against {title}"
        reach = REACH[in_flight] if name == MANUAL else None
        if lacks := CLIENTS[name].lacks:
            yield Row.not_measured(measure, f"{lacks} is not installed")
        elif name not in costs:
            yield Row.not_measured(measure, "not every node gave it its answer")
        elif OURS not in costs:
            yield Row.failed(measure, "not every node gave us its answer", reach)
        else:
            row = Row.compared(measure, costs[OURS], costs[name], reach=reach)
            against = row.against if CLIENTS[name].program else f"{row.against}, {_megabytes(peaks[name])}"
            yield replace(row, ours=f"{row.ours}, {_megabytes(peaks[OURS])}", against=against)


def _megabytes(peak: int) -> str:
    return f"{peak / 1e6:.0f} MB"
