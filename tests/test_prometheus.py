"""A real Prometheus scrapes the daemon and answers questions about the window."""

from __future__ import annotations

import json
import shutil
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.prometheus import serving
from tests.running import Running
from tests.test_cli import mounted

DAY = 86400

pytestmark = pytest.mark.skipif(shutil.which("prometheus") is None, reason="Debian's prometheus is not installed")


@contextmanager
def prometheus(directory: Path, target: str, **scrape: object) -> Iterator[str]:
    """A Prometheus on loopback that scrapes ``target`` each second, ``scrape`` being how; its URL."""
    job = {
        "job_name": "kubelet-cert-exporter",
        "honor_labels": True,
        **scrape,
        "static_configs": [{"targets": [target], "labels": {"node": "the exporter's own"}}],
    }
    pace = {"scrape_interval": "1s", "scrape_timeout": "1s"}
    with serving(directory, {"global": pace, "scrape_configs": [job]}) as url:
        yield url


def ask(url: str, query: str) -> dict[str, float]:
    """An instant query's answer by node; empty while Prometheus is not up yet."""
    try:
        with urllib.request.urlopen(
            f"{url}/api/v1/query?{urllib.parse.urlencode({'query': query})}", timeout=10
        ) as answer:
            result = json.load(answer)["data"]["result"]
    except OSError:
        return {}
    return {found["metric"].get("node", ""): float(found["value"][1]) for found in result}


def test_prometheus_answers_about_the_window(tmp_path: Path) -> None:
    """PromQL finds which windows are open, which closed long ago, and what is left; `node` is the exporter's label."""
    now = time.time()
    for name, age in (("fresh", 10), ("open", 24), ("stalled", 29)):
        mounted(tmp_path / name, now - age * DAY, now + (30 - age) * DAY)
    config = tmp_path / "config.yaml"
    config.write_text(
        f"groups:\n  all:\n    transport: local\n    root: {tmp_path}/{{name}}\n"
        "    nodes: [fresh, open, stalled]\n    labels: {cluster: prod}\n"
    )
    start, end = (
        "kubelet_cert_rotation_window_start_timestamp_seconds",
        "kubelet_cert_rotation_window_end_timestamp_seconds",
    )
    with Running(config) as exporter, prometheus(tmp_path, exporter.url.removeprefix("http://")) as url:
        exporter.wait_for(
            lambda: set(ask(url, "kubelet_cert_node_up == 1")) == {"fresh", "open", "stalled"}, patience=60
        )
        assert set(ask(url, f"{start} < time() and {end} > time()")) == {"open"}
        assert set(ask(url, f"{end} < time()")) == {"stalled"}
        assert set(ask(url, 'kubelet_cert_rotation_state{state="stalled",cluster="prod"} == 1')) == {"stalled"}
        left = ask(url, "(kubelet_cert_not_after_timestamp_seconds - time()) / 86400")
        assert {node: round(days) for node, days in left.items()} == {"fresh": 20, "open": 6, "stalled": 1}
        subject = ask(
            url, 'kubelet_cert_node_up * on(node) group_left(subject) kubelet_cert_info{subject=~"CN=system:node:.*"}'
        )
        assert set(subject) == {"fresh", "open", "stalled"}
        assert ask(url, 'up{job="kubelet-cert-exporter"}') == {"the exporter's own": 1.0}
