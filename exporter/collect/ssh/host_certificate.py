"""OpenSSH host certificates: does this one vouch for the host that we mean?

The checks and their order are those of OpenSSH's ``sshkey_cert_check_authority`` and ``sshkey_cert_check_host``
(sshkey.c), with two differences: a certificate that names no host is refused, and ``*`` in a name counts only where the
configuration says so.
"""

from __future__ import annotations

import base64
import fnmatch
from collections.abc import Collection

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import SSHCertificate, SSHCertificateType
from paramiko.message import Message

from exporter.errors import Reason

SUFFIX = "-cert-v01@openssh.com"
# How many fields a public key has between nonce and serial (PROTOCOL.certkeys).
_KEY_FIELDS = {
    "ssh-ed25519": 1,
    "ssh-rsa": 2,
    "ecdsa-sha2-nistp256": 2,
    "ecdsa-sha2-nistp384": 2,
    "ecdsa-sha2-nistp521": 2,
}


def authority(blob: bytes) -> bytes | None:
    """The public key of the CA that signed a certificate; None where it is none, or its signature does not hold."""
    certificate = _parse(blob)
    if certificate is None:
        return None
    line = certificate.signature_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return base64.b64decode(line.split()[1])


def refusal(blob: bytes, names: Collection[str], now: float, *, wildcards: bool) -> Reason | None:
    """Why a certificate by a trusted CA does not vouch for a host that goes by any of ``names``; None where it does.

    ``now`` is in epoch seconds.
    """
    certificate = _parse(blob)
    if certificate is None:
        return Reason.HOST_CERTIFICATE_MALFORMED
    if certificate.type is not SSHCertificateType.HOST:
        return Reason.HOST_CERTIFICATE_WRONG_TYPE
    if now < certificate.valid_after:
        return Reason.HOST_CERTIFICATE_NOT_YET_VALID
    if now >= certificate.valid_before:
        return Reason.HOST_CERTIFICATE_EXPIRED
    principals = [name.decode("utf-8", "replace").lower() for name in certificate.valid_principals]
    if not any(_names(principal, name.lower(), wildcards) for principal in principals for name in names):
        return Reason.HOST_CERTIFICATE_OTHER_HOST
    if certificate.critical_options:
        return Reason.HOST_CERTIFICATE_CRITICAL_OPTION
    return None


def principals(blob: bytes) -> str:
    """The hosts that a certificate names, for a log."""
    certificate = _parse(blob)
    names = certificate.valid_principals if certificate else []
    return ", ".join(repr(name.decode("utf-8", "replace")) for name in names[:8])


def _names(principal: str, name: str, wildcards: bool) -> bool:  # noqa: FBT001 - of this module alone
    if wildcards and "*" in principal:
        return fnmatch.fnmatchcase(name, principal.replace("[", "[[]"))
    return principal == name


def _parse(blob: bytes) -> SSHCertificate | None:
    """A certificate whose signature holds, and is no SHA-1."""
    try:
        kind = Message(blob).get_text()
        line = kind.encode("ascii") + b" " + base64.b64encode(blob)
        certificate = serialization.load_ssh_public_identity(line)
        if not isinstance(certificate, SSHCertificate) or _signature_algorithm(blob) == "ssh-rsa":
            return None
        certificate.verify_cert_signature()
    except (
        ValueError,
        TypeError,
        AssertionError,
        InvalidSignature,
        UnsupportedAlgorithm,
        KeyError,
        NotImplementedError,
    ):
        return None  # a hostile peer's bytes raise any of these
    return certificate


def _signature_algorithm(blob: bytes) -> str:
    message = Message(blob)
    kind = message.get_text().removesuffix(SUFFIX)
    message.get_string()  # nonce
    for _ in range(_KEY_FIELDS[kind]):
        message.get_string()
    message.get_int64(), message.get_int()  # serial, type
    message.get_string(), message.get_string()  # key identifier, principals
    message.get_int64(), message.get_int64()  # validity
    for _ in range(4):  # critical options, extensions, reserved, the CA's key
        message.get_string()
    return Message(message.get_string()).get_text()
