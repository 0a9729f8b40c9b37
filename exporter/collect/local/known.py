"""What is kept of a mounted node from one visit to the next: its facts, and what tells that they still hold.

A fact is told again only where everything that it was read from has the signature that it had then (``trace``): of a
tree that nobody touched the whole reading, of one that was touched those parts that do not rest on what was. No byte of
a key is among it: none is among the facts.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from exporter.collect.local.documents import Papers
from exporter.collect.local.host import Machine
from exporter.collect.local.pem_file import Contents
from exporter.collect.local.trace import Footprint, signature
from exporter.collect.local.walk import Statuses
from exporter.config.settings import Paths
from exporter.model.facts import Mark, NodeFacts
from exporter.model.host import Flags, Process

Kept = TypeVar("Kept")
ANEW = 6 * 3600 * 10**9  # nanoseconds, after which all of a tree is read again
_HANDLE = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Part(Generic[Kept]):
    """A part of a reading, and the paths that it rests on."""

    value: Kept
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts that are kept by themselves; ``contents`` of PEM files by their paths without links."""

    machine: Part[Machine] | None = None
    process: Part[tuple[Process, str]] | None = None
    papers: Part[Papers] | None = None
    contents: Mapping[str, Contents] = field(default_factory=dict)


NOTHING = Parts()


@dataclass(frozen=True, slots=True)
class Asked:
    """What a visit was asked for: an answer to another question is none to this one."""

    root: str
    paths: Paths
    remembered: Flags


@dataclass(frozen=True, slots=True)
class Known:
    """One reading. ``moment`` is the kernel's clock when all of it was last read, in nanoseconds."""

    asked: Asked
    moment: int
    version: int  # of our own table of mounts
    footprint: Footprint
    facts: NodeFacts
    parts: Parts
    room: str | None  # the store's own path from the root, where its room was looked at

    def answers(self, asked: Asked, moment: int) -> bool:
        """Whether it may still be told: what no signature shows (a policy, a disk that decays) is looked at anew."""
        return self.asked == asked and 0 <= moment - self.moment < ANEW

    def look(self, root: int) -> list[os.stat_result | None]:
        """The status of each path of the footprint below an open ``root``; None where it is not to be trusted."""
        footprint, found = self.footprint, []
        for path, mark in zip(footprint.paths, footprint.signatures, strict=True):
            try:
                seen = os.stat(path, dir_fd=root, follow_symlinks=False)
                found.append(seen if signature(seen) == mark else None)
            except OSError:
                found.append(None)
        for index in footprint.loose:
            found[index] = None
        return found

    def unchanged(self, found: list[os.stat_result | None]) -> Statuses:
        """Those of :meth:`look` that are trusted, by their paths."""
        pairs = zip(self.footprint.paths, found, strict=True)
        return {path: status for path, status in pairs if status is not None}

    def parts_of(self, version: int | None) -> Parts:
        """The parts that may hold while our own table of mounts has that version."""
        return self.parts if version == self.version else replace(self.parts, papers=None)

    def again(self, root: int, taken: float) -> NodeFacts | None:
        """The reading at ``taken``, its footprint unchanged; None where a mount's flags are not what they were."""
        room: os.statvfs_result | None = None
        for path, flags in self.footprint.flags:
            try:
                descriptor = os.open(path, _HANDLE, dir_fd=root)
            except OSError:
                return None
            try:
                seen = os.statvfs(descriptor)
            finally:
                os.close(descriptor)
            if seen.f_flag != flags:
                return None
            room = seen if path == self.room else room
        facts = self.facts
        if (self.room is None) is not (room is None):
            return None
        machine = self.parts.machine
        host = machine.value.at(taken) if machine else facts.host
        host, mark = (facts.host, facts.mark) if host == facts.host else (host, Mark())
        store = facts.store
        if room is not None and store.folder is not None:
            folder = store.folder.with_room(room.f_bavail * room.f_frsize, room.f_favail if room.f_files else None)
            store = store if folder is store.folder else replace(store, folder=folder)
        return facts.again(taken, host, store, mark)
