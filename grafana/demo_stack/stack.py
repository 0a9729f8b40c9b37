"""The parts together: what each is started with, and how they begin and end."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from grafana.demo_stack import configuration
from grafana.demo_stack.addresses import Addresses, address, url
from grafana.demo_stack.configuration import ALERTMANAGER, Links
from grafana.demo_stack.part import Part
from grafana.demo_stack.programs import Programs

SCRAPE_INTERVAL = "5s"
_TICK = 0.5


def parts(addresses: Addresses, programs: Programs, folder: Path, links: Links) -> list[Part]:
    """The parts, in the order of their start; what they read is written below ``folder``."""
    exporter, receiver = address(addresses.exporter), url(addresses.receiver)
    configuration.write_rules(folder / "rules", links)
    prometheus = folder / "prometheus.yml"
    prometheus.write_text(
        configuration.prometheus(exporter, address(addresses.alertmanager), scrape_interval=SCRAPE_INTERVAL)
    )
    alertmanager = folder / "alertmanager.yml"
    alertmanager.write_text(configuration.alertmanager(ALERTMANAGER.read_text(encoding="utf-8"), receiver))
    return [
        Part(
            "the exporter",
            [
                sys.executable,
                *("-m", "exporter", "demo", f"--web.listen-address={exporter}", f"--directory={folder / 'demo'}"),
            ],
            f"{url(addresses.exporter)}/-/healthy",
            folder / "exporter.log",
        ),
        alertmanager_part(programs, alertmanager, addresses.alertmanager),
        prometheus_part(programs, prometheus, addresses.prometheus),
    ]


def prometheus_part(programs: Programs, config: Path, port: int) -> Part:
    """A Prometheus with its data and its log beside its configuration."""
    return Part(
        "Prometheus",
        [
            programs.prometheus,
            f"--config.file={config}",
            f"--storage.tsdb.path={config.with_name('prometheus')}",
            f"--web.listen-address={address(port)}",
        ],
        f"{url(port)}/-/ready",
        config.with_name("prometheus.log"),
    )


def alertmanager_part(programs: Programs, config: Path, port: int) -> Part:
    """An Alertmanager alone in its cluster, with its data and its log beside its configuration."""
    return Part(
        "Alertmanager",
        [
            programs.alertmanager,
            f"--config.file={config}",
            f"--storage.path={config.with_name('alertmanager')}",
            f"--web.listen-address={address(port)}",
            "--cluster.listen-address=",
        ],
        f"{url(port)}/-/ready",
        config.with_name("alertmanager.log"),
    )


@contextlib.contextmanager
def running(given: Sequence[Part], stopping: threading.Event) -> Iterator[None]:
    """The parts run and answer, unless ``stopping`` is set meanwhile; in the end none is left. Raises PartError."""
    try:
        for part in given:
            part.start()
        for part in given:
            part.wait_until_ready(stopping)
        yield
    finally:
        for part in reversed(given):
            part.ask_to_stop()
        for part in reversed(given):
            part.stop()


def watch(given: Sequence[Part], stopping: threading.Event) -> None:
    """Until ``stopping`` is set. Raises PartError as soon as a part ends by itself."""
    while not stopping.wait(_TICK):
        for part in given:
            part.check()
