"""DER to :class:`Certificate`; the only importer of cryptography's x509."""

from __future__ import annotations

import hashlib
import sys
import warnings
from functools import lru_cache
from weakref import WeakValueDictionary

from cryptography import x509

from exporter.judge import der
from exporter.model.assessment import Certificate
from exporter.model.files import PemFile

LONGEST_NAME = 256
_REMEMBERED = 256  # of those that many nodes have in common, as their CA
_HELD: WeakValueDictionary[str, Certificate] = WeakValueDictionary()  # whatever somebody still has, by fingerprint

# CAs of kubeadm before 1.28 have serial 0 (client-go NewSelfSignedCACert); node names may be longer than X.520's 64.
# Once for the process: warnings.catch_warnings is not safe between threads.
warnings.filterwarnings("ignore", message="Parsed a serial number which wasn't positive")
warnings.filterwarnings("ignore", message="Attribute's length must be")


class NotACertificate(ValueError):  # noqa: N818 - says what the bytes are, as HTTP libraries name their statuses
    """The bytes are not an X.509 certificate."""


@lru_cache(maxsize=_REMEMBERED)
def parse(encoded: bytes) -> Certificate:
    """One DER certificate: one object, parsed once, for as long as any node's report has it. Raises NotACertificate.

    Most visits see what the one before saw: to hash it takes a twentieth of the time that it takes to parse it.
    """
    fingerprint = hashlib.sha256(encoded).hexdigest()
    known = _HELD.get(fingerprint)
    if known is None:
        known = _HELD[fingerprint] = _parse(encoded, fingerprint)
    return known


def _parse(encoded: bytes, fingerprint: str) -> Certificate:
    fields = _strictly(encoded) or _leniently(encoded)
    return Certificate(
        not_before=fields.not_before,
        not_after=fields.not_after,
        serial=f"{fields.serial:x}",
        issuer=sys.intern(_printable(fields.issuer)),
        subject=_printable(fields.subject),
        fingerprint=fingerprint,
        key_identifier=fields.key_identifier,
        authority_identifier=sys.intern(fields.authority_identifier),
        is_self_signed=fields.issuer == fields.subject,
    )


def leaf(file: PemFile | None) -> Certificate | None:
    """The certificate that a file was read for, its first; None where there is no file, or none in it."""
    return _parsed(file.certificates[0]) if file and file.certificates else None


def bundle(file: PemFile | None) -> tuple[Certificate, ...]:
    """Every certificate of a file; a block that holds none is left out."""
    found = [_parsed(one) for one in file.certificates] if file else []
    return tuple(certificate for certificate in found if certificate)


def _parsed(encoded: bytes) -> Certificate | None:
    try:
        return parse(encoded)
    except NotACertificate:
        return None


def _strictly(encoded: bytes) -> der.Fields | None:
    try:
        certificate = x509.load_der_x509_certificate(encoded)
        return der.Fields(
            serial=certificate.serial_number,
            issuer=certificate.issuer.rfc4514_string(),
            subject=certificate.subject.rfc4514_string(),
            not_before=int(certificate.not_valid_before_utc.timestamp()),
            not_after=int(certificate.not_valid_after_utc.timestamp()),
            key_identifier=_key_identifier(certificate.extensions),
            authority_identifier=_authority_identifier(certificate.extensions),
        )
    except (ValueError, TypeError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return None


def _key_identifier(extensions: x509.Extensions) -> str:
    try:
        return extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest.hex()
    except x509.ExtensionNotFound:
        return ""


def _authority_identifier(extensions: x509.Extensions) -> str:
    try:
        return (extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier or b"").hex()
    except x509.ExtensionNotFound:
        return ""


def _leniently(encoded: bytes) -> der.Fields:
    try:
        return der.fields(encoded)
    except der.DerError as error:
        raise NotACertificate(str(error)) from error


def _printable(name: str) -> str:
    """A name fit for a label, a log and a terminal, whatever its certificate says."""
    text = "".join(character if character.isprintable() else "?" for character in name)
    return text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 1] + "…"
