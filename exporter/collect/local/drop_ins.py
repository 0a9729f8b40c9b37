"""The drop-ins of a kubelet's ``--config-dir``: names that end in .conf, in the order of Go's filepath.WalkDir."""

from __future__ import annotations

import posixpath
import stat
from collections.abc import Iterator

from exporter.collect.local import listing
from exporter.collect.local.rooted import RootedTree

ENDING = ".conf"  # files of other names are passed over
UNSHOWABLE = "?"
_MOST_FOLDERS = 64


def walk(tree: RootedTree, folder: str) -> Iterator[str]:
    """Each file's path, also below folders; ``?`` for one that is not plain text. Links to folders are not gone into.

    Raises OSError where the kubelet's walk would fail: it does not start then.
    """
    waiting, left = [folder], _MOST_FOLDERS
    while waiting:
        path = waiting.pop()
        if path == UNSHOWABLE:
            yield path
            continue
        is_link_followed = path.endswith("/")
        found = tree.stat(path) if is_link_followed else tree.lstat(path)
        if not stat.S_ISDIR(found.st_mode):
            if path.endswith(ENDING):
                yield path
            continue
        if not left:
            yield UNSHOWABLE
            return
        left -= 1
        for name in reversed(tree.names(path)):
            if listing.plain_or(name, ""):
                waiting.append(posixpath.join(path, name))
            elif name.endswith(ENDING):
                waiting.append(UNSHOWABLE)
