"""What only shows across nodes: causes over a cluster, as one table. Pure, and linear in the number of nodes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from exporter.judge import authorities, peers
from exporter.judge.peers import Hit, Member, Members
from exporter.model.assessment import State
from exporter.model.finding import Cause, Finding, FleetFinding, Severity
from exporter.model.report import NodeReport

SHOWN = 20  # nodes that a finding names
_CLOCKS = (Cause.CLOCK_AHEAD, Cause.CLOCK_BEHIND)


@dataclass(frozen=True, slots=True)
class Row:
    """One cause; ``holds`` gets a cluster's nodes and the moment. ``whole``: it gets those of all clusters at once."""

    cause: Cause
    severity: Severity
    holds: Callable[[Members, float], Hit | None]
    whole: bool = False


TABLE = (
    Row(Cause.EXPORTER_CLOCK_OFF, Severity.WARNING, peers.exporter_clock_is_off, whole=True),
    Row(Cause.FLEET_STALLED, Severity.CRITICAL, peers.rotation_has_stalled),
    Row(Cause.CERTIFICATE_SHARED, Severity.CRITICAL, peers.certificate_is_shared),
    Row(Cause.KUBECONFIG_CA_DIFFERS, Severity.WARNING, authorities.ca_of_kubeconfig_differs),
    Row(Cause.FLEET_ISSUER_CHANGED, Severity.WARNING, authorities.issuer_has_changed),
    Row(Cause.FLEET_CA_CAPS, Severity.WARNING, authorities.ca_caps_leaves),
)


def fleet_findings(nodes: Iterable[tuple[NodeReport, State]], now: float) -> tuple[FleetFinding, ...]:
    """Every cause that holds at ``now``, given each node with its client certificate's state at that moment.

    By cluster, then in the order of the table. What is of all clusters comes first and has an empty ``cluster``.
    """
    clusters: defaultdict[str, list[Member]] = defaultdict(list)
    for report, state in nodes:
        client = report.client
        member = Member(report, state, client.certificate if client else None, bool(client and client.managed))
        clusters[report.node.cluster].append(member)
    whole = [member for members in clusters.values() for member in members]
    return (
        *_found("", whole, now, whole=True),
        *(
            finding
            for cluster, members in sorted(clusters.items())
            for finding in _found(cluster, members, now, whole=False)
        ),
    )


def _found(cluster: str, members: Members, now: float, *, whole: bool) -> Iterable[FleetFinding]:
    for row in TABLE:
        if row.whole is whole and (hit := row.holds(members, now)):
            names = sorted(member.name for member in hit.members)
            yield FleetFinding(cluster, row.cause, row.severity, hit.evidence, tuple(names[:SHOWN]))


def node_findings(report: NodeReport, *, exporter_clock_suspect: bool) -> tuple[Finding, ...]:
    """A node's findings; while the exporter's clock is the suspect, without those about the node's."""
    if not exporter_clock_suspect:
        return report.findings
    return tuple(finding for finding in report.findings if finding.cause not in _CLOCKS)
