"""Files under a mounted root, as the node itself would see them, and never a byte from outside it.

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
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import NoReturn

from exporter.collect.local.filesystem import Devices
from exporter.collect.local.trace import Footprint, Trace

MOST_LINKS = 40  # the kernel's own limit
_MOST_OPEN = 16  # folders at once
_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LISTED = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_HANDLE = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC

Statuses = Mapping[str, os.stat_result]
NONE: Statuses = MappingProxyType({})


class OutsideRootError(OSError):
    """The path climbs above the root, or its links go in circles."""


class NotRegularError(OSError):
    """Not a regular file: a directory, FIFO, socket or device. It was not opened."""


def read_all(descriptor: int, limit: int) -> bytes:
    """What follows in an open file, ``limit`` bytes at most."""
    parts: list[bytes] = []
    while limit > 0 and (part := os.read(descriptor, limit)):
        parts.append(part)
        limit -= len(part)
    return b"".join(parts)


@dataclass(slots=True, eq=False)
class _Folder:
    """A folder that was passed. ``path`` is from the root, links resolved, with a slash at its end; empty: the root.

    ``bits`` are the trace's, of this folder and of those above it.
    """

    path: str
    name: str
    above: _Folder | None
    bits: int
    descriptor: int | None = None  # opened once it is needed


@dataclass(slots=True, eq=False)
class Place:
    """Where a path leads: a name in a folder ("." for the root).

    ``is_unchanged``: :meth:`RootedTree.take_up` told it.
    """

    folder: _Folder
    name: str
    found: os.stat_result
    is_unchanged: bool = False

    @property
    def path(self) -> str:
        """From the root, links resolved."""
        return self.folder.path + self.name


class RootedTree:
    """One mounted root. Use as a context manager; raises OSError like the calls of ``os``."""

    def __init__(self, root: str, *, directory: int | None = None, trace: Trace | None = None) -> None:
        """``root`` is opened from ``directory``, a descriptor, where there is one."""
        self.trace = Trace(0, Devices()) if trace is None else trace
        descriptor = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory)
        self._top = _Folder("", ".", None, 0, descriptor)
        self._folders: dict[str, _Folder] = {"": self._top}
        self._opened: deque[_Folder] = deque()  # but the top, the newest last
        self._fresh: dict[str, os.stat_result] = {}
        self._seen: dict[str, os.stat_result] = {}  # folders that were looked at
        self._top.bits = self._take_down(self._top, ".", os.fstat(descriptor))

    def __enter__(self) -> RootedTree:
        return self

    def __exit__(self, *_: object) -> None:
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

    def below(self, path: str) -> RootedTree:
        """A folder as a root of its own, links to it resolved within this one."""
        self.trace.is_whole = False  # its paths are not this root's
        with self.open_folder(path) as descriptor:
            return RootedTree(".", directory=descriptor)

    def lstat(self, path: str) -> os.stat_result:
        return self._find(path, follow=False).found

    def stat(self, path: str) -> os.stat_result:
        """Of what a path leads to, links resolved within the root."""
        return self._find(path, follow=True).found

    def is_folder(self, path: str) -> bool:
        try:
            return stat.S_ISDIR(self.stat(path).st_mode)
        except OSError:
            return False

    def statvfs(self, path: str) -> os.statvfs_result:
        place = self._find(path, follow=True)
        with self._taken_down():
            descriptor = os.open(place.name, _HANDLE, dir_fd=self._open(place.folder))
            try:
                found = os.statvfs(descriptor)
            finally:
                os.close(descriptor)
        self.trace.mounted(place.path, place.found.st_dev, found.f_flag)
        return found

    def may_write(self, path: str) -> bool:
        """Whether this process could write there: neither a read-only mount, nor immutable, nor denied."""
        place = self._find(path, follow=True)
        return os.access(place.name, os.W_OK, dir_fd=self._open(place.folder), effective_ids=True)

    @contextmanager
    def open_folder(self, path: str) -> Iterator[int]:
        """A descriptor of a directory that can be listed."""
        place = self._find(path, follow=True)
        with self._taken_down():
            descriptor = os.open(place.name, _LISTED, dir_fd=self._open(place.folder))
            try:
                yield descriptor
            finally:
                os.close(descriptor)

    def read(self, path: str, limit: int) -> bytes:
        """The first ``limit`` bytes of a regular file; one of /proc says no size of its own."""
        with self.open_regular(path) as descriptor:
            return read_all(descriptor, limit)

    def readlink(self, path: str) -> str:
        text = self.text(self.itself(path))
        if text is None:
            raise OSError(errno.EINVAL, "not a link")
        return text

    def itself(self, path: str, *, anew: bool = False) -> Place:
        """Where a path leads, a link at its end not followed; ``anew``: whatever :meth:`take_up` said of it."""
        return self._find(path, follow=False, anew=anew)

    def text(self, place: Place) -> str | None:
        """A link's text, None of anything else."""
        if not stat.S_ISLNK(place.found.st_mode):
            return None
        with self._taken_down():
            return os.readlink(place.name, dir_fd=self._open(place.folder))

    def names(self, path: str) -> list[str]:
        """The names in a directory, sorted."""
        with self.open_folder(path) as descriptor:
            os.stat(".", dir_fd=descriptor)  # names that cannot be looked at are of no use
            return sorted(os.listdir(descriptor))

    def place(self, path: str) -> Place:
        """Where a path leads, links resolved within the root."""
        return self._find(path, follow=True)

    def open_regular(self, path: str) -> AbstractContextManager[int]:
        """:meth:`opened` of where a path leads."""
        return self.opened(self.place(path))

    @contextmanager
    def opened(self, place: Place) -> Iterator[int]:
        """A descriptor of a regular file. Nothing else is ever opened."""
        if not stat.S_ISREG(place.found.st_mode):
            raise NotRegularError(errno.EINVAL, "not a regular file")
        with self._taken_down():
            descriptor = os.open(place.name, _FILE, dir_fd=self._open(place.folder))
            try:
                found = os.fstat(descriptor)
                if not stat.S_ISREG(found.st_mode):
                    raise NotRegularError(errno.EINVAL, "not a regular file")
                if not found.st_nlink:  # mounted by itself, and another took its name since
                    raise OSError(errno.ESTALE, "no longer the file of that name")
                self._take_down(place.folder, place.name, found)
                yield descriptor
            finally:
                os.close(descriptor)

    def real_path(self, path: str) -> str:
        """The path within the root, all links resolved."""
        place = self._find(path, follow=True)
        return "/" + (place.path if place.name != "." else "")

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

    def _look(self, folder: _Folder, name: str, *, anew: bool) -> os.stat_result:
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

    def _take_down(self, folder: _Folder, name: str, found: os.stat_result) -> int:
        if self.trace.devices.is_steady(found.st_dev) is None:
            self.trace.devices.learn(found.st_dev, name, self._open(folder))
        return self.trace.saw(folder.path + name, found)

    def _enter(self, above: _Folder, name: str, found: os.stat_result) -> _Folder:
        if not stat.S_ISDIR(found.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, "not a folder")
        path = sys.intern(f"{above.path}{name}/")
        bits = above.bits | self.trace.again(path[:-1])
        self._folders[path] = _Folder(path, name, above, bits)
        return self._folders[path]

    def _open(self, folder: _Folder) -> int:
        if folder.descriptor is None:
            directory = self._open(folder.above) if folder.above else None
            folder.descriptor = os.open(folder.name, _DIRECTORY, dir_fd=directory)
            self._close_another(folder)
        return folder.descriptor

    def _close_another(self, opened: _Folder) -> None:
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


class ClosedTree(RootedTree):
    """A root that is known to be there and cannot be entered: all of it is denied, and nothing in it is missing."""

    def _find(self, path: str, *, follow: bool, anew: bool = False) -> NoReturn:  # noqa: ARG002 - as above
        raise PermissionError(errno.EACCES, "a root that cannot be entered")
