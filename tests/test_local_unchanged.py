"""The local reader's second look: what did not change is not read again, and no old fact is ever told."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.collect.local import known
from exporter.collect.local.transport import LocalTransport
from exporter.config.settings import Paths
from exporter.demo.store import FileStore, StoreError
from exporter.errors import CollectError
from exporter.model.facts import NodeFacts
from exporter.model.host import Flags
from exporter.model.node import LocalAccess, Node
from tests.nodes import BOOTSTRAP, CONFIG, KUBEADM, KUBECONFIG, LINK, STORE, NodeTree, embedded, kubeconfig
from tests.trees import CASES, NOW, dated

SECOND = 10**9
Change = Callable[[NodeTree, random.Random], object]
CHANGES: dict[str, Change] = {}


def change(make: Change) -> Change:
    """Something that may happen to a node between two visits."""
    CHANGES[make.__name__] = make
    return make


def a_file(tree: NodeTree, chance: random.Random) -> Path:
    """Any regular file of the node."""
    return chance.choice(sorted(path for path in tree.root.rglob("*") if path.is_file() and not path.is_symlink()))


def a_folder(tree: NodeTree, chance: random.Random) -> Path:
    return chance.choice(sorted(path for path in tree.root.rglob("*") if path.is_dir() and not path.is_symlink()))


@change
def nothing(tree: NodeTree, chance: random.Random) -> None:
    """Nobody touches it."""


@change
def rotate(tree: NodeTree, chance: random.Random) -> None:
    moment = NOW + chance.randrange(1, 10**6)
    try:
        FileStore(tree.at(STORE), root=tree.root).update(tree.mint.leaf(moment), moment)
    except StoreError:  # an orphan is left
        return


@change
def overwrite_in_place(tree: NodeTree, chance: random.Random) -> None:
    """Same size, same inode, and the old time of writing set back."""
    path = a_file(tree, chance)
    before = path.stat()
    content = bytearray(path.read_bytes())
    if content:
        content[chance.randrange(len(content))] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@change
def truncate(tree: NodeTree, chance: random.Random) -> None:
    path = a_file(tree, chance)
    os.truncate(path, chance.randrange(path.stat().st_size + 1))


@change
def change_mode(tree: NodeTree, chance: random.Random) -> None:
    a_file(tree, chance).chmod(chance.choice((0o600, 0o644, 0o400, 0o000)))


@change
def change_mode_of_a_folder(tree: NodeTree, chance: random.Random) -> None:
    a_folder(tree, chance).chmod(chance.choice((0o700, 0o755, 0o777)))


@change
def replace_by_rename(tree: NodeTree, chance: random.Random) -> None:
    path, other = a_file(tree, chance), a_file(tree, chance)
    before = path.stat()
    fresh = path.with_name("new")
    shutil.copy(other, fresh)
    os.utime(fresh, ns=(before.st_atime_ns, before.st_mtime_ns))
    fresh.rename(path)


@change
def touch(tree: NodeTree, chance: random.Random) -> None:
    os.utime(a_file(tree, chance), (NOW, NOW - chance.randrange(10**6)))


@change
def remove(tree: NodeTree, chance: random.Random) -> None:
    a_file(tree, chance).unlink()


@change
def link_elsewhere(tree: NodeTree, chance: random.Random) -> None:
    other = "/" + str(a_file(tree, chance).relative_to(tree.root))
    _place_link(tree, chance.choice((other, os.path.basename(other), "/gone", "../../../../../../outside")))


@change
def file_in_place_of_the_link(tree: NodeTree, chance: random.Random) -> None:
    _place_link(tree, "")
    shutil.copy(a_file(tree, chance), tree.at(LINK))


def _place_link(tree: NodeTree, target: str) -> None:
    link = tree.at(LINK)
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_symlink() or link.exists():
        shutil.rmtree(link) if link.is_dir() and not link.is_symlink() else link.unlink()
    if target:
        link.symlink_to(target)


@change
def a_link_gets_another_owner(tree: NodeTree, chance: random.Random) -> None:
    links = sorted(path for path in tree.root.rglob("*") if path.is_symlink())
    if links and os.geteuid() == 0:
        os.chown(chance.choice(links), chance.randrange(5), 0, follow_symlinks=False)


@change
def swap_a_folder(tree: NodeTree, chance: random.Random) -> None:
    """A copy takes its place, with all times and modes kept."""
    folder = a_folder(tree, chance)
    copy = tree.root.parent / "copy"
    shutil.copytree(folder, copy, symlinks=True)
    victims = sorted(path for path in copy.rglob("*") if path.is_file() and not path.is_symlink())
    if victims:
        chance.choice(victims).write_bytes(tree.mint.leaf().certificate)
    folder.rename(tree.root.parent / "old")
    copy.rename(folder)
    shutil.rmtree(tree.root.parent / "old")


@change
def move_a_folder_behind_a_link(tree: NodeTree, chance: random.Random) -> None:
    folder = a_folder(tree, chance)
    if "data" in folder.parts or (tree.root / "data").exists():
        return
    folder.rename(tree.root / "data")
    folder.symlink_to("/data")


@change
def move_a_folder_behind_a_link_of_the_host(tree: NodeTree, chance: random.Random) -> None:
    """The same folder by its path on this machine: nothing is there for the node."""
    folder = a_folder(tree, chance)
    if (tree.root / "moved").exists():
        return
    folder.rename(tree.root / "moved")
    folder.symlink_to(tree.root / "moved")


@change
def another_kubeconfig(tree: NodeTree, chance: random.Random) -> None:
    user = chance.choice(("token: abc", embedded(tree.mint.leaf()), f"client-certificate: {LINK}\n    client-key: /x"))
    tree.write(KUBECONFIG, kubeconfig(user))


@change
def a_bootstrap_file(tree: NodeTree, chance: random.Random) -> None:
    tree.write(BOOTSTRAP, kubeconfig("token: abc"))


@change
def another_configuration(tree: NodeTree, chance: random.Random) -> None:
    line = chance.choice(("serverTLSBootstrap: true", "rotateCertificates: false", f"tlsCertFile: {STORE}/kubelet.crt"))
    tree.write(CONFIG, f"apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n{line}\n")


@change
def other_flags(tree: NodeTree, chance: random.Random) -> None:
    more = chance.choice(((), ("--rotate-certificates=false",), ("--config-dir=/etc/kubelet.d",), ("--cert-dir=/pki",)))
    tree.process(100, (*KUBEADM, *more))


@change
def a_drop_in(tree: NodeTree, chance: random.Random) -> None:
    tree.write(
        f"/etc/kubelet.d/{chance.randrange(9)}.conf", tree.at(CONFIG).read_bytes() if tree.at(CONFIG).is_file() else b""
    )


@change
def an_orphan(tree: NodeTree, chance: random.Random) -> None:
    if tree.at(STORE).is_dir():
        dated(tree.at(STORE), NOW + chance.randrange(10**6), tree.mint.leaf().certificate)


@change
def a_serving_pair(tree: NodeTree, chance: random.Random) -> None:
    if tree.at(STORE).is_dir():
        tree.write(f"{STORE}/kubelet.crt", tree.mint.leaf().certificate)
        tree.write(f"{STORE}/kubelet.key", tree.mint.leaf().key)


class Clocks:
    """The exporter's clock stands still; the kernel's is far enough ahead that no file counts as just written."""

    def __init__(self, ahead: int = 10 * SECOND) -> None:
        self.ahead = ahead
        self.now = float(NOW)

    def transport(self) -> LocalTransport:
        return LocalTransport(lambda: self.now, lambda _: None, lambda: time.time_ns() + self.ahead)


def tick(tree: NodeTree) -> None:
    """Wait until the clock that files are dated by has moved: a change after this has another time."""
    probe = tree.root.parent / "probe"
    probe.touch()
    before = probe.stat().st_ctime_ns
    while probe.stat().st_ctime_ns == before:
        probe.touch()


def the_node(tree: NodeTree) -> Node:
    return Node("worker-1", LocalAccess(str(tree.root)), Paths())


def seen(transport: LocalTransport, tree: NodeTree, remembered: Flags = ()) -> NodeFacts | str:
    """The facts but for the file system's room, which others of this machine take from; or why there are none."""
    try:
        facts = transport.read(the_node(tree), remembered)
    except CollectError as error:
        return str(error)
    folder = facts.store.folder
    bare = replace(folder, bytes_free=None, files_free=None) if folder else None
    return replace(facts, store=replace(facts.store, folder=bare))


