"""Which certificate is which key's."""

from __future__ import annotations

from exporter.config.settings import IdentityFile


def pair(keys: tuple[str, ...], certificates: tuple[str, ...]) -> tuple[tuple[IdentityFile, ...], tuple[str, ...]]:
    """Identities, and the certificates that fit none.

    ssh(1) looks into the files; here the names must tell: ``KEY-cert.pub``, or there is one key and one certificate.
    """
    if len(keys) == len(certificates) == 1:
        return (IdentityFile(keys[0], certificates[0]),), ()
    named = {key: f"{key}-cert.pub" for key in keys}
    identities = tuple(IdentityFile(key, path if path in certificates else None) for key, path in named.items())
    return identities, tuple(path for path in certificates if path not in named.values())
