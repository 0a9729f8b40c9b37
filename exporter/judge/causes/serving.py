"""The serving side: what the kubelet shows on its port 10250."""

from __future__ import annotations

import posixpath
import re
from typing import NamedTuple

from exporter.config.settings import SERVER_CURRENT
from exporter.judge import store
from exporter.judge.case import UNSEEN, Answer, Case, Unseen
from exporter.judge.causes.names import SIGNED_BY
from exporter.judge.causes.wording import when
from exporter.judge.certificate import leaf
from exporter.judge.rotation import window
from exporter.model.assessment import Certificate, State
from exporter.model.facts import DirectoryCondition
from exporter.model.files import Condition, KeyBlock, PemFile

_SELF_SIGNED = "kubelet.crt"
_THROW_AWAY_CA = re.compile(r"CN=[^,]*-ca@\d+(,|$)")  # client-go util/cert/cert.go
_DIES = "the kubelet ends at its next start, however good its client certificate is"


class Pair(NamedTuple):
    """Where a certificate and its key should stand."""

    certificate: str
    key: str


def pair_broken(case: Case) -> Answer:
    """43, 33: the pair that the kubelet serves with does not load; empty files after a full disk among them [lab]."""
    pair = _pair_in_use(case)
    if pair is None or isinstance(pair, Unseen):
        return pair
    why = _fault(case, pair)
    return f"{why}: {_DIES}" if isinstance(why, str) else why


def pair_half(case: Case) -> Answer:
    """2: one of kubelet.crt and kubelet.key: "certificate and key must be supplied as a pair" [lab]."""
    if not _makes_its_own(case):
        return UNSEEN if _makes_its_own(case) is None else None
    here, there = _own_pair(case)
    seen = (_is_there(case, here), _is_there(case, there))
    if UNSEEN in seen or seen[0] == seen[1]:
        return UNSEEN if UNSEEN in seen else None
    found, lost = (here, there) if seen[0] is True else (there, here)
    line = store.entry(case.facts.store, posixpath.basename(found))
    if line and not case.is_settled(line.modified):
        return None
    return f"{found} is there and {lost} is not: {_DIES}"


def tls_incomplete(case: Case) -> Answer:
    """No number: of tlsCertFile and tlsPrivateKeyFile one is set; the kubelet starts and serves nothing."""
    kubelet = case.kubelet
    if kubelet.server_tls_bootstrap is None or not kubelet.config_known:
        return UNSEEN
    if kubelet.server_tls_bootstrap or bool(kubelet.tls_cert_file) == bool(kubelet.tls_private_key_file):
        return None
    given, lost = (
        ("tlsCertFile", "tlsPrivateKeyFile") if kubelet.tls_cert_file else ("tlsPrivateKeyFile", "tlsCertFile")
    )
    return f"{given} is set and {lost} is not: the kubelet serves with no certificate, so logs and exec fail"


def never_issued(case: Case) -> Answer:
    """18, 16: asked for with serverTLSBootstrap, and nobody approves it (k/k#73356), or the node has no address to ask
    for (k/k#130001). Handshakes fail with "no serving certificate available for the kubelet".
    """
    kubelet = case.kubelet
    if not kubelet.server_tls_bootstrap or (kubelet.tls_cert_file and kubelet.tls_private_key_file):
        return UNSEEN if kubelet.server_tls_bootstrap is None else None
    there = [_is_there(case, posixpath.join(case.facts.store.path, name)) for name in _ISSUED]
    if True in there:
        return None
    age = case.process_age()
    if UNSEEN in there or age is None:
        return UNSEEN
    if age <= SIGNED_BY:
        return None
    path = posixpath.join(case.facts.store.path, SERVER_CURRENT)
    return f"serverTLSBootstrap is true and {path} was never written: the kubelet has no certificate to serve with"


_ISSUED = (SERVER_CURRENT, "kubelet-server.crt")


def not_renewed_ended(case: Case) -> Answer:
    """18: the serving certificate has ended, and no new one was approved."""
    return _not_renewed(case, State.EXPIRED, "ended")


def not_renewed(case: Case) -> Answer:
    """18, 19: the serving certificate's rotation is stalled."""
    return _not_renewed(case, State.STALLED, "ends")


def _not_renewed(case: Case, state: State, verb: str) -> Answer:
    if case.serving is None:
        return UNSEEN if case.serving_state is state else None
    if not case.serving.managed or case.serving_state is not state:
        return None
    certificate, now = case.serving.certificate, case.facts.taken
    due, end = when(window(certificate).end, now), when(certificate.not_after, now)
    return f"the serving certificate was due for renewal by {due} and {verb} on {end}"


def self_signed_ending(case: Case) -> Answer:
    """2: kubelet.crt is self-signed for a year and never renewed (k/k#99418, kubeadm#2186)."""
    certificate = _not_rotated(case)
    if not isinstance(certificate, Certificate):
        return certificate
    is_own = _THROW_AWAY_CA.search(certificate.issuer) or certificate.is_self_signed
    file = _file(case, certificate)
    if not is_own or file is None or posixpath.basename(file.path) != _SELF_SIGNED or case.has_ended(certificate):
        return None
    if case.certainly < window(certificate).end:
        return None
    return f"{file.path}, self-signed and never renewed, ends on {when(certificate.not_after, case.facts.taken)}"


