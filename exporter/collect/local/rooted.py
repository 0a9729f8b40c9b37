"""Files under a mounted root, as the node itself would see them, and never a byte from outside it.

A path is opened component by component from a directory descriptor; a symbolic link's absolute target begins at the
root again, as in a chroot, so a link that changes under our feet cannot lead out.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

MOST_LINKS = 40  # the kernel's own limit
_STATFS = 512  # bytes: more than struct statfs has anywhere
_PROC = 0x9FA0  # its f_type, the first field
_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LISTED = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


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


def is_proc(descriptor: int) -> bool:
    """Whether an open folder is in a live /proc, whoever mounted it where. Only statfs(2) tells, which ``os`` lacks."""
    try:
        import ctypes  # noqa: PLC0415 - where no memory may be made executable, some builds cannot load it

        answer = ctypes.create_string_buffer(_STATFS)
        done = ctypes.CDLL(None).fstatfs(descriptor, answer)
    except (ImportError, MemoryError, OSError):
        return False
    return done == 0 and ctypes.c_long.from_buffer(answer).value == _PROC


class RootedTree:
    """One mounted root. Use as a context manager; raises OSError like the calls of ``os``."""

    def __init__(self, root: str, *, directory: int | None = None) -> None:
        """``root`` is opened from ``directory``, a descriptor, where there is one."""
        self._root = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory)

    def __enter__(self) -> RootedTree:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._root)

    def below(self, path: str) -> RootedTree:
        """A folder as a root of its own, links to it resolved within this one."""
        with self.open_folder(path) as descriptor:
            return RootedTree(".", directory=descriptor)

    def lstat(self, path: str) -> os.stat_result:
        with self._at(path, follow=False) as (directory, name):
            return os.stat(name, dir_fd=directory, follow_symlinks=False)

    def stat(self, path: str) -> os.stat_result:
        """Of what a path leads to, links resolved within the root."""
        with self._at(path, follow=True) as (directory, name):
            return os.stat(name, dir_fd=directory, follow_symlinks=False)

    def is_folder(self, path: str) -> bool:
        try:
            return stat.S_ISDIR(self.stat(path).st_mode)
        except OSError:
            return False

    def statvfs(self, path: str) -> os.statvfs_result:
        with self._at(path, follow=True) as (directory, name):
            descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
            try:
                return os.statvfs(descriptor)
            finally:
                os.close(descriptor)

    def may_write(self, path: str) -> bool:
        """Whether this process could write there: neither a read-only mount, nor immutable, nor denied."""
        with self._at(path, follow=True) as (directory, name):
            return os.access(name, os.W_OK, dir_fd=directory, effective_ids=True)

    @contextmanager
    def open_folder(self, path: str) -> Iterator[int]:
        """A descriptor of a directory that can be listed."""
        with self._at(path, follow=True) as (directory, name):
            descriptor = os.open(name, _LISTED, dir_fd=directory)
            try:
                yield descriptor
            finally:
                os.close(descriptor)

    def read(self, path: str, limit: int) -> bytes:
        """The first ``limit`` bytes of a regular file; one of /proc says no size of its own."""
        with self.open_regular(path) as descriptor:
            return read_all(descriptor, limit)

    def readlink(self, path: str) -> str:
        with self._at(path, follow=False) as (directory, name):
            return os.readlink(name, dir_fd=directory)

    def names(self, path: str) -> list[str]:
        """The names in a directory, sorted."""
        with self.open_folder(path) as descriptor:
            os.stat(".", dir_fd=descriptor)  # names that cannot be looked at are of no use
            return sorted(os.listdir(descriptor))

    @contextmanager
    def open_regular(self, path: str) -> Iterator[int]:
        """A descriptor of a regular file, links resolved within the root. Nothing else is ever opened."""
        with self._at(path, follow=True) as (directory, name):
            if not stat.S_ISREG(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
                raise NotRegularError(errno.EINVAL, "not a regular file")
            descriptor = os.open(name, _FILE, dir_fd=directory)
            try:
                found = os.fstat(descriptor)
                if not stat.S_ISREG(found.st_mode):
                    raise NotRegularError(errno.EINVAL, "not a regular file")
                if not found.st_nlink:  # mounted by itself, and another took its name since
                    raise OSError(errno.ESTALE, "no longer the file of that name")
                yield descriptor
            finally:
                os.close(descriptor)

    def real_path(self, path: str) -> str:
        """The path within the root, all links resolved."""
        names: list[str] = []
        with self._at(path, follow=True, names=names) as (_, name):
            return "/" + "/".join([*names, *([name] if name != "." else [])])

    @contextmanager
    def _at(self, path: str, *, follow: bool, names: list[str] | None = None) -> Iterator[tuple[int, str]]:
        opened = [os.dup(self._root)]
        try:
            name = self._walk(opened, [] if names is None else names, deque(path.split("/")), follow=follow)
            yield opened[-1], name
        finally:
            for descriptor in opened:
                os.close(descriptor)

    def _walk(self, opened: list[int], names: list[str], parts: deque[str], *, follow: bool) -> str:
        """Descend; ``opened`` becomes the directories from the root down, ``names`` theirs but for the root's.

        Returns the last name ("." for the root).
        """
        links = 0
        while parts:
            name = parts.popleft()
            last = not any(part not in ("", ".") for part in parts)
            if name in ("", "."):
                continue
            if name == "..":
                if len(opened) == 1:
                    raise OutsideRootError(errno.EXDEV, "leads out of the root")
                os.close(opened.pop())
                names.pop()
                continue
            found = os.stat(name, dir_fd=opened[-1], follow_symlinks=False)
            if stat.S_ISLNK(found.st_mode) and (follow or not last):
                links += 1
                if links > MOST_LINKS:
                    raise OutsideRootError(errno.ELOOP, "too many links")
                target = os.readlink(name, dir_fd=opened[-1])
                if target.startswith("/"):
                    names.clear()
                    while len(opened) > 1:
                        os.close(opened.pop())
                parts.extendleft(reversed(target.split("/")))
                continue
            if last:
                return name
            opened.append(os.open(name, _DIRECTORY, dir_fd=opened[-1]))
            names.append(name)
        return "."


class ClosedTree(RootedTree):
    """A root that is known to be there and cannot be entered: all of it is denied, and nothing in it is missing."""

    def _at(self, path: str, *, follow: bool, names: list[str] | None = None) -> NoReturn:  # noqa: ARG002 - as above
        raise PermissionError(errno.EACCES, "a root that cannot be entered")
