"""A certificate that something else than the kubelet renews: due, and renewed without a restart."""

from __future__ import annotations

from exporter.judge.case import UNSEEN, Answer, Case, Unseen
from exporter.judge.causes.wording import when
from exporter.judge.distributions import row
from exporter.judge.rotation import WINDOW_CLOSES
from exporter.model.assessment import Certificate
from exporter.model.host import Sight
from exporter.model.kubelet import Distribution

YEAR = 365 * 86400
SLACK = 300.0  # seconds between a process's start and what it writes itself at that moment
# rancher/dynamiclistener cert.go: their leaves begin when their CA does, so notBefore tells nothing of a leaf's age.
_DATED_BY_CA = (Distribution.K3S, Distribution.RKE1, Distribution.RKE2)


def renewal_ended(case: Case) -> Answer:
    """4: nobody renewed it in time."""
    certificate = _owned(case)
    if not isinstance(certificate, Certificate):
        return certificate
    if not case.has_ended(certificate):
        return None
    end = when(certificate.not_after, case.facts.taken)
    return f"the client certificate expired on {end} (who renews it: {row(case.kubelet.distribution).renewer})"


def renewal_due(case: Case) -> Answer:
    """4: past 90 % of its life. k3s and RKE2 renew at a restart of their own alone (k3s#4097, k3s#12171, rke2#8430)."""
    certificate = _owned(case)
    if not isinstance(certificate, Certificate):
        return certificate
    life = certificate.lifetime
    if case.kubelet.distribution in _DATED_BY_CA:
        life = min(life, YEAR)
    if case.certainly < certificate.not_after - (1 - WINDOW_CLOSES) * life:
        return None
    end, renewer = when(certificate.not_after, case.facts.taken), row(case.kubelet.distribution).renewer
    return f"the client certificate expires on {end}, 90 % of its lifetime is over (who renews it: {renewer})"


def restart_needed(case: Case) -> Answer:
    """4: the file was renewed under a process that still has the old one (rancher#21709, #18805).

    A certificate cannot begin after it was written, so one that begins after the start is newer than the process; one
    that begins with its CA is told by a change between two visits alone.
    """
    certificate, process = _owned(case), case.facts.process
    if not isinstance(certificate, Certificate):
        return certificate
    if process is None or process.sight is not Sight.SEEN or process.started is None:
        return None if process and process.sight is Sight.ABSENT else UNSEEN
    before = case.memory.client
    if before and before.certificate.fingerprint != certificate.fingerprint:
        is_older = process.started < (before.node_clock or before.taken)
        return _evidence(case, certificate, process.started) if is_older else None
    if certificate.not_before > process.started + SLACK:
        return _evidence(case, certificate, process.started)
    seen = case.memory.process
    is_same = seen is not None and seen.started is not None and abs(seen.started - process.started) <= SLACK
    return UNSEEN if is_same and before else None  # as it was: no visit sees the same change twice


def _evidence(case: Case, certificate: Certificate, started: float) -> str:
    end = when(certificate.not_after, case.facts.taken)
    return (
        f"the client certificate that expires on {end} was put in place after the kubelet's process started, on "
        f"{when(started, case.by_the_node)}: that still uses the previous certificate"
    )


def _owned(case: Case) -> Certificate | Unseen | None:
    """The client certificate where something else renews it."""
    distribution = case.kubelet.distribution
    if distribution is Distribution.EKS:
        return None
    if not distribution.renews_itself:
        return None if _is_recognised(case) else UNSEEN
    return case.certificate()


def _is_recognised(case: Case) -> bool:
    """Whether all was seen that tells distributions apart."""
    process, kubeconfig, config = case.facts.process, case.facts.kubeconfig, case.facts.config
    documents = [*([kubeconfig.document] if kubeconfig else []), *(file.document for file in config or ())]
    is_told = process is not None and process.sight is not Sight.HIDDEN
    return is_told and all(document.condition.is_seen for document in documents)
