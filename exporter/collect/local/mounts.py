"""Mount tables: proc's mountinfo (proc_pid_mountinfo(5))."""

from __future__ import annotations

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


def our_own() -> bytes:
    """This process's own table."""
    try:
        with open(_OUR_OWN, "rb") as file:
            return file.read(LARGEST)
    except OSError:
        return b""


def above(table: bytes, path: str) -> Mount | None:
    """The mount that a path lies on: the longest mount point, the later one where two are the same."""
    found: Mount | None = None
    for mount in parse(table):
        covers = f"{path}/".startswith(f"{mount.point.rstrip('/')}/")
        if covers and (found is None or len(mount.point) >= len(found.point)):
            found = mount
    return found


def of_device(table: bytes, device: tuple[int, int]) -> Mount | None:
    """A mount of a file system, known by its device."""
    return next((mount for mount in parse(table) if mount.device == device), None)