def worker(root: Path, case: str) -> NodeTree:
    """A kubeadm worker with one of the contract's stores, its links as the node sees them."""
    tree = NodeTree.worker(root)
    shutil.rmtree(tree.at(STORE))
    CASES[case](tree.at(STORE), tree.mint, NOW)
    for link in [path for path in root.rglob("*") if path.is_symlink()]:
        target = os.readlink(link)
        if target.startswith(f"{root}/"):
            link.unlink()
            link.symlink_to(target.removeprefix(str(root)))
    return tree


@pytest.mark.parametrize("case", CASES)
def test_after_any_change_the_next_visit_tells_what_a_first_one_would(case: str, tmp_path: Path) -> None:
    """A dozen changes, one after the other, of any store: a reader that remembers is as good as a new one."""
    clocks, chance = Clocks(), random.Random(case)
    tree = worker(tmp_path / "root", case)
    reader = clocks.transport()
    seen(reader, tree)
    for _ in range(12):
        name = chance.choice(sorted(CHANGES))
        tick(tree)
        with contextlib.suppress(OSError):  # where an earlier change leaves no way to this one
            CHANGES[name](tree, chance)
        clocks.now += chance.choice((0.0, 60.0, 86400.0))
        assert seen(reader, tree) == seen(clocks.transport(), tree), name
        assert seen(reader, tree) == seen(clocks.transport(), tree), f"nothing after {name}"


