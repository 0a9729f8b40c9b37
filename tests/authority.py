"""A certificate authority for the exporter's own door, and PEM files of what it signs."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, both PEM."""

    certificate: bytes
    key: bytes

    @property
    def serial(self) -> int:
        return x509.load_pem_x509_certificate(self.certificate).serial_number

    def write(self, directory: Path, name: str) -> tuple[Path, Path]:
        """``name``.crt and ``name``.key."""
        crt, key = directory / f"{name}.crt", directory / f"{name}.key"
        crt.write_bytes(self.certificate)
        key.write_bytes(self.key)
        return crt, key


class Authority:
    """Signs server and client certificates; ``certificate`` is its own, PEM."""

    def __init__(self, name: str = "door") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        own = self._builder(self._name, self._key.public_key(), 0).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.certificate = _pem(own.sign(self._key, hashes.SHA256()))

    def server(self) -> Pair:
        """For localhost."""
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        return self._leaf(names, ExtendedKeyUsageOID.SERVER_AUTH, 0)

    def client(self, *names: x509.GeneralName, days_ago: int = 0) -> Pair:
        """A client's, that began ``days_ago`` and is valid for two days."""
        return self._leaf(list(names) or [x509.DNSName("prometheus")], ExtendedKeyUsageOID.CLIENT_AUTH, days_ago)

    def _leaf(self, names: list[x509.GeneralName], usage: x509.ObjectIdentifier, days_ago: int) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "leaf")])
        builder = self._builder(subject, key.public_key(), days_ago)
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        return Pair(
            _pem(builder.sign(self._key, hashes.SHA256())),
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )

    def _builder(
        self, subject: x509.Name, public_key: ec.EllipticCurvePublicKey, days_ago: int
    ) -> x509.CertificateBuilder:
        start = datetime.datetime.now(datetime.UTC) - days_ago * DAY - DAY
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + 2 * DAY)
        )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
