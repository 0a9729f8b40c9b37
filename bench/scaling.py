"""What sharing a fleet out costs: the inventory that every shard reads, and the rule that compares across shards.

``python -m bench scaling``; the rule needs Debian's prometheus.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import yaml

from bench.cost import Cost, measured, peak_memory
from bench.measure import Row, Spread, alternated
from bench.waiting import until
from exporter.config.loading import load
from exporter.inventory.catalogue import Catalogue
from exporter.model.shard import Shard, shard_of
from tests.prometheus import serving
from tests.running import Running
from tests.test_cli import mounted

RULES = Path("grafana/alerts/recording.yaml")
SHARED, KNOWN = "cluster:kubelet_cert_info:shared", "cluster:kubelet_cert_nodes:live"
ROUNDS, QUERIES = 5, 5
_PATIENCE = 120.0  # seconds until Prometheus has all nodes


def rows(*, small: bool = False) -> list[Row]:
    """The figures of docs/scaling.md that are about shards."""
    nodes = 2_000 if small else 100_000
    return [
        _moved(nodes),
        *_inventory(nodes),
        *_rule(1_000 if small else 10_000),
        _probe(100 if small else 2_000),
    ]


def _moved(nodes: int) -> Row:
    names = [f"worker-{number:06}.prod.example.com" for number in range(nodes)]
    moved = sum(shard_of(name, 9) != shard_of(name, 10) for name in names) / nodes
    remainder = sum(hash_of(name) % 9 != hash_of(name) % 10 for name in names) / nodes
    told = f"{moved:.1%} of the nodes"
    return Row("nodes that move from 9 shards to 10", told, f"a remainder: {remainder:.1%}", moved / remainder)


def hash_of(name: str) -> int:
    """A number as large as the jump hash's own."""
    return shard_of(name, 2**62)


def _inventory(nodes: int) -> Iterator[Row]:
    """One shard of ten against the whole inventory, each in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="bench-scaling-") as folder:
        write_inventory(Path(folder), nodes)
        memory: dict[int, int] = {}

        def read(total: int) -> Cost:
            told = json.loads(
                subprocess.run(
                    [sys.executable, "-m", "bench.scaling", folder, str(total)],
                    capture_output=True,
                    text=True,
                    check=True,
                ).stdout
            )
            memory[total] = told["memory"]
            return Cost(told["cpu"], 0.0)

        spreads = alternated({"shard": lambda: read(10), "whole": lambda: read(1)}, ROUNDS if nodes > 10_000 else 2)
        what = f"an inventory of {nodes:,} targets (file_sd), read by one shard of ten"
        yield _beside(what, spreads["shard"], spreads["whole"], "by one exporter")
        ours, whole = memory[10] / nodes, memory[1] / nodes
        against = f"by one exporter: {whole:,.0f}"
        yield Row("its memory, bytes for each target of the whole", f"{ours:,.0f}", against, ours / whole)


def write_inventory(folder: Path, nodes: int) -> None:
    """A configuration, and a file of targets with labels of their own beside it, as service discovery writes them."""
    labels = {"cluster": "prod", "__meta_rack": "r1"}
    groups = [{"targets": [f"worker-{number:06}.prod.example.com:9100"], "labels": labels} for number in range(nodes)]
    (folder / "nodes.json").write_text(json.dumps(groups))
    (folder / "config.yaml").write_text(
        "defaults: {labels: {cluster: ''}}\nssh: {agent: true}\ngroups: {w: {file_sd: {files: [nodes.json]}}}\n"
    )


def read_inventory(folder: Path, total: int) -> dict[str, float]:
    """CPU seconds that the catalogue of a shard took, and the most memory meanwhile, in bytes."""
    before, made = peak_memory(), []
    cost = measured(lambda: made.append(Catalogue(*load(str(folder / "config.yaml")), None, Shard(0, total))))
    if not made[0].nodes:
        raise RuntimeError("no node is in the inventory")
    return {"cpu": cost.cpu, "memory": peak_memory() - before}


def _rule(nodes: int) -> Iterator[Row]:
    """What Prometheus takes to compare the fingerprints of all nodes, beside a rule that there was before."""
    what = f"certificates compared across shards, {nodes:,} nodes, each minute: CPU of Prometheus"
    if shutil.which("prometheus") is None:
        yield Row.not_measured(what, "Debian's prometheus is not installed")
        return
    asked = {
        one["record"]: one["expr"] for group in yaml.safe_load(RULES.read_text())["groups"] for one in group["rules"]
    }
    with tempfile.TemporaryDirectory(prefix="bench-scaling-") as folder, ExitStack() as until_scraped:
        target = until_scraped.enter_context(exposition(nodes))
        job = {"job_name": "kubelet-cert-exporter", "honor_labels": True, "static_configs": [{"targets": [target]}]}
        pace = {"scrape_interval": "5s", "scrape_timeout": "5s"}
        with serving(Path(folder), {"global": pace, "scrape_configs": [job]}) as url:
            until(lambda: ask(url, "count(kubelet_cert_info)", time.time()) == nodes, _PATIENCE)
            moment = time.time()
            until_scraped.close()  # else its scrapes would count
            taken = {name: queried(url, asked[name], moment) for name in (SHARED, KNOWN)}
    yield _beside(what, taken[SHARED], taken[KNOWN], "nodes counted by name")


def _probe(times: int) -> Row:
    """The exporter's CPU for a probe of a node that is not due: all that is left is the answer."""
    with tempfile.TemporaryDirectory(prefix="bench-scaling-") as folder:
        now = time.time()
        mounted(Path(folder, "n1"), now - 10 * 86400, now + 20 * 86400)
        config = Path(folder, "config.yaml")
        config.write_text(
            "visits: probed\ninterval: 30d\nmodules: {sparing: {visit: due}}\n"
            f"groups: {{g: {{transport: local, root: '{folder}/{{name}}', nodes: [n1]}}}}\n"
        )
        with Running(config) as exporter:
            connection = http.client.HTTPConnection(exporter.url.removeprefix("http://"))
            before = 0.0
            for number in range(times + 1):
                connection.request("GET", "/probe?target=n1&module=sparing")
                connection.getresponse().read()
                before = before if number else cpu_of(exporter.process.pid)
            spent = cpu_of(exporter.process.pid) - before
            connection.close()
    return Row("a probe of a node that is not due, CPU of the exporter", f"{1e3 * spent / times:.3g} ms")


