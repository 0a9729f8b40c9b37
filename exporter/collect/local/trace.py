"""What a visit looked at, so that the next one can tell by ``stat`` alone whether any of it has changed.

Every file, folder and link that a visit stats, opens or passes through leaves its *signature* here, under its path
without links from the root. A name that is not there is told by the folder that does not have it, a link's text by the
link. A signature is trusted only from two seconds after the last change on: a clock that ticks more coarsely than files
are written would hide a second write (as git knows it: "racy"). One that was seen twice, and not alike, is not trusted
either.
"""

from __future__ import annotations

import errno
import os
import secrets
import sys
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from exporter.collect.local.filesystem import Devices

YOUNG = 2_000_000_000  # nanoseconds; the coarsest clock of a steady file system (ext3) has whole seconds
# What else a call may end with says nothing of the next one.
_FORESEEN = frozenset(
    (
        *(errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EACCES, errno.EPERM),
        *(errno.EINVAL, errno.EXDEV, errno.ELOOP),  # no link or no regular file, outside the root, in circles
        *(errno.ENODATA, errno.EOPNOTSUPP),  # no label
    )
)
_SALT = secrets.randbits(64)


def signature(found: os.stat_result) -> int:
    """Type, mode, inode, device, links, owner, group, size, mtime and ctime of a file, in 64 bits.

    No other file has it but by chance (one in 2^64), nor by anybody's art: it is salted.
    """
    return hash((_SALT, found[:7], found.st_mtime_ns, found.st_ctime_ns))


@dataclass(frozen=True, slots=True)
class Footprint:
    """What one visit looked at: ``paths`` from the root, which of them (by number) are not to be trusted, and flags.

    ``flags`` has a path on each device that was asked whether it can be written, with its mount's flags.
    """

    paths: tuple[str, ...]
    signatures: array[int]
    loose: tuple[int, ...]
    flags: tuple[tuple[str, int], ...]


class Trace:
    """Takes down what a visit looks at. ``moment`` is the kernel's clock when it began, in nanoseconds."""

    def __init__(self, moment: int, devices: Devices) -> None:
        self.is_whole = True  # False: something was seen that no signature tells
        self._trusted_until = moment - YOUNG
        self.devices = devices
        self._index: dict[str, int] = {}
        self._signatures = array("q")
        self._marks: dict[str, int] = {}
        self._loose = 0
        self._touched = 0
        self._flags: dict[int, tuple[str, int]] = {}

    @property
    def footprint(self) -> Footprint:
        loose = tuple(index for index in self._index.values() if self._loose >> index & 1) if self._loose else ()
        return Footprint(tuple(self._index), self._signatures, loose, tuple(self._flags.values()))

    def saw(self, path: str, found: os.stat_result) -> int:
        """Take down a file that was found; its bit."""
        mark = signature(found)
        index = self._index.get(path)
        if index is None:
            index = self._index[sys.intern(path)] = len(self._signatures)
            self._signatures.append(mark)
            if found.st_ctime_ns > self._trusted_until:
                self._loose |= 1 << index
            if not self.devices.is_steady(found.st_dev):
                self.is_whole = False
        elif self._signatures[index] != mark:
            self._loose |= 1 << index
        self._touched |= 1 << index
        return 1 << index

    def follow(self, before: Footprint) -> None:
        """Let :meth:`again` take marks from there."""
        self._marks = dict(zip(before.paths, before.signatures, strict=True))

    def again(self, path: str) -> int:
        """Take down what was just found to be as it was before, or was taken down already; its bit."""
        index = self._index.get(path)
        if index is None:
            index = self._index[path] = len(self._signatures)
            self._signatures.append(self._marks[path])
        self._touched |= 1 << index
        return 1 << index

    def passed(self, bits: int) -> None:
        """What was taken down before was passed again."""
        self._touched |= bits

    def met(self, error: OSError) -> None:
        """Take down how a call ended."""
        if error.errno not in _FORESEEN:
            self.is_whole = False

    def mounted(self, path: str, device: int, flags: int) -> None:
        """Take down the flags of the mount that a path lies on."""
        before = self._flags.setdefault(device, (path, flags))
        if before[1] != flags:
            self.is_whole = False  # one device mounted twice

    @contextmanager
    def part(self) -> Iterator[Touched]:
        """What is looked at within, but for what a part within it looks at."""
        before, self._touched = self._touched, 0
        part = Touched()
        try:
            yield part
        finally:
            touched, self._touched = self._touched, before
            part.paths = tuple(path for path, index in self._index.items() if touched >> index & 1)


@dataclass(slots=True)
class Touched:
    """The paths of what a part of a visit looked at."""

    paths: tuple[str, ...] = ()
