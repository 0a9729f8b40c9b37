"""Mount tables: proc's mountinfo (proc_pid_mountinfo(5))."""

from __future__ import annotations

import os
import select
import threading
import weakref
from collections.abc import Iterator
from dataclasses import dataclass

LARGEST = 1024 * 1024
_OUR_OWN = "/proc/self/mountinfo"


@dataclass(frozen=True, slots=True)
class Mount:
    """One line. ``device`` is ``st_dev``'s major and minor; ``is_device_read_only`` tells of the file system itself."""

    device: tuple[int, int]
    point: str
    filesystem: str
    is_read_only: bool  # the mount, or the file system
    is_device_read_only: bool


def parse(table: bytes) -> Iterator[Mount]:
    """The lines that are understood."""
    for line in table.decode("ascii", "replace").splitlines():
        fields, _, rest = line.partition(" - ")
        words, behind = fields.split(" "), rest.split(" ")
        if len(words) < 6 or len(behind) < 3 or not all(part.isdecimal() for part in words[2].split(":")):
            continue
        major, _, minor = words[2].partition(":")
        of_device = "ro" in behind[2].split(",")
        is_read_only = of_device or "ro" in words[5].split(",")
        yield Mount((int(major), int(minor or 0)), words[4], behind[0], is_read_only, of_device)


class OwnTable:
    """This process's own table, read again when the kernel says that it has changed (poll(2)), and not before."""

    def __init__(self) -> None:
        self.version = 0  # moves with every change
        self._lock = threading.Lock()
        self._poll = select.poll()
        self._devices: dict[tuple[int, int], Mount] = {}
        try:
            self._file = os.open(_OUR_OWN, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._file = -1
            return
        weakref.finalize(self, os.close, self._file)
        self._poll.register(self._file, select.POLLERR | select.POLLPRI)
        self._read()

    def refresh(self) -> int | None:
        """The version that holds now; None where there is no table to see."""
        if self._file < 0:
            return None
        with self._lock:
            if self._poll.poll(0):
                self._read()
            return self.version

    def of_device(self, device: tuple[int, int]) -> Mount | None:
        """The first mount of a file system, known by its device."""
        return self._devices.get(device)

    def _read(self) -> None:
        self.version += 1
        os.lseek(self._file, 0, os.SEEK_SET)
        parts: list[bytes] = []
        while part := os.read(self._file, LARGEST):
            parts.append(part)
        devices: dict[tuple[int, int], Mount] = {}
        for mount in parse(b"".join(parts)):
            devices.setdefault(mount.device, mount)
        self._devices = devices


def above(table: bytes, path: str) -> Mount | None:
    """The mount that a path lies on: the longest mount point, the later one where two are the same."""
    found: Mount | None = None
    for mount in parse(table):
        covers = f"{path}/".startswith(f"{mount.point.rstrip('/')}/")
        if covers and (found is None or len(mount.point) >= len(found.point)):
            found = mount
    return found