def cpu_of(process: int) -> float:
    """CPU seconds of a process so far, user and system."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _beside(what: str, ours: Spread, other: Spread, name: str) -> Row:
    return Row(what, ours.told("ms", 1e3), f"{name}: {other.told('ms', 1e3)}", ours.over(other).median)


def queried(url: str, query: str, moment: float) -> Spread:
    """CPU seconds of Prometheus for an answer, the mean of several in each value."""
    values = []
    for _ in range(ROUNDS):
        before = cpu_of_prometheus(url)
        for _ in range(QUERIES):
            ask(url, query, moment)
        values.append((cpu_of_prometheus(url) - before) / QUERIES)
    return Spread(tuple(values))


def cpu_of_prometheus(url: str) -> float:
    """CPU seconds that it has had so far, as it says itself."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=60) as answer:
        found = re.search(r"^process_cpu_seconds_total (\S+)$", answer.read().decode(), re.MULTILINE)
    if found is None:
        raise RuntimeError("Prometheus does not tell its CPU time")
    return float(found[1])


def ask(url: str, query: str, moment: float) -> float:
    """The value of an instant query; 0 where it has none, or Prometheus is not up yet."""
    question = urllib.parse.urlencode({"query": query, "time": moment})
    try:
        with urllib.request.urlopen(f"{url}/api/v1/query?{question}", timeout=60) as answer:
            result = json.load(answer)["data"]["result"]
    except OSError:
        return 0
    return float(result[0]["value"][1]) if result else 0


@contextmanager
def exposition(nodes: int) -> Iterator[str]:
    """A target that tells who the nodes of two shards' clusters are, and what certificates they have."""
    lines = ['kubelet_cert_exporter_shard_info{shard="0",total_shards="2"} 1']
    for number in range(nodes):
        own = f'cluster="c{number % 10}",node="worker-{number:06}"'
        lines.append(
            f'kubelet_cert_info{{{own},cert="client",fingerprint="{number:064x}",subject="CN=system:node:{number}"}} 1'
        )
        lines.append(
            f'kubelet_cert_node_info{{{own},address="10.0.{number >> 8}.{number & 255}",distribution="kubeadm"}} 1'
        )
    body = "\n".join([*lines, ""]).encode()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, name="exposition")
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


if __name__ == "__main__":
    print(json.dumps(read_inventory(Path(sys.argv[1]), int(sys.argv[2]))))
