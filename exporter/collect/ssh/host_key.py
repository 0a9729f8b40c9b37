"""Is this host key the host's own? Asked after the key exchange and before any credential is sent."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import paramiko

from exporter.collect.ssh import host_certificate
from exporter.collect.ssh.accepted import AcceptedKeys
from exporter.collect.ssh.fingerprint import fingerprint
from exporter.collect.ssh.known_hosts import DEFAULT_PORT, Known, KnownHosts
from exporter.collect.ssh.paramiko_internals import PeerTransport
from exporter.config.settings import HostKeyPolicy
from exporter.errors import CollectError, Reason
from exporter.model.node import SshAccess

# A key of type ssh-rsa signs by any of these (RFC 8332).
_RSA = ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")


@dataclass(frozen=True, slots=True)
class Trust:
    """What makes a host key trusted: known_hosts, the keys that were accepted, and how CAs are taken."""

    hosts: KnownHosts
    accepted: AcceptedKeys | None = None
    ca_wildcards: bool = False
    clock: Callable[[], float] = field(default=time.time)

    def of(self, access: SshAccess) -> HostCheck:
        return HostCheck(self, access)


class HostCheck:
    """One host's key: which kinds to ask for, and whether what came is to be trusted."""

    def __init__(self, trust: Trust, access: SshAccess) -> None:
        self._trust = trust
        self._access = access
        self._port = DEFAULT_PORT if access.host_key_alias else access.port
        self._known = trust.hosts.lookup(access.meant, self._port)
        self._kept = Known()
        if access.policy is HostKeyPolicy.ACCEPT_NEW and trust.accepted:
            self._kept = trust.accepted.lookup(access.meant[0], self._port)

    def ask_for_known_kinds(self, transport: PeerTransport) -> None:
        """Prefer what we could check, as ssh(1) does; else a server may show another key than the one that is known."""
        with_certificates = bool(self._known.authorities) and not self._access.host_keys
        transport.prefer_host_keys(_in_order(tuple(transport.preferred_keys), self._kinds, with_certificates))

    def verify(self, key: paramiko.PKey) -> None:
        """Raises CollectError unless the key is the host's own, or the configuration takes it as it is."""
        if self._access.policy is HostKeyPolicy.INSECURE:
            return
        refusal = self._refusal(key)
        if refusal is None:
            return
        if refusal is Reason.HOST_KEY_UNKNOWN and self._may_be_new and self._trust.accepted:
            self._trust.accepted.accept(self._access.meant[0], self._port, key.get_name(), key.asbytes())
            return
        shown = f"the host shows {key.get_name()} {fingerprint(key.asbytes())}"
        raise CollectError(refusal, shown + self._but(certificate(key)))

    @property
    def may_be_kept(self) -> bool:
        """Whether :meth:`verify` may have a first key to write down, and so a file to wait for."""
        return self._may_be_new and self._trust.accepted is not None

    @property
    def _kinds(self) -> frozenset[str]:
        """The key types that are known; a pinned fingerprint does not tell its own."""
        pinned = frozenset(pin.split()[0] for pin in self._access.host_keys if not pin.startswith("SHA256:"))
        return pinned if self._access.host_keys else self._known.kinds | self._kept.kinds

    @property
    def _may_be_new(self) -> bool:
        known = self._known.keys and not self._known.of_another_port
        nothing_known = not known and not self._kept.keys and not self._access.host_keys
        return self._access.policy is HostKeyPolicy.ACCEPT_NEW and nothing_known

    def _refusal(self, key: paramiko.PKey) -> Reason | None:
        blob, kind = key.asbytes(), key.get_name()
        if blob in self._known.revoked | self._kept.revoked:
            return Reason.HOST_KEY_REVOKED
        if self._access.host_keys:
            pinned = any(_is_pinned(pin, kind, blob) for pin in self._access.host_keys)
            return None if pinned else Reason.HOST_KEY_CHANGED
        if (kind, blob) in self._known.keys | self._kept.keys:
            return None
        shown = certificate(key)
        if shown and self._known.authorities:
            return self._refusal_of_certificate(shown)
        refusal = self._known.refusal(kind, blob)
        if refusal is Reason.HOST_KEY_UNKNOWN and self._kept.keys:
            return Reason.HOST_KEY_CHANGED  # its first key was of another kind
        return refusal

    def _refusal_of_certificate(self, shown: bytes) -> Reason | None:
        signer = host_certificate.authority(shown)
        if signer is None:
            return Reason.HOST_CERTIFICATE_MALFORMED
        if signer in self._known.revoked:
            return Reason.HOST_KEY_REVOKED
        if signer not in self._known.authorities:
            return Reason.HOST_CERTIFICATE_UNKNOWN_CA
        meant = self._access.meant[:1]  # the name that we mean, not the address alone
        wildcards = self._trust.ca_wildcards
        return host_certificate.refusal(shown, meant, self._trust.clock(), wildcards=wildcards)

    def _but(self, shown: bytes | None) -> str:
        """What the key contradicts."""
        if self._access.host_keys:
            return "; the configuration pins another"
        if shown and self._known.authorities:
            return f", in a certificate for {host_certificate.principals(shown) or 'no host'}"
        known = sorted(f"{kind} {fingerprint(key)}" for kind, key in self._known.keys | self._kept.keys)
        return f"; known is {', '.join(known)}" if known else ""


def certificate(key: paramiko.PKey) -> bytes | None:
    """The whole certificate that a host showed its key in."""
    shown = key.public_blob
    return shown.key_blob if shown and shown.key_type.endswith(host_certificate.SUFFIX) else None


def _is_pinned(pin: str, kind: str, blob: bytes) -> bool:
    if pin.startswith("SHA256:"):
        return pin.rstrip("=") == fingerprint(blob)
    pinned_kind, encoded = pin.split()[:2]
    return pinned_kind == kind and base64.b64decode(encoded) == blob


@lru_cache(maxsize=64)
def _in_order(names: tuple[str, ...], kinds: frozenset[str], with_certificates: bool) -> tuple[str, ...]:  # noqa: FBT001 - of this module alone
    """Host key algorithms, those of the known kinds first; certificates before all, or not at all."""
    algorithms = [name for name in names if not name.endswith(host_certificate.SUFFIX)]
    wanted = {algorithm for kind in kinds for algorithm in (_RSA if kind == "ssh-rsa" else (kind,))}
    first = [algorithm for algorithm in algorithms if algorithm in wanted]
    last = [algorithm for algorithm in algorithms if algorithm not in wanted]
    certificates = [name + host_certificate.SUFFIX for name in algorithms if name != "ssh-rsa"]
    return (*(certificates if with_certificates else ()), *first, *last)
