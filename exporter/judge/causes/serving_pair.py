"""The pair that the kubelet must load to serve: half of it, an empty one, or two that do not belong together.

``cmd/kubelet/app/server.go`` InitializeTLS: with serverTLSBootstrap the store's link, tlsCertFile, kubelet-server.crt,
the first that is there; else tlsCertFile and tlsPrivateKeyFile; else kubelet.crt and kubelet.key, which it makes.
"""

from __future__ import annotations

import posixpath
from typing import NamedTuple

from exporter.config.settings import SERVER_CURRENT
from exporter.judge import store
from exporter.judge.case import UNSEEN, Answer, Case, Unseen
from exporter.judge.certificate import leaf
from exporter.model.facts import DirectoryCondition
from exporter.model.files import Condition, KeyBlock, PemFile

ISSUED = (SERVER_CURRENT, "kubelet-server.crt")
_DIES = "the kubelet exits at its next start, however good its client certificate is"
_NO_KEY = (KeyBlock.NONE, KeyBlock.CUT)


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
    seen = (is_there(case, here), is_there(case, there))
    if UNSEEN in seen or seen[0] == seen[1]:
        return UNSEEN if UNSEEN in seen else None
    found, lost = (here, there) if seen[0] is True else (there, here)
    line = store.entry(case.facts.store, posixpath.basename(found))
    if line and not case.is_settled(line.modified):
        return None
    return f"{found} is there and {lost} is not: {_DIES}"


def is_there(case: Case, path: str) -> bool | Unseen:
    """Whether a file is there, links followed."""
    file, line = case.facts.pem(path), store.entry(case.facts.store, posixpath.basename(path))
    if file is not None and file.condition.is_seen:
        return not file.condition.is_absent
    is_listed = posixpath.dirname(path) == case.facts.store.path
    if is_listed and case.facts.store.condition is DirectoryCondition.OK:
        return line is not None
    return UNSEEN


def _own_pair(case: Case) -> Pair:
    folder = case.facts.store.path
    return Pair(posixpath.join(folder, "kubelet.crt"), posixpath.join(folder, "kubelet.key"))


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
    certificate, key = kubelet.tls_cert_file, kubelet.tls_private_key_file
    named = Pair(certificate, key) if certificate and key else None
    if not kubelet.server_tls_bootstrap:
        return named if certificate or key else _first(case, [_own_pair(case)])
    folder = case.facts.store.path
    current, plain = (posixpath.join(folder, name) for name in ISSUED)
    pairs = [Pair(current, current), *([named] if named else []), Pair(plain, plain.removesuffix("crt") + "key")]
    return _first(case, pairs)


def _first(case: Case, pairs: list[Pair]) -> Pair | Unseen | None:
    """The first pair of which both halves are there."""
    for pair in pairs:
        seen = [is_there(case, path) for path in pair]
        if UNSEEN in seen and False not in seen:
            return UNSEEN
        if seen == [True, True]:
            return pair
    return None


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
    return None if seen and key is not None and key.key is not KeyBlock.UNSEEN else UNSEEN


def _lack(file: PemFile, what: str) -> str:
    if file.condition.is_absent:
        return "is not there"
    return "is empty" if file.condition is Condition.EMPTY else f"holds no {what}"
