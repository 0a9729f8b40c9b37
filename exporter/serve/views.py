"""Nodes and the fleet as they are judged at one moment: what a scrape, the tables and `explain` are told from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exporter.config.settings import Pace
from exporter.judge import cohort, rotation
from exporter.model.assessment import CertificateRole, Reading, State
from exporter.model.finding import Cause, Finding, FleetFinding, Severity
from exporter.model.report import NodeReport
from exporter.model.snapshot import FleetSnapshot


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
    """The fleet at that moment: nodes by cluster and by cause, and what only shows across them."""

    inventory: Mapping[str, int]  # by cluster
    found: Mapping[tuple[str, Cause, Severity], int]  # by cluster; a cause that none shows may be left out
    findings: tuple[FleetFinding, ...]


@dataclass(frozen=True, slots=True)
class Moment:
    """When, and by which rules, nodes are looked at; ``now`` is in epoch seconds."""

    now: float
    pace: Pace
    exporter_clock_suspect: bool


def outlook(report: NodeReport, at: Moment) -> tuple[NodeView, float]:
    """A node at that moment, and until when time alone changes nothing that is told of it, or by it of its fleet."""
    suspect = at.exporter_clock_suspect
    client, until = rotation.outlook(report.client, at.now, at.pace, exporter_clock_suspect=suspect)
    serving, ends = rotation.outlook(report.serving, at.now, at.pace, exporter_clock_suspect=suspect)
    if report.client is None and report.no_client_by_design:
        client = State.UNMANAGED
    findings = cohort.node_findings(report, exporter_clock_suspect=suspect)
    return (
        NodeView(report, client, serving, findings),
        min(until, ends, cohort.next_change(report, client, at.now)),
    )


def views(snapshot: FleetSnapshot, now: float) -> tuple[NodeView, ...]:
    """Every node of the snapshot with its states at ``now``."""
    suspect = rotation.is_exporter_clock_suspect(snapshot.clock_offsets)
    at = Moment(now, snapshot.pace, suspect)
    return tuple(outlook(report, at)[0] for report in snapshot.reports)


def findings_across(nodes: Iterable[NodeView], now: float) -> tuple[FleetFinding, ...]:
    """The fleet's findings at the moment at which its nodes were seen."""
    return cohort.fleet_findings([(node.report, node.client_state) for node in nodes], now)


def counted(nodes: Iterable[NodeView], clusters: Iterable[str]) -> Mapping[tuple[str, Cause, Severity], int]:
    """On how many nodes of which cluster a cause holds; ``clusters`` are the nodes' in the same order."""
    return Counter(
        (cluster, finding.cause, finding.severity)
        for node, cluster in zip(nodes, clusters, strict=True)
        for finding in node.findings
    )
