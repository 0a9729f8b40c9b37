"""``demo``: the exporter as it is, over an embedded fleet whose certificates live for minutes."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table

from exporter.cli.service import Service, leave
from exporter.cli.table import fleet_table
from exporter.cli.web import open_web
from exporter.demo.fleet import FLEET
from exporter.demo.world import World
from exporter.rounds.keeper import Kept

_EVERY = 1.0
_EVERY_WITHOUT_TERMINAL = 30.0
_INTRODUCTION = """\
A demonstration fleet of {count} nodes. Make-believe: the nodes, their certificate
authorities, their sshd (embedded, on loopback) and the pace: a healthy
certificate lives for 15 minutes. Real: host keys, logins, the node script run
by sh, the files, and this exporter. worker-08.prod stalls within seven minutes;
what is wrong with the others stays so: `explain` tells it of one node,
  {program} explain --config.file={config} control-1.prod

Metrics: {url}/metrics
Take a node down (rm brings it back):
  touch {switch}
Your own nodes: see the README, "Your own nodes in five minutes", then
  {program} --config.file=config.yaml

"""
_GOES_ON = "Goes on with the demonstration that was in this directory before.\n\n"


def command(given: argparse.Namespace) -> int:
    """Run until a signal. Raises ConfigurationError."""
    web = open_web(given)
    with tempfile.TemporaryDirectory(prefix="kubelet-cert-exporter-demo-") as temporary:
        world = World(Path(given.directory or temporary).absolute(), random.Random())  # noqa: S311 - rotation times
        world.start()
        try:
            service = Service(str(world.config), Kept(str(world.config)), web)
            console = Console()
            console.print(_introduction(world, web.urls[0]), soft_wrap=True, highlight=False)
            screen = Screen(service, console)
            try:
                left = service.run(meanwhile=screen.start)
            finally:
                screen.stop()
        finally:
            world.stop()
    return leave(left)


def _introduction(world: World, url: str) -> str:
    told = _INTRODUCTION.format(
        count=len(FLEET), url=url, switch=world.switch("worker-01.prod"), program=_program(), config=world.config
    )
    return _GOES_ON + told if world.goes_on else told


def _program() -> str:
    """As it was called, so that it can be called again."""
    called = Path(sys.argv[0])
    return "python -m exporter" if called.name == "__main__.py" else str(called)


class Screen:
    """Shows the fleet's table, live on a terminal, now and then where there is none."""

    def __init__(self, service: Service, console: Console) -> None:
        self._service = service
        self._console = console
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._show, name="screen", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(2.0)

    def _show(self) -> None:
        if not self._console.is_terminal:
            while not self._stopping.wait(_EVERY_WITHOUT_TERMINAL if self._is_complete() else _EVERY):
                if self._is_complete():
                    self._console.print(self._table())
                    sys.stdout.flush()
            return
        with Live(console=self._console, auto_refresh=False, vertical_overflow="ellipsis") as live:
            while not self._stopping.is_set():
                live.update(self._table(), refresh=True)
                self._stopping.wait(_EVERY)

    def _table(self) -> Table:
        return fleet_table(self._service.daemon.snapshot(), time.time(), self._console.width)

    def _is_complete(self) -> bool:
        reports = self._service.daemon.snapshot().reports
        return bool(reports) and all(report.last_visit is not None for report in reports)
