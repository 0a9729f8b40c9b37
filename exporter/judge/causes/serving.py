"""The serving side: what the kubelet shows on its port 10250."""

from __future__ import annotations

import posixpath
import re

from exporter.config.settings import SERVER_CURRENT
from exporter.judge import store
from exporter.judge.case import UNSEEN, Answer, Case, Unseen
from exporter.judge.causes.names import SIGNED_BY
from exporter.judge.causes.serving_pair import ISSUED, is_there
from exporter.judge.causes.wording import when
from exporter.judge.certificate import leaf
from exporter.judge.rotation import window
from exporter.model.assessment import Certificate, State
from exporter.model.facts import DirectoryCondition
from exporter.model.files import PemFile

_SELF_SIGNED = "kubelet.crt"
_THROW_AWAY_CA = re.compile(r"CN=[^,]*-ca@\d+(,|$)")  # client-go util/cert/cert.go


def tls_incomplete(case: Case) -> Answer:
    """No number: of tlsCertFile and tlsPrivateKeyFile one is set; the kubelet starts and serves nothing."""
    kubelet = case.kubelet
    if kubelet.server_tls_bootstrap is None or not kubelet.config_known:
        return UNSEEN
    if kubelet.server_tls_bootstrap or bool(kubelet.tls_cert_file) == bool(kubelet.tls_private_key_file):
        return None
    names = ("tlsCertFile", "tlsPrivateKeyFile")
    given, lost = names if kubelet.tls_cert_file else reversed(names)
    return f"{given} is set and {lost} is not: the kubelet serves with no certificate, so logs and exec fail"


def never_issued(case: Case) -> Answer:
    """18, 16: asked for with serverTLSBootstrap, and nobody approves it (k/k#73356), or the node has no address to ask
    for (k/k#130001). Handshakes fail with "no serving certificate available for the kubelet".
    """
    kubelet = case.kubelet
    if not kubelet.server_tls_bootstrap or (kubelet.tls_cert_file and kubelet.tls_private_key_file):
        return UNSEEN if kubelet.server_tls_bootstrap is None else None
    there = [is_there(case, posixpath.join(case.facts.store.path, name)) for name in ISSUED]
    if True in there or case.facts.store.dated_server:  # what was issued may have been lost since
        return None
    age = case.process_age()
    if UNSEEN in there or age is None:
        return UNSEEN
    if age <= SIGNED_BY:
        return None
    path = posixpath.join(case.facts.store.path, SERVER_CURRENT)
    return f"serverTLSBootstrap is true and {path} is not there: the kubelet has no certificate to serve with"


def not_renewed(case: Case) -> Answer:
    """18, 19: the serving certificate's rotation is stalled."""
    if case.serving is None:
        return UNSEEN if case.serving_state is State.STALLED else None
    if not case.serving.managed or case.serving_state is not State.STALLED:
        return None
    certificate, now = case.serving.certificate, case.facts.taken
    due, end = when(window(certificate).end, now), when(certificate.not_after, now)
    return (
        f"the serving certificate was due for renewal by {due} and expires on {end}; its request is not "
        "approved, not sent, or not signed, and then metrics-server and Prometheus refuse it, logs and exec fail where "
        "the API server verifies it"
    )


def self_signed_ending(case: Case) -> Answer:
    """2: kubelet.crt is self-signed for a year and never renewed (k/k#99418, kubeadm#2186)."""
    certificate = _served(case)
    if case.serving and case.serving.managed:
        return None
    if not isinstance(certificate, Certificate):
        return certificate
    is_own = _THROW_AWAY_CA.search(certificate.issuer) or certificate.is_self_signed
    file = _file(case, certificate)
    if not is_own or file is None or posixpath.basename(file.path) != _SELF_SIGNED or case.has_ended(certificate):
        return None
    if case.certainly < window(certificate).end:
        return None
    return f"{file.path}, self-signed and never renewed, expires on {when(certificate.not_after, case.facts.taken)}"


def expired(case: Case) -> Answer:
    """2, 18: what the kubelet serves with has ended. It starts and serves all the same; who verifies it refuses it."""
    certificate = _served(case)
    if not isinstance(certificate, Certificate):
        return certificate
    if not case.has_ended(certificate):
        return None
    file = _file(case, certificate)
    path, end = file.path if file else "the serving certificate", when(certificate.not_after, case.facts.taken)
    return f"{path} expired on {end}: clients that verify it (metrics-server, Prometheus) refuse the connection"


def live_differs(case: Case) -> Answer:
    """38: a handshake shows another certificate than the file: replaced by hand, the old one is still in memory."""
    if case.serving_live is None or case.serving is None or not case.is_served_known:
        return UNSEEN
    certificate = case.serving.certificate
    if certificate.fingerprint == case.serving_live.fingerprint:
        return None
    file = _file(case, certificate)
    line = store.entry(case.facts.store, posixpath.basename((file.link or file.path) if file else ""))
    if line and not case.is_settled(line.modified):
        return None
    here, now = file.path if file else "the file that it serves with", case.facts.taken
    live, end = when(case.serving_live.not_after, now), when(certificate.not_after, now)
    return f"the kubelet's port shows a certificate that expires on {live}, {here} holds one that expires on {end}"


def _served(case: Case) -> Certificate | Unseen | None:
    """The certificate that the kubelet is known to serve with."""
    if not case.is_served_known:
        return UNSEEN
    if case.serving is None:
        seen = case.facts.serving is None or case.facts.serving.condition.is_seen
        return None if seen and case.facts.store.condition is DirectoryCondition.OK else UNSEEN
    return case.serving.certificate


def _file(case: Case, certificate: Certificate) -> PemFile | None:
    """The file that a certificate was read from."""
    files = (*([case.facts.serving] if case.facts.serving else []), *case.facts.files)
    same = (file for file in files if (found := leaf(file)) and found.fingerprint == certificate.fingerprint)
    return next(same, None)
