"""The samples that one node, or the fleet, gives at a scrape: plain functions, one for each family of the table.

A node's are asked for at each of its changes, ten thousand in one scrape at worst: so they are plain tuples and lists,
and label values of which there are few are made once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from exporter.errors import Reason
from exporter.judge import diagnosis, rotation
from exporter.model.assessment import Certificate, CertificateRole, State
from exporter.model.report import NodeReport
from exporter.serve.views import FleetView, NodeView

Value = int | float
Sample = tuple[tuple[str, ...], Value]
Samples = Sequence[Sample]

_NONE: tuple[str, ...] = ()
_ROLE = CertificateRole.CLIENT
_CLIENT = (_ROLE,)
_SERVING = (CertificateRole.SERVING,)
_SERVING_LIVE = (CertificateRole.SERVING_LIVE,)
_KUBECONFIG = (CertificateRole.KUBECONFIG,)
_CA = (CertificateRole.CA,)
_CLIENT_STATES, _SERVING_STATES = (
    {state: (((role, state), 1),) for state in State} for role in (CertificateRole.CLIENT, CertificateRole.SERVING)
)
_NOT_YET_VISITED = Reason.NOT_YET_VISITED


def not_before(node: NodeView) -> Samples:
    report, found = node.report, []
    if report.client:
        found.append((_CLIENT, report.client.certificate.not_before))
    if report.serving and report.serving.managed:
        found.append((_SERVING, report.serving.certificate.not_before))
    if report.kubeconfig:
        found.append((_KUBECONFIG, report.kubeconfig.not_before))
    return found


def not_after(node: NodeView) -> Samples:
    report, found = node.report, []
    if report.client:
        found.append((_CLIENT, report.client.certificate.not_after))
    if report.serving:
        found.append((_SERVING, report.serving.certificate.not_after))
    if report.serving_live:
        found.append((_SERVING_LIVE, report.serving_live.not_after))
    if report.kubeconfig:
        found.append((_KUBECONFIG, report.kubeconfig.not_after))
    if report.authority:
        found.append((_CA, report.authority.not_after))
    return found


def window_start(node: NodeView) -> Samples:
    return _rotated(node.report, rotation.opens)


def window_end(node: NodeView) -> Samples:
    return _rotated(node.report, rotation.closes)


def _rotated(report: NodeReport, moment: Callable[[Certificate], float]) -> Samples:
    """A moment in the life of each certificate that the kubelet renews."""
    found = []
    if report.client and report.client.managed:
        found.append((_CLIENT, moment(report.client.certificate)))
    if report.serving and report.serving.managed:
        found.append((_SERVING, moment(report.serving.certificate)))
    return found


def states(node: NodeView) -> Samples:
    """The states that hold."""
    client, serving = _CLIENT_STATES[node.client_state], node.report.serving
    return client + _SERVING_STATES[node.serving_state] if serving and serving.managed else client


def rotation_enabled(node: NodeView) -> Samples:
    kubelet, found = node.report.kubelet, []
    if kubelet and kubelet.rotates is not None:
        found.append((_CLIENT, 1 if kubelet.rotates else 0))
    if kubelet and kubelet.server_tls_bootstrap:
        found.append((_SERVING, int(kubelet.serving_gate is not False)))
    return found


def restart_safe(node: NodeView) -> Samples:
    restart = node.report.restart
    return () if restart is None or restart.safe is None else ((_NONE, 1 if restart.safe else 0),)


def last_rotation(node: NodeView) -> Samples:
    history, found = node.report.history, []
    if history and history.last_rotation is not None:
        found.append((_CLIENT, history.last_rotation))
    if history and history.last_serving_rotation is not None:
        found.append((_SERVING, history.last_serving_rotation))
    return found


def rotations_on_disk(node: NodeView) -> Samples:
    history, serving = node.report.history, node.report.serving
    if not history:
        return ()
    client = (_CLIENT, history.rotations_on_disk)
    return (client, (_SERVING, history.serving_rotations_on_disk)) if serving and serving.managed else (client,)


def orphans(node: NodeView) -> Samples:
    history = node.report.history
    if history is None or not history.orphans:
        return ()
    return [((_ROLE, condition), number) for condition, number in history.orphans]


def findings(node: NodeView) -> Samples:
    return [((finding.cause, finding.severity), 1) for finding in node.findings] if node.findings else ()


def info(node: NodeView) -> Samples:
    if not node.report.client:
        return ()
    found = node.report.client.certificate
    return (((_ROLE, found.serial, found.issuer, found.subject, found.fingerprint), 1),)


def node_info(node: NodeView) -> Samples:
    report = node.report
    distribution = report.kubelet.distribution if report.kubelet else ""
    clock = "node" if report.clock_offset is not None else "exporter" if report.last_success else ""
    name = report.node
    values = (name.address, name.transport, distribution, report.script_version, name.host_key_policy, clock)
    return ((values, 1),)


def up(node: NodeView) -> Samples:
    reason = node.report.reason
    return () if reason is _NOT_YET_VISITED else ((_NONE, 1 if reason is None else 0),)


def last_success(node: NodeView) -> Samples:
    return _optional(node.report.last_success)


def visit_duration(node: NodeView) -> Samples:
    return _optional(node.report.duration)


def clock_offset(node: NodeView) -> Samples:
    return _optional(node.report.clock_offset)


def _optional(value: Value | None) -> Samples:
    return () if value is None else ((_NONE, value),)


def failure(node: NodeView) -> Samples:
    reason = node.report.reason
    return (((reason,), 1),) if reason else ()


def inventory(fleet: FleetView) -> Iterable[Sample]:
    return (((cluster,), number) for cluster, number in sorted(fleet.inventory.items()))


def nodes_with_finding(fleet: FleetView) -> Iterable[Sample]:
    """Every cause that a node may have, at its usual severity at least."""
    usual = [(cluster, row.cause, row.severity) for cluster in sorted(fleet.inventory) for row in diagnosis.TABLE]
    unusual = sorted(fleet.found.keys() - set(usual))
    return ((key, fleet.found.get(key, 0)) for key in (*usual, *unusual))


def fleet_findings(fleet: FleetView) -> Iterable[Sample]:
    return (((finding.cluster, finding.cause, finding.severity), 1) for finding in fleet.findings)
