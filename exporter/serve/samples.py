"""The samples that one node, or the fleet, gives at a scrape: plain functions, one for each family of the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from exporter.errors import Reason
from exporter.judge import cohort, diagnosis, rotation
from exporter.model.assessment import CertificateRole, Reading, State
from exporter.model.finding import Finding, FleetFinding
from exporter.model.report import FleetSnapshot, NodeReport

Value = int | float
Sample = tuple[tuple[str, ...], Value]


@dataclass(frozen=True, slots=True)
class NodeView:
    """One node as a scrape at ``now`` sees it; ``findings`` without those that are the exporter's own clock's fault."""

    report: NodeReport
    client_state: State
    serving_state: State
    findings: tuple[Finding, ...]

    def readings(self) -> Iterable[tuple[CertificateRole, Reading, State]]:
        if self.report.client:
            yield CertificateRole.CLIENT, self.report.client, self.client_state
        if self.report.serving:
            yield CertificateRole.SERVING, self.report.serving, self.serving_state

    def rotated(self) -> Iterable[tuple[CertificateRole, Reading, State]]:
        """The certificates that the kubelet renews."""
        return (item for item in self.readings() if item[1].managed)


@dataclass(frozen=True, slots=True)
class FleetView:
    """The fleet at that moment: its nodes, and what only shows across them."""

    nodes: tuple[NodeView, ...]
    findings: tuple[FleetFinding, ...]


def views(snapshot: FleetSnapshot, now: float) -> tuple[NodeView, ...]:
    """Every node of the snapshot with its states at ``now``."""
    suspect = rotation.is_exporter_clock_suspect(snapshot.clock_offsets)

    def view(report: NodeReport) -> NodeView:
        client = rotation.client_state(report, now, snapshot.pace, exporter_clock_suspect=suspect)
        serving = rotation.state(report.serving, now, snapshot.pace, exporter_clock_suspect=suspect)
        return NodeView(report, client, serving, cohort.node_findings(report, exporter_clock_suspect=suspect))

    return tuple(view(report) for report in snapshot.reports)


def fleet_view(snapshot: FleetSnapshot, now: float) -> FleetView:
    """The nodes of the snapshot and the fleet's findings at ``now``."""
    nodes = views(snapshot, now)
    return FleetView(nodes, cohort.fleet_findings([(view.report, view.client_state) for view in nodes], now))


def not_before(view: NodeView) -> Iterable[Sample]:
    for role, reading, _ in view.readings():
        if role is CertificateRole.CLIENT or reading.managed:
            yield (role,), reading.certificate.not_before
    if view.report.kubeconfig:
        yield (CertificateRole.KUBECONFIG,), view.report.kubeconfig.not_before


def not_after(view: NodeView) -> Iterable[Sample]:
    report = view.report
    for role, certificate in (
        (CertificateRole.CLIENT, report.client and report.client.certificate),
        (CertificateRole.SERVING, report.serving and report.serving.certificate),
        (CertificateRole.SERVING_LIVE, report.serving_live),
        (CertificateRole.KUBECONFIG, report.kubeconfig),
        (CertificateRole.CA, report.authority),
    ):
        if certificate:
            yield (role,), certificate.not_after


def window_start(view: NodeView) -> Iterable[Sample]:
    return (((role,), rotation.window(reading.certificate).start) for role, reading, _ in view.rotated())


def window_end(view: NodeView) -> Iterable[Sample]:
    return (((role,), rotation.window(reading.certificate).end) for role, reading, _ in view.rotated())


def states(view: NodeView) -> Iterable[Sample]:
    yield from _state_set(CertificateRole.CLIENT, view.client_state)
    if view.report.serving and view.report.serving.managed:
        yield from _state_set(CertificateRole.SERVING, view.serving_state)


def _state_set(role: CertificateRole, current: State) -> Iterable[Sample]:
    return (((role, state), int(state is current)) for state in State)


def rotation_enabled(view: NodeView) -> Iterable[Sample]:
    kubelet = view.report.kubelet
    if kubelet and kubelet.rotates is not None:
        yield (CertificateRole.CLIENT,), int(kubelet.rotates)
    if kubelet and kubelet.server_tls_bootstrap:
        yield (CertificateRole.SERVING,), int(kubelet.serving_gate is not False)


def restart_safe(view: NodeView) -> Iterable[Sample]:
    restart = view.report.restart
    return optional(None if restart is None or restart.safe is None else int(restart.safe))


def last_rotation(view: NodeView) -> Iterable[Sample]:
    history = view.report.history
    if history and history.last_rotation is not None:
        yield (CertificateRole.CLIENT,), history.last_rotation
    if history and history.last_serving_rotation is not None:
        yield (CertificateRole.SERVING,), history.last_serving_rotation


def rotations_on_disk(view: NodeView) -> Iterable[Sample]:
    history, serving = view.report.history, view.report.serving
    if history:
        yield (CertificateRole.CLIENT,), history.rotations_on_disk
        if serving and serving.managed:
            yield (CertificateRole.SERVING,), history.serving_rotations_on_disk


def orphans(view: NodeView) -> Iterable[Sample]:
    for condition, number in view.report.history.orphans if view.report.history else ():
        yield (CertificateRole.CLIENT, condition), number


def findings(view: NodeView) -> Iterable[Sample]:
    return (((finding.cause, finding.severity), 1) for finding in view.findings)


def info(view: NodeView) -> Iterable[Sample]:
    if view.report.client:
        found = view.report.client.certificate
        yield (CertificateRole.CLIENT, found.serial, found.issuer, found.subject, found.fingerprint), 1


def node_info(view: NodeView) -> Iterable[Sample]:
    node, version = view.report.node, view.report.script_version
    distribution = view.report.kubelet.distribution if view.report.kubelet else ""
    clock = "node" if view.report.clock_offset is not None else "exporter" if view.report.last_success else ""
    yield (node.address, node.transport, distribution, version, node.host_key_policy, clock), 1


def optional(value: Value | None) -> Iterable[Sample]:
    return () if value is None else (((), value),)


def up(view: NodeView) -> Iterable[Sample]:
    return optional(None if view.report.reason is Reason.NOT_YET_VISITED else int(view.report.up))


def failure(view: NodeView) -> Iterable[Sample]:
    if view.report.reason:
        yield (view.report.reason,), 1


def inventory(fleet: FleetView) -> Iterable[Sample]:
    clusters = Counter(view.report.node.cluster for view in fleet.nodes)
    return (((cluster,), number) for cluster, number in sorted(clusters.items()))


def nodes_with_finding(fleet: FleetView) -> Iterable[Sample]:
    clusters = sorted({view.report.node.cluster for view in fleet.nodes})
    counts = {(cluster, row.cause, row.severity): 0 for cluster in clusters for row in diagnosis.TABLE}
    for view in fleet.nodes:
        for finding in view.findings:
            key = (view.report.node.cluster, finding.cause, finding.severity)
            counts[key] = counts.get(key, 0) + 1
    return counts.items()


def fleet_findings(fleet: FleetView) -> Iterable[Sample]:
    return (((finding.cluster, finding.cause, finding.severity), 1) for finding in fleet.findings)
