"""The same facts as the node script gives, read under a mounted root, in Python and without a shell.

A PEM file is read 16 bytes at a time and no further than the block after its certificates, so a key that follows them
never enters this process. A key that stands first does pass through, and is dropped.
"""

from __future__ import annotations

import errno
import os
import posixpath
import stat
import time
from collections.abc import Callable

from exporter.collect import Flags, listing
from exporter.collect.pem import LARGEST_FILE, PemScanner
from exporter.collect.rooted import NotRegularError, OutsideRootError, RootedTree
from exporter.errors import CollectError, Reason
from exporter.model.facts import DirectoryCondition, NodeFacts, StoreEntry, StoreFacts
from exporter.model.files import Condition, FileKind, PemFile
from exporter.model.host import Flags
from exporter.model.node import LocalAccess, Node

_BITE = 16
_PAUSE = 1.0
_MOST_LOOKS = 3
_KINDS = {
    stat.S_IFREG: FileKind.REGULAR,
    stat.S_IFLNK: FileKind.LINK,
    stat.S_IFDIR: FileKind.DIRECTORY,
    stat.S_IFIFO: FileKind.FIFO,
    stat.S_IFSOCK: FileKind.SOCKET,
    stat.S_IFCHR: FileKind.CHARACTER,
    stat.S_IFBLK: FileKind.BLOCK,
}
_MISSING = (errno.ENOENT, errno.ENOTDIR)
_DENIED = (errno.EACCES, errno.EPERM)


class LocalTransport:
    """Reads nodes whose root is mounted here."""

    def __init__(self, clock: Callable[[], float] = time.time, sleep: Callable[[float], None] = time.sleep) -> None:
        self._clock = clock
        self._sleep = sleep

    def read(self, node: Node, remembered: Flags = ()) -> NodeFacts:  # noqa: ARG002 - for a reader of processes
        """One visit of a mounted root. Raises CollectError where the root itself is not there."""
        if not isinstance(node.access, LocalAccess):
            raise TypeError(f"{node.name} is not read from a mount")
        try:
            tree = RootedTree(node.access.root)
        except OSError as error:
            raise CollectError(Reason.ROOT_MISSING, f"{node.access.root}: {error.strerror}") from error
        with tree:
            return self._facts(tree, node)

    def _facts(self, tree: RootedTree, node: Node) -> NodeFacts:
        taken = self._clock()
        client = _pem_file(tree, node.paths.client)
        store = _store(tree, node.paths.store, client)
        if client.condition is Condition.MISSING and listing.may_be_between(store):
            self._sleep(_PAUSE)
            client = _pem_file(tree, node.paths.client)
            store = _store(tree, node.paths.store, client)
        return NodeFacts(taken=taken, store=store, client=client, serving=_serving(tree, node.paths.serving))


def _serving(tree: RootedTree, candidates: tuple[str, ...]) -> PemFile | None:
    for path in candidates:
        file = _pem_file(tree, path)
        if file.condition is not Condition.MISSING:
            return file
    return None


def _pem_file(tree: RootedTree, path: str) -> PemFile:
    """Read one PEM file; its link is read before and after, and all of it again where it changed meanwhile."""
    link = _link(tree, path)
    condition, certificates = _certificates(tree, path)
    for _ in range(_MOST_LOOKS - 1):
        before, link = link, _link(tree, path)
        if before == link:
            break
        condition, certificates = _certificates(tree, path)
    if condition is Condition.MISSING and link is not None:
        condition = Condition.DANGLING
    return PemFile(path, condition, certificates, link)


def _link(tree: RootedTree, path: str) -> str | None:
    try:
        return listing.plain_link(tree.readlink(path))
    except OSError:
        return None


def _certificates(tree: RootedTree, path: str) -> tuple[Condition, tuple[bytes, ...]]:
    try:
        with tree.open_regular(path) as descriptor:
            if os.fstat(descriptor).st_size > LARGEST_FILE:
                return Condition.TOO_LARGE, ()
            return _scan(descriptor)
    except NotRegularError:
        return Condition.NOT_REGULAR, ()
    except OutsideRootError:
        return Condition.OUTSIDE_ROOT, ()
    except OSError as error:
        if error.errno in _MISSING:
            return Condition.MISSING, ()
        return (Condition.DENIED if error.errno in _DENIED else Condition.UNREADABLE), ()


def _scan(descriptor: int) -> tuple[Condition, tuple[bytes, ...]]:
    scanner = PemScanner()
    for _ in range(LARGEST_FILE // _BITE + 1):
        data = os.read(descriptor, _BITE)
        if not data or scanner.feed(data):
            break
    return scanner.result()


def _store(tree: RootedTree, path: str, client: PemFile) -> StoreFacts:
    try:
        names = tree.names(path)
    except OutsideRootError:
        return StoreFacts(path, DirectoryCondition.OUTSIDE_ROOT)
    except OSError as error:
        return StoreFacts(path, _directory_condition(tree, path, error))
    chosen = listing.choose(names)
    entries = (_entry(tree, posixpath.join(path, name)) for name in chosen.names)
    return StoreFacts(
        path=path,
        condition=DirectoryCondition.OK,
        entries=tuple(entry for entry in entries if entry is not None),
        dated_client=chosen.dated_client,
        dated_server=chosen.dated_server,
        hidden=chosen.hidden,
        newest=tuple(_pem_file(tree, posixpath.join(path, name)) for name in chosen.to_read(client.link)),
    )


def _directory_condition(tree: RootedTree, path: str, error: OSError) -> DirectoryCondition:
    if error.errno in _DENIED:
        return DirectoryCondition.DENIED
    try:
        tree.lstat(path)
    except OSError:
        return DirectoryCondition.MISSING
    return DirectoryCondition.NOT_A_DIRECTORY if error.errno == errno.ENOTDIR else DirectoryCondition.MISSING


def _entry(tree: RootedTree, path: str) -> StoreEntry | None:
    try:
        found = tree.lstat(path)
    except OSError:  # gone since the listing
        return None
    return StoreEntry(
        name=posixpath.basename(path),
        kind=_KINDS[stat.S_IFMT(found.st_mode)],
        mode=stat.S_IMODE(found.st_mode),
        uid=found.st_uid,
        gid=found.st_gid,
        size=found.st_size,
        modified=int(found.st_mtime),
    )
