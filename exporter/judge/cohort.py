"""What only shows across nodes: causes over a cluster, as one table. Pure, and linear in the number of nodes.

Each row also tells how a fleet that is watched is not compared anew all the time: ``clue`` is all that ``holds`` looks
at in one node (but for its name and its cluster), so while no clue of a cluster has changed, its verdict stands; and
where ``may_hold`` says no of a cluster's clues, nobody need ask ``holds``. The exporter's own clock needs no clues: the
states of all nodes rest on it, so it is known before.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass

from exporter.judge import authorities, peers
from exporter.judge.peers import Clues, Hit, Member, Members
from exporter.model.assessment import State
from exporter.model.finding import Cause, Finding, FleetFinding, Severity
from exporter.model.report import NodeReport

SHOWN = 20  # nodes that a finding names
_LATE = State.LATE
_CLOCKS = (Cause.CLOCK_AHEAD, Cause.CLOCK_BEHIND)


@dataclass(frozen=True, slots=True)
class Row:
    """One cause; ``holds`` gets a cluster's nodes and the moment. ``whole``: it gets those of all clusters at once."""

    cause: Cause
    severity: Severity
    holds: Callable[[Members, float], Hit | None]
    clue: Callable[[NodeReport, State, float], Hashable] | None = None
    may_hold: Callable[[Clues], bool] = bool
    whole: bool = False


TABLE = (
    Row(
        Cause.EXPORTER_CLOCK_OFF,
        Severity.WARNING,
        peers.exporter_clock_is_off,
        whole=True,
    ),
    Row(
        Cause.FLEET_STALLED,
        Severity.CRITICAL,
        peers.rotation_has_stalled,
        peers.stuck_clue,
        peers.may_have_stalled,
    ),
    Row(
        Cause.CERTIFICATE_SHARED,
        Severity.CRITICAL,
        peers.certificate_is_shared,
        peers.shared_clue,
        peers.may_be_shared,
    ),
    Row(
        Cause.KUBECONFIG_CA_DIFFERS,
        Severity.WARNING,
        authorities.ca_of_kubeconfig_differs,
        authorities.trust_clue,
        authorities.may_differ,
    ),
    Row(
        Cause.FLEET_ISSUER_CHANGED,
        Severity.WARNING,
        authorities.issuer_has_changed,
        authorities.issuer_clue,
        authorities.may_have_changed,
    ),
    Row(
        Cause.FLEET_CA_CAPS,
        Severity.WARNING,
        authorities.ca_caps_leaves,
        authorities.cap_clue,
        authorities.may_cap,
    ),
)


def fleet_findings(nodes: Iterable[tuple[NodeReport, State]], now: float) -> tuple[FleetFinding, ...]:
    """Every cause that holds at ``now``, given each node with its client certificate's state at that moment.

    By cluster, then in the order of the table. What is of all clusters comes first and has an empty ``cluster``.
    """
    clusters: defaultdict[str, list[Member]] = defaultdict(list)
    for report, state in nodes:
        clusters[report.node.cluster].append(member(report, state))
    whole = [one for members in clusters.values() for one in members]
    return (
        *_found("", whole, now, whole=True),
        *(
            finding
            for cluster, members in sorted(clusters.items())
            for finding in _found(cluster, members, now, whole=False)
        ),
    )


def member(report: NodeReport, state: State) -> Member:
    """A node as the predicates see it; ``state`` is its client certificate's."""
    client = report.client
    return Member(report, state, client.certificate if client else None, bool(client and client.managed))


def next_change(report: NodeReport, state: State, now: float) -> float:
    """No clue of a node in that state changes by time alone between ``now`` and then; infinity where none ever does."""
    if state is not _LATE and not report.ties.issuer_before:
        return math.inf
    return min(peers.excused_from_stall_until(report, state, now), authorities.not_new_from(report, now))


def _found(cluster: str, members: Members, now: float, *, whole: bool) -> Iterable[FleetFinding]:
    for row in TABLE:
        if row.whole is whole and (hit := row.holds(members, now)):
            names = sorted(one.name for one in hit.members)
            yield FleetFinding(cluster, row.cause, row.severity, hit.evidence, tuple(names[:SHOWN]))


def node_findings(report: NodeReport, *, exporter_clock_suspect: bool) -> tuple[Finding, ...]:
    """A node's findings; while the exporter's clock is the suspect, without those about the node's."""
    if not exporter_clock_suspect or not report.findings:
        return report.findings
    return tuple(finding for finding in report.findings if finding.cause not in _CLOCKS)
