"""kubelet.conf that cannot be loaded or used, and whether there is a bootstrap kubeconfig to fall back on."""

from __future__ import annotations

from exporter.judge.case import UNSEEN, Answer, Case, Unseen
from exporter.judge.causes.wording import when
from exporter.judge.certificate import bundle, leaf
from exporter.model.assessment import Certificate
from exporter.model.files import Condition, KeyBlock, PemFile
from exporter.model.kubelet import Credential, Distribution
from exporter.model.kubelet_files import DocumentCondition, Kubeconfig

_UNLOADABLE = {
    DocumentCondition.BROKEN: "does not parse as a kubeconfig",
    DocumentCondition.EMPTY: "is empty",
    DocumentCondition.MISSING: "is not there",
}


def broken(case: Case) -> Answer:
    """6, and no number: a kubelet.conf that does not load, and no bootstrap kubeconfig that would replace it.

    Whether it has a good one is read off the file alone; a token in it may still be refused.
    """
    kubeconfig, kubelet = case.facts.kubeconfig, case.kubelet
    if kubelet.flags_known and kubelet.kubeconfig is None:
        return None
    if kubeconfig is None or not (kubeconfig.document.condition.is_seen or _is_intricate(kubeconfig)):
        return UNSEEN
    path = kubeconfig.document.path
    why = _UNLOADABLE.get(kubeconfig.document.condition) or _misses(kubeconfig)
    if why is None or isinstance(why, Unseen):
        return why
    way = has_bootstrap(case)
    return f"{path} {why}: the kubelet ends at its next start" if way is False else (UNSEEN if way is UNSEEN else None)


def file_missing(case: Case) -> Answer:
    """6: the certificate that lets the kubelet in has ended, and there is nothing to bootstrap with (k/k#99645,
    website#42944). A joined kubeadm node has no bootstrap file and needs none while its certificate is good.
    """
    certificate = _of_the_link(case)
    if certificate is None or isinstance(certificate, Unseen):
        return certificate
    if not case.has_ended(certificate):
        return None
    way = has_bootstrap(case)
    if way is not False:
        return UNSEEN if way is UNSEEN else None
    end, path = when(certificate.not_after, case.facts.taken), case.kubelet.bootstrap
    file = f"{path} is not there or does not load" if path else "no bootstrap kubeconfig is there"
    return f"the client certificate ended on {end} and {file}: no start of the kubelet can bring a new certificate"


def has_bootstrap(case: Case) -> bool | Unseen:
    """Whether there is a bootstrap kubeconfig to fall back on."""
    if case.kubelet.flags_known and case.kubelet.bootstrap is None:
        return False
    bootstrap = case.facts.bootstrap
    if bootstrap is None:
        # kubeadm's unit always names one (10-kubeadm.conf), and `kubeadm join` removes it at its end
        is_looked_for = case.facts.host is not None and case.kubelet.distribution is Distribution.KUBEADM
        return False if is_looked_for else UNSEEN
    if not bootstrap.document.condition.is_seen:
        return UNSEEN
    return bootstrap.document.condition is DocumentCondition.READ


def _is_intricate(kubeconfig: Kubeconfig) -> bool:
    """Perhaps good, but not picked apart: nothing is claimed of it."""
    return kubeconfig.document.condition in (DocumentCondition.INTRICATE, DocumentCondition.NOT_REGULAR)


def _misses(kubeconfig: Kubeconfig) -> str | Unseen | None:
    """What a kubeconfig that was read lacks; the store's link is told by the causes about the store."""
    authority, certificate = kubeconfig.authority, kubeconfig.certificate
    if authority and authority.condition.is_seen and not bundle(authority):
        where = "embeds a CA" if authority.is_embedded else f"names the CA file {authority.path}, which"
        return f"{where} {_lacks(authority)}"
    if certificate and certificate.is_embedded:
        if certificate.condition.is_seen and not leaf(certificate):
            return "embeds a client certificate that cannot be read as one"
        if kubeconfig.key is None or kubeconfig.key.key in (KeyBlock.NONE, KeyBlock.CUT):
            return "embeds a client certificate without a whole key"
    files = [file for file in (authority, certificate) if file]
    return None if all(file.condition.is_seen for file in files) else UNSEEN


def _lacks(file: PemFile) -> str:
    if file.condition.is_absent:
        return "is not there"
    return "that holds no certificate" if file.is_embedded else "holds no certificate"


def _of_the_link(case: Case) -> Certificate | Unseen | None:
    """The client certificate where kubelet.conf names the store's link."""
    if case.kubelet.distribution.renews_itself:
        return None
    if case.kubelet.credential is Credential.UNKNOWN:
        return UNSEEN
    if case.kubelet.credential is not Credential.LINK:
        return None
    if case.facts.client.condition is not Condition.READ:
        return None if case.facts.client.condition.is_seen else UNSEEN
    return leaf(case.facts.client)
