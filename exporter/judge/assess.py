"""One node's facts to its assessment: readings, or the reason why there is none, and findings."""

from __future__ import annotations

import posixpath

from exporter.config.settings import SERVER_CURRENT, Rotation
from exporter.errors import Reason
from exporter.judge import diagnosis, rotation, store
from exporter.judge.case import Case
from exporter.judge.certificate import leaf
from exporter.model.assessment import Assessment, Certificate, Memory, Reading, State, StoreHistory
from exporter.model.facts import DirectoryCondition, NodeFacts
from exporter.model.files import Condition, PemFile
from exporter.model.kubelet import Kubelet

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


def assess(facts: NodeFacts, owner: Rotation, client: Reading | None, serving: Reading | None) -> Assessment:
    """What ``facts`` mean; ``client`` and ``serving`` are the readings that the node had before this visit."""
    reason, certificate = _client(facts)
    history = store.history(facts.store, facts.client)
    return Assessment(
        reason=reason,
        client=_reading(facts, certificate, client, managed=owner is Rotation.KUBELET),
        serving=_reading(facts, leaf(facts.serving), serving, managed=_kubelet_rotates(facts.serving)),
        serving_absent=facts.serving is None and facts.store.condition is DirectoryCondition.OK,
        history=history,
        findings=diagnosis.findings(_case(facts, history)),
    )


def _case(facts: NodeFacts, history: StoreHistory | None) -> Case:
    return Case(
        facts=facts,
        kubelet=Kubelet(),
        restart=None,
        history=history,
        client=None,
        serving=None,
        client_state=State.UNKNOWN,
        serving_state=State.UNKNOWN,
        memory=Memory(),
        now=facts.taken,
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
    facts: NodeFacts, certificate: Certificate | None, previous: Reading | None, *, managed: bool
) -> Reading | None:
    if certificate is None:
        return None
    return Reading(
        certificate=certificate,
        taken=facts.taken,
        witness=rotation.witness(certificate, facts.taken, facts.clock, previous),
        node_clock=facts.clock.shown if facts.clock else None,
        managed=managed,
    )
