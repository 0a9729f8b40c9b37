"""The exposition: two formats from one table, within the budget."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.collect.local.transport import LocalTransport
from exporter.config.settings import Pace, Paths, Rotation, TransportKind
from exporter.demo.signer import Authority
from exporter.demo.store import FileStore
from exporter.errors import Reason
from exporter.judge import diagnosis
from exporter.model.assessment import Certificate, Reading
from exporter.model.finding import Cause, Finding, Severity
from exporter.model.kubelet import Distribution, Kubelet
from exporter.model.node import LocalAccess, Node, SshAccess
from exporter.model.report import NodeReport
from exporter.model.restart import Restart, RestartReason
from exporter.model.snapshot import FleetSnapshot
from exporter.rounds.state import FleetState
from exporter.rounds.visit import visit
from exporter.serve.exposition import Format, choose_format, render
from exporter.serve.families import FAMILIES, FLEET_FAMILIES
from exporter.serve.health import Health

STORE = "var/lib/kubelet/pki"
BUDGET, WITH_SERVING_ROTATION = 24, 38
BUDGET_OVER_A_MOUNT = 23  # there is no node clock to see
KUBEADM = Kubelet(Distribution.KUBEADM, rotates=True, server_tls_bootstrap=False)
SAFE = Restart(True, RestartReason.COMES_BACK, "")
SERVING = replace(KUBEADM, server_tls_bootstrap=True)
AUTHORITY = Certificate(0, 2**32, "0", "CN=kubernetes", "CN=kubernetes", "ca" * 32)


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


def beside(report: NodeReport, kubelet: Kubelet = KUBEADM) -> NodeReport:
    """With what a visit over SSH sees beside the store."""
    return replace(report, clock_offset=0.1, kubelet=kubelet, restart=SAFE, authority=AUTHORITY)


def rotate_serving(root: Path) -> None:
    """The kubelet below ``root`` rotates its serving certificate."""
    now = time.time()
    pair = Authority().issue("w1", now - 300, now + 86400, serving=True)
    path = FileStore(root / STORE, "kubelet-server").update(pair, now)
    current = root / STORE / "kubelet-server-current.pem"
    current.unlink()
    current.symlink_to(f"/{STORE}/{path.name}")


def body(snapshot: FleetSnapshot, chosen: Format) -> str:
    return (render(snapshot, time.time(), chosen) + Health(lambda: snapshot.counters).render(chosen)).decode()


def name_of(line: str) -> str:
    return line.partition("{")[0]


def node_series(text: str, name: str = "w1") -> list[str]:
    return [line for line in text.splitlines() if f'node="{name}"' in line]


def test_a_healthy_kubeadm_worker_costs_no_more_than_the_budget(tmp_path: Path) -> None:
    """A healthy kubeadm worker with default settings costs 24 series, and 23 over a mount, which has no node clock."""
    kubeadm_worker(tmp_path)
    over_ssh = beside(read(tmp_path))
    assert len(node_series(body(FleetSnapshot((over_ssh,)), Format.TEXT))) == BUDGET
    mounted = replace(over_ssh, clock_offset=None)
    assert len(node_series(body(FleetSnapshot((mounted,)), Format.TEXT))) == BUDGET_OVER_A_MOUNT


def test_serving_rotation_costs_fourteen_series_more(tmp_path: Path) -> None:
    """With serving rotation on, a healthy worker costs 38 series."""
    kubeadm_worker(tmp_path, serving=False)
    rotate_serving(tmp_path)
    report = beside(read(tmp_path), SERVING)
    assert len(node_series(body(FleetSnapshot((report,)), Format.TEXT))) == WITH_SERVING_ROTATION


def test_every_series_of_a_healthy_worker_is_one_that_the_design_counts(tmp_path: Path) -> None:
    """The series of a healthy worker are the ones that the budget was made for, and no others."""
    kubeadm_worker(tmp_path)
    lines = node_series(body(FleetSnapshot((beside(read(tmp_path)),)), Format.TEXT))
    assert Counter(name_of(line) for line in lines) == {
        "kubelet_cert_info": 1,
        "kubelet_cert_last_rotation_timestamp_seconds": 1,
        "kubelet_cert_node_clock_offset_seconds": 1,
        "kubelet_cert_node_info": 1,
        "kubelet_cert_node_last_success_timestamp_seconds": 1,
        "kubelet_cert_node_up": 1,
        "kubelet_cert_node_visit_duration_seconds": 1,
        "kubelet_cert_not_after_timestamp_seconds": 3,
        "kubelet_cert_not_before_timestamp_seconds": 1,
        "kubelet_cert_restart_safe": 1,
        "kubelet_cert_rotation_enabled": 1,
        "kubelet_cert_rotation_state": 8,
        "kubelet_cert_rotation_window_end_timestamp_seconds": 1,
        "kubelet_cert_rotation_window_start_timestamp_seconds": 1,
        "kubelet_cert_rotations_on_disk": 1,
    }


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


def test_a_node_whose_address_was_corrected(tmp_path: Path) -> None:
    """Until a visit has been there it is not up: a reason, and the dates and the age of what was read elsewhere."""
    kubeadm_worker(tmp_path)
    state, report = FleetState(), read(tmp_path)
    state.settle((report.node,), (), Pace(), {"w1": report})
    state.settle((replace(report.node, access=SshAccess("10.9.9.9")),), (), Pace())
    assert report.client
    assert report.last_success
    lines = body(state.snapshot(time.time()), Format.TEXT).splitlines()
    of_a_visit = ("kubelet_cert_node_up{", "kubelet_cert_node_visit_duration_seconds{")
    assert not [line for line in lines if line.startswith(of_a_visit)]
    assert 'kubelet_cert_node_failure{node="w1",reason="not_yet_visited"} 1' in lines
    (age,) = (line for line in lines if line.startswith("kubelet_cert_node_last_success_timestamp_seconds{"))
    assert float(age.split()[-1]) == pytest.approx(report.last_success, abs=0.001)
    end = report.client.certificate.not_after
    assert f'kubelet_cert_not_after_timestamp_seconds{{node="w1",cert="client"}} {end}' in lines


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


def test_serving_rotation_has_all_that_client_rotation_has(tmp_path: Path) -> None:
    """With serving rotation on, the serving certificate has dates, window, states and history of its own."""
    kubeadm_worker(tmp_path, serving=False)
    rotate_serving(tmp_path)
    report = beside(read(tmp_path), SERVING)
    lines = node_series(body(FleetSnapshot((report,)), Format.TEXT))
    assert {name_of(line) for line in lines if 'cert="serving"' in line} == {
        name_of(line) for line in lines if 'cert="client"' in line
    } - {"kubelet_cert_info"}
    assert 'kubelet_cert_rotation_state{node="w1",cert="serving",state="fresh"} 1' in lines
    assert 'kubelet_cert_rotations_on_disk{node="w1",cert="serving"} 1' in lines


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


ANOTHER = Certificate(1000, 2000, "2", "CN=kubernetes", "CN=system:node:w1", "bb" * 32)


@pytest.mark.parametrize(
    ("beside_it", "there", "absent"),
    [
        ({}, [], ["kubelet_cert_restart_safe", "kubelet_cert_rotation_enabled", 'cert="ca"', 'cert="kubeconfig"']),
        (
            {"kubeconfig": ANOTHER},
            [
                'kubelet_cert_not_before_timestamp_seconds{node="w1",cert="kubeconfig"} 1000',
                'kubelet_cert_not_after_timestamp_seconds{node="w1",cert="kubeconfig"} 2000',
            ],
            [
                'rotation_state{node="w1",cert="kubeconfig"',
                'window_start_timestamp_seconds{node="w1",cert="kubeconfig"',
            ],
        ),
        (
            {"authority": ANOTHER},
            ['kubelet_cert_not_after_timestamp_seconds{node="w1",cert="ca"} 2000'],
            ['not_before_timestamp_seconds{node="w1",cert="ca"}'],
        ),
        (
            {"serving_live": ANOTHER},
            ['kubelet_cert_not_after_timestamp_seconds{node="w1",cert="serving_live"} 2000'],
            ['not_before_timestamp_seconds{node="w1",cert="serving_live"}'],
        ),
        ({"restart": SAFE}, ['kubelet_cert_restart_safe{node="w1"} 1'], []),
        ({"restart": replace(SAFE, safe=False)}, ['kubelet_cert_restart_safe{node="w1"} 0'], []),
        ({"restart": replace(SAFE, safe=None)}, [], ["kubelet_cert_restart_safe"]),
        (
            {"kubelet": KUBEADM},
            ['kubelet_cert_rotation_enabled{node="w1",cert="client"} 1'],
            ['rotation_enabled{node="w1",cert="serving"}'],
        ),
        (
            {"kubelet": Kubelet(rotates=False, server_tls_bootstrap=True)},
            [
                'kubelet_cert_rotation_enabled{node="w1",cert="client"} 0',
                'kubelet_cert_rotation_enabled{node="w1",cert="serving"} 1',
            ],
            [],
        ),
        (
            {"kubelet": Kubelet(server_tls_bootstrap=True, serving_gate=False)},
            ['kubelet_cert_rotation_enabled{node="w1",cert="serving"} 0'],
            ['rotation_enabled{node="w1",cert="client"}'],
        ),
        ({"kubelet": Kubelet()}, [], ["kubelet_cert_rotation_enabled"]),
    ],
)
def test_what_is_beside_the_dates(
    beside_it: dict[str, Any], there: list[str], absent: list[str], tmp_path: Path
) -> None:
    """Each is there as soon as it is known, and absent, never 0, while it is not."""
    kubeadm_worker(tmp_path)
    text = body(FleetSnapshot((replace(read(tmp_path), **beside_it),)), Format.TEXT)
    assert [line for line in there if line not in text.splitlines()] == []
    assert [part for part in absent if part in text] == []


def test_the_distribution_is_in_the_nodes_info(tmp_path: Path) -> None:
    """It is empty while it is not known."""
    kubeadm_worker(tmp_path)
    report = read(tmp_path)
    assert 'distribution=""' in body(FleetSnapshot((report,)), Format.TEXT)
    assert 'distribution="kubeadm"' in body(FleetSnapshot((beside(report),)), Format.TEXT)


def test_a_node_without_a_client_certificate_by_design() -> None:
    """It is unmanaged and up, and has no dates."""
    report = NodeReport(
        Node("w1", SshAccess("w1"), Paths()), reason=None, last_success=1.0, duration=0.1, no_client_by_design=True
    )
    lines = node_series(body(FleetSnapshot((report,)), Format.TEXT))
    assert 'kubelet_cert_rotation_state{node="w1",cert="client",state="unmanaged"} 1' in lines
    assert 'kubelet_cert_node_up{node="w1"} 1' in lines
    assert [line for line in lines if "not_before" in line or "not_after" in line or "rotation_window" in line] == []


AHEAD, LINKED = (Finding(cause, Severity.CRITICAL) for cause in (Cause.CLOCK_AHEAD, Cause.STORE_LINK_REGULAR_FILE))


def clocked(name: str, offset: float, *findings: Finding) -> NodeReport:
    """A node of cluster prod whose clock is off."""
    node = Node(name, SshAccess(name), Paths(), labels=(("cluster", "prod"),))
    return NodeReport(node, reason=None, clock_offset=offset, findings=findings)


def test_findings_are_counted_by_cluster_cause_and_severity() -> None:
    """Every cause of a node is there from the start at 0; a finding of another severity than usual is counted too."""
    text = body(FleetSnapshot((clocked("w1", 0, AHEAD), clocked("w2", 0, AHEAD, LINKED)), ("cluster",)), Format.TEXT)
    lines = text.splitlines()
    counted = 'kubelet_cert_nodes_with_finding{cluster="prod",cause="'
    assert f'{counted}clock-ahead",severity="critical"}} 2' in lines
    assert f'{counted}store-link-regular-file",severity="critical"}} 1' in lines
    for row in diagnosis.TABLE:
        assert f'{counted}{row.cause}",severity="{row.severity}"}} ' in text
    assert 'kubelet_cert_finding{cluster="prod",node="w2",cause="clock-ahead",severity="critical"} 1' in lines
    assert "kubelet_cert_fleet_finding" not in text


def test_a_suspect_exporter_clock_holds_back_what_is_found_about_the_nodes() -> None:
    """One finding of the fleet says so; no node is told to be ahead, by its series or by the count; the rest stays."""
    reports = tuple(clocked(f"w{number}", 90.0, AHEAD, LINKED) for number in range(5))
    lines = body(FleetSnapshot(reports, ("cluster",)), Format.TEXT).splitlines()
    told = [line for line in lines if line.startswith("kubelet_cert_fleet_finding")]
    assert told == ['kubelet_cert_fleet_finding{cluster="",cause="exporter-clock-off",severity="warning"} 1']
    held = [line for line in lines if "clock-ahead" in line and not line.endswith(" 0")]
    assert held == []
    assert sum("store-link-regular-file" in line and line.endswith(" 1") for line in lines) == 5
    calm = FleetSnapshot(reports[:4], ("cluster",))
    assert 'cause="clock-ahead",severity="critical"} 4' in body(calm, Format.TEXT)


def test_a_fleet_finding_has_its_cluster() -> None:
    """What a cluster's nodes share is one series with that cluster."""
    now = time.time()
    client = Reading(Certificate(int(now), int(now) + 100, "1", "CN=a", "CN=b", "f" * 64), now, now)
    reports = tuple(replace(clocked(f"w{number}", 0.0), client=client) for number in range(2))
    assert (
        'kubelet_cert_fleet_finding{cluster="prod",cause="certificate-shared",severity="critical"} 1'
        in body(FleetSnapshot(reports, ("cluster",)), Format.TEXT).splitlines()
    )


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
