"""The demo's signer and store: dates, names, modes and failures as Kubernetes has them."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from exporter.demo.signer import Authority, Pair, PrivateKey
from exporter.demo.store import FileStore, StoreError
from tests.trees import NOW, YEAR, Mint

DATED = r"kubelet-client-2026-09-21-"


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process whose local time is nine hours ahead."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


def store(tmp_path: Path, rotations: int = 1) -> FileStore:
    """A store after its first rotations, an hour apart."""
    made = FileStore(tmp_path / "pki")
    for back in reversed(range(rotations)):
        made.update(Mint().leaf(), NOW - back * 3600)
    return made


@pytest.mark.parametrize(
    ("ttl", "lifetime", "age_and_rest"),
    [
        (8760 * 3600, 8760 * 3600, (300, 8760 * 3600 - 300)),
        (24 * 3600, 24 * 3600, (300, 24 * 3600 - 300)),
        (8 * 3600, 8 * 3600, (300, 8 * 3600 - 300)),
        (479 * 60, 479 * 60 + 300, (300, 479 * 60)),
        (3600, 3900, (300, 3600)),
        (600, 900, (300, 600)),
        (120, 420, (300, 120)),
    ],
)
def test_dates_are_the_controller_managers(ttl: int, lifetime: int, age_and_rest: tuple[int, int]) -> None:
    """Five minutes of backdate; a short TTL is not shortened by it, a long one is (rotation-truth 1.1)."""
    certificate = x509.load_pem_x509_certificate(Authority().client("worker-1", NOW, ttl).certificate)
    begin, end = (int(it.timestamp()) for it in (certificate.not_valid_before_utc, certificate.not_valid_after_utc))
    assert (end - begin, (NOW - begin, end - NOW)) == (lifetime, age_and_rest)


@pytest.mark.parametrize(("left", "lifetime"), [(86400, 86700), (2 * YEAR, YEAR)])
def test_the_authority_caps_its_leaves(left: int, lifetime: int) -> None:
    """No certificate outlives its issuer."""
    begin, end = Authority(not_after=NOW + left).dates(NOW, YEAR)
    assert end - begin == lifetime


def test_a_client_certificate_is_a_kubelets() -> None:
    """Names, usages and constraints are those of a kubelet's client certificate."""
    certificate = x509.load_pem_x509_certificate(Authority().client("worker-1", NOW, YEAR).certificate)
    assert certificate.subject.rfc4514_string() == "CN=system:node:worker-1,O=system:nodes"
    assert certificate.issuer.rfc4514_string() == "CN=kubernetes"
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [it.dotted_string for it in usage] == ["1.3.6.1.5.5.7.3.2"]
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value.ca) == (True, False)


def test_every_leaf_has_its_own_serial_and_key() -> None:
    """Two certificates of one node are two certificates."""
    authority = Authority()
    one, two = authority.client("n", NOW, YEAR), authority.client("n", NOW, YEAR)
    serials = {x509.load_pem_x509_certificate(pair.certificate).serial_number for pair in (one, two)}
    assert (len(serials), one.key == two.key) == (2, False)


@pytest.mark.parametrize(
    ("key", "header"),
    [
        (ec.generate_private_key(ec.SECP256R1()), b"-----BEGIN EC PRIVATE KEY-----"),
        (rsa.generate_private_key(public_exponent=65537, key_size=2048), b"-----BEGIN RSA PRIVATE KEY-----"),
        (ed25519.Ed25519PrivateKey.generate(), b"-----BEGIN PRIVATE KEY-----"),
    ],
    ids=["ec", "rsa", "ed25519"],
)
def test_a_pair_belongs_together(key: PrivateKey, header: bytes) -> None:
    """The key of a pair is its certificate's, in the form in which a kubelet stores it."""
    pair = Authority().issue("n", NOW, NOW + YEAR, key=key, serving=True)
    certificate = x509.load_pem_x509_certificate(pair.certificate)
    loaded = serialization.load_pem_private_key(pair.key, None)
    assert pair.key.startswith(header + b"\n")
    assert loaded.public_key() == certificate.public_key()


# The store.


def test_a_rotation_writes_a_dated_file_and_moves_the_link(tmp_path: Path) -> None:
    """Leaf, chain and key in a file of mode 0600, and an absolute link to it."""
    made, pair, chain = FileStore(tmp_path / "pki"), Mint().leaf(), Mint().leaf().certificate
    path = made.update(pair, NOW, chain)
    assert path.read_bytes() == pair.certificate + chain + pair.key
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600
    assert (os.readlink(made.current), path.is_absolute()) == (str(path), True)
    assert sorted(it.name for it in made.directory.iterdir()) == [path.name, "kubelet-client-current.pem"]
    assert int(path.stat().st_mtime) == NOW


