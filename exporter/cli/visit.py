"""``visit``: nodes read once, now, and told as a table, as JSON or as exposition text."""

from __future__ import annotations

import argparse
import io
import json
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from rich.console import Console
from rich.progress import Progress

from exporter.cli import data
from exporter.cli.output import nobody_reads
from exporter.cli.selection import chosen, mounted
from exporter.cli.table import fleet_table
from exporter.cli.verdict import COULD_NOT_LOOK, FINE, status
from exporter.errors import ConfigurationError, Mistake
from exporter.model.finding import FleetFinding
from exporter.model.snapshot import FleetSnapshot
from exporter.rounds.crew import Work
from exporter.rounds.daemon import STOPS_WITHIN
from exporter.rounds.descriptors import Descriptors, raised_limit
from exporter.rounds.fleet import Fleet
from exporter.rounds.keeper import Kept
from exporter.rounds.lanes import way_of
from exporter.rounds.pool import Pool
from exporter.rounds.state import FleetState
from exporter.rounds.worker import Worker
from exporter.serve.exposition import Format, render
from exporter.serve.views import NodeView, findings_across, views

_LONG = 1.0  # seconds without a bar
_LOOKS_EVERY = 0.2
_WIDE = 500


def command(given: argparse.Namespace) -> int:
    """0: fine. 1: a certificate is late or worse, not yet valid, or a finding is critical. 2: a node was not read."""
    if given.root is not None and given.nodes:
        raise ConfigurationError(Mistake("--root", "one mounted tree is one node: name none besides"))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without UTF-8
    problems: dict[str, str] = {}
    if given.root is not None:
        fleet = mounted(given.root)
    else:
        kept = Kept(given.config_file)
        fleet, problems = chosen(kept.fleet, given.nodes), {} if given.nodes else kept.catalogue.problems
    if not fleet.nodes:
        raise ConfigurationError(Mistake(given.config_file, "no nodes in the inventory"))
    snapshot, now = visit_all(fleet), time.time()
    seen = views(snapshot, now)
    across = findings_across(seen, now)
    try:
        _tell(snapshot, seen, across, now, given.format)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough: what was found still counts
        nobody_reads()
    ended = status(seen, across)
    return COULD_NOT_LOOK if ended == FINE and problems else ended


def _tell(
    snapshot: FleetSnapshot, seen: tuple[NodeView, ...], across: tuple[FleetFinding, ...], now: float, chosen: str
) -> None:
    if chosen == "json":
        print(json.dumps([data.node(view) for view in seen], indent=2))
    elif chosen == "prometheus":
        sys.stdout.write(render(snapshot, now, Format.TEXT).decode())
        return
    else:
        _print_table(snapshot, now)
        for report in snapshot.reports:
            if report.detail:
                sys.stderr.write(f"{report.node.name}: {report.reason}: {report.detail}\n")
    for finding in across:
        where = f"cluster {finding.cluster}" if finding.cluster else "fleet"
        sys.stderr.write(f"{where}: {finding.cause} ({finding.severity}): {finding.evidence}\n")


def _print_table(snapshot: FleetSnapshot, now: float) -> None:
    """On a terminal as wide as it is; to a file or a pipe as wide as it takes, one line a node."""
    console = Console(width=None if sys.stdout.isatty() else _WIDE)
    with console.capture() as captured:
        console.print(fleet_table(snapshot, now, console.width))
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))


def visit_all(fleet: Fleet) -> FleetSnapshot:
    """Every node once, as many at a time as the configuration allows; a bar on a terminal when it takes long."""
    state = FleetState()
    state.settle(fleet.nodes, fleet.labels, fleet.pace)
    ended: queue.SimpleQueue[str] = queue.SimpleQueue()
    stopping = threading.Event()
    worker = Worker(state, time.time, stopping)

    def begin(name: str, over: Callable[[], None]) -> Work | None:
        def told(_: float | None) -> None:
            ended.put(name)
            over()

        return worker.begin(name, fleet, told)

    with _ending(fleet, Pool(begin, lambda: state.login_room), stopping) as pool:
        pool.resize(Descriptors(raised_limit()).most(fleet), fleet.pace.logins_per_second)
        for node in fleet.nodes:
            pool.put(0.0, node.name, way_of(node))
        _wait(ended, len(fleet.nodes))
        status = fleet.ssh_status()
    return state.snapshot(time.time(), ssh=status)


def _wait(ended: queue.SimpleQueue[str], visits: int) -> None:
    """Until every visit has ended, with a bar on a terminal."""
    began, bar = time.monotonic(), Progress(console=Console(stderr=True), transient=True)
    task = bar.add_task("visiting", total=visits)
    with ExitStack() as stack:
        for _ in range(visits):
            while True:
                try:
                    ended.get(timeout=_LOOKS_EVERY)
                    break
                except queue.Empty:
                    if sys.stderr.isatty() and not bar.live.is_started and time.monotonic() - began > _LONG:
                        stack.enter_context(bar)
            bar.advance(task)


@contextmanager
def _ending(fleet: Fleet, pool: Pool, stopping: threading.Event) -> Iterator[Pool]:
    """Ctrl-C ends the visits under way instead of waiting for them."""
    try:
        yield pool
    finally:
        stopping.set()
        pool.interrupt()
        fleet.close()
        pool.join(time.monotonic() + STOPS_WITHIN)
