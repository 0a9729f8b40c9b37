"""Files under a mounted root, as the node itself would see them, and never a byte from outside it.

The way to each of them is that of ``walk``.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import NoReturn

from exporter.collect.local.walk import Place, Walker

_LISTED = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_HANDLE = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


class NotRegularError(OSError):
    """Not a regular file: a directory, FIFO, socket or device. It was not opened."""


def read_all(descriptor: int, limit: int) -> bytes:
    """What follows in an open file, ``limit`` bytes at most."""
    parts: list[bytes] = []
    while limit > 0 and (part := os.read(descriptor, limit)):
        parts.append(part)
        limit -= len(part)
    return b"".join(parts)


class RootedTree(Walker):
    """One mounted root. Use as a context manager; raises OSError like the calls of ``os``."""

    def __enter__(self) -> RootedTree:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

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


class ClosedTree(RootedTree):
    """A root that is known to be there and cannot be entered: all of it is denied, and nothing in it is missing."""

    def _find(self, path: str, *, follow: bool, anew: bool = False) -> NoReturn:  # noqa: ARG002 - as above
        raise PermissionError(errno.EACCES, "a root that cannot be entered")
