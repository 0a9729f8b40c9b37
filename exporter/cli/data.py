"""Nodes as data, for JSON. The keys are a contract: docs/commands.md."""

from __future__ import annotations

from exporter.cli.words import moment
from exporter.judge import rotation
from exporter.model.assessment import Certificate, Reading, State
from exporter.serve.views import NodeView


def node(view: NodeView) -> dict[str, object]:
    """One node; what is not known is null."""
    report = view.report
    return {
        "node": report.node.name,
        "labels": dict(report.node.labels),
        "address": report.node.address,
        "transport": report.node.transport,
        "up": report.up,
        "reason": report.reason,
        "detail": report.detail or None,
        "state": view.client_state,
        "clock_offset_seconds": report.clock_offset,
        "findings": [{"cause": finding.cause, "severity": finding.severity} for finding in view.findings],
        "certificates": {role: rotated(reading, state) for role, reading, state in view.readings()},
    }


def rotated(reading: Reading, state: State) -> dict[str, object]:
    """One certificate of a reading; window and state only where the kubelet rotates it."""
    edges, managed = rotation.window(reading.certificate), reading.managed
    return {
        **certificate(reading.certificate),
        "rotation_window_start": moment(edges.start) if managed else None,
        "rotation_window_end": moment(edges.end) if managed else None,
        "rotation_state": state if managed else None,
    }


def certificate(found: Certificate) -> dict[str, object]:
    """The fields of one certificate."""
    return {
        "not_before": moment(found.not_before),
        "not_after": moment(found.not_after),
        "serial": found.serial,
        "issuer": found.issuer,
        "subject": found.subject,
        "fingerprint": found.fingerprint,
    }
