"""Prometheus' side of the multi-target pattern: what docs/probing.md has it configured with, and its hashmod."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.prometheus import serving
from tests.running import Running
from tests.test_cli import mounted
from tests.test_prometheus import ask

PAGE = Path(__file__).parent.parent / "docs/probing.md"
DAY = 86400
NODES = [f"n{number}" for number in range(8)]

pytestmark = pytest.mark.skipif(shutil.which("prometheus") is None, reason="Debian's prometheus is not installed")


def documented() -> Any:
    """The scrape configuration of the page."""
    text = PAGE.read_text()
    block = text[text.index("    scrape_configs:") :].split("\n\n")[0]
    return yaml.safe_load(textwrap.dedent(block))


def test_the_page_has_a_configuration_that_prometheus_takes(tmp_path: Path) -> None:
    """As it stands there."""
    file = tmp_path / "prometheus.yml"
    file.write_text(json.dumps(documented()))
    done = subprocess.run(["promtool", "check", "config", file], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_prometheus_shares_the_nodes_out(tmp_path: Path) -> None:
    """By hashmod, each node under its own name; the shares of three servers, here jobs of one, are all of them."""
    now = time.time()
    for name in NODES:
        mounted(tmp_path / name, now - 10 * DAY, now + 20 * DAY)
    config = tmp_path / "config.yaml"
    config.write_text(
        f"visits: probed\nmodules: {{sparing: {{visit: due}}}}\ngroups:\n  all:\n    transport: local\n"
        f"    root: {tmp_path}/{{name}}\n    nodes: {json.dumps(NODES)}\n    labels: {{cluster: prod}}\n"
    )
    (tmp_path / "nodes.json").write_text(json.dumps([{"targets": NODES}]))
    probes, _ = documented()["scrape_configs"]
    probes |= {"scrape_interval": "1s", "scrape_timeout": "1s"}
    probes["file_sd_configs"] = [{"files": [str(tmp_path / "nodes.json")]}]
    with Running(config) as exporter:
        probes["relabel_configs"][-1]["replacement"] = exporter.url.removeprefix("http://")
        with serving(tmp_path, {"scrape_configs": [share(probes, remainder) for remainder in range(3)]}) as url:
            exporter.wait_for(lambda: set(ask(url, "kubelet_cert_node_up == 1")) == set(NODES), patience=60)
            assert ask(url, "count by (node) (kubelet_cert_node_up)") == dict.fromkeys(NODES, 1)
            named = 'count by (node) (label_replace(up{job=~"share-.*"}, "node", "$1", "instance", "(.*)"))'
            assert ask(url, named) == dict.fromkeys(NODES, 1)
            assert ask(url, 'count(count by (job) (up{job=~"share-.*"}))') == {"": 3}
            assert ask(url, "count(probe_success == 1)") == {"": len(NODES)}


def share(probes: Any, remainder: int) -> Any:
    """What one of three servers has."""
    own = copy.deepcopy(probes)
    own["relabel_configs"][1]["regex"] = str(remainder)
    return own | {"job_name": f"share-{remainder}"}
