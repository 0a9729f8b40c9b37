"""The samples that one node, or the fleet, gives at a scrape: plain functions, one for each family of the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from exporter.errors import Reason
from exporter.judge import diagnosis, rotation
from exporter.model.assessment import CertificateRole, Reading, State
from exporter.model.report import FleetSnapshot, NodeReport

Value = int | float
Sample = tuple[tuple[str, ...], Value]


@dataclass(frozen=True, slots=True)
class NodeView:
    """One node as a scrape at ``now`` sees it."""

    report: NodeReport
    client_state: State
    serving_state: State

    def readings(self) -> Iterable[tuple[CertificateRole, Reading, State]]:
        if self.report.client:
            yield CertificateRole.CLIENT, self.report.client, self.client_state
        if self.report.serving:
            yield CertificateRole.SERVING, self.report.serving, self.serving_state

    def rotated(self) -> Iterable[tuple[CertificateRole, Reading, State]]:
        """The certificates that the kubelet renews."""
        return (item for item in self.readings() if item[1].managed)


def views(snapshot: FleetSnapshot, now: float) -> tuple[NodeView, ...]:
    """Every node of the snapshot with its states at ``now``."""
    suspect = rotation.is_exporter_clock_suspect(snapshot.clock_offsets)

    def state(reading: Reading | None) -> State:
        return rotation.state(reading, now, snapshot.pace, exporter_clock_suspect=suspect)

    return tuple(NodeView(report, state(report.client), state(report.serving)) for report in snapshot.reports)


def not_before(view: NodeView) -> Iterable[Sample]:
    for role, reading, _ in view.readings():
        if role is CertificateRole.CLIENT or reading.managed:
            yield (role,), reading.certificate.not_before


def not_after(view: NodeView) -> Iterable[Sample]:
    return (((role,), reading.certificate.not_after) for role, reading, _ in view.readings())


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


def last_rotation(view: NodeView) -> Iterable[Sample]:
    history = view.report.history
    if history and history.last_rotation is not None:
        yield (CertificateRole.CLIENT,), history.last_rotation


def rotations_on_disk(view: NodeView) -> Iterable[Sample]:
    if view.report.history:
        yield (CertificateRole.CLIENT,), view.report.history.rotations_on_disk


def orphans(view: NodeView) -> Iterable[Sample]:
    for condition, number in view.report.history.orphans if view.report.history else ():
        yield (CertificateRole.CLIENT, condition), number


def findings(view: NodeView) -> Iterable[Sample]:
    return (((finding.cause, finding.severity), 1) for finding in view.report.findings)


def info(view: NodeView) -> Iterable[Sample]:
    if view.report.client:
        found = view.report.client.certificate
        yield (CertificateRole.CLIENT, found.serial, found.issuer, found.subject, found.fingerprint), 1


def node_info(view: NodeView) -> Iterable[Sample]:
    node, version = view.report.node, view.report.script_version
    clock = "node" if view.report.clock_offset is not None else "exporter" if view.report.last_success else ""
    yield (node.address, node.transport, "", version, node.host_key_policy, clock), 1


def optional(value: Value | None) -> Iterable[Sample]:
    return () if value is None else (((), value),)


def up(view: NodeView) -> Iterable[Sample]:
    return optional(None if view.report.reason is Reason.NOT_YET_VISITED else int(view.report.up))


def failure(view: NodeView) -> Iterable[Sample]:
    if view.report.reason:
        yield (view.report.reason,), 1


def inventory(views: tuple[NodeView, ...]) -> Iterable[Sample]:
    clusters = Counter(view.report.node.cluster for view in views)
    return (((cluster,), number) for cluster, number in sorted(clusters.items()))


def nodes_with_finding(views: tuple[NodeView, ...]) -> Iterable[Sample]:
    active = Counter((view.report.node.cluster, finding.cause) for view in views for finding in view.report.findings)
    for cluster in sorted({view.report.node.cluster for view in views}):
        for row in diagnosis.TABLE:
            yield (cluster, row.cause, row.severity), active[cluster, row.cause]
