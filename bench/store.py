"""The store: what it costs to write readings as fast as none come, and how soon a start with many nodes is scraped.

The fleet is bench/fleet.py's, with all that a visit over SSH knows besides. ``python -m bench.store FILE NODES`` is the
start by itself, as JSON.
"""

from __future__ import annotations

import contextlib
import gc
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from bench import fleet
from bench.measure import Row
from exporter.model.assessment import Reading, Ties
from exporter.model.host import Process, Sight
from exporter.model.kubelet import Credential
from exporter.model.report import NodeReport
from exporter.rounds.state import FleetState
from exporter.rounds.store.store import Store
from exporter.serve.compression import Coding
from exporter.serve.exposition import Format
from exporter.serve.kept import KeptExposition

NOW = 1_800_000_000.0
NODES, MANY = 10_000, 100_000
SECONDS = 5
ROTATED = 100  # each so-many-th reading has another certificate
SHARE, START = 10.0, 3.0  # % of a core; seconds
_STEPS = 20  # a second
_PATIENCE = 60.0
_FLAGS = (
    ("bootstrap-kubeconfig", "/etc/kubernetes/bootstrap-kubelet.conf"),
    ("kubeconfig", "/etc/kubernetes/kubelet.conf"),
    ("config", "/var/lib/kubelet/config.yaml"),
    ("node-ip", "10.0.0.1"),
)
Pairs = list[tuple[NodeReport, NodeReport]]


