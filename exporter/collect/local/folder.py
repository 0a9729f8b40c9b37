"""What a mounted root tells of a folder or file of the node's beside its contents: status, room, whether it can be
written."""

from __future__ import annotations

import os
import posixpath
import stat
from dataclasses import dataclass

from exporter.collect.local import listing, mounts
from exporter.collect.local.rooted import RootedTree
from exporter.model.facts import Folder

_RELEASES = ("etc/os-release", "usr/lib/os-release")  # every root has one
_OF_MANY_DEVICES = ("btrfs",)  # a subvolume has another device than its mount
_LABEL = "security.selinux"


@dataclass(frozen=True, slots=True)
class Ground:
    """A mounted root, our own table of mounts, and the node's (empty where /proc does not show it)."""

    tree: RootedTree
    own: mounts.OwnTable
    table: bytes = b""

    def is_there(self, path: str) -> bool:
        """Whether a name is there, be it a link that leads nowhere."""
        try:
            self.tree.lstat(path)
        except OSError:
            return False
        return True

    def knows_absence(self, path: str) -> bool:
        """Whether a file that is not there is known to be missing on the node.

        Where single folders of a node are mounted, not its root, a folder that holds nothing but folders may be one
        that was made to mount them in.
        """
        if any(map(self.is_there, _RELEASES)):
            return True
        folder = posixpath.dirname(path.rstrip("/"))
        try:
            names = self.tree.names(folder)
        except OSError:
            return False
        return any(not self.tree.is_folder(posixpath.join(folder, name)) for name in names)

    def is_writable(self, path: str) -> bool | None:
        """Whether root may write there, as far as a mount lets one say; None where only the node itself knows.

        A mount that is read-only for us need not be so for the node. A refusal means something where we are the owner,
        to whom only an immutable file refuses.
        """
        mount = self._mount(path)
        if mount is not None and mount.is_read_only:
            return False
        try:
            if os.geteuid() != 0 or self.tree.statvfs(path).f_flag & os.ST_RDONLY:
                return None
            if self.tree.may_write(path):
                return True
            found = self.tree.stat(path)
        except OSError:
            return None
        return False if found.st_uid == 0 and found.st_mode & stat.S_IWUSR else None

    def folder(self, path: str) -> Folder | None:
        """The certificate folder; None where nothing of it is to be seen."""
        try:
            found, room = self.tree.stat(path), self.tree.statvfs(path)
        except OSError:
            return None
        mount = self._mount(path)
        device = self.own.of_device(_device(found))
        filesystem = mount or device
        return Folder(
            mode=stat.S_IMODE(found.st_mode),
            uid=found.st_uid,
            gid=found.st_gid,
            writable=self.is_writable(path),
            bytes_free=room.f_bavail * room.f_frsize,
            files_free=room.f_favail if room.f_files else None,  # some make them as they need them
            filesystem=listing.plain_link(filesystem.filesystem) if filesystem else "",
            read_only=_is_read_only(mount, device),
            label=self._label(path),
        )

    def _mount(self, path: str) -> mounts.Mount | None:
        """The node's mount that a path really lies on; None where the table is not of this root."""
        try:
            found = self.tree.stat(path)
            if not stat.S_ISDIR(found.st_mode):  # an overlay's files say the device below it
                found = self.tree.stat(posixpath.dirname(self.tree.real_path(path)))
            mount = mounts.above(self.table, self.tree.real_path(path))
        except OSError:
            return None
        is_ours = mount is not None and (mount.device == _device(found) or mount.filesystem in _OF_MANY_DEVICES)
        return mount if is_ours else None

    def _label(self, path: str) -> str:
        try:
            with self.tree.open_folder(path) as descriptor:
                label = os.getxattr(descriptor, _LABEL)
        except OSError:
            return ""
        return listing.plain_or(label.rstrip(b"\0").decode("latin-1"), "")


def _device(found: os.stat_result) -> tuple[int, int]:
    return os.major(found.st_dev), os.minor(found.st_dev)


def _is_read_only(mount: mounts.Mount | None, device: mounts.Mount | None) -> bool | None:
    """The node's mount says it; ours only where the file system itself is read-only."""
    if mount is not None:
        return mount.is_read_only
    return True if device is not None and device.is_device_read_only else None
