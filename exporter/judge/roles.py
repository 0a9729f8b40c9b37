"""Which of a node's files holds which certificate: client, serving, kubeconfig, ca (the ``cert`` label).

The kubelet's rotation writes to the store, so the store's link is the client certificate wherever the kubelet rotates.
Where it does not, the certificate is the one that kubelet.conf names or embeds: k3s, RKE, kops, a kubelet with
``rotateCertificates: false`` (client-go ``util/certificate/certificate_store.go``, ``cmd/kubelet/app/server.go``).
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from exporter.config.settings import CLIENT_CURRENT, CLIENT_UPDATED, SERVER_CURRENT
from exporter.judge import store
from exporter.judge.certificate import bundle, leaf
from exporter.judge.latest import latest
from exporter.model.assessment import Certificate
from exporter.model.facts import DirectoryCondition, NodeFacts
from exporter.model.files import Condition, PemFile
from exporter.model.kubelet import Credential, Kubelet
from exporter.model.kubelet_files import DocumentCondition, Kubeconfig

_SELF_SIGNED = "kubelet.crt"
_OURS = (SERVER_CURRENT, _SELF_SIGNED)


def client(facts: NodeFacts, kubelet: Kubelet | None, before: Kubelet | None) -> PemFile | None:
    """The client certificate's file; None where this node has none by design (a token, an exec plugin, standalone).

    What this visit did not see of ``kubelet`` is as it was ``before``. Where it is not the store's, and kubelet.conf
    was not seen, the store's is no stand-in: then the file is one that was not seen.
    """
    known = kubelet.filled_from(before) if kubelet else before
    if posixpath.basename(facts.client.path) != CLIENT_CURRENT or known is None:
        return facts.client
    if known.is_standalone:
        return None
    if (known.rotates is not False and not _is_store_bare(facts)) or known.credential is Credential.LINK:
        return facts.client
    named = facts.kubeconfig
    if named is None or not named.document.condition.is_seen:
        is_of_conf = known.credential is not Credential.UNKNOWN or (named is not None and known.rotates is False)
        return _unseen(named) if is_of_conf else facts.client
    if known.credential in (Credential.TOKEN, Credential.EXEC):
        return None
    return named.certificate or facts.client


def serving(facts: NodeFacts, kubelet: Kubelet | None, before: str) -> PemFile | None:
    """The file that the kubelet serves with; None where there is none, or it was not seen.

    ``before`` is the path of the one that it was known to serve with; without that, and without its configuration, what
    the store has is a guess.
    """
    if _is_serving_named(facts):
        return facts.serving
    if kubelet is None or not kubelet.config_known:
        return facts.pem(before) if before else facts.serving
    looked = (facts.pem(path) for path in _serving_candidates(kubelet))
    return next((file for file in looked if file and not file.condition.is_absent), None)


def is_serving_known(facts: NodeFacts, kubelet: Kubelet | None, file: PemFile | None, before: str) -> bool:
    """Whether ``file`` is what the kubelet serves with, and was looked at; or it is known to have none."""
    is_told = _is_serving_named(facts) or (kubelet is not None and kubelet.config_known)
    if file is None:
        return (is_told or not before) and facts.store.condition is DirectoryCondition.OK
    return (is_told or bool(before)) and file.condition.is_seen


def _is_serving_named(facts: NodeFacts) -> bool:
    """Whether the configuration of the exporter, or the distribution, names that file."""
    return facts.serving is not None and posixpath.basename(facts.serving.path) not in _OURS


def is_serving_rotated(file: PemFile | None, kubelet: Kubelet | None) -> bool:
    """Only the store's link is renewed; the self-signed kubelet.crt never is (rotation-truth 2.3)."""
    if file is None or posixpath.basename(file.path) != SERVER_CURRENT:
        return False
    return kubelet is None or kubelet.server_tls_bootstrap is not False


def kubeconfig(facts: NodeFacts, certificate: Certificate | None) -> Certificate | None:
    """What kubelet.conf names or embeds, where it is another certificate than the client's."""
    named = leaf(facts.kubeconfig.certificate) if facts.kubeconfig else None
    if named is None or (certificate and named.fingerprint == certificate.fingerprint):
        return None
    return named


@latest
def authorities(facts: NodeFacts, kubelet: Kubelet) -> tuple[list[Certificate], bool]:
    """The CAs that kubelet.conf and clientCAFile hold, and whether all of both was seen."""
    named, path = facts.kubeconfig, kubelet.client_ca_file
    files = [named.authority] if named and named.authority else []
    bundled = facts.pem(path) if path else None
    files += [bundled] if bundled else []
    is_known = named is not None and named.document.condition.is_seen and (path is not None or kubelet.config_known)
    is_seen = is_known and bool(bundled) == bool(path) and all(file.condition.is_seen for file in files)
    return [found for file in files for found in bundle(file)], is_seen


def authority(facts: NodeFacts, kubelet: Kubelet | None, certificate: Certificate | None) -> Certificate | None:
    """The issuer of ``certificate`` among those; of a CA with several certificates the one that ends last."""
    if certificate is None or kubelet is None:
        return None
    issuers = [found for found in authorities(facts, kubelet)[0] if certificate.is_signed_by(found)]
    return max(issuers, key=lambda found: found.not_after, default=None)


def _unseen(named: Kubeconfig | None) -> PemFile:
    """The file that a kubelet.conf names or embeds which was not read."""
    is_denied = named is not None and named.document.condition is DocumentCondition.DENIED
    return PemFile(named.document.path if named else "", Condition.DENIED if is_denied else Condition.UNREADABLE)


def _is_store_bare(facts: NodeFacts) -> bool:
    """No rotation ever wrote here: neither a link nor a dated file. A store that was not seen is not bare."""
    if facts.client.condition is not Condition.MISSING or facts.store.dated_client:
        return False
    seen = facts.store.condition in (DirectoryCondition.OK, DirectoryCondition.MISSING)
    return seen and store.entry(facts.store, CLIENT_UPDATED) is None


def _serving_candidates(kubelet: Kubelet) -> Iterator[str]:
    if kubelet.server_tls_bootstrap:
        yield posixpath.join(kubelet.store, SERVER_CURRENT)
    if kubelet.tls_cert_file:
        yield kubelet.tls_cert_file
    elif kubelet.server_tls_bootstrap:
        yield posixpath.join(kubelet.store, "kubelet-server.crt")
    else:
        yield posixpath.join(kubelet.store, _SELF_SIGNED)
