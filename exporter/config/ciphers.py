"""TLS in Go's words, as exporter-toolkit's files have them, and in OpenSSL's."""

from __future__ import annotations

# What Go's tls.CipherSuites() has named in all of its versions. The suites of TLS 1.3 are on whatever a list says.
TLS13_SUITES = frozenset({"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"})
TLS12_SUITES = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
}
CURVES = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1"}


def cipher_suite(name: str) -> str:
    """``name``, if it is a suite that is served. Raises ValueError that says why another one is not."""
    if name in TLS12_SUITES or name in TLS13_SUITES:
        return name
    if name.startswith("TLS_RSA_WITH_"):
        raise ValueError(f"{name} has no forward secrecy and is not supported")
    raise ValueError(f"unknown cipher {name!r}; known are Go's ECDHE suites of TLS 1.2 and those of TLS 1.3")


def curve(name: str) -> str:
    """``name``, if it is one of exporter-toolkit's curves that every Python's ssl can choose. Raises ValueError."""
    if name == "X25519":
        raise ValueError("X25519 alone cannot be chosen; it comes first where curve_preferences is left out")
    if name not in CURVES:
        raise ValueError(f"unknown curve {name!r}; known are {', '.join(CURVES)}")
    return name
