"""Alertmanager's configuration: where alerts go, and which of them mutes which, in a real Alertmanager."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from grafana.builder.rules import rule_files
from grafana.demo_stack.configuration import ALERTMANAGER
from grafana.demo_stack.configuration import alertmanager as pointed
from tests.alertmanagers import Alertmanager, Labels, alertmanager

pytestmark = pytest.mark.skipif(shutil.which("amtool") is None, reason="Debian's prometheus-alertmanager is missing")

KUBE_PROMETHEUS = Path(__file__).parent / "data" / "kube_prometheus_alertmanager.yml"
NOBODY = "http://127.0.0.1:9"
CERTIFICATE = ("cluster", "node", "cert")
NODE = ("cluster", "node")
CLUSTER = ("cluster",)
EXPORTER = ("job", "instance")
# who says it, and of what
IDENTITIES: dict[str, tuple[str, ...]] = {
    "KubeletCertRotationLate": CERTIFICATE,
    "KubeletCertRotationStalled": CERTIFICATE,
    "KubeletCertExpiring": CERTIFICATE,
    "KubeletCertExpired": CERTIFICATE,
    "KubeletCertUnrotatedExpired": CERTIFICATE,
    "KubeletCertManualRotationDue": CERTIFICATE,
    "KubeletCertNotYetValid": CERTIFICATE,
    "KubeletCertBlind": CERTIFICATE,
    "KubeletCertNeverRead": NODE,
    "KubeletCertRestartUnsafe": NODE,
    "KubeletCertStoreBroken": NODE,
    "KubeletCertStoreFull": NODE,
    "KubeletCertCrashLoop": NODE,
    "KubeletCertNodeClockSkew": NODE,
    "KubeletCertKeyMaterialSeen": NODE,
    "KubeletCertHostKeyChanged": NODE,
    "KubeletCertFinding": ("cluster", "cause"),
    "KubeletCertFleetRotationStalled": CLUSTER,
    "KubeletCertCAExpiring": CLUSTER,
    "KubeletCertCANearlyExpired": CLUSTER,
    "KubeletCertShared": CLUSTER,
    "KubeletCertFleetFinding": ("cluster", "cause"),
    "KubeletCertCoverageLow": CLUSTER,
    "KubeletCertInventoryShrank": CLUSTER,
    "KubeletCertClusterVanished": CLUSTER,
    "KubeletCertExporterDown": EXPORTER,
    "KubeletCertExporterAbsent": (),
    "KubeletCertExporterStuck": EXPORTER,
    "KubeletCertExporterClockOff": (),
    "KubeletCertVisitsOverdue": EXPORTER,
    "KubeletCertLoginsPaused": EXPORTER,
    "KubeletCertHostKeysUnchecked": EXPORTER,
    "KubeletCertConfigReloadFailed": EXPORTER,
    "KubeletCertInventorySourceDown": ("job", "instance", "source"),
    "KubeletCertWebConfigReloadFailed": EXPORTER,
    "KubeletCertExporterStoreDown": EXPORTER,
    "KubeletCertSshCredentialExpiring": ("job", "instance", "file"),
    "KubeletCertShardMissing": ("job",),
    "KubeletCertShardsMismatch": ("job",),
}
OTHERS: dict[str, tuple[str, ...]] = {"KubeNodeNotReady": NODE, "KubeNodeUnreachable": NODE}
VALUES = {
    "cluster": "prod",
    "node": "worker-1",
    "cert": "client",
    "cause": "clock-off",
    "job": "kubelet-cert-exporter",
    "instance": "192.0.2.10:10087",
    "source": "nodes.json",
    "file": "id_ed25519",
}
CONFIRMED = (
    "KubeletCertRotationLate",
    "KubeletCertRotationStalled",
    "KubeletCertExpiring",
    "KubeletCertExpired",
    "KubeletCertUnrotatedExpired",
)
# source → target → the labels that have to agree
_NOT_SEEN: dict[str, tuple[str, ...]] = {
    "KubeletCertBlind": (),
    "KubeletCertNeverRead": (),
    "KubeletCertCoverageLow": (),
    "KubeletCertInventoryShrank": (),
    "KubeletCertClusterVanished": (),
}
_NODE_NOT_SEEN: dict[str, tuple[str, ...]] = {"KubeletCertBlind": NODE, "KubeletCertNeverRead": NODE}
MUTES: dict[str, dict[str, tuple[str, ...]]] = {
    "KubeletCertFleetRotationStalled": {
        "KubeletCertRotationLate": CLUSTER,
        "KubeletCertRotationStalled": CLUSTER,
        "KubeletCertExpiring": CLUSTER,
    },
    "KubeletCertExpired": {
        "KubeletCertRotationLate": CERTIFICATE,
        "KubeletCertRotationStalled": CERTIFICATE,
        "KubeletCertExpiring": CERTIFICATE,
        "KubeletCertBlind": CERTIFICATE,
        "KubeletCertRestartUnsafe": NODE,
    },
    "KubeletCertExpiring": {"KubeletCertRotationLate": CERTIFICATE, "KubeletCertRotationStalled": CERTIFICATE},
    "KubeletCertNotYetValid": {"KubeletCertRestartUnsafe": NODE},
    "KubeletCertRestartUnsafe": {"KubeletCertUnrotatedExpired": NODE},
    "KubeletCertCANearlyExpired": {"KubeletCertCAExpiring": CLUSTER},
    "KubeletCertCoverageLow": {"KubeletCertBlind": CLUSTER},
    "KubeletCertExporterDown": _NOT_SEEN,
    "KubeletCertExporterAbsent": _NOT_SEEN,
    "KubeletCertExporterStuck": _NOT_SEEN,
    "KubeletCertShardMissing": _NOT_SEEN,
    "KubeNodeNotReady": _NODE_NOT_SEEN,
    "KubeNodeUnreachable": _NODE_NOT_SEEN,
}
PAIRS = [(source, target) for source, targets in MUTES.items() for target in targets]
NEAR_MISSES = [(*pair, label) for pair in PAIRS for label in MUTES[pair[0]][pair[1]]]


def alert(name: str, **changes: str | None) -> Labels:
    """An alert of that name about the one node, certificate or exporter of these tests; None takes a label away."""
    labels: dict[str, str | None] = {label: VALUES[label] for label in (IDENTITIES | OTHERS)[name]}
    if name == "KubeletCertUnrotatedExpired":
        labels["cert"] = "kubeconfig"
    ours = {"component": "kubelet-cert"} if name in IDENTITIES else {}
    labels |= {"alertname": name, "severity": _severity(name), **ours, **changes}
    return {label: value for label, value in labels.items() if value is not None}


def _severity(name: str) -> str:
    critical = "KubeletCertFleetRotationStalled", "KubeletCertExpiring", "KubeletCertExpired"
    if name in (*critical, "KubeletCertCANearlyExpired"):
        return "critical"
    return "info" if name == "KubeletCertRotationLate" else "warning"


def merged() -> str:
    """What a person has who pastes our parts into kube-prometheus' configuration, ours first."""
    text = KUBE_PROMETHEUS.read_text()
    for part, key in (("route", "  routes:\n"), ("receivers", "receivers:\n"), ("inhibit_rules", "inhibit_rules:\n")):
        found = re.search(
            rf"^ *# begin {part}\b.*\n((?:.*\n)*?) *# end {part}$", ALERTMANAGER.read_text(), re.MULTILINE
        )
        assert found, part
        assert text.count(key) == 1
        text = text.replace(key, key + found[1])
    return text


