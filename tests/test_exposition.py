"""The exposition: two formats from one table, within the budget."""

from __future__ import annotations

import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.collect.local import LocalTransport
from exporter.config.settings import Pace, Paths, Rotation, TransportKind
from exporter.demo.signer import Authority
from exporter.demo.store import FileStore
from exporter.errors import Reason
from exporter.model.node import LocalAccess, Node, SshAccess
from exporter.model.report import FleetSnapshot, NodeReport
from exporter.rounds.visit import visit
from exporter.serve.exposition import Format, choose_format, render
from exporter.serve.families import FAMILIES, FLEET_FAMILIES
from exporter.serve.health import Health

STORE = "var/lib/kubelet/pki"
BUDGET_NOW = 21  # 24 of the design, less ca, rotation_enabled and restart_safe, which read the kubelet's configuration
BUDGET_OVER_A_MOUNT = 20  # there is no node clock to see


def kubeadm_worker(root: Path, *, serving: bool = True) -> None:
    """A healthy kubeadm worker: a rotated client certificate and the self-signed serving one."""
    now, authority = time.time(), Authority()
    store = FileStore(root / STORE)
    store.update(authority.client("w1", now - 86400, 30 * 86400), now - 86400)
    path = store.update(authority.client("w1", now, 30 * 86400), now)
    store.current.unlink()
    store.current.symlink_to(f"/{STORE}/{path.name}")
    if serving:
        pair = authority.issue("w1@1795475311", now - 3600, now + 364 * 86400, serving=True)
        (root / STORE / "kubelet.crt").write_bytes(pair.certificate)


def read(root: Path, labels: tuple[tuple[str, str], ...] = (), name: str = "w1") -> NodeReport:
    node = Node(name, LocalAccess(str(root)), Paths(), labels=labels)
    report = NodeReport(node)
    return report.after(visit(node, report, {TransportKind.LOCAL: LocalTransport()}))


def body(snapshot: FleetSnapshot, chosen: Format) -> str:
    return (render(snapshot, time.time(), chosen) + Health(lambda: snapshot.counters).render(chosen)).decode()


def node_series(text: str, name: str = "w1") -> list[str]:
    return [line for line in text.splitlines() if f'node="{name}"' in line]


def test_a_healthy_kubeadm_worker_costs_no_more_than_the_budget(tmp_path: Path) -> None:
    """A healthy kubeadm worker with default settings costs 21 series, and 20 over a mount, which has no node clock."""
    kubeadm_worker(tmp_path)
    report = read(tmp_path)
    assert len(node_series(body(FleetSnapshot((report,)), Format.TEXT))) == BUDGET_OVER_A_MOUNT
    over_ssh = replace(report, clock_offset=0.1)
    assert len(node_series(body(FleetSnapshot((over_ssh,)), Format.TEXT))) == BUDGET_NOW


def test_every_series_of_a_healthy_worker_is_one_that_the_design_counts(tmp_path: Path) -> None:
    """The series of a healthy worker are the ones that the budget was made for, and no others."""
    kubeadm_worker(tmp_path)
    names = sorted(
        {line.partition("{")[0] for line in node_series(body(FleetSnapshot((read(tmp_path),)), Format.TEXT))}
    )
    assert names == [
        "kubelet_cert_info",
        "kubelet_cert_last_rotation_timestamp_seconds",
        "kubelet_cert_node_info",
        "kubelet_cert_node_last_success_timestamp_seconds",
        "kubelet_cert_node_up",
        "kubelet_cert_node_visit_duration_seconds",
        "kubelet_cert_not_after_timestamp_seconds",
        "kubelet_cert_not_before_timestamp_seconds",
        "kubelet_cert_rotation_state",
        "kubelet_cert_rotation_window_end_timestamp_seconds",
        "kubelet_cert_rotation_window_start_timestamp_seconds",
        "kubelet_cert_rotations_on_disk",
    ]