def rows(*, small: bool = False) -> list[Row]:
    """Both; ``small`` with a hundredth of the nodes, for a second."""
    nodes, many, seconds = (NODES // 100, MANY // 100, 1) if small else (NODES, MANY, SECONDS)
    return [*_writes(nodes, seconds), *_start(many)]


def whole(nodes: int) -> tuple[NodeReport, ...]:
    """The fleet with everything that is known of a kubeadm worker over SSH."""
    return tuple(_whole(report) for report in fleet.snapshot(nodes, NOW).reports)


def _whole(report: NodeReport) -> NodeReport:
    name, started = report.node.name, int(NOW) - 20 * fleet.DAY
    kubelet = report.kubelet and replace(
        report.kubelet,
        store="/var/lib/kubelet/pki",
        kubeconfig=_FLAGS[1][1],
        bootstrap=_FLAGS[0][1],
        credential=Credential.LINK,
        client_ca_file="/etc/kubernetes/pki/ca.crt",
        node_name=name,
    )
    return replace(
        report,
        kubelet=kubelet,
        restart=report.restart
        and replace(report.restart, words="The store's link leads to a certificate and its key."),
        process=Process(Sight.SEEN, "kubelet", 1, float(started), 0, _FLAGS, zone="", label="", own_mounts=False),
        starts=(float(started),) * 6,
        newest=report.client.certificate.not_before if report.client else None,
        met=report.last_visit,
        served="/var/lib/kubelet/pki/kubelet.crt",
        ties=Ties("0123456789abcdef0123456789abcdef", "https://10.0.0.1:6443", ("ab" * 20,), "ab" * 20),
    )


def _writes(nodes: int, seconds: int) -> Iterator[Row]:
    title = f"writes of {nodes:,} readings a second, {seconds} s"
    for measure, rotated, reach in (
        (f"{title}, 1 % of them rotated: CPU of the writer", ROTATED, SHARE),
        (f"{title}, all rotated: CPU of the writer", 1, None),
    ):
        with tempfile.TemporaryDirectory(prefix="kce-bench-") as folder:
            path = Path(folder) / "store.sqlite"
            cpu, took = _written(path, whole(nodes), seconds, rotated)
            size = sum(file.stat().st_size for file in path.parent.iterdir()) / nodes
        share, told = 100 * cpu / seconds, f"{size / 1000:.1f} kB a node on disk, all written after {took:.1f} s"
        if reach is None:
            yield Row(measure, f"{share:.1f} % of a core, {told}")
        else:
            yield Row.limited(measure, share, reach, "% of a core", told)


def _written(path: Path, first: tuple[NodeReport, ...], seconds: int, rotated: int) -> tuple[float, float]:
    """CPU seconds of the writer, and how long it took."""
    with _open(path) as store:
        nodes = [report.node for report in first]
        store.settle(nodes, [])
        _tell(store, [(NodeReport(report.node), report) for report in first], 0.0)
        store.settle(nodes, [])  # what was told before is written then
        rounds = list(_rounds(first, seconds, rotated))
        gc.collect()
        gc.freeze()
        clock = time.pthread_getcpuclockid(store.thread.ident or 0)
        began, cpu = time.monotonic(), time.clock_gettime(clock)
        for pairs in rounds:
            _tell(store, pairs, 1.0)
        store.settle(nodes, [])
        gc.unfreeze()
        return time.clock_gettime(clock) - cpu, time.monotonic() - began


def _rounds(before: Sequence[NodeReport], seconds: int, rotated: int) -> Iterator[Pairs]:
    for second in range(1, seconds + 1):
        after = [_visited(report, second, is_new=not (place + second) % rotated) for place, report in enumerate(before)]
        yield list(zip(before, after, strict=True))
        before = after


def _visited(before: NodeReport, second: int, *, is_new: bool) -> NodeReport:
    """What a visit a second later finds: every object anew, as a visit makes them."""
    at = NOW + second
    return replace(
        before,
        last_visit=at,
        last_success=at,
        met=at,
        duration=0.2 + second / 100,
        clock_offset=second / 1000,
        client=before.client and _read(before.client, at, is_new=is_new),
        serving=before.serving and _read(before.serving, at),
        kubelet=before.kubelet and replace(before.kubelet),
        restart=before.restart and replace(before.restart),
        authority=before.authority and replace(before.authority),
        process=before.process and replace(before.process),
        ties=replace(before.ties),
        findings=tuple(replace(finding) for finding in before.findings),
    )


def _read(before: Reading, at: float, *, is_new: bool = False) -> Reading:
    found = before.certificate
    fingerprint = f"{int(found.fingerprint, 16) ^ int(at):064x}" if is_new else found.fingerprint
    return replace(before, certificate=replace(found, fingerprint=fingerprint), taken=at, witness=at, node_clock=at)


def _tell(store: Store, pairs: Pairs, seconds: float) -> None:
    """Evenly over so many seconds."""
    step = max(1, len(pairs) // _STEPS)
    began = time.monotonic()
    for at in range(0, len(pairs), step):
        for before, after in pairs[at : at + step]:
            store.told(before, after)
        time.sleep(max(0.0, began + seconds * (at + step) / len(pairs) - time.monotonic()))


def _start(nodes: int) -> Iterator[Row]:
    """In a process of its own, from a store that another left."""
    with tempfile.TemporaryDirectory(prefix="kce-bench-") as folder:
        path = Path(folder) / "store.sqlite"
        with _open(path) as store:
            reports = whole(nodes)
            inventory = [report.node for report in reports]
            store.settle(inventory, [])
            for at in range(0, nodes, 5_000):
                _tell(store, [(NodeReport(report.node), report) for report in reports[at : at + 5_000]], 0.0)
                store.settle(inventory, [])  # what was told before is written then
        del reports
        command = [sys.executable, "-m", "bench.store", str(path), str(nodes)]
        took = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    parts = f"of which {took['past']:.2f} s for the store, {took['settled']:.2f} s for the state, the rest for the body"
    more = f"{parts}; {took['cpu']:.2f} s of CPU"
    yield Row.limited(f"start with {nodes:,} nodes to the first scrape's body", took["body"], START, "s", more)


def start(path: str, nodes: int) -> dict[str, float]:
    """Seconds until the past is there, for the state, and until a body is made; and of CPU for all of it."""
    inventory = tuple(report.node for report in fleet.snapshot(nodes, NOW).reports)
    labels, pace = ("cluster",), fleet.snapshot(0, NOW).pace
    gc.collect()
    state, took, began, cpu = FleetState(), {}, time.perf_counter(), time.process_time()
    with _open(Path(path), state) as store:
        past = store.settle(inventory, inventory)
        took["past"] = time.perf_counter() - began
        state.settle(inventory, labels, pace, past)
        took["settled"] = time.perf_counter() - began - took["past"]
        KeptExposition().body(state.snapshot(NOW), NOW, Format.TEXT, Coding.GZIP, b"")
        took["body"], took["cpu"] = time.perf_counter() - began, time.process_time() - cpu
    if len(past) != nodes:
        raise RuntimeError(f"{len(past)} of {nodes} nodes came back")
    return took


@contextlib.contextmanager
def _open(path: Path, state: FleetState | None = None) -> Iterator[Store]:
    state = state or FleetState()
    store = Store(
        str(path), lambda: state.snapshot(NOW).reports, state.restore, state.stored, (lambda: NOW, time.monotonic)
    )
    store.start()
    try:
        yield store
    finally:
        if not store.stop(_PATIENCE):
            raise RuntimeError("the store did not end")


if __name__ == "__main__":
    print(json.dumps(start(sys.argv[1], int(sys.argv[2]))))
