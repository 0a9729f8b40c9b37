"""What kind of file system a file lies on, and whether its ``stat`` can be trusted to tell a change.

Only statfs(2) tells the kind, which ``os`` lacks. A *steady* file system is one whose kernel sets the time of change
(ctime) itself at every write, and keeps it and the inode's number until then. Not among them: what has its own idea of
time or of numbers on another machine (NFS, CIFS, FUSE, 9p), and what makes its contents up as it is read (/proc, /sys).
"""

from __future__ import annotations

import os

_STATFS = 512  # bytes: more than struct statfs has anywhere
PROC = 0x9FA0
_STEADY = frozenset(
    (
        0xEF53,  # ext2, ext3, ext4
        0x58465342,  # xfs
        0x9123683E,  # btrfs
        0x2FC12FC1,  # zfs
        0xF2F52010,  # f2fs
        0xCA451A4E,  # bcachefs
        0x01021994,  # tmpfs
        0x794C7630,  # overlayfs
        0x73717368,  # squashfs
        0xE0F5E1E2,  # erofs
        0x9660,  # iso9660
    )
)


def kind(descriptor: int) -> int | None:
    """The number of an open file's kind of file system (``f_type``); None where it cannot be asked for."""
    try:
        import ctypes  # noqa: PLC0415 - where no memory may be made executable, some builds cannot load it

        answer = ctypes.create_string_buffer(_STATFS)
        done = ctypes.CDLL(None).fstatfs(descriptor, answer)
    except (ImportError, MemoryError, OSError):
        return None
    return ctypes.c_ulong.from_buffer(answer).value if done == 0 else None


def is_proc(descriptor: int) -> bool:
    """Whether an open folder is in a live /proc, whoever mounted it where."""
    return kind(descriptor) == PROC


class Devices:
    """Which devices (``st_dev``) are steady, as far as they were met."""

    def __init__(self) -> None:
        self._known: dict[int, bool] = {}

    def forget(self) -> None:
        """Mounts have changed: a number may be another device's by now."""
        self._known = {}

    def is_steady(self, device: int) -> bool | None:
        """None: it was not met yet."""
        return self._known.get(device)

    def learn(self, device: int, name: str, directory: int) -> bool:
        """Look at a file of that device."""
        try:
            descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
        except OSError:
            return False
        try:
            is_same = os.fstat(descriptor).st_dev == device
            found = is_same and kind(descriptor) in _STEADY
        finally:
            os.close(descriptor)
        if is_same:
            self._known[device] = found
        return found
