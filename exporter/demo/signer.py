"""A certificate authority that dates certificates as kube-controller-manager does.

``pkg/controller/certificates/authority/policies.go`` since 1.22: notBefore is five minutes back; notAfter is TTL from
then for a TTL of eight hours or more, and TTL from now for a shorter one; both capped by the CA's own notAfter.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

BACKDATE = 300
SHORT_TTL = 8 * 3600
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, both in PEM."""

    certificate: bytes
    key: bytes


def name(common_name: str, organization: str = "") -> x509.Name:
    """A Name as Kubernetes writes them: organization first."""
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)] if organization else []
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def key_pem(key: PrivateKey) -> bytes:
    """The key as the kubelet stores it: SEC 1 or PKCS#1, PKCS#8 where neither is possible."""
    traditional = not isinstance(key, ed25519.Ed25519PrivateKey)
    encoding = serialization.PrivateFormat.TraditionalOpenSSL if traditional else serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, encoding, serialization.NoEncryption())


class Authority:
    """A cluster's CA. Times are seconds since the epoch."""

    def __init__(self, common_name: str = "kubernetes", not_after: float | None = None) -> None:
        self.subject = name(common_name)
        self.not_after = not_after
        self._key = ec.generate_private_key(ec.SECP256R1())

    def dates(self, now: float, ttl: float) -> tuple[float, float]:
        """notBefore and notAfter of a certificate that is signed at ``now``."""
        not_before = now - BACKDATE
        not_after = not_before + ttl if ttl >= SHORT_TTL else now + ttl
        return not_before, min(not_after, self.not_after or not_after)

    def client(self, node: str, now: float, ttl: float) -> Pair:
        """A kubelet's client certificate, signed at ``now`` for ``ttl`` seconds."""
        return self.issue(f"system:node:{node}", *self.dates(now, ttl))

    def issue(
        self,
        common_name: str,
        not_before: float,
        not_after: float,
        *,
        key: PrivateKey | None = None,
        serving: bool = False,
    ) -> Pair:
        """A leaf with these very dates (whole seconds)."""
        own = key or ec.generate_private_key(ec.SECP256R1())
        usage = ExtendedKeyUsageOID.SERVER_AUTH if serving else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(common_name, "system:nodes"))
            .issuer_name(self.subject)
            .public_key(own.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_moment(not_before))
            .not_valid_after(_moment(not_after))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        certificate = builder.sign(self._key, hashes.SHA256())
        return Pair(certificate.public_bytes(serialization.Encoding.PEM), key_pem(own))


def _moment(seconds: float) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(seconds))
