"""``visit``: nodes read once, now, and told as a table, as JSON or as exposition text."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from contextlib import contextmanager
from dataclasses import replace

from rich.console import Console
from rich.progress import Progress

from exporter.cli.table import fleet_table, moment
from exporter.collect.local import LocalTransport
from exporter.config.settings import Pace, Paths, TransportKind
from exporter.errors import ConfigurationError, Mistake
from exporter.judge import rotation
from exporter.model.assessment import Reading, State
from exporter.model.node import LocalAccess, Node
from exporter.model.report import FleetSnapshot
from exporter.rounds.daemon import Fleet
from exporter.rounds.keeper import Kept
from exporter.rounds.state import FleetState
from exporter.rounds.visit import visit
from exporter.serve.exposition import Format, render
from exporter.serve.samples import NodeView, views

_LONG = 1.0  # seconds without a bar
FINE, LATE_OR_WORSE, COULD_NOT_LOOK = 0, 1, 2


def command(given: argparse.Namespace) -> int:
    """0: fine. 1: a certificate is late or worse. 2: nothing worse than a node that could not be read."""
    fleet = _mounted(given.root) if given.root else _chosen(Kept(given.config_file).fleet, given.nodes)
    snapshot = visit_all(fleet)
    now = time.time()
    if given.format == "table":
        Console().print(fleet_table(snapshot, now))
    elif given.format == "json":
        print(json.dumps([_plain(view) for view in views(snapshot, now)], indent=2))
    else:
        sys.stdout.write(render(snapshot, now, Format.TEXT).decode())
    return _status(views(snapshot, now))


def visit_all(fleet: Fleet) -> FleetSnapshot:
    """Every node once, as many at a time as the configuration allows; a bar on a terminal when it takes long."""
    state = FleetState()
    state.settle(fleet.nodes, fleet.labels, fleet.pace)

    reports = state.snapshot().reports
    pool = ThreadPoolExecutor(min(fleet.concurrency, max(1, len(fleet.nodes))), thread_name_prefix="visit")
    with _ending(fleet, pool):
        visits = [pool.submit(visit, report.node, report, fleet.transports) for report in reports]
        _, slow = wait(visits, timeout=_LONG)
        silent = not slow or not sys.stderr.isatty()
        with Progress(console=Console(stderr=True), transient=True, disable=silent) as bar:
            task = bar.add_task("visiting", total=len(visits))
            for future in as_completed(visits):
                state.record(future.result())
                bar.advance(task)
    return state.snapshot()


@contextmanager
def _ending(fleet: Fleet, pool: ThreadPoolExecutor) -> Iterator[None]:
    """Ctrl-C ends the visits under way instead of waiting for them."""
    try:
        yield
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        fleet.close()
        pool.shutdown(wait=True)


def _mounted(root: str) -> Fleet:
    directory = os.path.abspath(root)
    node = Node(os.path.basename(directory) or "localhost", LocalAccess(directory), Paths(), origin="--root")
    transports = {TransportKind.LOCAL: LocalTransport()}
    return Fleet((node,), (), Pace(), transports, concurrency=1, close=lambda: None)


def _chosen(fleet: Fleet, names: list[str]) -> Fleet:
    if not names:
        return fleet
    known = {node.name: node for node in fleet.nodes}
    unknown = [Mistake(name, "not a node of the inventory") for name in names if name not in known]
    if unknown:
        raise ConfigurationError(*unknown)
    return replace(fleet, nodes=tuple(known[name] for name in dict.fromkeys(names)))


def _status(nodes: tuple[NodeView, ...]) -> int:
    if any(view.client_state.is_accusation for view in nodes):
        return LATE_OR_WORSE
    return FINE if all(view.report.up for view in nodes) else COULD_NOT_LOOK


def _plain(view: NodeView) -> dict[str, object]:
    """One node as data; what is not known is null."""
    report = view.report
    return {
        "node": report.node.name,
        "labels": dict(report.node.labels),
        "address": report.node.address,
        "transport": report.node.transport,
        "up": report.up,
        "reason": report.reason,
        "state": view.client_state,
        "clock_offset_seconds": report.clock_offset,
        "findings": [{"cause": finding.cause, "severity": finding.severity} for finding in report.findings],
        "certificates": {role: _certificate(reading, state) for role, reading, state in view.readings()},
    }


def _certificate(reading: Reading, state: State) -> dict[str, object]:
    """One certificate; window and state only where the kubelet rotates it."""
    found, edges, managed = reading.certificate, rotation.window(reading.certificate), reading.managed
    return {
        "not_before": moment(found.not_before),
        "not_after": moment(found.not_after),
        "rotation_window_start": moment(edges.start) if managed else None,
        "rotation_window_end": moment(edges.end) if managed else None,
        "rotation_state": state if managed else None,
        "serial": found.serial,
        "issuer": found.issuer,
        "subject": found.subject,
        "fingerprint": found.fingerprint,
    }
