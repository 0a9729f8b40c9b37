"""``--web.config.file``: who may ask the exporter, and how, in the format of Prometheus' exporter-toolkit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, StrictBool, StrictInt, model_validator

from exporter.config.ciphers import TLS13_SUITES, cipher_suite, curve
from exporter.config.document import Document, Place, parse_yaml
from exporter.config.duration import parse_go_duration
from exporter.config.loading import read_text, validated
from exporter.config.section import Section
from exporter.config.value import FilePath
from exporter.errors import ConfigurationError, Mistake

TLS = "tls_server_config"
MOST_COST = 16  # of bcrypt: about six seconds a comparison, and each step doubles it
_BCRYPT = re.compile(r"\$2[aby]\$(?P<cost>0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")
_HEADERS: dict[str, tuple[str, ...]] = {
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
    "Content-Security-Policy": (),
}


class ClientAuth(StrEnum):
    """Whether a client shows a certificate of its own."""

    NONE = "NoClientCert"
    IF_GIVEN = "VerifyClientCertIfGiven"
    REQUIRED = "RequireAndVerifyClientCert"


class TlsVersion(StrEnum):
    """The versions of TLS that are served."""

    TLS12 = "TLS12"
    TLS13 = "TLS13"


def _client_auth(value: Any) -> Any:
    if value in ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert"):
        raise ValueError(f"{value} verifies nothing and is not supported; use {ClientAuth.REQUIRED}")
    return value


def _tls_version(value: Any) -> Any:
    if value in ("TLS10", "TLS11"):
        raise ValueError("TLS 1.0 and 1.1 are not supported")
    return value


def _password_hash(secret: SecretStr) -> SecretStr:
    found = _BCRYPT.fullmatch(secret.get_secret_value())
    if not found:
        raise ValueError("not a bcrypt hash such as `htpasswd -nBC 10` prints ($2a$, $2b$ or $2y$)")
    if int(found["cost"]) > MOST_COST:
        raise ValueError(f"a cost above {MOST_COST} takes longer than a scrape waits")
    return secret


def _number_as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class WebSection(Section):
    """A section where, as in exporter-toolkit, an empty value is the same as none."""

    @model_validator(mode="before")
    @classmethod
    def _empty_is_unset(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: inner for key, inner in value.items() if inner not in (None, "") or key not in cls.model_fields}


class TlsServer(WebSection):
    """The exporter's certificate, and what it asks of its clients."""

    cert: str | None = None
    key: SecretStr | None = None
    client_ca: str | None = None
    cert_file: FilePath | None = None
    key_file: FilePath | None = None
    client_ca_file: FilePath | None = None
    client_auth_type: Annotated[ClientAuth, BeforeValidator(_client_auth)] = ClientAuth.NONE
    client_allowed_sans: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    min_version: Annotated[TlsVersion, BeforeValidator(_tls_version)] = TlsVersion.TLS12
    max_version: Annotated[TlsVersion, BeforeValidator(_tls_version)] = TlsVersion.TLS13
    cipher_suites: tuple[Annotated[str, AfterValidator(cipher_suite)], ...] = ()
    prefer_server_cipher_suites: StrictBool = True
    curve_preferences: tuple[Annotated[str, AfterValidator(curve)], ...] = ()


class HttpServer(WebSection):
    """``http2`` is taken and asks for nothing: a client that could speak it is served HTTP/1.1."""

    http2: StrictBool = True
    headers: dict[str, Annotated[str, BeforeValidator(_number_as_text)]] = Field(default_factory=dict)


class RateLimit(WebSection):
    """A token bucket: a request each ``interval`` seconds, and ``burst`` of them at once."""

    interval: Annotated[float, BeforeValidator(parse_go_duration)] = 0.0
    burst: Annotated[StrictInt, Field(ge=0, le=1_000_000)] = 0


class WebConfig(WebSection):
    """The whole file."""

    tls_server_config: TlsServer = TlsServer()
    http_server_config: HttpServer = HttpServer()
    basic_auth_users: dict[str, Annotated[SecretStr, AfterValidator(_password_hash)]] = Field(default_factory=dict)
    rate_limit: RateLimit = RateLimit()

    @property
    def has_tls(self) -> bool:
        """Any word about TLS asks for it: what is missing then is a mistake, never a plain listener."""
        return bool(self.tls_server_config.model_fields_set)


def load_web_config(path: str) -> tuple[WebConfig, Document]:
    """The file's settings and where each stands. Raises ConfigurationError with every mistake."""
    document = parse_yaml(path, read_text(path))
    data = {} if document.data is None else document.data
    if not isinstance(data, dict):
        raise ConfigurationError(Mistake(path, "not a mapping of settings"))
    config = validated(WebConfig, data, document)
    mistakes = [Mistake(document.place(at), message) for at, message in _unmet(config)]
    if mistakes:
        raise ConfigurationError(*mistakes)
    return config, document


def _unmet(config: WebConfig) -> Iterator[tuple[Place, str]]:
    """Every setting that asks for another one, or that may not be what it is."""
    if config.has_tls:
        yield from _unmet_by_tls(config.tls_server_config)
    for name, value in config.http_server_config.headers.items():
        problem = _header_problem(name, value)
        if problem:
            yield ("http_server_config", "headers", name), problem
    for name in config.basic_auth_users:
        if ":" in name:
            yield ("basic_auth_users", name), "a name cannot have a colon"
    if config.rate_limit.interval and not config.rate_limit.burst:
        yield ("rate_limit",), "a burst of 0 would refuse every request"


def _header_problem(name: str, value: str) -> str:
    if name not in _HEADERS:
        return f"cannot be set; possible are {', '.join(_HEADERS)}"
    if _HEADERS[name] and value not in _HEADERS[name]:
        return f"may be {' or '.join(_HEADERS[name])}"
    return "" if value.isascii() and value.isprintable() else "has a character that a header cannot have"


def _unmet_by_tls(tls: TlsServer) -> Iterator[tuple[Place, str]]:
    for text, file in (("cert", "cert_file"), ("key", "key_file"), ("client_ca", "client_ca_file")):
        if getattr(tls, text) and getattr(tls, file):
            yield (TLS, text), f"given twice: {text} and {file}"
        elif text != "client_ca" and not getattr(tls, text) and not getattr(tls, file):
            yield (TLS,), f"{file} is needed"
    has_ca = bool(tls.client_ca or tls.client_ca_file)
    if has_ca and tls.client_auth_type is ClientAuth.NONE:
        yield (
            (TLS, "client_ca" if tls.client_ca else "client_ca_file"),
            f"asks for nothing without client_auth_type: {ClientAuth.REQUIRED}",
        )
    if not has_ca and tls.client_auth_type is not ClientAuth.NONE:
        yield (TLS, "client_auth_type"), "needs client_ca_file: no other certificate authority is trusted"
    if tls.client_allowed_sans and tls.client_auth_type is not ClientAuth.REQUIRED:
        yield (TLS, "client_allowed_sans"), f"needs client_auth_type: {ClientAuth.REQUIRED}"
    if tls.min_version > tls.max_version:
        yield (TLS, "min_version"), "above max_version"
    if tls.cipher_suites and TLS13_SUITES.issuperset(tls.cipher_suites) and tls.max_version is TlsVersion.TLS12:
        yield (TLS, "cipher_suites"), "none of them is one of TLS 1.2, and max_version allows no other"
    if len(tls.curve_preferences) > 1:
        yield (TLS, "curve_preferences"), "one curve at most: Python's ssl takes no list"
