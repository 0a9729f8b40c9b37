"""``explain``: one visit of one node, or what is kept of the last ones, told to a person, or all of it as data."""

from __future__ import annotations

import argparse
import io
import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from exporter.cli.glyphs import glyphs
from exporter.cli.offline import last_known
from exporter.cli.output import nobody_reads
from exporter.cli.page import Page
from exporter.cli.selection import chosen, mounted
from exporter.cli.story import tell
from exporter.cli.story_data import story
from exporter.cli.verdict import status
from exporter.errors import ConfigurationError, Mistake
from exporter.model.report import NodeReport, Visit
from exporter.model.snapshot import FleetSnapshot
from exporter.rounds.fleet import Fleet
from exporter.rounds.keeper import Kept
from exporter.rounds.visit import visit
from exporter.serve.views import NodeView, views

_LONG = 1.0  # seconds without a word


def command(given: argparse.Namespace) -> int:
    """The exit status is that of ``visit``. Raises ConfigurationError."""
    if (given.root is None) == (given.node is None):
        raise ConfigurationError(Mistake("explain", "needs one NODE of the inventory, or --root=DIR"))
    if given.offline and given.root is not None:
        raise ConfigurationError(Mistake("--offline", "needs a NODE: of a mounted tree nothing is kept"))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without UTF-8
    outcome, view, now = _offline(given) if given.offline else _now(given)
    try:
        _tell(outcome, view, now, given.format)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough: what was found still counts
        nobody_reads()
    return status((view,))


def _offline(given: argparse.Namespace) -> tuple[Visit, NodeView, float]:
    now = time.time()
    return *last_known(given.config_file, given.node, now), now


def _now(given: argparse.Namespace) -> tuple[Visit, NodeView, float]:
    fleet = chosen(Kept(given.config_file).fleet, [given.node]) if given.node else mounted(given.root)
    outcome = _visited(fleet)
    now = time.time()
    (view,) = views(FleetSnapshot((NodeReport(outcome.node).after(outcome),), fleet.labels, fleet.pace), now)
    return outcome, view, now


def _visited(fleet: Fleet) -> Visit:
    """The one node, now; a word on the terminal where it takes long."""
    (node,) = fleet.nodes
    with _waiting(Console(stderr=True)):
        try:
            return visit(node, NodeReport(node), fleet.transports)
        finally:
            fleet.close()


@contextmanager
def _waiting(screen: Console) -> Iterator[None]:
    spinner = screen.status("visiting")
    timer = threading.Timer(_LONG, spinner.start)
    if screen.is_terminal:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if screen.is_terminal:
            timer.join()
        spinner.stop()


def _tell(outcome: Visit, view: NodeView, now: float, chosen_format: str) -> None:
    if chosen_format == "json":
        print(json.dumps(story(outcome, view, now), indent=2))
        return
    console = Console()
    page = Page(console)
    tell(outcome, view, now, page, glyphs(console.encoding))
    page.print()