def test_old_files_stay(tmp_path: Path) -> None:
    """Dated files of past rotations are never deleted."""
    made = store(tmp_path, rotations=5)
    assert len(list(made.directory.glob(f"{DATED}*.pem"))) == 5
    assert os.readlink(made.current) == str(made.dated(NOW))


@pytest.mark.usefixtures("tokyo")
def test_a_name_is_local_time(tmp_path: Path) -> None:
    """The date in a name is the kubelet's local time; the mtime is not."""
    made = store(tmp_path)
    assert os.readlink(made.current).endswith("/kubelet-client-2026-09-21-23-13-20.pem")


def test_the_server_has_its_own_prefix(tmp_path: Path) -> None:
    """Both certificates share a directory and no name."""
    server = FileStore(store(tmp_path).directory, "kubelet-server")
    path = server.update(Mint().leaf(), NOW)
    assert path.name.startswith("kubelet-server-2026-09-21-")
    assert server.current.name == "kubelet-server-current.pem"
    assert len(list(server.directory.iterdir())) == 4


def test_a_relative_directory_makes_an_absolute_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Since 1.9 a relative certificate directory makes no broken link."""
    monkeypatch.chdir(tmp_path)
    made = FileStore(Path("pki"))
    made.update(Mint().leaf(), NOW)
    assert os.readlink(made.current).startswith(str(tmp_path))
    assert made.current.exists()


@pytest.mark.parametrize("name", ["kubelet-client-current.pem", "kubelet-client-updated.pem"])
def test_a_regular_file_in_place_of_a_link_makes_orphans(name: str, tmp_path: Path) -> None:
    """The link cannot be moved, and the pair that was stored before lies there unused."""
    made = store(tmp_path)
    before = os.readlink(made.current)
    path = made.directory / name
    path.unlink(missing_ok=True)
    path.write_bytes(b"a copy\n")
    pair = Mint().leaf()
    with pytest.raises(StoreError, match=f'expected ".*/{name}" to be a symlink but it is a file'):
        made.update(pair, NOW + 60)
    assert made.dated(NOW + 60).read_bytes() == pair.certificate + pair.key
    assert path.read_bytes() == b"a copy\n"
    assert not made.current.is_symlink() or os.readlink(made.current) == before


def test_a_link_left_over_is_replaced(tmp_path: Path) -> None:
    """A stale link named updated does not stop a rotation."""
    made = store(tmp_path)
    made.updated.symlink_to("/nowhere")
    path = made.update(Mint().leaf(), NOW + 60)
    assert (os.readlink(made.current), made.updated.is_symlink()) == (str(path), False)


def test_a_death_in_the_gap_is_mended_when_the_store_is_opened(tmp_path: Path) -> None:
    """A link that was not renamed becomes current."""
    made = store(tmp_path)
    made.current.rename(made.updated)
    opened = FileStore(made.directory)
    assert (os.readlink(opened.current), opened.updated.is_symlink()) == (str(made.dated(NOW)), False)


def test_opening_changes_nothing_where_current_is_there(tmp_path: Path) -> None:
    """With a current that works a leftover stays where it is."""
    made = store(tmp_path)
    made.updated.symlink_to("/nowhere")
    opened = FileStore(made.directory)
    assert (os.readlink(opened.current), os.readlink(opened.updated)) == (str(made.dated(NOW)), "/nowhere")


def test_opening_leaves_a_regular_current_alone(tmp_path: Path) -> None:
    """client-go's recover looks whether current exists, file or link, and touches nothing where it does."""
    made = store(tmp_path)
    made.current.rename(made.updated)
    made.current.write_bytes(b"a copy\n")
    opened = FileStore(made.directory)
    assert (opened.current.read_bytes(), opened.updated.is_symlink()) == (b"a copy\n", True)


def test_opening_replaces_a_link_that_dangles(tmp_path: Path) -> None:
    """client-go's recover follows the link: a current that leads nowhere is none, and updated takes its place."""
    made = store(tmp_path)
    made.current.rename(made.updated)
    made.current.symlink_to(made.directory / "kubelet-client-gone.pem")
    opened = FileStore(made.directory)
    assert (os.readlink(opened.current), opened.updated.is_symlink()) == (str(made.dated(NOW)), False)


def test_opening_fails_on_a_regular_updated_without_current(tmp_path: Path) -> None:
    """client-go's recover refuses a file in place of the link that it would rename."""
    made = store(tmp_path)
    made.current.unlink()
    made.updated.write_bytes(b"a copy\n")
    with pytest.raises(StoreError):
        FileStore(made.directory)


def test_a_pair_is_plain_bytes() -> None:
    """A pair holds PEM, nothing parsed."""
    pair = Mint().leaf()
    assert isinstance(pair, Pair)
    assert (pair.certificate.count(b"BEGIN"), pair.key.count(b"BEGIN")) == (1, 1)
