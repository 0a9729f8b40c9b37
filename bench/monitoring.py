"""What a fleet costs the one Prometheus that watches it: memory, series, rules, and the panels of the dashboards.

A synthetic fleet (bench/fleet.py) goes through our own renderer: some hours of history as blocks by promtool, then live
scrapes. Run from the repository's root: ``python -m bench.monitoring [--nodes N] [--hours H]``; it needs Debian's
prometheus, and some gigabytes below ``--directory``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bench import fleet
from exporter.serve.exposition import Format, render
from tests.grafana import Chosen, Dashboard, Question
from tests.prometheus import serving

RULES = Path("grafana/alerts")
DASHBOARDS = Path("grafana/dashboards")
JOB = "kubelet-cert-exporter"
RUNS = 3
SCRAPE = 60.0
STEP = 240.0  # seconds between two samples of the history: within Prometheus' memory of five minutes


def write_history(path: Path, nodes: int, begin: float, end: float) -> int:
    """OpenMetrics text of the fleet at each step, ready for promtool; the number of samples."""
    samples = 0
    with path.open("w") as file:
        moment = begin
        while moment < end:
            for line in render(fleet.snapshot(nodes, moment), moment, Format.TEXT).decode().splitlines():
                if not line.startswith("#"):
                    name, rest = line.split("{", 1)
                    file.write(f'{name}{{job="{JOB}",instance="{JOB}:10087",{rest} {moment:.3f}\n')
                    samples += 1
            moment += STEP
        file.write("# EOF\n")
    return samples


class Exposition(BaseHTTPRequestHandler):
    """Answers a scrape with the fleet of this moment."""

    nodes = 0

    def do_GET(self) -> None:
        body = render(fleet.snapshot(self.nodes, time.time()), time.time(), Format.TEXT)
        self.send_response(200)
        self.send_header("Content-Type", Format.TEXT.value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: a scrape is no news."""


@contextmanager
def exposed(nodes: int) -> Iterator[str]:
    """The fleet on a port of loopback."""
    handler = type("Exposition", (Exposition,), {"nodes": nodes})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def prometheus(directory: Path, target: str) -> Iterator[str]:
    """A Prometheus on loopback with our rules, over the blocks in ``directory``; its URL."""
    job = {
        "job_name": JOB,
        "honor_labels": True,
        "static_configs": [{"targets": [target], "labels": {"instance": f"{JOB}:10087"}}],
    }
    config = {
        "global": {"scrape_interval": f"{SCRAPE:g}s", "scrape_timeout": "50s", "evaluation_interval": "60s"},
        "rule_files": [str(RULES.absolute() / "*.yaml")],
        "scrape_configs": [job],
    }
    with serving(directory, config) as url:
        yield url


def asked(url: str, path: str, **parameters: object) -> tuple[float, list[dict[str, object]]]:
    """Seconds that an answer took, and its series."""
    began = time.perf_counter()
    with urllib.request.urlopen(f"{url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}", timeout=300) as answer:
        found = json.load(answer)["data"]["result"]
    return time.perf_counter() - began, found


def value(url: str, query: str) -> float:
    """The one number that an instant query gives; NaN where there is none."""
    found = asked(url, "query", query=query)[1]
    return float(found[0]["value"][1]) if found else float("nan")  # type: ignore[index] # a vector's series has one


def seconds_of(url: str, question: Question, begin: float, end: float) -> tuple[float, int]:
    """The median of some runs of a panel's query, as the panel asks it, and how many series it gave."""
    times = []
    found: list[dict[str, object]] = []
    for _ in range(RUNS):
        if question.step is None:
            took, found = asked(url, "query", query=question.expression, time=end)
        else:
            took, found = asked(url, "query_range", query=question.expression, start=begin, end=end, step=question.step)
        times.append(took)
    return statistics.median(times), len(found)


def questions(hours: float) -> Iterator[tuple[str, Question]]:
    """Every query of the dashboards over that many hours, with their variables as they stand when one is opened."""
    for path in sorted(DASHBOARDS.glob("*.json")):
        content = json.loads(path.read_text())
        values = {variable["name"]: _as_opened(variable) for variable in content["templating"]["list"]}
        for question in Dashboard(content, SCRAPE, hours * 3600).questions(values):
            yield path.stem, question


def _as_opened(variable: dict[str, object]) -> Chosen:
    """All where a panel can show all, else one that the synthetic fleet has."""
    if variable.get("includeAll"):
        return Chosen((".+",), is_multiple=True, all_value=".+")
    one = {"node": "worker-00097.example.org", "cluster": "cluster-07", "job": JOB, "instance": f"{JOB}:10087"}
    query = str(variable["query"])
    return Chosen((one.get(str(variable["name"]), query.split(",", 1)[0].rpartition(" : ")[2].strip()),))


def report(url: str, nodes: int, hours: float) -> None:
    """Prints the table."""
    own = urllib.request.urlopen(f"{url}/metrics", timeout=60).read().decode()
    for name in (
        "process_resident_memory_bytes",
        "prometheus_tsdb_head_series",
        "prometheus_rule_group_last_duration_seconds",
        "prometheus_rule_evaluation_failures_total",
    ):
        print(*(line for line in own.splitlines() if line.startswith(name)), sep="\n")
    series = value(url, f'scrape_samples_scraped{{job="{JOB}"}}')
    print(f"samples a scrape: {series:.0f}, {series / nodes:.1f} a node")
    print("slowest queries of the dashboards:")
    end = time.time()
    begin = end - hours * 3600
    timed = [(seconds_of(url, question, begin, end), board, question) for board, question in questions(hours)]
    for (took, count), board, question in sorted(timed, key=lambda item: -item[0][0])[:15]:
        print(f"{took:7.2f} s  {count:6} series  {board}: {question.where}")
    print(f"{sum(took for (took, _), _, _ in timed):7.2f} s  all {len(timed)} queries, one after the other")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=10_000)
    parser.add_argument("--hours", type=float, default=3.0, help="of history")
    parser.add_argument("--minutes", type=float, default=12.0, help="of live scrapes before the measurements")
    parser.add_argument("--directory", help="for the history; a temporary folder by default")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.directory) as temporary:
        directory = Path(temporary)
        now = time.time()
        begin = now - given.hours * 3600
        began = time.perf_counter()
        samples = write_history(directory / "history", given.nodes, begin, now)
        blocks = [
            "promtool",
            "tsdb",
            "create-blocks-from",
            "openmetrics",
            "-q",
            str(directory / "history"),
            str(directory / "prometheus"),
        ]
        subprocess.run(blocks, check=True, stdout=subprocess.DEVNULL)
        (directory / "history").unlink()
        print(f"{samples} samples of history in {time.perf_counter() - began:.0f} s")
        with exposed(given.nodes) as target, prometheus(directory, target) as url:
            time.sleep(given.minutes * 60)
            report(url, given.nodes, given.hours)


if __name__ == "__main__":
    main()