def test_promtool_is_content(tmp_path: Path) -> None:
    """promtool check metrics says nothing about the text format."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed")
    kubeadm_worker(tmp_path)
    snapshot = FleetSnapshot((read(tmp_path), NodeReport(Node("w2", SshAccess("w2", 22, "root"), Paths()))))
    text = body(snapshot, Format.TEXT)
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_both_formats_hold_the_same_samples(tmp_path: Path) -> None:
    """prometheus_client's parsers read both formats, and find the same per-node samples in them."""
    kubeadm_worker(tmp_path)
    snapshot = FleetSnapshot((read(tmp_path, labels=(("cluster", 'a"b\\c\nd'),)),), labels=("cluster",))
    found = []
    for chosen, parse in ((Format.TEXT, parse_text), (Format.OPENMETRICS, parse_openmetrics)):
        families = list(parse(body(snapshot, chosen)))
        found.append(
            {
                (sample.name, *sorted(sample.labels.items()), sample.value)
                for family in families
                for sample in family.samples
                if sample.name.startswith("kubelet_cert_") and "_exporter_" not in sample.name
            }
        )
    assert found[0] == found[1]
    assert any(("cluster", 'a"b\\c\nd') in sample for sample in found[0])


def test_openmetrics_knows_info_and_unit(tmp_path: Path) -> None:
    """OpenMetrics names an info family without its suffix and tells units."""
    kubeadm_worker(tmp_path)
    lines = body(FleetSnapshot((read(tmp_path),)), Format.OPENMETRICS).splitlines()
    assert "# TYPE kubelet_cert_node info" in lines
    assert "# UNIT kubelet_cert_not_after_timestamp_seconds seconds" in lines
    assert "# TYPE kubelet_cert_rotation_state gauge" in lines
    assert lines[-1] == "# EOF"
    assert lines.count("# EOF") == 1


def test_a_node_that_was_never_read_is_there(tmp_path: Path) -> None:
    """A node that was never visited is unknown, with a reason and without dates or node_up."""
    report = NodeReport(Node("w9", SshAccess("192.0.2.9", 22, "root"), Paths(), labels=(("cluster", "prod"),)))
    text = render(FleetSnapshot((report,), labels=("cluster",)), 1.0, Format.TEXT).decode()
    lines = node_series(text, "w9")
    assert 'kubelet_cert_rotation_state{cluster="prod",node="w9",cert="client",state="unknown"} 1' in lines
    assert 'kubelet_cert_node_failure{cluster="prod",node="w9",reason="not_yet_visited"} 1' in lines
    assert [line for line in lines if "timestamp" in line or "node_up" in line] == []


def test_a_state_set_has_one_one_and_all_states(tmp_path: Path) -> None:
    """Exactly one state is 1, and all eight are there."""
    kubeadm_worker(tmp_path)
    lines = [
        line for line in node_series(body(FleetSnapshot((read(tmp_path),)), Format.TEXT)) if "rotation_state" in line
    ]
    assert len(lines) == 8
    assert [line for line in lines if line.endswith(" 1")] == [
        'kubelet_cert_rotation_state{node="w1",cert="client",state="fresh"} 1'
    ]


def test_serving_rotation_has_window_and_states(tmp_path: Path) -> None:
    """With serving rotation on, the serving certificate has dates, window and states of its own."""
    kubeadm_worker(tmp_path, serving=False)
    now = time.time()
    path = FileStore(tmp_path / STORE, "kubelet-server").update(
        Authority().issue("w1", now - 300, now + 86400, serving=True), now
    )
    current = tmp_path / STORE / "kubelet-server-current.pem"
    current.unlink()
    current.symlink_to(f"/{STORE}/{path.name}")
    lines = node_series(body(FleetSnapshot((read(tmp_path),)), Format.TEXT))
    serving = [line for line in lines if 'cert="serving"' in line]
    assert len(serving) == 8 + 4
    assert 'kubelet_cert_rotation_state{node="w1",cert="serving",state="fresh"} 1' in serving


