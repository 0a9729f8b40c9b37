"""kubelet.conf and the bootstrap kubeconfig: with what the kubelet asks for its next certificate."""

from __future__ import annotations

import posixpath

from exporter.config.settings import CLIENT_CURRENT
from exporter.judge.case import UNSEEN, Answer, Case, Unseen
from exporter.judge.causes.wording import when
from exporter.judge.certificate import bundle, leaf
from exporter.model.files import PemFile
from exporter.model.kubelet import Credential

_NEXT = "the kubelet asks for its next certificate with it and gets 401 each time"


def embedded_ended(case: Case) -> Answer:
    """8, phase 2 (kubeadm#1753, k/k#71825): the embedded certificate has ended, whatever the store holds."""
    return _ended(case, Credential.EMBEDDED)


def embedded(case: Case) -> Answer:
    """8, phase 1: the store rotates and kubelet.conf does not (hsiaoairplane/kucero#12)."""
    return _frozen(case, Credential.EMBEDDED)


def dated_file_ended(case: Case) -> Answer:
    """9: kubelet.conf names one dated file, and that has ended or is gone."""
    return _ended(case, Credential.DATED)


def dated_file(case: Case) -> Answer:
    """9: kubelet.conf names one dated file, which the next rotation leaves behind."""
    return _frozen(case, Credential.DATED)


def legacy_pair_ended(case: Case) -> Answer:
    """9: kubelet.conf names kubelet-client.crt, and that has ended or is gone (k/k#71825)."""
    return _ended(case, Credential.LEGACY_PAIR)


def legacy_pair(case: Case) -> Answer:
    """9: kubelet.conf names kubelet-client.crt, which bootstrapping before 1.11 wrote (k/k#62152)."""
    return _frozen(case, Credential.LEGACY_PAIR)


def other_file_ended(case: Case) -> Answer:
    """9: kubelet.conf names a file that no rotation writes, and that has ended or is gone."""
    return _ended(case, Credential.OTHER_FILE)


def other_file(case: Case) -> Answer:
    """9: kubelet.conf names a file that no rotation writes, and that is not the store's certificate."""
    return _frozen(case, Credential.OTHER_FILE)


def elsewhere_ended(case: Case) -> Answer:
    """10: kubelet.conf names the link of a folder that nobody rotates in, and its certificate has ended or is gone."""
    return _ended(case, Credential.LINK_ELSEWHERE)


def elsewhere(case: Case) -> Answer:
    """10: kubelet.conf names the link of another folder than the kubelet rotates in (k0s#675, k/k#53288)."""
    return _frozen(case, Credential.LINK_ELSEWHERE)


def _named(case: Case, credential: Credential) -> PemFile | Unseen | None:
    """kubelet.conf's certificate where it is of that kind and the kubelet rotates into its store."""
    kubelet, kubeconfig = case.kubelet, case.facts.kubeconfig
    if kubelet.distribution.renews_itself or kubelet.rotates is False:
        return None
    if kubelet.credential is Credential.UNKNOWN:
        return None if kubeconfig and kubeconfig.document.condition.is_seen else UNSEEN
    if kubelet.credential is not credential:
        return None
    if kubelet.rotates is None or kubeconfig is None or kubeconfig.certificate is None:
        return UNSEEN
    if not case.is_settled(kubeconfig.document.modified):
        return None  # `kubeadm init` embeds first, and points at the link a minute later
    if credential in (Credential.OTHER_FILE, Credential.LINK_ELSEWHERE):
        differs = _differs_from_store(case, kubeconfig.certificate)
        return differs if isinstance(differs, Unseen) else kubeconfig.certificate if differs else None
    return kubeconfig.certificate


def _differs_from_store(case: Case, file: PemFile) -> bool | Unseen:
    """A path may lead to the store by another name: a folder that is a link, a file that is one."""
    here, there = leaf(case.facts.client), leaf(file)
    if not case.facts.client.condition.is_seen or not file.condition.is_seen:
        return UNSEEN
    return here is None or there is None or here.fingerprint != there.fingerprint


def _ended(case: Case, credential: Credential) -> Answer:
    file = _named(case, credential)
    if file is None or isinstance(file, Unseen):
        return file
    if not file.condition.is_seen:
        return UNSEEN
    path, now = _kubeconfig_path(case), case.facts.taken
    if file.condition.is_absent:
        return f"{path} names {file.path}, which is not there: the kubelet cannot load it at its next start"
    ended = [certificate for certificate in bundle(file) if case.has_ended(certificate)]
    if not ended:
        return None
    what = f"embeds a certificate that expired on {when(ended[0].not_after, now)}"
    if not file.is_embedded:
        what = f"names {file.path}, a certificate that expired on {when(ended[0].not_after, now)}"
    return f"{path} {what}; {_NEXT}; {_of_the_store(case)}"


def _of_the_store(case: Case) -> str:
    store, now = leaf(case.facts.client), case.facts.taken
    if store is None or _is_shown_twice(case):
        return "no other certificate was seen in its store"
    if case.has_ended(store):
        return f"the one in its store has expired as well, on {when(store.not_after, now)}"
    return "its other traffic uses the one in the store, so the node looks healthy"


def _is_shown_twice(case: Case) -> bool:
    """Without a store, kubelet.conf's certificate stands for the client's."""
    return posixpath.basename(case.facts.client.path) != CLIENT_CURRENT


def _frozen(case: Case, credential: Credential) -> Answer:
    file = _named(case, credential)
    if file is None or isinstance(file, Unseen):
        return file
    path, link = _kubeconfig_path(case), posixpath.join(case.facts.store.path, CLIENT_CURRENT)
    what = "embeds its client certificate" if file.is_embedded else f"names {file.path}"
    certificate = leaf(file)
    end = f" until {when(certificate.not_after, case.facts.taken)}" if certificate else ""
    return (
        f"{path} {what}, but the kubelet rotates {link}: what kubelet.conf has is good{end} and is never renewed; "
        "from then on every request for a new certificate gets 401, and a restart fails"
    )


def _kubeconfig_path(case: Case) -> str:
    return case.facts.kubeconfig.document.path if case.facts.kubeconfig else case.kubelet.kubeconfig or "kubelet.conf"
