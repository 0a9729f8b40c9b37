"""What of a node changes together. A family rests on few of these parts: while none of them changes, its lines stay.

Most visits find all as it was: then no more is written anew than when that was. Parts are the bits of a number.
"""

from __future__ import annotations

from exporter.model.assessment import Certificate, Reading
from exporter.serve.views import NodeView

CERTIFICATES = 1  # which there are, and which of them the kubelet renews
STATES = 2  # and findings
STORE = 4
KUBELET = 8  # how it is set, whether it would come back, and whether its node's clock is known
OUTCOME = 16  # why the last visit failed
VISIT = 32  # when it was, how long it took, what it measured
ALL = 63


def changed(old: NodeView, new: NodeView) -> int:
    """The parts in which two views of one node differ; all where it is another node, or is told with other labels."""
    before, after = old.report, new.report
    if before.node is not after.node:
        return ALL
    parts = 0
    if (
        old.client_state is not new.client_state
        or old.serving_state is not new.serving_state
        or (old.findings is not new.findings and old.findings != new.findings)
    ):
        parts = STATES
    if before is after:
        return parts
    parts |= VISIT
    if before.reason is not after.reason:
        parts |= OUTCOME
    if before.history is not after.history and before.history != after.history:
        parts |= STORE
    if not (
        _is_renewed_alike(before.client, after.client)
        and _is_renewed_alike(before.serving, after.serving)
        and _is_same(before.authority, after.authority)
        and _is_same(before.kubeconfig, after.kubeconfig)
        and _is_same(before.serving_live, after.serving_live)
    ):
        parts |= CERTIFICATES
    if not (
        (before.kubelet is after.kubelet or before.kubelet == after.kubelet)
        and (before.restart is after.restart or before.restart == after.restart)
        and before.script_version == after.script_version
        and (before.clock_offset is None) is (after.clock_offset is None)
        and bool(before.last_success) is bool(after.last_success)
    ):
        parts |= KUBELET
    return parts


def _is_renewed_alike(before: Reading | None, after: Reading | None) -> bool:
    """Whether it is the same certificate, and renewed by the kubelet as it was."""
    if before is None or after is None:
        return before is after
    return before.managed is after.managed and _is_same(before.certificate, after.certificate)


def _is_same(before: Certificate | None, after: Certificate | None) -> bool:
    if before is after or before is None or after is None:
        return before is after
    return before.fingerprint == after.fingerprint
