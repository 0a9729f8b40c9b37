"""The kubelet's process, seen in the /proc of a mounted root.

A root that is a mounted disk has an empty /proc: processes are hidden there. So they are where the first process is
not to be seen (``hidepid``), for then others may run unseen.
"""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass

from exporter.collect.local import kubelet_flags, listing, mounts
from exporter.collect.local.filesystem import is_proc
from exporter.collect.local.places import OWN_PROGRAMS
from exporter.collect.local.rooted import RootedTree
from exporter.model.host import Process, Sight

PROGRAMS = ("kubelet", "k3s-agent", "k3s-server", "k3s", "rke2", "k0s", "kubelite", "hyperkube")
TICKS = 100  # USER_HZ, wherever Kubernetes runs
_KUBELET, _HYPERKUBE = "kubelet", "hyperkube"
_MOST = 128 * 1024  # bytes of a file of /proc
_OUR_MOUNTS = "/proc/self/ns/mnt"
_STARTED = 19  # the field of `stat`, counted from the state on (proc_pid_stat(5))


@dataclass(frozen=True, slots=True)
class _Candidate:
    """One process that may be the kubelet; ``folder`` is its own in /proc."""

    folder: str
    name: str
    started: int  # ticks since the boot
    uid: int | None
    own_mounts: bool | None
    arguments: tuple[str, ...]

    @property
    def rank(self) -> tuple[bool, bool, bool, int]:
        """Root's before others, then one in the node's own mounts, then one called kubelet, then the oldest."""
        return self.uid == 0, not self.own_mounts, self.name == _KUBELET, -self.started


def read_process(tree: RootedTree, booted: int | None) -> tuple[Process, str]:
    """The kubelet's process and its folder below the root; where there is none, how looking for it ended."""
    try:
        folders = [f"proc/{name}" for name in tree.names("proc") if name.isdecimal()]
    except OSError:
        return Process(Sight.HIDDEN), ""
    found, are_all_told = _candidates(tree, folders)
    if not found:
        is_open = _text(tree, "proc/1/comm") or (not _is_live(tree) and _text(tree, "proc/stat"))
        return Process(Sight.ABSENT if is_open and are_all_told else Sight.HIDDEN), ""
    best = max(found, key=lambda candidate: candidate.rank)
    arguments = best.arguments
    if best.name == _HYPERKUBE:
        arguments = arguments[arguments.index(_KUBELET) :]
    process = Process(
        sight=Sight.SEEN,
        name=best.name,
        count=sum(candidate.name == best.name for candidate in found),
        started=booted + best.started / TICKS if booted is not None else None,
        uid=best.uid,
        flags=kubelet_flags.parse(arguments) if best.name in OWN_PROGRAMS else (),
        zone=_zone(tree, best.folder),
        label=_label(tree, best.folder),
        own_mounts=best.own_mounts,
    )
    return process, best.folder


def own_root(tree: RootedTree, folder: str) -> RootedTree | None:
    """The root of a process that lives in mounts of its own; None where it cannot be opened.

    A live ``/proc/PID/root`` is no link that could be followed by its text: the kernel opens it. In a copy of /proc it
    is a link like any other, and leads to where it leads below our root.
    """
    try:
        with tree.open_folder(folder) as descriptor:
            return RootedTree("root", directory=descriptor) if is_proc(descriptor) else tree.below(f"{folder}/root")
    except OSError:
        return None


def mount_table(tree: RootedTree, folder: str) -> bytes:
    """The node's own table of mounts, as the kubelet's process sees it, or the first one; empty where neither shows."""
    for of in filter(None, (folder, "proc/1")):
        try:
            return tree.read(f"{of}/mountinfo", mounts.LARGEST)
        except OSError:
            continue
    return b""


def _is_live(tree: RootedTree) -> bool:
    try:
        with tree.open_folder("proc") as descriptor:
            return is_proc(descriptor)
    except OSError:
        return False


def _candidates(tree: RootedTree, folders: list[str]) -> tuple[list[_Candidate], bool]:
    """The processes that may be the kubelet, and whether each of them could be told from one that is not."""
    found: list[_Candidate] = []
    are_all_told = True
    for folder in folders:
        name = _text(tree, f"{folder}/comm").strip("\n")
        if name not in PROGRAMS:
            continue
        state, *fields = _text(tree, f"{folder}/stat").rpartition(") ")[2].split(" ")
        arguments = tuple(_text(tree, f"{folder}/cmdline").removesuffix("\0").split("\0"))
        if state == "Z" or (arguments[0] and name == _HYPERKUBE and _KUBELET not in arguments):
            continue
        if len(fields) < _STARTED or not fields[_STARTED - 1].isdecimal() or not arguments[0]:
            are_all_told = False
            continue
        if _is_of_another_node(tree, folder):
            continue
        started = int(fields[_STARTED - 1])
        found.append(_Candidate(folder, name, started, _uid(tree, folder), _own_mounts(tree, folder), arguments))
    return found, are_all_told


def _text(tree: RootedTree, path: str) -> str:
    """A file of /proc; empty where it is not to be read, or its process is gone."""
    try:
        return tree.read(path, _MOST).decode("latin-1")
    except OSError:
        return ""


def _is_of_another_node(tree: RootedTree, folder: str) -> bool:
    """A kubelet sees all processes of its node: one that numbers its own lives in a container here (kind)."""
    return len(_status(tree, folder, "NSpid:")) > 1


def _uid(tree: RootedTree, folder: str) -> int | None:
    words = _status(tree, folder, "Uid:")
    return int(words[0]) if words and words[0].isdecimal() else None


def _status(tree: RootedTree, folder: str, key: str) -> list[str]:
    """The words of one line of a process's ``status``."""
    for line in _text(tree, f"{folder}/status").split("\n"):
        if line.startswith(key):
            return line.split()[1:]
    return []


def _own_mounts(tree: RootedTree, folder: str) -> bool | None:
    """Whether it lives in other mounts than the node's first process, and than we; None where that is not told.

    An ordinary user sees the tables alone: no two mounts have one number.
    """
    try:
        its = tree.readlink(f"{folder}/ns/mnt")
        return its != os.readlink(_OUR_MOUNTS) and its != tree.readlink("proc/1/ns/mnt")
    except OSError:
        its, first = (_text(tree, f"{of}/mountinfo").partition("\n")[0] for of in (folder, "proc/1"))
        return its != first if its and first else None


def _zone(tree: RootedTree, folder: str) -> str | None:
    for word in _text(tree, f"{folder}/environ").split("\0"):
        if word.startswith("TZ="):
            return listing.plain_link(word.removeprefix("TZ="))
    return None


def _label(tree: RootedTree, folder: str) -> str | None:
    words = _text(tree, posixpath.join(folder, "attr/current")).strip("\0\n").split(" ")
    return listing.plain_or(words[0], "") or None
