"""What the kubelet can do with a PEM file. True, False, or None where that was not seen.

Go's ``tls.X509KeyPair``: the certificate blocks, a key block, both of one key; dates aside.
"""

from __future__ import annotations

from dataclasses import dataclass

from exporter.judge.certificate import NotACertificate, parse
from exporter.judge.restart.view import View
from exporter.model.assessment import Certificate
from exporter.model.files import Condition, KeyBlock, PemFile


@dataclass(frozen=True, slots=True)
class Pair:
    """Where a certificate and its key stand; both may be in one file."""

    certificate: PemFile
    key: PemFile

    @property
    def is_embedded(self) -> bool:
        """Whether both halves stand in a kubeconfig itself."""
        return self.certificate.is_embedded and self.key.is_embedded

    @property
    def is_named(self) -> bool:
        """Whether both halves are files of their own, which nobody opens before they are needed."""
        return not self.certificate.is_embedded and not self.key.is_embedded


def every(facts: list[bool | None]) -> bool | None:
    """True where all hold; False where one does not, whatever was not seen beside it."""
    if False in facts:
        return False
    return None if None in facts else True


def exists(file: PemFile) -> bool | None:
    """``stat`` follows links, so a dangling one is absent."""
    if file.is_embedded:
        return True
    return not file.condition.is_absent if file.condition.is_seen else None


def certificates(file: PemFile) -> list[Certificate]:
    """All of a file's certificates, none where one of them is no certificate (``certutil.ParseCertsPEM``)."""
    try:
        return [parse(encoded) for encoded in file.certificates]
    except NotACertificate:
        return []


def has_certificates(file: PemFile) -> bool | None:
    return bool(certificates(file)) if file.condition.is_seen else None


def has_key(file: PemFile) -> bool | None:
    """Whether a whole key block stands there."""
    if not file.condition.is_seen:
        return None
    if file.condition.is_absent or file.condition in (Condition.EMPTY, Condition.NOT_REGULAR):
        return False
    return None if file.key is KeyBlock.UNSEEN else file.key is KeyBlock.WHOLE


def loads(view: View, pair: Pair) -> bool | None:
    """Certificate, complete key block, both of one key; halves that were not compared count as of one."""
    mismatched = view.facts.is_pair(pair.certificate.path, pair.key.path) is False
    return every([has_certificates(pair.certificate), has_key(pair.key), not mismatched])


def leaf(pair: Pair) -> Certificate:
    """The certificate of a pair that loads."""
    return certificates(pair.certificate)[0]


def place(view: View, file: PemFile) -> str:
    """Where a file stands; what kubelet.conf embeds stands in it."""
    return f"{view.kubelet.kubeconfig}" if file.is_embedded else file.path


def why_not(pair: Pair) -> str:
    """What keeps a pair from loading, as the end of a sentence."""
    if has_certificates(pair.certificate) is False:
        return "holds no certificate that can be read" + _condition(pair.certificate)
    if has_key(pair.key) is False:
        is_elsewhere = pair.key.path != pair.certificate.path and not pair.key.is_embedded
        return f"has no whole private key{f' in {pair.key.path}{_condition(pair.key)}' if is_elsewhere else ''}"
    return "holds a certificate and a key that do not belong together"


def _condition(file: PemFile) -> str:
    words = {
        Condition.EMPTY: " (it is empty)",
        Condition.TRUNCATED: " (it is cut off)",
        Condition.MISSING: " (it is not there)",
        Condition.DANGLING: " (its target is not there)",
    }
    return words.get(file.condition, "")