CONFIGURATIONS = {"alone": ALERTMANAGER.read_text, "merged": merged}


@pytest.fixture(scope="module", params=CONFIGURATIONS)
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    """A real Alertmanager, with our configuration alone and with kube-prometheus' one around it."""
    configuration = pointed(CONFIGURATIONS[request.param](), NOBODY)
    with alertmanager(tmp_path_factory.mktemp("alertmanager"), configuration) as found:
        yield found


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_amtool_finds_nothing_wrong(configuration: str, tmp_path: Path) -> None:
    """check-config accepts the file as shipped, and pasted into another one."""
    path = tmp_path / "alertmanager.yml"
    path.write_text(CONFIGURATIONS[configuration]())
    done = subprocess.run(["amtool", "check-config", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        ("component=kubelet-cert severity=critical", {"alone": "kubelet-cert-pager"}),
        ("component=kubelet-cert severity=warning", {"alone": "kubelet-cert-tickets"}),
        ("component=kubelet-cert severity=info", {"alone": "kubelet-cert-nowhere"}),
        ("component=kubelet-cert", {"alone": "kubelet-cert-tickets"}),
        ("component=kubelet-cert severity=page", {"alone": "kubelet-cert-tickets"}),
        ("severity=critical", {"alone": "placeholder-other-alerts", "merged": "Critical"}),
        ("severity=warning", {"alone": "placeholder-other-alerts", "merged": "Default"}),
    ],
)
def test_each_severity_has_its_receiver(
    configuration: str, labels: str, receivers: dict[str, str], tmp_path: Path
) -> None:
    """Critical to the pager, warning and what is unknown to tickets, info nowhere; others' alerts go as before."""
    path = tmp_path / "alertmanager.yml"
    path.write_text(CONFIGURATIONS[configuration]())
    done = subprocess.run(
        ["amtool", "config", "routes", "test", f"--config.file={path}", *labels.split()],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == receivers.get(configuration, receivers["alone"])


def test_the_tables_here_name_every_alert() -> None:
    """Every alert of the rule files stands in this test's table; and no name has two severities.

    kube-prometheus mutes a warning by a critical alert of the same name: of any cluster, as neither has a namespace.
    """
    found = {
        (rule["alert"], rule["labels"]["severity"])
        for text in rule_files().values()
        for group in yaml.safe_load(text)["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    assert found == {(name, _severity(name)) for name in IDENTITIES}


def test_the_configuration_names_no_other_alert() -> None:
    """An alert that was renamed in the rules alone would be muted by nothing."""
    named = set(re.findall(r"\bKube\w+", re.sub(r"#.*", "", ALERTMANAGER.read_text())))
    assert named == set(MUTES) | {target for targets in MUTES.values() for target in targets}


@pytest.mark.parametrize("source", [*IDENTITIES, *OTHERS])
def test_an_alert_mutes_what_it_should_and_nothing_else(real: Alertmanager, source: str) -> None:
    """Beside each alert every other one about the same node, certificate and cluster: who is muted, and who is not."""
    fires = alert(source)
    silent = [alert(name) for name in IDENTITIES if name not in MUTES]
    muted = {found["alertname"] for found in real.muted_by(fires, silent)}
    for name in MUTES:  # these would mute each other
        if name != source:
            muted |= {found["alertname"] for found in real.muted_by(fires, [alert(name)])}
    assert muted == set(MUTES.get(source, {}))


@pytest.mark.parametrize(("source", "target", "label"), NEAR_MISSES)
def test_another_cluster_node_or_certificate_is_not_muted(
    real: Alertmanager, source: str, target: str, label: str
) -> None:
    """Not where one label differs, nor where it is missing on one side."""
    near = [alert(target, **{label: "other"}), alert(target, **{label: None})]
    assert real.muted_by(alert(source), near) == []
    assert real.muted_by(alert(source, **{label: None}), [alert(target)]) == []


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_without_names_of_clusters_all_is_one_cluster(real: Alertmanager, source: str, target: str) -> None:
    """A label that both lack counts as equal: right for the cluster."""
    fires, muted = alert(source, cluster=None), alert(target, cluster=None)
    assert real.muted_by(fires, [muted]) == [muted]


@pytest.mark.parametrize(("source", "target", "label"), [one for one in NEAR_MISSES if one[2] != "cluster"])
def test_two_alerts_without_a_node_or_certificate_are_not_about_the_same_one(
    real: Alertmanager, source: str, target: str, label: str
) -> None:
    """A label that both lack counts as equal: wrong for a node and a certificate."""
    assert real.muted_by(alert(source, **{label: None}), [alert(target, **{label: None})]) == []


@pytest.mark.parametrize("cert", ["serving", "kubeconfig"])
@pytest.mark.parametrize("name", ["KubeletCertExpired", "KubeletCertNotYetValid"])
def test_only_the_clients_certificate_answers_the_question_of_a_restart(
    real: Alertmanager, name: str, cert: str
) -> None:
    """A serving certificate that has expired, or has not begun, says nothing about the restart."""
    assert real.muted_by(alert(name, cert=cert), [alert("KubeletCertRestartUnsafe")]) == []


@pytest.mark.parametrize("cert", ["serving", "serving_live"])
def test_an_unsafe_restart_mutes_what_kubelet_conf_holds_alone(real: Alertmanager, cert: str) -> None:
    """A serving certificate that has expired is another fault."""
    muted = alert("KubeletCertUnrotatedExpired", cert=cert)
    assert real.muted_by(alert("KubeletCertRestartUnsafe"), [muted]) == []


@pytest.mark.parametrize("source", ["KubeletCertExporterDown", "KubeletCertExporterStuck"])
def test_one_pod_of_the_daemonset_mutes_nothing(real: Alertmanager, source: str) -> None:
    """It looks at its own node alone: what others do not see is news."""
    fires = alert(source, job="kubelet-cert-exporter-node")
    assert real.muted_by(fires, [alert(name) for name in IDENTITIES if name not in MUTES]) == []


@pytest.mark.parametrize("confirmed", CONFIRMED)
def test_no_blindness_mutes_a_confirmed_certificate(real: Alertmanager, confirmed: str) -> None:
    """Node down, exporter down, absent or stuck, coverage low, cluster vanished: what was confirmed is still told."""
    for source in (*OTHERS, *_NOT_SEEN, *(name for name in MUTES if MUTES[name] is _NOT_SEEN)):
        assert real.muted_by(alert(source), [alert(confirmed)]) == []
