"""The certificate folder under a mounted root: its listing, its newest files, and its room."""

from __future__ import annotations

import errno
import posixpath
import stat
import sys
from collections.abc import Callable

from exporter.collect.local import listing, pem_file
from exporter.collect.local.folder import Ground
from exporter.collect.local.rooted import RootedTree
from exporter.collect.local.walk import OutsideRootError
from exporter.model.facts import DirectoryCondition, StoreEntry, StoreFacts
from exporter.model.files import FileKind, PemFile

_KINDS = {
    stat.S_IFREG: FileKind.REGULAR,
    stat.S_IFLNK: FileKind.LINK,
    stat.S_IFDIR: FileKind.DIRECTORY,
    stat.S_IFIFO: FileKind.FIFO,
    stat.S_IFSOCK: FileKind.SOCKET,
    stat.S_IFCHR: FileKind.CHARACTER,
    stat.S_IFBLK: FileKind.BLOCK,
}


def read_store(ground: Ground, path: str, link: str | None, read: Callable[[str], PemFile]) -> StoreFacts:
    """``link`` is the text of the client's link: its target is read anyway. ``read`` reads the newest dated files."""
    tree = ground.tree
    try:
        names = tree.names(path)
    except OutsideRootError:
        return StoreFacts(path, DirectoryCondition.OUTSIDE_ROOT)
    except OSError as error:
        return StoreFacts(path, _condition(tree, path, error))
    chosen = listing.choose(names)
    entries = (_entry(tree, path, name) for name in chosen.names)
    return StoreFacts(
        path=path,
        condition=DirectoryCondition.OK,
        entries=tuple(entry for entry in entries if entry is not None),
        dated_client=chosen.dated_client,
        dated_server=chosen.dated_server,
        hidden=chosen.hidden,
        newest=tuple(read(posixpath.join(path, name)) for name in chosen.to_read(link)),
        folder=ground.folder(path),
    )


def _condition(tree: RootedTree, path: str, error: OSError) -> DirectoryCondition:
    if error.errno in pem_file.DENIED:
        return DirectoryCondition.DENIED
    try:
        tree.lstat(path)
    except OSError:
        return DirectoryCondition.MISSING
    return DirectoryCondition.NOT_A_DIRECTORY if error.errno == errno.ENOTDIR else DirectoryCondition.MISSING


def _entry(tree: RootedTree, folder: str, name: str) -> StoreEntry | None:
    try:
        found = tree.lstat(posixpath.join(folder, name))
    except OSError:  # gone since the listing
        return None
    return StoreEntry(
        name=sys.intern(name),
        kind=_KINDS[stat.S_IFMT(found.st_mode)],
        mode=stat.S_IMODE(found.st_mode),
        uid=found.st_uid,
        gid=found.st_gid,
        size=found.st_size,
        modified=int(found.st_mtime),
    )
