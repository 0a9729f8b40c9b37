"""What a scrape of ``/metrics`` costs: against prometheus_client over the same samples, and by a real Prometheus.

The fleet is bench/fleet.py's, in the daemon's own state, and every change of it a visit's record. A scrape is what the
endpoint does: snapshot, the exporter's own health, text format, gzip.
"""

from __future__ import annotations

import gzip
import json
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from bench import fleet
from bench.measure import Cost, Row, alternated, measured
from bench.waiting import until
from exporter.config.settings import Pace
from exporter.model.assessment import Assessment, Certificate, Reading
from exporter.model.facts import DirectoryCondition, NodeClock, NodeFacts, StoreFacts
from exporter.model.files import Condition, PemFile
from exporter.model.probe import Probing
from exporter.model.report import NodeReport, Visit
from exporter.rounds.state import FleetState
from exporter.serve.compression import Coding
from exporter.serve.exposition import Format
from exporter.serve.health import Health
from exporter.serve.kept import KeptExposition
from exporter.serve.listener import Entrance, Listener, listen
from exporter.serve.web import Backend, Endpoints
from tests.prometheus import serving

NODES, MANY = 10_000, 100_000
ROUNDS = 5
NOTHING, FEW, ALL = 0.005, 0.02, 0.10  # of prometheus_client's CPU
SCRAPES, INTERVAL, TIME_OUT = 3, 30, 10.0
RECORDS_A_SECOND = 300
PATIENCE = 600  # seconds more: Prometheus takes its time over two million series that it has never seen
PEER = "generate_latest"
_STEP = 30.0


class Watched:
    """A fleet in the daemon's state, and the exposition of it. ``now`` is the bench's own clock."""

    def __init__(self, nodes: int, now: float) -> None:
        self.now = now
        self.state = FleetState()
        self._random = random.Random(1)  # the same fleet in each run
        known = fleet.snapshot(nodes, now)
        self.state.settle(tuple(report.node for report in known.reports), known.labels, Pace())
        for report in known.reports:
            self.state.record(visit(report, report.last_visit or now))
        self._exposition = KeptExposition()
        self._health = Health(lambda: self.state.snapshot(self.now).counters)

    def scrape(self) -> bytes:
        """The whole body, as Prometheus asks for it."""
        rest = self._health.render(Format.TEXT)
        return self._exposition.body(self.state.snapshot(self.now), self.now, Format.TEXT, Coding.GZIP, rest)

    def change(self, share: float, *, rotates: bool) -> None:
        """So many of the nodes are visited, at random; what they rotate they began to use at different times."""
        self.now += _STEP
        reports = self.state.snapshot(self.now).reports
        for report in self._random.sample(reports, round(len(reports) * share)):
            back = self._random.randrange(600, 3600) if rotates else None
            self.state.record(visit(report, self.now, rotated=back))

    def cost(self, share: float = 0.0, *, rotates: bool = False) -> Cost:
        """Of a scrape after such a change."""
        if share:
            self.change(share, rotates=rotates)
        return measured(self.scrape)


def visit(report: NodeReport, now: float, rotated: int | None = None) -> Visit:
    """A visit that sees all there was, as the judge tells it; the client certificate, if rotated, began so long ago.

    What is equal is another object but for the certificates: these are one object while any report has them.
    """
    facts = NodeFacts(
        now,
        StoreFacts("/var/lib/kubelet/pki", DirectoryCondition.OK),
        PemFile("/var/lib/kubelet/pki/kubelet-client-current.pem", Condition.READ),
        None,
        clock=NodeClock(now + (report.clock_offset or 0.0) + 0.001, now, now),
        script_version=report.script_version,
    )
    history = replace(report.history) if report.history else None
    client = report.client and _seen_again(report.client, now)
    if client and history and rotated is not None:
        client = replace(client, certificate=_renewed(client.certificate, int(now) - rotated))
        on_disk = history.rotations_on_disk + 1
        history = replace(history, last_rotation=client.certificate.not_before, rotations_on_disk=on_disk)
    assessment = Assessment(
        report.reason,
        client,
        report.serving and _seen_again(report.serving, now),
        serving_absent=False,
        history=history,
        findings=report.findings,
        kubelet=replace(report.kubelet) if report.kubelet else None,
        restart=replace(report.restart) if report.restart else None,
        authority=report.authority,
    )
    duration = 0.2 + now % 0.1
    return Visit(report.node, now - duration, duration, report.reason, "", facts, assessment)


def _seen_again(reading: Reading, now: float) -> Reading:
    return Reading(reading.certificate, now, now, now, reading.managed)


def _renewed(certificate: Certificate, begin: int) -> Certificate:
    """The next certificate of a node, with every field another that a rotation changes."""
    return replace(
        certificate,
        not_before=begin,
        not_after=begin + certificate.lifetime,
        serial=certificate.serial[::-1],
        fingerprint=certificate.fingerprint[::-1],
    )


class Samples(Collector):
    """The peer: a custom collector that has all samples at hand, and makes families of them."""

    def __init__(self, text: str) -> None:
        self._families = [
            (
                family.name,
                family.documentation,
                list(family.samples[0].labels),
                [(list(sample.labels.values()), sample.value) for sample in family.samples],
            )
            for family in text_string_to_metric_families(text)
            if family.type == "gauge" and family.samples
        ]
        self.count = sum(len(samples) for *_, samples in self._families)

    def collect(self) -> Iterable[Metric]:
        for name, text, labels, samples in self._families:
            family = GaugeMetricFamily(name, text, labels=labels)
            for values, value in samples:
                family.add_metric(values, value)
            yield family


