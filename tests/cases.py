"""A healthy kubeadm worker as the diagnosis gets it, for tests that change one detail; real certificates."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from exporter.config.settings import Pace, Rotation
from exporter.judge import rotation, store
from exporter.judge.case import Case
from exporter.judge.certificate import leaf, parse
from exporter.judge.kubelet import understand
from exporter.model.assessment import Certificate, Memory, Reading
from exporter.model.facts import NodeClock, NodeFacts, StoreEntry
from exporter.model.files import Condition, FileKind, PemFile
from exporter.model.host import Host
from exporter.model.kubelet import Kubelet
from tests.kubelets import CURRENT, DATED, DAY, HEALTHY, MINT, Worker, kubeconfig, pair
from tests.trees import NOW, YEAR, Mint, unarmour

AWAKE = Host("worker-1", "ubuntu", uptime=100.0 * DAY, awake=100.0 * DAY, zone=0)


def aged(share: float, life: int = YEAR, name: str = "worker-1", mint: Mint = MINT, *, serving: bool = False) -> bytes:
    """A certificate of which ``share`` is over now, rounded to the later second."""
    begin = NOW - int(share * life)
    return unarmour(mint.issue(f"system:node:{name}", begin, begin + life, serving=serving).certificate)


def issuer(mint: Mint, begin: int, end: int) -> bytes:
    """The certificate of ``mint`` itself, with the key identifier that its leaves point to."""
    key = mint._key
    names = x509.Name(mint.subject)
    builder = (
        x509.CertificateBuilder()
        .subject_name(names)
        .issuer_name(names)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.fromtimestamp(begin, UTC))
        .not_valid_after(datetime.fromtimestamp(end, UTC))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def using(der: bytes, worker: Worker = HEALTHY) -> Worker:
    """The same worker with this certificate in its store, and kubelet.conf naming the link."""
    here = pair(CURRENT, der, link=DATED)
    return replace(worker.with_files(here, pair(DATED, der)), kubeconfig=kubeconfig(certificate=here))


def line(name: str, age: float = 3600, size: int = 1100, kind: FileKind = FileKind.REGULAR) -> StoreEntry:
    """A line of the store's listing, ``age`` seconds old."""
    return StoreEntry(name, kind, 0o600, 0, 0, size, int(NOW - age))


def clock(offset: float, half_round_trip: float = 0.5) -> NodeClock:
    """A node's clock that is ``offset`` seconds ahead."""
    return NodeClock(NOW + offset, NOW - half_round_trip, NOW + half_round_trip)


def case(
    worker: Worker = HEALTHY,
    *,
    memory: Memory | None = None,
    owner: Rotation = Rotation.KUBELET,
    live: bytes | None = None,
    newest: tuple[PemFile, ...] = (),
    **fields: Any,
) -> Case:
    """What a visit of ``worker`` comes to; ``fields`` replace those of its facts."""
    facts = replace(worker.facts, **({"host": AWAKE} | fields))
    facts = replace(facts, store=replace(facts.store, newest=newest))
    return of(facts, memory or Memory(), owner, parse(live) if live else None)


def of(facts: NodeFacts, memory: Memory, owner: Rotation, live: Certificate | None = None) -> Case:
    """The case that facts make, as ``judge/assess.py`` bundles it."""
    seen = facts.process is not None or facts.kubeconfig is not None or facts.config is not None
    kubelet = understand(facts, memory) if seen else Kubelet()
    managed = owner is Rotation.KUBELET and kubelet.rotates is not False and not kubelet.distribution.renews_itself
    client = _reading(facts, _client(facts), managed=managed)
    served = _served(facts, kubelet)
    is_rotated = served is not None and served.path.endswith("/kubelet-server-current.pem")
    serving = _reading(facts, leaf(served), managed=is_rotated)
    return Case(
        facts=facts,
        kubelet=kubelet,
        restart=None,
        history=store.history(facts.store, facts.client),
        client=client,
        serving=serving,
        client_state=rotation.state(client or memory.client, facts.taken, Pace()),
        serving_state=rotation.state(serving or memory.serving, facts.taken, Pace()),
        memory=memory,
        now=facts.taken,
        owner=owner,
        serving_live=live,
    )


def _client(facts: NodeFacts) -> Certificate | None:
    is_bare = facts.client.condition is Condition.MISSING and facts.store.dated_client <= 1
    named = facts.kubeconfig.certificate if facts.kubeconfig and is_bare else None
    return leaf(named or facts.client)


def _served(facts: NodeFacts, kubelet: Kubelet) -> PemFile | None:
    named = facts.pem(kubelet.tls_cert_file) if kubelet.tls_cert_file else None
    return named or facts.serving


def _reading(facts: NodeFacts, certificate: Certificate | None, *, managed: bool) -> Reading | None:
    if certificate is None:
        return None
    witness = rotation.witness(certificate, facts.taken, facts.clock, None)
    shown = facts.clock.shown if facts.clock else None
    return Reading(certificate, facts.taken, witness, shown, managed)
