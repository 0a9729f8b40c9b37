"""One node's facts to its assessment: readings, or the reason why there is none, and findings."""

from __future__ import annotations

import posixpath

from exporter.config.settings import SERVER_CURRENT, Rotation
from exporter.errors import Reason
from exporter.judge import diagnosis, excuse, rotation, store
from exporter.judge.certificate import leaf
from exporter.judge.ties import ties
from exporter.model.assessment import Assessment, Certificate, Memory, Reading
from exporter.model.facts import DirectoryCondition, NodeFacts
from exporter.model.files import Condition, PemFile

_OF_FILE = {
    Condition.EMPTY: Reason.FILE_EMPTY,
    Condition.TRUNCATED: Reason.CERTIFICATE_TRUNCATED,
    Condition.MALFORMED: Reason.CERTIFICATE_MALFORMED,
    Condition.KEY_ONLY: Reason.KEY_ONLY,
    Condition.NO_CERTIFICATE: Reason.NO_CERTIFICATE,
    Condition.MISSING: Reason.LINK_MISSING,
    Condition.DANGLING: Reason.LINK_DANGLING,
    Condition.DENIED: Reason.CERTIFICATE_DENIED,
    Condition.NOT_REGULAR: Reason.NOT_A_REGULAR_FILE,
    Condition.TOO_LARGE: Reason.FILE_TOO_LARGE,
    Condition.OUTSIDE_ROOT: Reason.LINK_OUTSIDE_ROOT,
    Condition.UNREADABLE: Reason.FILE_UNREADABLE,
}
_OF_STORE = {
    DirectoryCondition.MISSING: Reason.STORE_MISSING,
    DirectoryCondition.DENIED: Reason.STORE_DENIED,
    DirectoryCondition.NOT_A_DIRECTORY: Reason.STORE_NOT_A_DIRECTORY,
    DirectoryCondition.OUTSIDE_ROOT: Reason.LINK_OUTSIDE_ROOT,
}


def assess(facts: NodeFacts, owner: Rotation, memory: Memory) -> Assessment:
    """What ``facts`` mean, given what earlier visits of the node knew."""
    reason, certificate = _client(facts)
    history = store.history(facts.store, facts.client, facts.serving)

    def reading(found: Certificate | None, previous: Reading | None, *, managed: bool) -> Reading | None:
        return _reading(facts, found, previous, memory, managed=managed) if found else None

    return Assessment(
        reason=reason,
        client=reading(certificate, memory.client, managed=owner is Rotation.KUBELET),
        serving=reading(leaf(facts.serving), memory.serving, managed=_kubelet_rotates(facts.serving)),
        serving_absent=facts.serving is None and facts.store.condition is DirectoryCondition.OK,
        history=history,
        findings=diagnosis.findings(facts, history),
        serving_live=leaf(facts.live),
        ties=ties(facts, certificate),
    )


def _client(facts: NodeFacts) -> tuple[Reason | None, Certificate | None]:
    certificate = leaf(facts.client)
    if facts.client.condition is Condition.READ:
        return (None if certificate else Reason.CERTIFICATE_MALFORMED), certificate
    if facts.client.condition in (Condition.MISSING, Condition.DENIED) and facts.store.condition in _OF_STORE:
        return _OF_STORE[facts.store.condition], None
    return _OF_FILE[facts.client.condition], None


def _kubelet_rotates(file: PemFile | None) -> bool:
    """Only the store's link is renewed; the self-signed kubelet.crt never is (rotation-truth 2.3)."""
    return file is not None and posixpath.basename(file.path) == SERVER_CURRENT


def _reading(
    facts: NodeFacts, certificate: Certificate, previous: Reading | None, memory: Memory, *, managed: bool
) -> Reading:
    return Reading(
        certificate=certificate,
        taken=facts.taken,
        witness=rotation.witness(certificate, facts.taken, facts.clock, previous),
        node_clock=facts.clock.shown if facts.clock else None,
        managed=managed,
        excused_until=excuse.until(facts, certificate, memory) if managed else 0.0,
    )