def expired(case: Case) -> Answer:
    """2: what the kubelet serves with has ended. It starts and serves all the same; who verifies it refuses it."""
    certificate = _not_rotated(case)
    if not isinstance(certificate, Certificate):
        return certificate
    if not case.has_ended(certificate):
        return None
    file = _file(case, certificate)
    path, end = file.path if file else "the serving certificate", when(certificate.not_after, case.facts.taken)
    return f"{path} ended on {end}: whoever verifies it (metrics-server, Prometheus) is refused"


def live_differs(case: Case) -> Answer:
    """38: a handshake shows another certificate than the file: replaced by hand, the old one is still in memory."""
    if case.serving_live is None or case.serving is None:
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
    return f"the kubelet's port shows a certificate that ends on {live}, {here} holds one that ends on {end}"


def _not_rotated(case: Case) -> Certificate | Unseen | None:
    """The serving certificate where no rotation renews it."""
    if case.serving is None:
        seen = case.facts.serving is None or case.facts.serving.condition.is_seen
        return None if seen and case.facts.store.condition is DirectoryCondition.OK else UNSEEN
    return None if case.serving.managed else case.serving.certificate


def _file(case: Case, certificate: Certificate) -> PemFile | None:
    """The file that a certificate was read from."""
    files = (*([case.facts.serving] if case.facts.serving else []), *case.facts.files)
    same = (file for file in files if (found := leaf(file)) and found.fingerprint == certificate.fingerprint)
    return next(same, None)


def _own_pair(case: Case) -> Pair:
    return Pair(*(posixpath.join(case.facts.store.path, name) for name in (_SELF_SIGNED, "kubelet.key")))


def _makes_its_own(case: Case) -> bool | None:
    """Whether the kubelet serves with kubelet.crt, which it makes itself; None where that is not known."""
    kubelet = case.kubelet
    if kubelet.server_tls_bootstrap or kubelet.tls_cert_file or kubelet.tls_private_key_file:
        return False
    return None if kubelet.server_tls_bootstrap is None or not kubelet.config_known else True


def _pair_in_use(case: Case) -> Pair | Unseen | None:
    """The pair that must load at the next start; None where there is none."""
    kubelet = case.kubelet
    if kubelet.server_tls_bootstrap is None or not kubelet.config_known:
        return UNSEEN
    named = (
        Pair(kubelet.tls_cert_file, kubelet.tls_private_key_file)
        if (kubelet.tls_cert_file and kubelet.tls_private_key_file)
        else None
    )
    if not kubelet.server_tls_bootstrap:
        if named or kubelet.tls_cert_file or kubelet.tls_private_key_file:
            return named
        return _first(case, [_own_pair(case)])
    folder = case.facts.store.path
    current, plain = (posixpath.join(folder, name) for name in _ISSUED)
    pairs = [Pair(current, current), *([named] if named else []), Pair(plain, plain.removesuffix("crt") + "key")]
    return _first(case, pairs)


def _first(case: Case, pairs: list[Pair]) -> Pair | Unseen | None:
    """The first pair of which both halves are there."""
    for pair in pairs:
        seen = [_is_there(case, path) for path in pair]
        if UNSEEN in seen and False not in seen:
            return UNSEEN
        if seen == [True, True]:
            return pair
    return None


def _is_there(case: Case, path: str) -> bool | Unseen:
    file, line = case.facts.pem(path), store.entry(case.facts.store, posixpath.basename(path))
    if file is not None and (file.condition.is_seen or file.condition is Condition.DENIED):
        return not file.condition.is_absent
    is_listed = posixpath.dirname(path) == case.facts.store.path
    if is_listed and case.facts.store.condition is DirectoryCondition.OK:
        return line is not None
    return UNSEEN


def _fault(case: Case, pair: Pair) -> Answer:
    """Why the pair does not load."""
    certificate, key = case.facts.pem(pair.certificate), case.facts.pem(pair.key)
    lines = [
        store.entry(case.facts.store, posixpath.basename((file.link or file.path) if file else ""))
        for file in (certificate, key)
    ]
    if any(line and not case.is_settled(line.modified) for line in lines):
        return None
    if certificate is not None and certificate.condition.is_seen and leaf(certificate) is None:
        return f"{pair.certificate} {_lack(certificate, 'certificate')}"
    if key is not None and (key.condition is Condition.EMPTY or key.condition.is_absent or key.key in _NO_KEY):
        return f"{pair.key} {_lack(key, 'whole key')}"
    if case.facts.is_pair(*pair) is False:
        return f"{pair.certificate} and {pair.key} are not of one pair"
    seen = certificate is not None and certificate.condition.is_seen and key is not None and key.condition.is_seen
    return None if seen else UNSEEN


_NO_KEY = (KeyBlock.NONE, KeyBlock.CUT)


def _lack(file: PemFile, what: str) -> str:
    if file.condition.is_absent:
        return "is not there"
    return "is empty" if file.condition is Condition.EMPTY else f"holds no {what}"
