"""TLS: what the web configuration asks for as a context, and a context that is exchanged while it serves."""

from __future__ import annotations

import ipaddress
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from exporter.config.ciphers import CURVES, TLS12_SUITES, TLS13_SUITES
from exporter.config.document import Document
from exporter.config.file import read_bytes
from exporter.config.web_config import TLS, ClientAuth, TlsServer, TlsVersion
from exporter.errors import ConfigurationError, Mistake, Mistakes

_LARGEST_FILE = 1024 * 1024
_VERSIONS = {TlsVersion.TLS12: ssl.TLSVersion.TLSv1_2, TlsVersion.TLS13: ssl.TLSVersion.TLSv1_3}
_VERIFY = {
    ClientAuth.NONE: ssl.CERT_NONE,
    ClientAuth.IF_GIVEN: ssl.CERT_OPTIONAL,
    ClientAuth.REQUIRED: ssl.CERT_REQUIRED,
}


@dataclass(frozen=True, slots=True, repr=False)
class Material:
    """What the files say, or the configuration itself. Its repr shows none of it."""

    certificate: bytes
    key: bytes
    client_ca: bytes


def read_material(tls: TlsServer, document: Document) -> Material:
    """Certificate, key and client CA, read now. Raises ConfigurationError with each file that cannot be."""
    mistakes = Mistakes()
    found = {"cert": b"", "key": b"", "client_ca": b""}
    inline = {"cert": tls.cert, "key": tls.key.get_secret_value() if tls.key else None, "client_ca": tls.client_ca}
    for name, text in inline.items():
        path = getattr(tls, f"{name}_file")
        if text is not None:
            found[name] = text.encode("utf-8", "surrogateescape")
        elif path is not None:
            with mistakes.gathered():
                found[name] = _read(path, document.place((TLS, f"{name}_file")))
    mistakes.tell()
    return Material(found["cert"], found["key"], found["client_ca"])


def context(tls: TlsServer, material: Material, document: Document) -> ssl.SSLContext:
    """A server's context. Raises ConfigurationError where certificate, key or CA cannot be used."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    # A session that is resumed would not see that a client's certificate authority is gone.
    made.options |= ssl.OP_NO_TICKET
    made.num_tickets = 0
    made.set_alpn_protocols(["http/1.1"])
    _choose(made, tls)
    _load_pair(made, material, document.place((TLS, "cert" if tls.cert else "cert_file")))
    made.verify_mode = _VERIFY[tls.client_auth_type]
    if tls.client_auth_type is not ClientAuth.NONE:
        _load_client_ca(made, material, document.place((TLS, "client_ca" if tls.client_ca else "client_ca_file")))
    if tls.client_allowed_sans:
        made.sslobject_class = _checking(frozenset(map(_plain, tls.client_allowed_sans)))
    return made


def _choose(made: ssl.SSLContext, tls: TlsServer) -> None:
    """Versions, cipher suites and curve."""
    made.minimum_version, made.maximum_version = _VERSIONS[tls.min_version], _VERSIONS[tls.max_version]
    suites = [TLS12_SUITES[name] for name in tls.cipher_suites if name not in TLS13_SUITES]
    if suites:
        made.set_ciphers(":".join(["@SECLEVEL=2", *suites]))
    elif tls.cipher_suites:  # a list of none but TLS 1.3's
        made.minimum_version = ssl.TLSVersion.TLSv1_3
    if not tls.prefer_server_cipher_suites:
        made.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    for curve in tls.curve_preferences:
        made.set_ecdh_curve(CURVES[curve])


def _load_pair(made: ssl.SSLContext, material: Material, place: str) -> None:
    """From memory, so that what was checked is what is used; OpenSSL takes them from files only."""
    try:
        with _as_file(material.certificate) as certificate, _as_file(material.key) as key:
            made.load_cert_chain(certificate, key, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        raise ConfigurationError(Mistake(place, _pair_problem(material, error))) from None


@contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """A path that reads ``content`` and stands on no disk."""
    with os.fdopen(os.memfd_create("pem", os.MFD_CLOEXEC), "wb") as file:
        file.write(content)
        file.flush()
        yield f"/proc/self/fd/{file.fileno()}"


def _no_password() -> str:
    raise ValueError("encrypted")


def _pair_problem(material: Material, error: Exception) -> str:
    if isinstance(error, ValueError) and not isinstance(error, ssl.SSLError):
        return "the key has a passphrase, which exporter-toolkit's format cannot give"
    for kind, content in ((b"CERTIFICATE", material.certificate), (b"PRIVATE KEY", material.key)):
        if kind + b"-----" not in content:
            return f"no {kind.decode().lower()} in PEM form"
    if getattr(error, "reason", "") == "KEY_VALUES_MISMATCH":
        return "the key does not belong to the certificate"
    return f"certificate and key cannot be used: {getattr(error, 'reason', None) or 'malformed'}"


def _load_client_ca(made: ssl.SSLContext, material: Material, place: str) -> None:
    made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # as in Go, each certificate of the file is an anchor
    try:
        made.load_verify_locations(cadata=material.client_ca.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        problem = f"no certificates in PEM form: {getattr(error, 'reason', None) or 'malformed'}"
        raise ConfigurationError(Mistake(place, problem)) from None


def _read(path: str, place: str) -> bytes:
    try:
        return read_bytes(path, _LARGEST_FILE)[0]
    except ConfigurationError as error:
        raise ConfigurationError(*(Mistake(place, str(mistake)) for mistake in error.mistakes)) from None


class RefusedName(ssl.SSLError):
    """A client's certificate is verified and has no name that is let in."""


def _checking(allowed: frozenset[str]) -> type[ssl.SSLObject]:
    class Checking(ssl.SSLObject):
        """Ends a handshake whose client has none of the allowed names, before a request of it is read."""

        def do_handshake(self) -> None:
            super().do_handshake()
            if allowed.isdisjoint(_names(self.getpeercert())):
                raise RefusedName("client_allowed_sans names none of the client certificate's names")

    return Checking


def _names(certificate: Any) -> set[str]:
    """DNS names, e-mail addresses, IP addresses and URIs of a certificate as ``ssl`` decodes it."""
    return {_plain(value) for _, value in (certificate or {}).get("subjectAltName", ())}


def _plain(name: str) -> str:
    """An IP address in its one short form; any other name as it is."""
    try:
        return str(ipaddress.ip_address(name.strip()))
    except ValueError:
        return name


class Exchangeable(ssl.SSLContext):
    """Hands each new connection to :attr:`current`; connections that are open keep the context they began with."""

    current: ssl.SSLContext

    def __new__(cls, first: ssl.SSLContext) -> Exchangeable:
        made = super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)
        made.current = first
        return made

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        """What asyncio and uvloop begin a connection with."""
        return self.current.wrap_bio(*args, **kwargs)
