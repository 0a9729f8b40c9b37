"""The local reader under a mounted root: what it must not touch, must not wait for and must not read."""

from __future__ import annotations

import gc
import itertools
import os
import shutil
import stat
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from exporter.collect import pem
from exporter.collect.local.rooted import RootedTree
from exporter.collect.local.transport import LocalTransport
from exporter.collect.local.walk import OutsideRootError
from exporter.config.settings import HostKeyPolicy, Paths
from exporter.demo.signer import PrivateKey
from exporter.errors import CollectError, Reason
from exporter.model.facts import DirectoryCondition, NodeFacts
from exporter.model.files import Condition, KeyBlock, PemFile
from exporter.model.node import LocalAccess, Node, SshAccess
from tests.trees import CURRENT, END, NOW, YEAR, Mint, healthy, linked, plain, rotate, unarmour

STORE = "/var/lib/kubelet/pki"
CLIENT = f"{STORE}/{CURRENT}"


def read(root: Path, paths: Paths | None = None) -> NodeFacts:
    """One visit below ``root``, without its pause."""
    transport = LocalTransport(clock=lambda: float(NOW), sleep=lambda _: None)
    return transport.read(Node("worker-1", LocalAccess(str(root)), paths or Paths()))


def node_link(root: Path, target: str) -> None:
    """Let the client's link lead to ``target`` as the node would see it."""
    link = root / CLIENT[1:]
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(target)


def with_node_paths(root: Path, mint: Mint) -> bytes:
    """A healthy store whose links are absolute on the node; the DER of its certificate."""
    directory = healthy(root, mint)
    target = (directory / CURRENT).resolve()
    node_link(root, f"{STORE}/{target.name}")
    return unarmour(target.read_bytes().split(END)[0])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A mounted root that is not the machine's."""
    path = tmp_path / "root"
    path.mkdir()
    return path


def test_an_absolute_link_is_resolved_within_the_root(root: Path) -> None:
    """The kubelet's absolute link leads to the file below the mounted root."""
    certificate = with_node_paths(root, Mint())
    facts = read(root)
    assert (facts.client.condition, facts.client.certificates) == (Condition.READ, (certificate,))
    assert facts.client.path == CLIENT
    assert facts.client.link is not None
    assert facts.client.link.startswith(f"{STORE}/kubelet-client-2026-09-")


def test_the_moment_of_reading_is_the_readers_clock(root: Path) -> None:
    """Facts carry the exporter's clock, and no node clock, version or user: a mount has none to see."""
    with_node_paths(root, Mint())
    facts = read(root)
    assert (facts.taken, facts.clock, facts.script_version, facts.uid) == (float(NOW), None, "", None)


def test_absolute_directory_links_stay_within_the_root(root: Path) -> None:
    """A store that is an absolute link, through another absolute link, is followed below the root."""
    certificate = with_node_paths(root, Mint())
    (root / "data").mkdir()
    (root / "var/lib/kubelet").rename(root / "data/kubelet")
    (root / "mnt").symlink_to("/data")
    (root / "var/lib/kubelet").symlink_to("/mnt/kubelet")
    facts = read(root)
    assert (facts.client.condition, facts.client.certificates) == (Condition.READ, (certificate,))
    assert (facts.store.condition, facts.store.dated_client) == (DirectoryCondition.OK, 3)


def test_a_relative_link_up_and_down_within_the_root_is_read(root: Path) -> None:
    """Two dots are no crime while they stay below the root."""
    certificate = with_node_paths(root, Mint())
    target = os.readlink(root / CLIENT[1:]).rpartition("/")[2]
    node_link(root, f"../../../../var/lib/kubelet/pki/{target}")
    assert read(root).client.certificates == (certificate,)


@pytest.mark.parametrize(
    "target",
    ["../../../../../outside.pem", "/../outside.pem", "../../../../../../../../etc/passwd", "/var/../../outside.pem"],
)
def test_a_link_above_the_root_is_outside(target: str, root: Path) -> None:
    """A link that climbs out of the root is told as such, and what it leads to is not read."""
    pair = Mint().leaf()
    plain(root.parent / "outside.pem", pair.certificate + pair.key)
    node_link(root, target)
    client = read(root).client
    assert (client.condition, client.certificates, client.link) == (Condition.OUTSIDE_ROOT, (), target)