def rows(*, small: bool = False) -> list[Row]:
    """The table's lines for ``/metrics``."""
    return [*_against_the_library(200 if small else NODES, 2 if small else ROUNDS), _by_prometheus(small=small)]


def _against_the_library(nodes: int, rounds: int) -> Iterator[Row]:
    watched = Watched(nodes, time.time())
    peer = Samples(gzip.decompress(watched.scrape()).decode())
    registry = CollectorRegistry()
    registry.register(peer)
    changes: dict[str, tuple[float, Callable[[], Cost]]] = {
        "nothing changed": (NOTHING, watched.cost),
        "1 % visited anew": (FEW, lambda: watched.cost(0.01)),
        "1 % rotated": (FEW, lambda: watched.cost(0.01, rotates=True)),
        "all visited anew": (ALL, lambda: watched.cost(1.0)),
        "all rotated": (ALL, lambda: watched.cost(1.0, rotates=True)),
    }
    costs = alternated(
        {
            PEER: lambda: measured(lambda: generate_latest(registry)),
            **{name: run for name, (_, run) in changes.items()},
        },
        rounds,
    )
    for name, (reach, _) in changes.items():
        measure = f"`/metrics`, {nodes:,} nodes, {peer.count:,} samples: {name}"
        yield Row.compared(measure, costs[name], costs[PEER], reach=reach)


def _by_prometheus(*, small: bool) -> Row:
    """A Prometheus that scrapes while visits write."""
    nodes, interval = (200, 1) if small else (MANY, INTERVAL)
    measure = (
        f"`/metrics`, {nodes:,} nodes scraped each {interval} s, {RECORDS_A_SECOND} visits a second: "
        f"scrapes missed, with a time-out of {min(interval, TIME_OUT):g} s"
    )
    if shutil.which("prometheus") is None:
        return Row.not_measured(measure, "no prometheus here")
    with _exporter(nodes) as (target, pid), tempfile.TemporaryDirectory() as directory:
        job = {"job_name": "exporter", "honor_labels": True, "static_configs": [{"targets": [target]}]}
        paced = {"scrape_interval": f"{interval}s", "scrape_timeout": f"{min(interval, TIME_OUT):g}s"}
        with serving(Path(directory), {"global": paced, "scrape_configs": [job]}) as url:
            until(
                lambda: _value(url, 'count_over_time(up{job="exporter"}[1h])') >= SCRAPES, SCRAPES * interval + PATIENCE
            )
            taken = _value(url, 'sum_over_time(up{job="exporter"}[1h])')
            scrapes = _value(url, 'count_over_time(up{job="exporter"}[1h])')
            longest = _value(url, 'max_over_time(scrape_duration_seconds{job="exporter"}[1h])')
            last = _value(url, 'scrape_duration_seconds{job="exporter"}')
            samples = _value(url, "scrape_samples_scraped")
            own = urllib.request.urlopen(f"{url}/metrics", timeout=60).read().decode()
        ours = _peak(pid)
    theirs = next(float(line.split()[1]) for line in own.splitlines() if line.startswith("process_resident_memory"))
    # the time-out is of what we take; to enter what came, above all series that it never saw, takes Prometheus more
    took = f"from asked to entered {longest:.1f} s at most, the last {last:.1f} s"
    more = f"of {scrapes:.0f}; {samples:,.0f} samples; {took}"
    memory = f"peak RSS {ours:.2f} GB, Prometheus' {theirs / 1e9:.2f} GB"
    return Row.limited(measure, scrapes - taken, 0, "scrapes", f"{more}; {memory}")


def _value(url: str, query: str) -> float:
    """The one number of an instant query; 0 where there is none yet."""
    asked = f"{url}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    with urllib.request.urlopen(asked, timeout=60) as answer:
        found = json.load(answer)["data"]["result"]
    return float(found[0]["value"][1]) if found else 0.0


def _peak(pid: int) -> float:
    """The most memory that a process had, in GB."""
    return _memory(pid, "VmHWM") / 1e9


def _memory(pid: int | str, what: str) -> int:
    """A line of a process' status, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{what}:"))


@contextmanager
def _exporter(nodes: int) -> Iterator[tuple[str, int]]:
    """A process of its own that serves the fleet and records visits; its address and its id."""
    command = [sys.executable, "-m", "bench.exposition", str(nodes)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), process.pid
        finally:
            process.terminate()


def serve(nodes: int) -> None:
    """Until it is terminated: answers scrapes and records visits."""
    watched = Watched(nodes, time.time())
    (socket,) = listen(["127.0.0.1:0"])
    state = watched.state
    backend = Backend(
        snapshot=lambda: state.snapshot(time.time()),
        reload=None,
        is_alive=lambda: True,
        ready_after=lambda: 0.0,
        probe=_nobody,
    )
    listener = Listener(Entrance(Endpoints(backend).application(), [socket]))
    threading.Thread(target=_visits, args=(state,), daemon=True).start()
    host, port = socket.getsockname()[:2]
    print(f"{host}:{port}", flush=True)
    listener.run(lambda _loop: None)


def _nobody(*asked: object) -> Probing:
    raise RuntimeError(f"a scrape asks for no probe: {asked}")


def _visits(state: FleetState) -> None:
    """Records at that pace, for ever: a node in ten has rotated."""
    chosen = random.Random(2)  # the same in each run
    while True:
        reports = state.snapshot(time.time()).reports
        began = time.monotonic()
        for number in range(RECORDS_A_SECOND * 10):
            state.record(visit(chosen.choice(reports), time.time(), rotated=60 if number % 10 == 0 else None))
            time.sleep(max(0.0, began + number / RECORDS_A_SECOND - time.monotonic()))


if __name__ == "__main__":
    serve(int(sys.argv[1]))