@pytest.fixture
def tree(tmp_path: Path) -> NodeTree:
    """A healthy kubeadm worker."""
    return NodeTree.worker(tmp_path / "root")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what is opened to be read from."""
    names: list[str] = []
    really = os.open

    def recording(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if not flags & os.O_PATH:
            names.append(os.path.basename(path))
        return really(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", recording)
    return names


def test_nothing_of_an_unchanged_tree_is_opened(tree: NodeTree, opened: list[str]) -> None:
    """The second visit goes by ``stat`` alone, and its facts carry the first one's mark and their own moment."""
    clocks = Clocks()
    reader = clocks.transport()
    first = reader.read(the_node(tree))
    assert f"{os.path.basename(KUBECONFIG)}" in opened
    opened.clear()
    clocks.now += 60
    second = reader.read(the_node(tree))
    assert opened == []
    assert (second.mark is first.mark, second.taken) == (True, first.taken + 60)


def test_of_a_rotation_the_new_pair_alone_is_read(tree: NodeTree, opened: list[str]) -> None:
    """The folder is listed again; of the files in it none is opened that was read before."""
    reader = Clocks().transport()
    before = reader.read(the_node(tree))
    tick(tree)
    rotate(tree, random.Random(0))
    opened.clear()
    after = reader.read(the_node(tree))
    assert set(opened) == {os.path.basename(after.client.link or ""), os.path.basename(STORE)}
    assert after.client.certificates != before.client.certificates
    assert after.mark is not before.mark


def test_a_file_that_was_just_written_is_not_trusted(tree: NodeTree, opened: list[str]) -> None:
    """Within two seconds of its last change a second one might leave the same times: it is read until then."""
    clocks = Clocks(ahead=0)
    reader = clocks.transport()
    tree.write(CONFIG, "kind: KubeletConfiguration\n")
    reader.read(the_node(tree))
    opened.clear()
    reader.read(the_node(tree))
    assert os.path.basename(CONFIG) in opened
    clocks.ahead = 10 * SECOND
    reader.read(the_node(tree))
    opened.clear()
    reader.read(the_node(tree))
    assert opened == []


def test_after_some_hours_everything_is_read_anew(tree: NodeTree, opened: list[str]) -> None:
    """What no signature shows is not believed for ever; nor after the kernel's clock was set back."""
    clocks = Clocks()
    reader = clocks.transport()
    reader.read(the_node(tree))
    for step in (known.ANEW, -SECOND):
        clocks.ahead += step
        opened.clear()
        reader.read(the_node(tree))
        assert os.path.basename(KUBECONFIG) in opened


def test_another_question_gets_its_own_answer(tree: NodeTree) -> None:
    """Other flags remembered, other paths configured: nothing of the last answer is told."""
    shutil.rmtree(tree.at("/proc/100"))
    reader = Clocks().transport()
    assert reader.read(the_node(tree)).process != reader.read(the_node(tree), (("cert-dir", "/pki"),)).process
    elsewhere = replace(the_node(tree), paths=Paths("/pki"))
    assert reader.read(elsewhere).store.path == "/pki"


def test_room_is_told_as_it_is(tree: NodeTree, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file system fills up while nobody touches the tree."""
    reader = Clocks().transport()
    first = reader.read(the_node(tree))
    really = os.statvfs
    monkeypatch.setattr(os, "statvfs", lambda of: os.statvfs_result((*really(of)[:4], 7, *really(of)[5:])))
    folder = reader.read(the_node(tree)).store.folder
    assert first.store.folder
    assert folder
    assert folder == replace(
        first.store.folder, bytes_free=7 * really(tree.root).f_frsize, files_free=folder.files_free
    )


def test_a_zone_goes_by_the_clock(tree: NodeTree) -> None:
    """Summer time begins on a node that nobody touches."""
    shutil.copy("/usr/share/zoneinfo/Europe/Berlin", tree.at("/etc/localtime"))
    clocks = Clocks()
    reader = clocks.transport()
    zones = []
    for moment in (NOW, NOW + 90 * 86400):
        clocks.now = float(moment)
        facts = reader.read(the_node(tree))
        zones.append(facts.host.zone if facts.host else None)
    assert zones == [7200, 3600]


def test_a_node_that_left_is_forgotten(tree: NodeTree, opened: list[str]) -> None:
    """And is not taken up again by a visit that was still under way."""
    reader = Clocks().transport()
    reader.read(the_node(tree))
    reader.keep(())
    for _ in range(2):
        opened.clear()
        reader.read(the_node(tree))
        assert os.path.basename(KUBECONFIG) in opened


def test_no_key_is_kept(tree: NodeTree) -> None:
    """Of what stays in memory between two visits no line of any key is part."""
    reader = Clocks().transport()
    a_serving_pair(tree, random.Random(0))
    tree.write(KUBECONFIG, kubeconfig(embedded(tree.mint.leaf())))
    reader.read(the_node(tree))
    kept = repr(reader._known)
    assert "kubelet-client-current.pem" in kept
    assert [line for line in tree.mint.key_lines() if line.decode() in kept] == []
