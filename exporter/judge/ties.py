"""What a visit saw that only means something once nodes are compared: :class:`Ties`, for ``judge/cohort.py``."""

from __future__ import annotations

from exporter.judge.certificate import NotACertificate, leaf, parse
from exporter.model.assessment import Certificate, Ties
from exporter.model.facts import NodeFacts
from exporter.model.files import PemFile


def ties(facts: NodeFacts, client: Certificate | None) -> Ties:
    """``client`` is the node's client certificate as this visit saw it."""
    host, kubeconfig = facts.host, facts.kubeconfig
    return Ties(
        machine=f"{host.machine} {host.boot}" if host and host.machine and host.boot else "",
        server=(kubeconfig.server or "") if kubeconfig else "",
        trusted=_keys(kubeconfig.authority) if kubeconfig else (),
        issuer_before=_issuer_before(facts, client) if client else "",
    )


def _keys(bundle: PemFile | None) -> tuple[str, ...]:
    """By key, not by certificate: a CA that was renewed with its key is the same to a client."""
    found = [_parsed(encoded) for encoded in bundle.certificates] if bundle else []
    return tuple(sorted({one.key_identifier or one.fingerprint for one in found if one}))


def _issuer_before(facts: NodeFacts, client: Certificate) -> str:
    """Of the store's newest dated files, by the certificate that began last before ``client`` did."""
    earlier = [found for file in facts.store.newest if (found := leaf(file)) and found.not_before < client.not_before]
    return max(earlier, key=lambda found: found.not_before).authority_identifier if earlier else ""


def _parsed(encoded: bytes) -> Certificate | None:
    try:
        return parse(encoded)
    except NotACertificate:
        return None  # the kubelet's own reader skips nothing, but that is another cause
