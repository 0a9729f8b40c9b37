"""A cluster's nodes side by side: what they share that each should have alone, and the stall that many have at once.

A predicate of ``judge/cohort.py``'s table gets a cluster's nodes and the moment, and answers with a hit or None. Its
docstring says what healthy state of affairs looks alike, and how that is told apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from exporter.judge import diagnosis, rotation
from exporter.model.assessment import Certificate, State
from exporter.model.finding import Cause, Finding, Severity
from exporter.model.kubelet import Distribution
from exporter.model.report import NodeReport

STALLED_NODES, STALLED_SHARE = 3, 0.1

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
        if member.client and not _is_rke1(member, member.client):
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


def _is_rke1(member: Member, client: Certificate) -> bool:
    kubelet = member.report.kubelet
    known = kubelet is not None and kubelet.distribution is Distribution.RKE1
    return known or "CN=system:node" in client.subject.split(",")


def _is_one_machine(group: list[Member]) -> bool:
    machines = {member.report.ties.machine for member in group}
    return len(machines) == 1 and "" not in machines


def rotation_has_stalled(members: Members, now: float) -> Hit | None:
    """17, 21, 24: the same stall on many nodes that have no cause of their own.

    A cluster that was switched off for long comes back late on all nodes, and excused. So it takes three nodes past
    grace and excuse, and a tenth of the cluster together with those that are late without an excuse.
    """
    stuck = [member for member in members if _is_stuck(member, now)]
    past = sum(member.state is not State.LATE for member in stuck)
    if past < STALLED_NODES or len(stuck) < STALLED_SHARE * len(members):
        return None
    return Hit(
        f"{len(stuck)} of {len(members)} nodes are past their rotation window, and nothing on them explains it: "
        "the cause is the signer, the approver or the API server",
        stuck,
    )


def _is_stuck(member: Member, now: float) -> bool:
    reading = member.report.client
    if reading is None or not reading.managed or not member.state.is_accusation:
        return False
    excused = member.state is State.LATE and now < reading.excused_until
    return not excused and not any(_explains(finding, member.state) for finding in member.report.findings)


def _explains(finding: Finding, state: State) -> bool:
    """Whether the node itself is why its certificate was not renewed."""
    if state is State.EXPIRED and finding.cause in _AFTER_EXPIRY:
        return False
    return (finding.cause, finding.severity) in _OF_THE_NODE


def listed(members: list[Member], most: int = 3) -> str:
    """The first names, and how many more there are."""
    names = sorted(member.name for member in members)
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more nodes"
