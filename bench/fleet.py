"""A synthetic fleet at any moment: healthy kubeadm workers, and a share of them sick. No node is read for it."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from exporter.config.settings import Paths
from exporter.errors import Reason
from exporter.model.assessment import Certificate, Reading, StoreHistory
from exporter.model.finding import Cause, Finding, Severity
from exporter.model.kubelet import Distribution, Kubelet
from exporter.model.node import Node, SshAccess
from exporter.model.report import NodeReport
from exporter.model.restart import Restart, RestartReason
from exporter.model.snapshot import FleetSnapshot

DAY = 86400
YEAR = 365 * DAY
LIVES = (DAY, 30 * DAY, YEAR)  # of client certificates, in turns
CLUSTERS = 10
STALLED, UNREADABLE, BROKEN = 97, 101, 89  # each so-many-th node is
_FRACTIONS = 1009  # a prime: neighbours rotate at unlike moments


def snapshot(nodes: int, now: float) -> FleetSnapshot:
    """The whole fleet as an exporter knows it at ``now`` (epoch seconds)."""
    return FleetSnapshot(tuple(_report(number, now) for number in range(nodes)), ("cluster",))


def _report(number: int, now: float) -> NodeReport:
    name = f"worker-{number:05}.example.org"
    node = Node(name, SshAccess(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"), Paths())
    node = replace(node, labels=(("cluster", f"cluster-{number % CLUSTERS:02}"),))
    taken = now - (now + number * 7) % min(3600, LIVES[number % len(LIVES)] / 100)  # at the pace of an open window
    client = _client(number, taken)
    report = NodeReport(
        node,
        reason=None,
        last_visit=taken,
        duration=0.2 + number % 7 / 50,
        last_success=taken,
        client=Reading(client, taken, taken, node_clock=taken),
        serving=Reading(_certificate(f"{name}-serving", client.not_before, YEAR), taken, taken, managed=False),
        history=StoreHistory(client.not_before, 12),
        clock_offset=(number % 11 - 5) / 100,
        script_version="1.2",
        kubelet=Kubelet(Distribution.KUBEADM, flags_known=True, config_known=True, rotates=True),
        restart=Restart(safe=True, reason=RestartReason.COMES_BACK, words=""),
        authority=_certificate("kubernetes", int(now) // YEAR * YEAR - 5 * YEAR, 10 * YEAR),
    )
    return _sick(number, report)


def _client(number: int, now: float) -> Certificate:
    """A healthy kubelet's rotates every 80 % of its life, give or take; a stalled one's is past its window."""
    life = LIVES[number % len(LIVES)]
    share = number * 37 % _FRACTIONS / _FRACTIONS
    period = (0.7 + 0.2 * share) * life
    begun = now - (now + share * period) % period
    if number % STALLED == 0:
        begun = now - 0.91 * life - now % (0.08 * life)
    return _certificate(f"CN=system:node:worker-{number:05}.example.org,O=system:nodes", int(begun), life)


def _certificate(subject: str, begin: int, life: int) -> Certificate:
    fingerprint = hashlib.sha256(f"{subject} {begin}".encode()).hexdigest()
    return Certificate(begin, begin + life, fingerprint[-32:], "CN=kubernetes", subject, fingerprint)


def _sick(number: int, report: NodeReport) -> NodeReport:
    if number % STALLED == 0:
        return replace(report, findings=(Finding(Cause.ROTATION_NOT_SIGNED, Severity.CRITICAL, ""),))
    if number % UNREADABLE == 0:
        return replace(report, reason=Reason.CONNECT_TIMEOUT, failures=3)
    if number % BROKEN == 0:
        restart = Restart(safe=False, reason=RestartReason.KUBECONFIG_EXPIRED, words="")
        finding = Finding(Cause.KUBECONFIG_EMBEDDED, Severity.CRITICAL, "")
        return replace(report, restart=restart, findings=(finding,))
    return report