def test_the_self_signed_serving_certificate_has_its_end_alone(tmp_path: Path) -> None:
    """kubelet.crt, which the kubelet never renews, has notAfter and neither window nor state."""
    kubeadm_worker(tmp_path)
    lines = node_series(body(FleetSnapshot((read(tmp_path),)), Format.TEXT))
    serving = [line.partition("{")[0] for line in lines if 'cert="serving"' in line]
    assert serving == ["kubelet_cert_not_after_timestamp_seconds"]


def test_a_manual_certificate_has_no_window(tmp_path: Path) -> None:
    """A certificate that is not the kubelet's to rotate is unmanaged and has no window."""
    kubeadm_worker(tmp_path)
    node = Node("w1", LocalAccess(str(tmp_path)), Paths(), rotation=Rotation.MANUAL)
    report = NodeReport(node)
    report = report.after(visit(node, report, {TransportKind.LOCAL: LocalTransport()}))
    text = body(FleetSnapshot((report,)), Format.TEXT)
    assert 'kubelet_cert_rotation_state{node="w1",cert="client",state="unmanaged"} 1' in text
    assert "kubelet_cert_rotation_window" not in text


def test_a_family_without_samples_has_no_header(tmp_path: Path) -> None:
    """Orphans and findings are absent, header and all, while there are none."""
    kubeadm_worker(tmp_path)
    text = render(FleetSnapshot((read(tmp_path),)), time.time(), Format.TEXT).decode()
    assert "kubelet_cert_store_orphans" not in text
    assert "kubelet_cert_finding" not in text
    assert 'kubelet_cert_nodes_with_finding{cluster="",cause="store-link-regular-file",severity="critical"} 0' in text


def test_every_reason_is_counted_from_the_start() -> None:
    """visit_failures_total has every reason at 0 before the first failure."""
    text = body(FleetSnapshot(), Format.TEXT)
    for reason in Reason:
        assert f'kubelet_cert_exporter_visit_failures_total{{reason="{reason}"}} 0.0' in text


def test_every_name_is_declared_once() -> None:
    """No two families share a name."""
    names = [family.name for family in FAMILIES] + [family.name for family in FLEET_FAMILIES]
    assert len(names) == len(set(names))


def test_a_wrong_number_of_labels_is_an_error() -> None:
    """A sample whose labels do not match its family's is never rendered."""
    report = NodeReport(Node("w", SshAccess("w", 22, "root"), Paths()))
    object.__setattr__(report, "findings", ())
    broken = FleetSnapshot((report,), pace=Pace())
    family = FAMILIES[0]
    original = family.samples
    object.__setattr__(family, "samples", lambda _view: [((), 1)])
    try:
        with pytest.raises(ValueError, match="zip"):
            render(broken, 1.0, Format.TEXT)
    finally:
        object.__setattr__(family, "samples", original)


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", Format.TEXT),
        ("*/*", Format.TEXT),
        ("text/plain", Format.TEXT),
        ("application/openmetrics-text;version=1.0.0,text/plain;q=0.5", Format.OPENMETRICS),
        (
            "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            Format.OPENMETRICS,
        ),
        ("application/openmetrics-text;q=0.1,text/plain", Format.TEXT),
        ("application/openmetrics-text;q=0", Format.TEXT),
        ("text/html;q=x", Format.TEXT),
    ],
)
def test_the_format_follows_the_accept_header(accept: str, chosen: Format) -> None:
    """The format is the one that the Accept header prefers; text where it does not care."""
    assert choose_format(accept) is chosen


def test_readme_names_every_metric() -> None:
    """The README's table names every per-node and fleet family."""
    readme = (Path(__file__).parent.parent / "README.md").read_text()
    missing = [family.name for family in (*FAMILIES, *FLEET_FAMILIES) if family.name not in readme]
    assert missing == []
