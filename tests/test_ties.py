"""What ties a node to its cluster, out of what one visit saw."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from exporter.demo.signer import Authority, name
from exporter.judge.certificate import parse
from exporter.judge.ties import ties
from exporter.model.assessment import Ties
from exporter.model.facts import DirectoryCondition, NodeFacts, StoreFacts
from exporter.model.files import Condition, PemFile
from exporter.model.host import Host
from exporter.model.kubelet_files import Document, DocumentCondition, Kubeconfig
from tests.trees import unarmour

NOW, YEAR = 1_790_000_000, 31_536_000
OLD, NEW = Authority(), Authority()
CURRENT = PemFile("/var/lib/kubelet/pki/kubelet-client-current.pem", Condition.READ)


def leaf(authority: Authority, moment: int) -> bytes:
    """A client certificate in DER, signed at a moment."""
    return unarmour(authority.client("w1", moment, YEAR).certificate)


def authority(key: ec.EllipticCurvePrivateKey, years: int, *, identified: bool = True) -> bytes:
    """A CA's own certificate in DER."""
    begin = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name("kubernetes"))
        .issuer_name(name("kubernetes"))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(days=365 * years))
    )
    if identified:
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def facts(
    *,
    host: Host | None = None,
    bundle: Iterable[bytes] | None = None,
    server: str | None = None,
    newest: Iterable[bytes] = (),
) -> NodeFacts:
    """What a visit saw."""
    dated = tuple(PemFile(f"dated-{n}", Condition.READ, (der,)) for n, der in enumerate(newest))
    store = StoreFacts("/var/lib/kubelet/pki", DirectoryCondition.OK, newest=dated)
    kubeconfig = None
    if bundle is not None:
        document = Document("/etc/kubernetes/kubelet.conf", DocumentCondition.READ)
        kubeconfig = Kubeconfig(document, server, PemFile("#1", Condition.READ, tuple(bundle)))
    return NodeFacts(NOW, store, CURRENT, None, host=host, kubeconfig=kubeconfig)


def test_nothing_seen_ties_nothing() -> None:
    """A script that tells of the store alone."""
    assert ties(facts(), None) == Ties()


@pytest.mark.parametrize(
    ("host", "machine"),
    [(Host(machine="m", boot="b"), "m b"), (Host(machine="m"), ""), (Host(boot="b"), ""), (Host(), "")],
)
def test_a_machine_is_its_id_and_its_boot(host: Host, machine: str) -> None:
    """A cloned machine-id alone makes no two machines one, nor does the kernel that containers share."""
    assert ties(facts(host=host), None).machine == machine


def test_a_ca_is_known_by_its_key() -> None:
    """A CA that was renewed with its key is the same, another key is not; bytes that are no certificate are none."""
    one, two = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    first = ties(facts(bundle=[authority(one, 10)], server="https://api:6443"), None)
    assert first.server == "https://api:6443"
    assert first.trusted == (parse(authority(one, 10)).key_identifier,)
    assert ties(facts(bundle=[authority(one, 20)]), None).trusted == first.trusted
    assert ties(facts(bundle=[authority(two, 10)]), None).trusted != first.trusted
    both = ties(facts(bundle=[authority(two, 10), b"none", authority(one, 10), authority(one, 20)]), None)
    assert len(both.trusted) == 2
    assert both == ties(facts(bundle=[authority(one, 10), authority(two, 10)]), None)


def test_a_ca_without_an_identifier_is_known_by_itself() -> None:
    """Its fingerprint stands for its key."""
    plain = authority(ec.generate_private_key(ec.SECP256R1()), 10, identified=False)
    assert ties(facts(bundle=[plain]), None).trusted == (parse(plain).fingerprint,)


def test_who_issued_the_certificate_before() -> None:
    """The dated file that began last before the one in use, whatever orphans there are."""
    ours, before, long_before = leaf(NEW, NOW), leaf(OLD, NOW - 9000), leaf(NEW, NOW - 99_000)
    orphan = leaf(NEW, NOW + 500)
    found = ties(facts(newest=[orphan, ours, before, long_before]), parse(ours))
    assert found.issuer_before == parse(before).authority_identifier
    assert found.issuer_before != parse(ours).authority_identifier
    assert ties(facts(newest=[ours, orphan]), parse(ours)).issuer_before == ""
    assert ties(facts(newest=[before]), None).issuer_before == ""
