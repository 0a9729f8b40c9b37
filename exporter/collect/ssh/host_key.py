"""Is this host key the node's own? Asked after the key exchange and before any credential is sent."""

from __future__ import annotations

import base64
import hashlib

import paramiko

from exporter.collect.ssh.known_hosts import Known, KnownHosts
from exporter.config.settings import HostKeyPolicy
from exporter.errors import CollectError, Reason
from exporter.model.node import SshAccess

# A key of type ssh-rsa signs by any of these (RFC 8332).
_RSA = ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")


def known(name: str, access: SshAccess, hosts: KnownHosts) -> Known:
    """What is known of a node under its inventory name and its address."""
    return hosts.lookup((name, access.address), access.port)


def ask_for_known_kinds(transport: paramiko.Transport, kinds: frozenset[str]) -> None:
    """Prefer the host key algorithms that we could check, as ssh(1) does; else a server may show another key."""
    options = transport.get_security_options()
    wanted = {algorithm for kind in kinds for algorithm in (_RSA if kind == "ssh-rsa" else (kind,))}
    first = [algorithm for algorithm in options.key_types if algorithm in wanted]
    options.key_types = (*first, *(algorithm for algorithm in options.key_types if algorithm not in wanted))


def pinned_kinds(access: SshAccess) -> frozenset[str]:
    """The key types of a node's pinned keys; a fingerprint does not tell its own."""
    return frozenset(pin.split()[0] for pin in access.host_keys if not pin.startswith("SHA256:"))


def verify(key: paramiko.PKey, access: SshAccess, known_keys: Known) -> None:
    """Raises CollectError unless the key is the node's own, or the configuration spells out that any will do."""
    if access.policy is HostKeyPolicy.INSECURE:
        return
    blob = key.asbytes()
    if access.host_keys:
        refusal = (
            None if any(_is_pinned(pin, key.get_name(), blob) for pin in access.host_keys) else Reason.HOST_KEY_CHANGED
        )
        refusal = Reason.HOST_KEY_REVOKED if blob in known_keys.revoked else refusal
    else:
        refusal = known_keys.refusal(key.get_name(), blob)
    if refusal:
        raise CollectError(refusal, f"the node shows {key.get_name()} {fingerprint(blob)}{_but(access, known_keys)}")


def _but(access: SshAccess, known_keys: Known) -> str:
    """What the key contradicts."""
    if access.host_keys:
        return "; the configuration pins another"
    known = sorted(f"{kind} {fingerprint(key)}" for kind, key in known_keys.keys)
    return f"; known_hosts has {', '.join(known)}" if known else ""


def fingerprint(blob: bytes) -> str:
    """As ``ssh-keygen -l`` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def _is_pinned(pin: str, kind: str, blob: bytes) -> bool:
    if pin.startswith("SHA256:"):
        return pin.rstrip("=") == fingerprint(blob)
    pinned_kind, encoded = pin.split()[:2]
    return pinned_kind == kind and base64.b64decode(encoded) == blob
