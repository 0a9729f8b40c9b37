"""kubelet.conf that cannot be loaded or used, and whether there is a bootstrap kubeconfig to fall back on."""

from __future__ import annotations

from exporter.judge.case import UNSEEN, Answer, Case, Unseen
from exporter.judge.causes.names import SIGNED_BY
from exporter.judge.causes.wording import when
from exporter.judge.certificate import bundle, leaf
from exporter.model.files import KeyBlock, PemFile
from exporter.model.kubelet import Distribution
from exporter.model.kubelet_files import DocumentCondition, Kubeconfig
from exporter.model.restart import RestartReason

_UNLOADABLE = {
    DocumentCondition.BROKEN: "does not parse as a kubeconfig",
    DocumentCondition.EMPTY: "is empty",
    DocumentCondition.MISSING: "is not there",
}
# What keeps a start from getting as far as a bootstrap file, or from asking for one.
_BEFORE = (
    RestartReason.UPDATED_REGULAR_FILE,
    RestartReason.STORE_NOT_WRITABLE,
    RestartReason.KUBECONFIG_CA_EMPTY,
)
_LOST = (DocumentCondition.DENIED, DocumentCondition.OUTSIDE_ROOT, DocumentCondition.UNREADABLE)


def broken(case: Case) -> Answer:
    """6, and no number: a kubelet.conf that does not load, and no bootstrap kubeconfig that would replace it."""
    return _broken(case, "the kubelet exits at its next start", has_way=False)


def broken_with_bootstrap(case: Case) -> Answer:
    """No number: the same with a bootstrap kubeconfig: the next start writes kubelet.conf anew, if its token is good.

    A kubelet that is bootstrapping for the first time has none yet, for as long as a signature may take.
    """
    age = case.process_age()
    if age is None or age <= SIGNED_BY:
        return UNSEEN if age is None else None
    return _broken(case, "the kubelet's next start has to bootstrap anew", has_way=True)


def _broken(case: Case, then: str, *, has_way: bool) -> Answer:
    if case.kubelet.flags_known and case.kubelet.kubeconfig is None:
        return None
    why, way = unloadable(case), has_bootstrap(case)
    if why is None or way is not has_way:
        return UNSEEN if why is not None and UNSEEN in (why, way) else None
    return why if isinstance(why, Unseen) else f"{why}: {then}"


def file_missing(case: Case) -> Answer:
    """6: the next start has to bootstrap and the bootstrap kubeconfig is gone (k/k#99645, website#42944).

    kubeadm removes it after the join; while kubelet.conf has a good certificate nobody needs it. The store is opened
    first: what mends its link, or ends the kubelet there, is told by the causes about the store.
    """
    if case.restart and (case.restart.safe or case.restart.reason in _BEFORE):
        return None
    why, missing = _must_bootstrap(case), _is_bootstrap_missing(case)
    if why is None or missing is not True:
        return UNSEEN if why is not None and missing is not False and UNSEEN in (why, missing) else None
    if case.restart and case.restart.safe is None and case.restart.reason.is_of_the_visit:
        return UNSEEN  # what comes before a bootstrap was not to be seen: it may mend the link, or end the kubelet
    then = f"the kubelet's next start has to bootstrap, and {case.kubelet.bootstrap} is not there: it exits at once"
    return why if isinstance(why, Unseen) else f"{why}, so {then}"


def unloadable(case: Case) -> str | Unseen | None:
    """Why kubelet.conf does not load; the store's link is told by the causes about the store."""
    kubeconfig = case.facts.kubeconfig
    if kubeconfig is None or kubeconfig.document.condition in _LOST:
        return UNSEEN
    why = _UNLOADABLE.get(kubeconfig.document.condition) or _misses(kubeconfig) or _mismatch(case, kubeconfig)
    return f"{kubeconfig.document.path} {why}" if isinstance(why, str) else why


def _must_bootstrap(case: Case) -> str | Unseen | None:
    """Why a kubelet with the bootstrap flag would bootstrap (isClientConfigStillValid in bootstrap.go).

    Any certificate in the file counts, its dates alone, by the node's clock; here by both.
    """
    if case.kubelet.distribution.renews_itself or (case.kubelet.flags_known and case.kubelet.kubeconfig is None):
        return None
    why, kubeconfig = unloadable(case), case.facts.kubeconfig
    if why is not None or kubeconfig is None or not kubeconfig.is_read:
        return why
    path, file = kubeconfig.document.path, kubeconfig.certificate
    if file is None:
        return f"{path} holds no client certificate"
    if not file.condition.is_seen:
        return UNSEEN
    if file.condition.is_absent:
        return f"{path} names {file.path}, which is not there"
    ended = [certificate for certificate in bundle(file) if case.has_ended(certificate)]
    if not ended:
        return None
    end = when(ended[0].not_after, case.facts.taken)
    return f"the certificate that {path} {'embeds' if file.is_embedded else 'names'} expired on {end}"


def _is_bootstrap_missing(case: Case) -> bool | Unseen:
    """Whether the flag is set and its file is not there."""
    bootstrap = case.facts.bootstrap
    if not case.kubelet.flags_known or (bootstrap is None and case.kubelet.bootstrap):
        return UNSEEN
    if bootstrap is None or case.kubelet.bootstrap is None:
        return False
    missing = bootstrap.document.condition is DocumentCondition.MISSING
    return missing if bootstrap.document.condition not in _LOST else UNSEEN


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
    is_read = bootstrap.document.condition is DocumentCondition.READ
    return UNSEEN if is_read and not case.kubelet.flags_known else is_read  # no flag may name it


def _misses(kubeconfig: Kubeconfig) -> str | Unseen | None:
    """What a kubeconfig that was read lacks."""
    authority, certificate = kubeconfig.authority, kubeconfig.certificate
    if authority and authority.condition.is_seen and not bundle(authority):
        where = "embeds a CA" if authority.is_embedded else f"names the CA file {authority.path}, which"
        return f"{where} {_lacks(authority)}"
    if certificate and certificate.is_embedded:
        if certificate.condition.is_seen and not leaf(certificate):
            return "embeds a client certificate that cannot be read as one"
        if kubeconfig.key is None or kubeconfig.key.key in (KeyBlock.NONE, KeyBlock.CUT):
            return "embeds a client certificate without a whole key"
    key = kubeconfig.key
    if key and key.condition.is_absent and certificate and not certificate.condition.is_absent:
        return f"names the key {key.path}, which is not there"
    files = [file for file in (authority, certificate) if file]
    return None if all(file.condition.is_seen for file in files) else UNSEEN


def _mismatch(case: Case, kubeconfig: Kubeconfig) -> str | None:
    """Embedded halves of two keys, where a start fails of them: with rotation on a good store may carry it."""
    certificate, key = kubeconfig.certificate, kubeconfig.key
    if not (certificate and key and certificate.is_embedded) or case.restart is None or case.restart.safe is not False:
        return None
    different = case.facts.is_pair(certificate.path, key.path) is False
    return "embeds a client certificate and a key that are not of one pair" if different else None


def _lacks(file: PemFile) -> str:
    if file.condition.is_absent:
        return "is not there"
    return "that holds no certificate" if file.is_embedded else "holds no certificate"
