"""The exit status of a look at nodes."""

from __future__ import annotations

from exporter.model.assessment import State
from exporter.model.finding import FleetFinding, Severity
from exporter.serve.views import NodeView

FINE, BAD, COULD_NOT_LOOK = 0, 1, 2


def status(nodes: tuple[NodeView, ...], over_nodes: tuple[FleetFinding, ...] = ()) -> int:
    """1: a certificate is late or worse, not yet valid, or a finding is critical. 2: a node was not read. Else 0."""
    critical = any(finding.severity is Severity.CRITICAL for finding in over_nodes)
    if critical or any(_is_bad(view) for view in nodes):
        return BAD
    return FINE if all(view.report.up for view in nodes) else COULD_NOT_LOOK


def _is_bad(view: NodeView) -> bool:
    states = [state for _, _, state in view.rotated()] + [view.client_state]
    critical = any(finding.severity is Severity.CRITICAL for finding in view.findings)
    return critical or any(state.is_accusation or state is State.NOT_YET_VALID for state in states)
