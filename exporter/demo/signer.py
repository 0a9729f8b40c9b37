"""A certificate authority that dates certificates as kube-controller-manager does.

``pkg/controller/certificates/authority/policies.go`` since 1.22: notBefore is five minutes back; notAfter is TTL from
then for a TTL of eight hours or more, and TTL from now for a shorter one; both capped by the CA's own notAfter.
"""

from __future__ import annotations

import base64
import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

BACKDATE = 300
SHORT_TTL = 8 * 3600
YEAR = 365 * 86400
END_OF_A_CA = 4_102_444_800  # 2100, where nothing else is asked for
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
    """A cluster's CA. Times are seconds since the epoch; ``not_after`` caps its leaves.

    Its key is P-256 unless one is given (kubeadm's is RSA 2048); its serial number is random unless one is given
    (client-go up to 1.27 made 0, with an RSA key).
    """

    def __init__(
        self,
        common_name: str = "kubernetes",
        not_after: float | None = None,
        *,
        not_before: float = 0.0,
        key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None,
        serial: int | None = None,
    ) -> None:
        self.subject = name(common_name)
        self.not_before = not_before
        self.not_after = not_after
        self.serial = x509.random_serial_number() if serial is None else serial
        self._key = key or ec.generate_private_key(ec.SECP256R1())

    @classmethod
    def again(cls, common_name: str, not_before: float, not_after: float | None, serial: int, key: str) -> Authority:
        """From what :attr:`kept` was. Raises ValueError."""
        private = serialization.load_pem_private_key(key.encode(), None)
        if not isinstance(private, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise ValueError("a key of another kind")  # noqa: TRY004 - what is written is wrong
        return cls(common_name, not_after, not_before=not_before, key=private, serial=serial)

    @property
    def kept(self) -> dict[str, str | float | None]:
        """All that it is, its private key too."""
        (common_name,) = self.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return {
            "common_name": str(common_name.value),
            "not_before": self.not_before,
            "not_after": self.not_after,
            "serial": self.serial,
            "key": key_pem(self._key).decode("ascii"),
        }

    @property
    def certificate(self) -> bytes:
        """The CA's own certificate in PEM, as client-go's ``NewSelfSignedCACert`` makes it."""
        public = self._key.public_key()
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.subject)
            .issuer_name(self.subject)
            .public_key(public)
            .serial_number(self.serial or 1)
            .not_valid_before(_moment(self.not_before))
            .not_valid_after(_moment(self.not_after or END_OF_A_CA))
            .add_extension(_usage(key_encipherment=True, signs_certificates=True), critical=True)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )
        made = builder.sign(self._key, hashes.SHA256())
        if not self.serial and isinstance(self._key, rsa.RSAPrivateKey):
            return _with_serial_zero(made, self._key)
        return made.public_bytes(serialization.Encoding.PEM)

    def dates(self, now: float, ttl: float) -> tuple[float, float]:
        """notBefore and notAfter of a certificate that is signed at ``now``."""
        not_before = now - BACKDATE
        not_after = not_before + ttl if ttl >= SHORT_TTL else now + ttl
        return not_before, min(not_after, self.not_after or not_after)

    def client(self, node: str, now: float, ttl: float) -> Pair:
        """A kubelet's client certificate, signed at ``now`` for ``ttl`` seconds."""
        return self.issue(f"system:node:{node}", *self.dates(now, ttl))

    def serving(self, node: str, names: tuple[str, ...], now: float, ttl: float) -> Pair:
        """A kubelet's serving certificate for these DNS names and IP addresses."""
        return self.sign(Request(f"system:node:{node}", *self.dates(now, ttl), serving=True, names=names))

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
        return self.sign(Request(common_name, not_before, not_after, key=key, serving=serving))

    def sign(self, request: Request) -> Pair:
        """A leaf as it was asked for."""
        own = request.key or ec.generate_private_key(ec.SECP256R1())
        usage = ExtendedKeyUsageOID.SERVER_AUTH if request.serving else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(request.common_name, request.organization))
            .issuer_name(self.subject)
            .public_key(own.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_moment(request.not_before))
            .not_valid_after(_moment(request.not_after))
            # since 1.27 the usages follow the key's type
            .add_extension(_usage(key_encipherment=isinstance(own, rsa.RSAPrivateKey)), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        if request.names:
            builder = builder.add_extension(_alternatives(request.names), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return Pair(certificate.public_bytes(serialization.Encoding.PEM), key_pem(own))


@dataclass(frozen=True, slots=True)
class Request:
    """What a leaf is to be. Dates are seconds since the epoch; without a key it gets one of P-256."""

    common_name: str
    not_before: float
    not_after: float
    organization: str = "system:nodes"
    key: PrivateKey | None = None
    serving: bool = False
    names: tuple[str, ...] = ()  # DNS names and IP addresses


def self_signed(host: str, now: float, life: float = YEAR, *, key: rsa.RSAPrivateKey | None = None) -> Pair:
    """``kubelet.crt`` and ``kubelet.key``: an RSA leaf followed by the CA that was made for it and thrown away.

    client-go ``util/cert`` ``GenerateSelfSignedCertKey``: notBefore an hour back, the names carry the time.
    """
    own = key or rsa.generate_private_key(public_exponent=65537, key_size=2048)
    begin, end = now - 3600, now - 3600 + life
    authority = Authority(f"{host}-ca@{int(now)}", end, not_before=begin, key=key)
    leaf = authority.sign(Request(f"{host}@{int(now)}", begin, end, "", own, serving=True, names=(host,)))
    return Pair(leaf.certificate + authority.certificate, leaf.key)


def dates(certificate: bytes) -> tuple[float, float]:
    """notBefore and notAfter of the first certificate in PEM."""
    found = x509.load_pem_x509_certificate(certificate)
    return found.not_valid_before_utc.timestamp(), found.not_valid_after_utc.timestamp()


def _usage(*, key_encipherment: bool, signs_certificates: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=key_encipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternatives(names: tuple[str, ...]) -> x509.SubjectAlternativeName:
    """DNS names first, then addresses, each sorted, as the kubelet's template has them."""
    addresses = sorted(one for one in names if one.replace(".", "").isdigit() or ":" in one)
    others = sorted(one for one in names if one not in addresses)
    return x509.SubjectAlternativeName(
        [*map(x509.DNSName, others), *(x509.IPAddress(ipaddress.ip_address(one)) for one in addresses)]
    )


def _with_serial_zero(made: x509.Certificate, key: rsa.RSAPrivateKey) -> bytes:
    """The same certificate with serial number 0, which no builder of today makes, signed again."""
    version, before = b"\xa0\x03\x02\x01\x02", made.tbs_certificate_bytes
    after = before.replace(version + b"\x02\x01\x01", version + b"\x02\x01\x00", 1)
    signature = key.sign(after, padding.PKCS1v15(), hashes.SHA256())
    der = made.public_bytes(serialization.Encoding.DER).replace(before, after)[: -len(signature)] + signature
    text = base64.b64encode(der)
    lines = (text[at : at + 64] + b"\n" for at in range(0, len(text), 64))
    return b"".join((b"-----BEGIN CERTIFICATE-----\n", *lines, b"-----END CERTIFICATE-----\n"))


def _moment(seconds: float) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(seconds))
