"""A round with silent nodes among the others: it is to end as if they were not there, but for one deadline."""

from __future__ import annotations

from dataclasses import replace

from bench.clients.table import CLIENTS
from bench.measure import Row, alternated
from bench.race import counted
from bench.site import SILENT_EVERY, Site
from bench.sshds import site, with_silent

NODES, IN_FLIGHT, ROUNDS = 2_000, 128, 3
DEADLINE = 10.0  # seconds: what the configuration's defaults give a banner
SLOWER = 1.1  # times as long as without the silent ones


def rows(*, small: bool = False) -> list[Row]:
    """Seconds of a round with 5 % of its nodes silent, by the engine; by our threads it is stated."""
    nodes, rounds = (200, 1) if small else (NODES, ROUNDS)
    silent = nodes // SILENT_EVERY
    with site(nodes - silent) as talking, with_silent(talking, silent) as all_nodes:
        return [
            _row("engine", talking, all_nodes, rounds),
            replace(_row("threads", talking, all_nodes, 1), reach=None),
        ]


def _row(name: str, talking: Site, all_nodes: Site, rounds: int) -> Row:
    racing = {
        "with": lambda: counted(name, all_nodes, IN_FLIGHT).cost,
        "without": lambda: counted(name, talking, IN_FLIGHT).cost,
    }
    seconds = alternated(racing, rounds, of=lambda cost: cost.wall)
    number = len(talking.addresses) + len(all_nodes.silent)
    measure = f"a round of {number:,} nodes, {len(all_nodes.silent)} silent, by {CLIENTS[name].title}"
    if len(seconds) < len(racing):
        return Row.failed(measure, "not every node that talks gave us its answer")
    limit = SLOWER * seconds["without"].median + DEADLINE
    more = f"without the silent ones {seconds['without'].told('s')}"
    return Row.limited(measure, seconds["with"].median, limit, "s", more)
