"""What changed lately: findings that came or went, and not those that an exporter found at its own begin."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from grafana.builder.fleet_history import what_changed
from tests.grafana import Chosen, fill, macros

RANGE, STEP = 1200.0, 60.0
INVENTORY = "kubelet_cert_inventory_nodes"
READ = "kubelet_cert_node_last_success_timestamp_seconds"


def _changes(folder: Path, inventory: str, finding: str, expected: str) -> subprocess.CompletedProcess[str]:
    """promtool's answer whether the panel says ``expected`` of a node after forty minutes, the last twenty shown."""
    values = {"cluster": Chosen((".*",)), **macros(RANGE, STEP, STEP)}
    query = fill(str(what_changed()["targets"][0]["expr"]), values)
    labels = '{cluster="prod",node="worker-01",cause="store-full"'
    series = [
        {"series": f'{INVENTORY}{{cluster="prod"}}', "values": inventory},
        {"series": f"kubelet_cert_finding{labels}}}", "values": finding},
        {"series": f'{READ}{{cluster="prod",node="worker-01"}}', "values": "0+60x60"},  # at each minute
    ]
    change = [{"labels": f'{labels},change="{expected}"}}', "value": 0}] if expected else []
    tested = {"expr": f"0 * ({query})", "eval_time": "40m", "exp_samples": change}
    path = folder / "test.json"
    path.write_text(json.dumps({"tests": [{"interval": "1m", "input_series": series, "promql_expr_test": [tested]}]}))
    return subprocess.run(["promtool", "test", "rules", path], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("inventory", "finding", "expected"),
    [
        ("1x60", "_x29 1x20", "began"),
        ("1x60", "_x24 1x20", "began"),  # within the range's first minutes, but the exporter is older
        ("_x24 1x40", "_x33 1x20", "began"),
        ("_x24 1x40", "_x25 1x20", ""),  # there when the exporter began
        ("1x60", "1x25 stale", "ended"),
        ("1x60", "1x60", ""),
    ],
)
def test_what_is_told(tmp_path: Path, inventory: str, finding: str, expected: str) -> None:
    """What began while somebody watched, and what ended; neither what holds all the time nor what was found first."""
    ended = _changes(tmp_path, inventory, finding, expected)
    assert ended.returncode == 0, ended.stdout + ended.stderr
