"""The way to a file below a mounted root, step by step, so that no link leads out of it.

A path is walked component by component from a directory descriptor; a symbolic link's absolute target begins at the
root again, as in a chroot, so a link that changes under our feet cannot lead out. A folder that was passed stays open
while the tree is in use and there are few of them. Whatever is looked at is taken down in a :class:`Trace`.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType

from exporter.collect.local.filesystem import Devices
from exporter.collect.local.trace import Footprint, Trace

MOST_LINKS = 40  # the kernel's own limit
_MOST_OPEN = 16  # folders at once
_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

Statuses = Mapping[str, os.stat_result]
NONE: Statuses = MappingProxyType({})


class OutsideRootError(OSError):
    """The path climbs above the root, or its links go in circles."""


@dataclass(slots=True, eq=False)
class Folder:
    """A folder that was passed. ``path`` is from the root, links resolved, with a slash at its end; empty: the root.

    ``bits`` are the trace's, of this folder and of those above it.
    """

    path: str
    name: str
    above: Folder | None
    bits: int
    descriptor: int | None = None  # opened once it is needed


@dataclass(slots=True, eq=False)
class Place:
    """Where a path leads: a name in a folder ("." for the root).

    ``is_unchanged``: :meth:`Walker.take_up` told it.
    """

    folder: Folder
    name: str
    found: os.stat_result
    is_unchanged: bool = False

    @property
    def path(self) -> str:
        """From the root, links resolved."""
        return self.folder.path + self.name


class Walker:
    """Finds the ways below one root."""

    def __init__(self, root: str, *, directory: int | None = None, trace: Trace | None = None) -> None:
        """``root`` is opened from ``directory``, a descriptor, where there is one."""
        self.trace = Trace(0, Devices()) if trace is None else trace
        descriptor = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory)
        self._top = Folder("", ".", None, 0, descriptor)
        self._folders: dict[str, Folder] = {"": self._top}
        self._opened: deque[Folder] = deque()  # but the top, the newest last
        self._fresh: dict[str, os.stat_result] = {}
        self._seen: dict[str, os.stat_result] = {}  # folders that were looked at
        self._top.bits = self._take_down(self._top, ".", os.fstat(descriptor))

    def close(self) -> None:
        """Close every folder, the root among them."""
        for folder in self._folders.values():
            if folder.descriptor is not None:
                os.close(folder.descriptor)

    def take_up(self, statuses: Statuses, before: Footprint) -> None:
        """What was just learnt of some paths, that they are as they were ``before``, need not be asked for again."""
        self._fresh = dict(statuses)
        self.trace.follow(before)

    def again(self, paths: Collection[str]) -> bool:
        """Whether all of these paths are unchanged; if so they count as looked at once more."""
        if not all(path in self._fresh for path in paths):
            return False
        for path in paths:
            self.trace.again(path)
        return True

    def look_anew(self) -> None:
        """Forget every folder and status: something may have moved meanwhile."""
        self._fresh, self._seen = {}, {}
        self._opened.clear()
        for path, folder in tuple(self._folders.items()):
            if folder is not self._top:
                del self._folders[path]
                if folder.descriptor is not None:
                    os.close(folder.descriptor)

    def _find(self, path: str, *, follow: bool, anew: bool = False) -> Place:
        try:
            return self._at_once(path, follow=follow, anew=anew) or self._walk(_parts(path), follow=follow, anew=anew)
        except OSError as error:
            self.trace.met(error)
            raise

    def _at_once(self, path: str, *, follow: bool, anew: bool) -> Place | None:
        """The last step alone, where the folder was passed under that very name; None where a link leads on."""
        head, _, name = path.rpartition("/")
        folder = self._folders.get(f"{head[1:]}/") if path.startswith("/") else None
        if folder is None or name in ("", ".", ".."):
            return None
        self.trace.passed(folder.bits)
        found = self._look(folder, name, anew=anew)
        if follow and stat.S_ISLNK(found.st_mode):
            return None
        return Place(folder, name, found, not anew and folder.path + name in self._fresh)

    @contextmanager
    def _taken_down(self) -> Iterator[None]:
        """Failures are taken down as well."""
        try:
            yield
        except OSError as error:
            self.trace.met(error)
            raise

    def _walk(self, parts: list[str], *, follow: bool, anew: bool) -> Place:
        """``parts`` in reverse order."""
        folder, links = self._top, 0
        self.trace.passed(folder.bits)
        while parts:
            name = parts.pop()
            if name == "..":
                if folder.above is None:
                    raise OutsideRootError(errno.EXDEV, "leads out of the root")
                folder = folder.above
                continue
            known = self._folders.get(f"{folder.path}{name}/") if parts else None
            if known:
                folder = known
                self.trace.passed(folder.bits)
                continue
            found = self._look(folder, name, anew=anew and not parts)
            if stat.S_ISLNK(found.st_mode) and (follow or parts):
                links += 1
                if links > MOST_LINKS:
                    raise OutsideRootError(errno.ELOOP, "too many links")
                target = os.readlink(name, dir_fd=self._open(folder))
                folder = self._top if target.startswith("/") else folder
                parts += _parts(target)
            elif not parts:
                return Place(folder, name, found, not anew and folder.path + name in self._fresh)
            else:
                folder = self._enter(folder, name, found)
        if folder.above is None:
            return Place(folder, ".", os.stat(".", dir_fd=self._open(self._top)))
        return Place(folder.above, folder.name, self._look(folder.above, folder.name, anew=anew))

    def _look(self, folder: Folder, name: str, *, anew: bool) -> os.stat_result:
        path = folder.path + name
        if not anew:
            if fresh := self._fresh.get(path):
                self.trace.again(path)
                return fresh
            if seen := self._seen.get(path):
                self.trace.again(path)
                return seen
        found = os.stat(name, dir_fd=self._open(folder), follow_symlinks=False)
        self._take_down(folder, name, found)
        if stat.S_ISDIR(found.st_mode):
            self._seen[path] = found
        return found

    def _take_down(self, folder: Folder, name: str, found: os.stat_result) -> int:
        if self.trace.devices.is_steady(found.st_dev) is None:
            self.trace.devices.learn(found.st_dev, name, self._open(folder))
        return self.trace.saw(folder.path + name, found)

    def _enter(self, above: Folder, name: str, found: os.stat_result) -> Folder:
        if not stat.S_ISDIR(found.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, "not a folder")
        path = sys.intern(f"{above.path}{name}/")
        bits = above.bits | self.trace.again(path[:-1])
        self._folders[path] = Folder(path, name, above, bits)
        return self._folders[path]

    def _open(self, folder: Folder) -> int:
        if folder.descriptor is None:
            directory = self._open(folder.above) if folder.above else None
            folder.descriptor = os.open(folder.name, _DIRECTORY, dir_fd=directory)
            self._close_another(folder)
        return folder.descriptor

    def _close_another(self, opened: Folder) -> None:
        """Of many folders, as of each process, the one that was opened first; not one on the way to the newest."""
        self._opened.append(opened)
        if len(self._opened) > _MOST_OPEN:
            oldest = next((folder for folder in self._opened if not opened.path.startswith(folder.path)), None)
            if oldest is not None and oldest.descriptor is not None:
                os.close(oldest.descriptor)
                oldest.descriptor = None
                self._opened.remove(oldest)


def _parts(path: str) -> list[str]:
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]