def test_a_link_to_the_hosts_own_path_dangles(root: Path) -> None:
    """An absolute link that means a file of this machine finds nothing below the root."""
    pair = Mint().leaf()
    outside = plain(root.parent / "outside.pem", pair.certificate + pair.key)
    node_link(root, str(outside))
    client = read(root).client
    assert (client.condition, client.certificates) == (Condition.DANGLING, ())


def test_a_link_to_dev_zero_dangles_where_the_root_has_none(root: Path) -> None:
    """The machine's own devices are not the node's."""
    node_link(root, "/dev/zero")
    assert read(root).client.condition is Condition.DANGLING


def test_a_store_above_the_root_is_outside(root: Path) -> None:
    """A certificate directory that is a link out of the root is told as such."""
    rotate(root.parent / "pki", Mint())
    (root / "var/lib/kubelet").mkdir(parents=True)
    (root / STORE[1:]).symlink_to("../../../../pki")
    facts = read(root)
    assert (facts.store.condition, facts.client.condition) == (DirectoryCondition.OUTSIDE_ROOT, Condition.OUTSIDE_ROOT)


@pytest.mark.parametrize("length", [1, 2, 5])
def test_links_in_circles_end(length: int, root: Path) -> None:
    """A loop of links is told as leading nowhere, and ends."""
    directory = root / STORE[1:]
    directory.mkdir(parents=True)
    names = [CURRENT, *(f"loop-{number}.pem" for number in range(1, length)), CURRENT]
    for name, target in itertools.pairwise(names):
        (directory / name).symlink_to(f"{STORE}/{target}")
    assert read(root).client.condition is Condition.OUTSIDE_ROOT


def test_a_chain_of_forty_links_is_followed_and_of_forty_one_is_not(root: Path) -> None:
    """As many links are followed as the kernel itself follows."""
    with_node_paths(root, Mint())
    directory = root / STORE[1:]
    target = os.readlink(directory / CURRENT)
    for number in range(40):
        (directory / f"hop-{number}").symlink_to(f"{STORE}/hop-{number + 1}" if number < 39 else target)
    node_link(root, f"{STORE}/hop-1")
    assert read(root).client.condition is Condition.READ
    node_link(root, f"{STORE}/hop-0")
    assert read(root).client.condition is Condition.OUTSIDE_ROOT


@pytest.mark.parametrize("kind", ["fifo", "socket", "character", "directory"])
@pytest.mark.parametrize("through", ["link", "itself"])
def test_what_is_no_file_is_never_opened(kind: str, through: str, root: Path) -> None:
    """A FIFO, socket, device or directory is told as no regular file, at once."""
    directory = root / STORE[1:]
    directory.mkdir(parents=True)
    path = directory / ("thing.pem" if through == "link" else CURRENT)
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "socket":
            os.mknod(path, stat.S_IFSOCK | 0o600)
        case "character":
            if os.geteuid() != 0:
                pytest.skip("only root makes devices")
            os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))
        case "directory":
            path.mkdir()
    if through == "link":
        node_link(root, f"{STORE}/thing.pem")
    done: list[Condition] = []
    reader = threading.Thread(target=lambda: done.append(read(root).client.condition), daemon=True)
    reader.start()
    reader.join(10)
    assert done == [Condition.NOT_REGULAR]


def test_a_dated_fifo_does_not_stop_the_reading(root: Path) -> None:
    """A FIFO among the newest dated files is listed and not opened."""
    certificate = with_node_paths(root, Mint())
    os.mkfifo(root / STORE[1:] / "kubelet-client-9999-01-01-00-00-00.pem")
    facts = read(root)
    assert facts.client.certificates == (certificate,)
    assert [file.condition for file in facts.store.newest] == [Condition.READ, Condition.READ, Condition.NOT_REGULAR]


