"""A cluster's nodes side by side: what they share that each should have alone, and the stall that many have at once.

A predicate of ``judge/cohort.py``'s table gets a cluster's nodes and the moment, and answers with a hit or None. Its
docstring says what healthy state of affairs looks alike, and how that is told apart.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from statistics import median

from exporter.judge import diagnosis, rotation
from exporter.model.assessment import Certificate, State
from exporter.model.finding import Cause, Finding, Severity
from exporter.model.kubelet import Distribution
from exporter.model.report import NodeReport

STALLED_NODES, STALLED_SHARE = 3, 0.1
_RKE1, _LATE, _EXPIRED = Distribution.RKE1, State.LATE, State.EXPIRED

# What stops rotations from the signer's or the API server's side, as a node sees it.
_BEYOND_THE_NODE = (
    Cause.CA_EXPIRED,
    Cause.ISSUER_NOT_TRUSTED,
    Cause.API_CA_UNKNOWN,
    Cause.API_UNREACHABLE,
    Cause.CSR_DENIED,
    Cause.CSR_FORBIDDEN,
    Cause.CSR_UNAUTHORIZED,
    Cause.ROTATION_NOT_SIGNED,
)
_OF_THE_NODE = frozenset(
    (row.cause, row.severity)
    for row in diagnosis.TABLE
    if (row.explains or row.severity is Severity.CRITICAL) and row.cause not in _BEYOND_THE_NODE
)
# What follows from an expiry, and is no cause of it: the kubelet exits, again and again.
_AFTER_EXPIRY = (Cause.KUBELET_CRASH_LOOP, Cause.BOOTSTRAP_FILE_MISSING)


@dataclass(frozen=True, slots=True)
class Member:
    """One node of a cluster; ``client`` is its client certificate, ``managed`` whether the kubelet rotates it."""

    report: NodeReport
    state: State
    client: Certificate | None
    managed: bool

    @property
    def name(self) -> str:
        return self.report.node.name


Members = Sequence[Member]
Clues = Sequence[Hashable]  # of a cluster's nodes, one each


@dataclass(frozen=True, slots=True)
class Hit:
    """That a cause holds: one sentence of evidence, and the nodes that it is about."""

    evidence: str
    members: Members = ()


def exporter_clock_is_off(members: Members, _now: float) -> Hit | None:
    """The median says whose clock it is: a few nodes that are off are off themselves."""
    reports = [member.report for member in members]
    offsets = [report.clock_offset for report in reports if report.up and report.clock_offset is not None]
    if not rotation.is_exporter_clock_suspect(offsets):
        return None
    off = median(offsets)
    way = "ahead of" if off > 0 else "behind"
    return Hit(
        f"in the median of {len(offsets)} nodes their clocks are {abs(off):.0f} s {way} the exporter's: its own clock "
        "is the suspect, and what is found about single nodes' clocks is held back"
    )


def certificate_is_shared(members: Members, _now: float) -> Hit | None:
    """37. RKE1 has one certificate for all nodes by design, of no node's name; a machine may be listed twice."""
    owners: defaultdict[str, list[Member]] = defaultdict(list)
    for member in members:
        if member.client and not _is_rke1(member.report, member.client):
            owners[member.client.fingerprint].append(member)
    shared = [group for group in owners.values() if len(group) > 1 and not _is_one_machine(group)]
    if not shared:
        return None
    shared.sort(key=listed)
    more = f", and {len(shared) - 1} other certificates are shared too" if len(shared) > 1 else ""
    return Hit(
        f"{listed(shared[0])} have one and the same client certificate{more}: to the API server they are one "
        "node, and each rotates on its own from there",
        [member for group in shared for member in group],
    )


def shared_clue(report: NodeReport, _state: State, _now: float) -> Hashable:
    """Whose certificate on which machine; None where it does not count."""
    if report.client is None or _is_rke1(report, report.client.certificate):
        return None
    return report.client.certificate.fingerprint, report.ties.machine


def may_be_shared(clues: Clues) -> bool:
    """Whether two nodes have one fingerprint."""
    owned = [clue[0] for clue in clues if isinstance(clue, tuple)]
    return len(set(owned)) < len(owned)


def _is_rke1(report: NodeReport, client: Certificate) -> bool:
    kubelet = report.kubelet
    if kubelet is not None and kubelet.distribution is _RKE1:
        return True
    return ",CN=system:node," in f",{client.subject},"


def _is_one_machine(group: list[Member]) -> bool:
    machines = {member.report.ties.machine for member in group}
    return len(machines) == 1 and "" not in machines


def rotation_has_stalled(members: Members, now: float) -> Hit | None:
    """17, 21, 24: the same stall on many nodes that have no cause of their own.

    A cluster that was switched off for long comes back late on all nodes, and excused. So it takes three nodes past
    grace and excuse, and a tenth of the cluster together with those that are late without an excuse.
    """
    stuck = [member for member in members if _is_stuck(member.report, member.state, now)]
    if not _are_many([member.state is not _LATE for member in stuck], len(members)):
        return None
    return Hit(
        f"{len(stuck)} of {len(members)} nodes are past their rotation window, and nothing on them explains it: "
        "the cause is the signer, the approver or the API server",
        stuck,
    )


def stuck_clue(report: NodeReport, state: State, now: float) -> Hashable:
    """Whether a node that is stuck is past grace and excuse; None where it is not stuck."""
    return state is not _LATE if _is_stuck(report, state, now) else None


def may_have_stalled(clues: Clues) -> bool:
    """Whether so many nodes are stuck that it is the fleet's stall."""
    return _are_many([clue is True for clue in clues if clue is not None], len(clues))


def _are_many(past: Sequence[bool], nodes: int) -> bool:
    """``past`` says of each node that is stuck whether it is past grace and excuse."""
    return sum(past) >= STALLED_NODES and len(past) >= STALLED_SHARE * nodes


def excused_from_stall_until(report: NodeReport, state: State, now: float) -> float:
    """When time alone makes a node stuck that is late with an excuse; infinity where it has none."""
    if state is _LATE and report.client and now < report.client.excused_until:
        return report.client.excused_until
    return math.inf


def _is_stuck(report: NodeReport, state: State, now: float) -> bool:
    if not state.is_accusation or report.client is None or not report.client.managed:
        return False
    if state is _LATE and now < report.client.excused_until:
        return False
    return not any(_explains(finding, state) for finding in report.findings)


def _explains(finding: Finding, state: State) -> bool:
    """Whether the node itself is why its certificate was not renewed."""
    if state is _EXPIRED and finding.cause in _AFTER_EXPIRY:
        return False
    return (finding.cause, finding.severity) in _OF_THE_NODE


def listed(members: list[Member], most: int = 3) -> str:
    """The first names, and how many more there are."""
    names = sorted(member.name for member in members)
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more nodes"
