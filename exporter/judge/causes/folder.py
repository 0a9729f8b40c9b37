"""The certificate folder: full, not to be written, or gone at the next boot."""

from __future__ import annotations

from exporter.judge import store
from exporter.judge.case import UNSEEN, Answer, Case, Unseen
from exporter.judge.causes.bootstrap import has_bootstrap
from exporter.judge.causes.orphans import is_lost_by_the_journal
from exporter.model.facts import Folder

PAIR_BYTES = 4096  # one block; a pair of PEM files is 840 to 1,250 bytes
# Others make inodes as they need them, and say 0 of them are free (btrfs) or nothing.
_COUNTED = ("ext2", "ext3", "ext4", "xfs", "tmpfs")
_VOLATILE = ("tmpfs", "ramfs")
_OTHERS_MAY_WRITE, _GROUP_MAY_WRITE = 0o002, 0o020


def full(case: Case) -> Answer:
    """25: no room for the next pair. On ext4 root may still use what is kept for it; nobody else can."""
    folder = _folder(case)
    if not isinstance(folder, Folder):
        return folder
    path = case.facts.store.path
    if folder.bytes_free is not None and folder.bytes_free < PAIR_BYTES:
        return f"the file system of {path} has {folder.bytes_free} bytes left: the next rotation cannot be stored"
    if folder.files_free == 0 and folder.filesystem in _COUNTED:
        return f"the file system of {path} has no inodes left: the next rotation cannot be stored"
    unknown = folder.bytes_free is None or (folder.files_free is None and folder.filesystem in (*_COUNTED, ""))
    return UNSEEN if unknown or (folder.files_free == 0 and not folder.filesystem) else None


def has_room(case: Case) -> bool:
    """Whether a lost attempt is one of before: there is room for a pair now."""
    folder = case.facts.store.folder
    return folder is not None and (folder.bytes_free or 0) >= PAIR_BYTES and full(case) is None


def not_writable(case: Case) -> Answer:
    """26: a read-only file system, an immutable folder, another owner; no orphan is left behind [lab]."""
    folder = _folder(case)
    if not isinstance(folder, Folder):
        return folder
    path = case.facts.store.path
    if folder.read_only:
        return f"{path} is mounted read-only: the next rotation cannot be stored"
    if folder.writable is False:
        return f"root cannot write to {path} (immutable, or read-only): the next rotation cannot be stored"
    process = case.facts.process
    if process and process.uid and _is_barred(folder, process.uid):
        return f"{path} belongs to uid {folder.uid} and the kubelet runs as uid {process.uid}: it cannot write there"
    is_told = folder.writable is not None or case.facts.uid is None  # nobody can tell for a mount
    return None if is_told and process and process.uid is not None else UNSEEN


def not_stored(case: Case) -> Answer:
    """26: a denial by SELinux or AppArmor shows in the journal alone."""
    folder = _folder(case)
    if not isinstance(folder, Folder):
        return folder
    if case.facts.journal is None:
        return UNSEEN
    if not is_lost_by_the_journal(case) or store.orphans(case.facts.store, case.facts.client):
        return None
    path = case.facts.store.path
    return f"the journal says that a signed certificate could not be stored, and {path} has no trace of it"


def _is_barred(folder: Folder, uid: int) -> bool:
    """Whether only another user may write; what a group may do is not known here."""
    is_open = folder.mode is None or folder.mode & (_OTHERS_MAY_WRITE | _GROUP_MAY_WRITE)
    return not is_open and folder.uid not in (None, uid)


def on_tmpfs(case: Case) -> Answer:
    """10 (k/k#53288): the certificate is gone at the next boot, and nothing is there to bootstrap with.

    A node that boots without a disk bootstraps each time: with a bootstrap kubeconfig that is by design.
    """
    folder = _folder(case)
    if not isinstance(folder, Folder):
        return folder
    if folder.filesystem not in _VOLATILE:
        return None if folder.filesystem else UNSEEN
    way = has_bootstrap(case)
    if way is not False:
        return UNSEEN if way is UNSEEN else None
    path = case.facts.store.path
    return f"{path} is on {folder.filesystem}: the next boot of the node takes its certificate away"


def _folder(case: Case) -> Folder | Unseen | None:
    """The folder, where the kubelet rotates into it."""
    kubelet = case.kubelet
    if kubelet.distribution.renews_itself or kubelet.rotates is False:
        return None
    if kubelet.rotates is None or case.facts.store.folder is None:
        return UNSEEN
    return case.facts.store.folder