def test_a_missing_root_has_its_reason(root: Path) -> None:
    """Where the mount itself is gone the visit fails and names it."""
    with pytest.raises(CollectError) as caught:
        read(root / "gone")
    assert caught.value.reason is Reason.ROOT_MISSING


def test_a_root_that_is_a_file_has_its_reason(root: Path) -> None:
    """A file in the place of the mounted root is no root."""
    with pytest.raises(CollectError) as caught:
        read(plain(root / "file", b""))
    assert caught.value.reason is Reason.ROOT_MISSING


def test_an_empty_root_has_no_store(root: Path) -> None:
    """A root without a kubelet is read: its store and link are missing."""
    facts = read(root)
    assert (facts.store.condition, facts.client.condition, facts.serving) == (
        DirectoryCondition.MISSING,
        Condition.MISSING,
        None,
    )


def test_a_node_of_ssh_is_not_read_from_a_mount() -> None:
    """A node without a root is a mistake of the caller's."""
    node = Node("n", SshAccess("192.0.2.1", 22, "root", (), HostKeyPolicy.STRICT), Paths())
    with pytest.raises(TypeError):
        LocalTransport().read(node)


def test_no_descriptor_is_left_open(root: Path) -> None:
    """A hundred visits, good and bad ones, leave as many open descriptors as there were."""
    with_node_paths(root, Mint())
    node_link(root / "sick", "../../../../../../x")
    gc.collect()  # what other tests left
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        read(root)
        read(root / "sick")
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_rooted_tree_refuses_to_climb(root: Path) -> None:
    """Each verb of the tree stops at the root."""
    plain(root.parent / "outside.pem", b"secret")
    (root / "pki").mkdir()
    with RootedTree(str(root)) as tree:
        for path in ("/../outside.pem", "pki/../../outside.pem", "/pki/../.."):
            with pytest.raises(OutsideRootError):
                tree.lstat(path)
            with pytest.raises(OutsideRootError):
                tree.names(path)
            with pytest.raises(OutsideRootError), tree.open_regular(path):
                pass
        assert tree.names("/") == ["pki"]
        assert tree.names("/pki/../pki/./") == []


@pytest.mark.parametrize("way", ["absolute", "climbing"])
def test_a_directory_that_turns_into_a_link_leads_nowhere(way: str, root: Path) -> None:
    """While a directory flips to a link out of the root and back, no reading ever holds the outside's certificate."""
    inside = with_node_paths(root, Mint())
    node_link(root, os.readlink(root / CLIENT[1:]).rpartition("/")[2])
    outside = root.parent / "outside"
    shutil.copytree(root / "var/lib/kubelet", outside / "kubelet", symlinks=True)
    link = outside / "kubelet/pki" / CURRENT
    (outside / "kubelet/pki" / os.readlink(link)).unlink()
    other = Mint().leaf()
    plain(outside / "kubelet/pki" / os.readlink(link), other.certificate + other.key)
    real, flip, aside = root / "var/lib/kubelet", root / "var/lib/flip", root / "var/lib/aside"
    flip.symlink_to(outside / "kubelet" if way == "absolute" else "../../../outside/kubelet")
    stop = threading.Event()

    def attack() -> None:
        while not stop.is_set():
            real.rename(aside)
            flip.rename(real)
            real.rename(flip)
            aside.rename(real)

    attacker = threading.Thread(target=attack)
    attacker.start()
    try:
        found = [read(root).client for _ in range(300)]
    finally:
        stop.set()
        attacker.join()
    certificates = {certificate for client in found for certificate in client.certificates}
    assert certificates == {inside}
    assert {client.condition for client in found} > {Condition.READ}
    assert unarmour(other.certificate) not in certificates


KEYS: dict[str, PrivateKey] = {
    "p256": ec.generate_private_key(ec.SECP256R1()),
    "p521": ec.generate_private_key(ec.SECP521R1()),
    "rsa": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
}


SEAM = b"\0seam\0"


