"""One node's facts to its assessment: readings, or the reason why there is none, and findings."""

from __future__ import annotations

from exporter.config.settings import Pace, Rotation
from exporter.errors import Reason
from exporter.judge import diagnosis, excuse, roles, rotation, store
from exporter.judge.case import Case
from exporter.judge.certificate import leaf
from exporter.judge.kubelet import understand
from exporter.judge.restart import verdict
from exporter.judge.ties import ties
from exporter.judge.unseen import unseen
from exporter.model.assessment import Assessment, Certificate, Memory, Reading, State
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


def assess(facts: NodeFacts, owner: Rotation, memory: Memory) -> Assessment:
    """What ``facts`` mean; ``memory`` is what earlier visits of the node knew."""
    kubelet = understand(facts, memory) if _is_seen_beside_the_store(facts) else None
    file, served = roles.client(facts, kubelet, memory.kubelet), roles.serving(facts, kubelet, memory.served)
    is_served_known = roles.is_serving_known(facts, kubelet, served, memory.served)
    reason, certificate = _client(facts, file) if file else (None, None)
    managed, rotated = _is_managed(owner, kubelet, memory.client), roles.is_serving_rotated(served, kubelet)
    client = _reading(facts, certificate, memory.client, memory, managed=managed)
    serving = _reading(facts, leaf(served), memory.serving, memory, managed=rotated)
    case = Case(
        facts=facts,
        kubelet=kubelet or Kubelet(),
        restart=verdict(facts, kubelet, facts.by_the_node) if kubelet else None,
        history=store.history(facts.store, facts.client, served),
        client=client,
        serving=serving,
        client_state=_state(client or memory.client, facts),
        serving_state=_state(serving or memory.serving, facts),
        memory=memory,
        now=facts.taken,
        owner=owner,
        serving_live=leaf(facts.live),
        is_served_known=is_served_known,
    )
    return Assessment(
        reason=reason,
        client=client,
        serving=serving,
        serving_absent=served is None and is_served_known,
        history=case.history,
        findings=diagnosis.findings(case),
        kubelet=kubelet,
        restart=case.restart,
        kubeconfig=roles.kubeconfig(facts, certificate),
        authority=roles.authority(facts, kubelet, certificate),
        serving_live=case.serving_live,
        unseen=unseen(facts),
        ties=ties(facts, certificate),
        is_of_store=file is facts.client,
        served=served.path if served and is_served_known else "",
    )


def _is_seen_beside_the_store(facts: NodeFacts) -> bool:
    """A script of version 1.1 tells of the store alone."""
    return facts.process is not None or facts.kubeconfig is not None or facts.config is not None


def _is_managed(owner: Rotation, kubelet: Kubelet | None, before: Reading | None) -> bool:
    """Whether the kubelet rotates its client certificate.

    Where the node does not tell, what it told before counts; where it never did, the configuration's word.
    """
    if owner is not Rotation.KUBELET or (kubelet and kubelet.distribution.renews_itself):
        return False
    if kubelet is None or kubelet.rotates is None:
        return before is None or before.managed
    return kubelet.rotates


def _state(reading: Reading | None, facts: NodeFacts) -> State:
    """As of this visit; the pace only matters for readings that are stale."""
    return rotation.state(reading, facts.taken, Pace())


def _client(facts: NodeFacts, file: PemFile) -> tuple[Reason | None, Certificate | None]:
    certificate = leaf(file)
    if file.condition is Condition.READ:
        return (None if certificate else Reason.CERTIFICATE_MALFORMED), certificate
    of_the_store = file is facts.client and file.condition in (Condition.MISSING, Condition.DENIED)
    if of_the_store and facts.store.condition in _OF_STORE:
        return _OF_STORE[facts.store.condition], None
    return _OF_FILE[file.condition], None


def _reading(
    facts: NodeFacts, certificate: Certificate | None, previous: Reading | None, memory: Memory, *, managed: bool
) -> Reading | None:
    if certificate is None:
        return None
    return Reading(
        certificate=certificate,
        taken=facts.taken,
        witness=rotation.witness(certificate, facts.taken, facts.clock, previous),
        node_clock=facts.clock.shown if facts.clock else None,
        managed=managed,
        excused_until=excuse.until(facts, certificate, memory) if managed else 0.0,
    )