def read_of(monkeypatch: pytest.MonkeyPatch, root: Path) -> tuple[NodeFacts, dict[int, bytes]]:
    """A visit, and by inode what it read of each file; what it read from the end backwards stands behind the rest."""
    taken: dict[int, bytes] = {}
    backwards: dict[int, bytes] = {}
    read_on, read_at = os.read, os.pread

    def recording(descriptor: int, length: int) -> bytes:
        data = read_on(descriptor, length)
        inode = os.fstat(descriptor).st_ino
        taken[inode] = taken.get(inode, b"") + data
        return data

    def recording_at(descriptor: int, length: int, offset: int) -> bytes:
        data = read_at(descriptor, length, offset)
        inode = os.fstat(descriptor).st_ino
        backwards[inode] = data + backwards.get(inode, b"")
        return data

    with monkeypatch.context() as patch:
        patch.setattr(os, "read", recording)
        patch.setattr(os, "pread", recording_at)
        facts = read(root)
    return facts, {inode: data + SEAM + backwards.get(inode, b"") for inode, data in taken.items()}


@pytest.mark.parametrize("padding", range(17))
@pytest.mark.parametrize("kind", KEYS)
def test_of_a_key_behind_its_certificate_only_the_end_is_read(
    kind: str, padding: int, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever in a bite leaf and file end: the key's BEGIN line, its END line, and less than 16 bytes before that."""
    pair = Mint().issue("system:node:worker-1", NOW, NOW + YEAR, key=KEYS[kind])
    content = b"#" * padding + b"\n" + pair.certificate + pair.key + b"\n" * padding
    path = linked(root / STORE[1:], content)
    node_link(root, f"{STORE}/{path.name}")
    facts, taken = read_of(monkeypatch, root)
    begin, end = pair.key.splitlines(keepends=True)[0], pair.key.splitlines(keepends=True)[-1]
    forwards, backwards = taken[path.stat().st_ino].split(SEAM)
    assert (facts.client.condition, facts.client.key) == (Condition.READ, KeyBlock.WHOLE)
    assert content.startswith(forwards)
    assert len(forwards) <= content.index(begin) + len(begin)
    assert content.endswith(backwards)
    assert len(backwards) < len(end) + 16 + padding + (padding > 0)


CUTS = {"a byte": -2, "its END line": -40, "in its body": 60, "behind its BEGIN line": 31}


@pytest.mark.parametrize("padding", range(0, 17, 4))
@pytest.mark.parametrize("cut", CUTS)
def test_of_a_key_that_was_cut_one_bite_is_read(
    cut: str, padding: int, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key without its whole END line is told as cut, and of its body no more than sixteen bytes are seen."""
    pair = Mint().leaf()
    content = b"#" * padding + b"\n" + pair.certificate + pair.key[: CUTS[cut]]
    path = linked(root / STORE[1:], content)
    node_link(root, f"{STORE}/{path.name}")
    facts, taken = read_of(monkeypatch, root)
    assert (facts.client.condition, facts.client.key) == (Condition.READ, KeyBlock.CUT)
    assert len(taken[path.stat().st_ino].split(SEAM)[1]) <= (16 if cut != "a byte" else 32)


@pytest.mark.parametrize("padding", range(16))
def test_a_key_behind_a_cut_certificate_is_never_read(
    padding: int, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the leaf lost its END line, reading stops at the key's BEGIN line all the same."""
    pair = Mint().leaf()
    content = b"#" * padding + b"\n" + pair.certificate.removesuffix(END) + pair.key
    path = linked(root / STORE[1:], content)
    node_link(root, f"{STORE}/{path.name}")
    facts, taken = read_of(monkeypatch, root)
    assert facts.client.condition is Condition.TRUNCATED
    body = content.index(pair.key) + pair.key.index(b"\n") + 1
    assert len(taken[path.stat().st_ino].split(SEAM)[0]) <= body


def test_keys_of_dated_files_are_never_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The older dated files are read for their certificates; files of keys alone pass through, and are in no fact."""
    mint = Mint()
    with_node_paths(root, mint)
    dated = [path.stat().st_ino for path in (root / STORE[1:]).iterdir() if path.is_file()]
    alone = mint.leaf().key
    key_file = plain(root / STORE[1:] / "kubelet.key", alone)
    facts, taken = read_of(monkeypatch, root)
    assert not any(line in taken[inode] for inode in dated for line in mint.key_lines())
    assert alone in taken[key_file.stat().st_ino]
    told = facts.pem(f"{STORE}/kubelet.key")
    assert told == PemFile(f"{STORE}/kubelet.key", Condition.KEY_ONLY, key=KeyBlock.WHOLE)
    assert not any(line.decode() in repr(facts) for line in mint.key_lines())


LEAF = Mint().leaf()
KEY_LINES = LEAF.key.splitlines(keepends=True)
PARAMETERS = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
SHAPES: dict[str, tuple[bytes, KeyBlock]] = {
    "certificate and key": (LEAF.certificate + LEAF.key, KeyBlock.WHOLE),
    "certificate alone": (LEAF.certificate, KeyBlock.NONE),
    "key first": (LEAF.key + LEAF.certificate, KeyBlock.WHOLE),
    "cut key first": (b"".join(KEY_LINES[:-1]) + LEAF.certificate, KeyBlock.CUT),
    "key between certificates": (LEAF.certificate + LEAF.key + LEAF.certificate, KeyBlock.WHOLE),
    "cut key between certificates": (LEAF.certificate + b"".join(KEY_LINES[:-1]) + LEAF.certificate, KeyBlock.CUT),
    "cut key, then a whole one": (LEAF.certificate + b"".join(KEY_LINES[:-1]) + LEAF.key, KeyBlock.WHOLE),
    "parameters before the key": (LEAF.certificate + PARAMETERS + LEAF.key, KeyBlock.WHOLE),
    "parameters alone": (LEAF.certificate + PARAMETERS, KeyBlock.UNSEEN),
    "CRLF": ((LEAF.certificate + LEAF.key).replace(b"\n", b"\r\n"), KeyBlock.WHOLE),
    "blanks at the end": (LEAF.certificate + LEAF.key + b" \n\t\n" * 20, KeyBlock.WHOLE),
    "no newline at the end": ((LEAF.certificate + LEAF.key).rstrip(), KeyBlock.WHOLE),
    "another END line": (LEAF.certificate + LEAF.key.replace(b"END EC", b"END RSA"), KeyBlock.CUT),
    "END line behind the body": (LEAF.certificate + LEAF.key.replace(b"\n-----END", b"-----END"), KeyBlock.CUT),
    "END line alone": (LEAF.certificate + KEY_LINES[-1], KeyBlock.NONE),
    "BEGIN line alone": (LEAF.certificate + KEY_LINES[0], KeyBlock.CUT),
    "BEGIN and END": (LEAF.certificate + KEY_LINES[0] + KEY_LINES[-1], KeyBlock.WHOLE),
    "BEGIN line without a newline": (LEAF.certificate + KEY_LINES[0].rstrip(), KeyBlock.CUT),
    "words behind the key": (LEAF.certificate + LEAF.key + b"bye\n", KeyBlock.UNSEEN),
    "words behind a cut key": (LEAF.certificate + LEAF.key[:90] + b"\n# bye\n", KeyBlock.UNSEEN),
    "malformed, then a key": (LEAF.certificate.replace(b"MII", b"M!I") + LEAF.key, KeyBlock.WHOLE),
    "empty": (b"", KeyBlock.NONE),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_whether_a_whole_key_stands_there_is_told(shape: str, root: Path) -> None:
    """By where BEGIN and END lines stand; the same of a file and of data in memory, which are seen to their end."""
    content, key = SHAPES[shape]
    path = linked(root / STORE[1:], content)
    node_link(root, f"{STORE}/{path.name}")
    assert read(root).client.key is key
    assert pem.scan(content)[2] is key or key is KeyBlock.UNSEEN


def test_the_recording_does_see_a_key_that_stands_first(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key before its certificate does pass through, as the docs say; it is in no fact."""
    pair = Mint().leaf()
    path = linked(root / STORE[1:], pair.key + pair.certificate)
    node_link(root, f"{STORE}/{path.name}")
    facts, taken = read_of(monkeypatch, root)
    assert pair.key.splitlines()[1] in taken[path.stat().st_ino]
    assert facts.client.certificates == (unarmour(pair.certificate),)
