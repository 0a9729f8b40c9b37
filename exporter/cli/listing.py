"""The certificate store as a list: what is in use, what was lost."""

from __future__ import annotations

import posixpath
import stat
from collections.abc import Callable
from dataclasses import dataclass

from rich.text import Text

from exporter.cli import timeline
from exporter.cli.words import minute, size
from exporter.judge import store
from exporter.judge.certificate import leaf
from exporter.model.assessment import Certificate, OrphanCondition
from exporter.model.facts import NodeFacts, StoreEntry
from exporter.model.files import FileKind

_ORPHAN_STYLES = {OrphanCondition.VALID: "yellow", OrphanCondition.UNREAD: "yellow"}


@dataclass(frozen=True, slots=True)
class Line:
    """One name of the store. ``link`` is the text of a link that was read, ``is_used`` of the file it leads to.

    ``is_within`` says that the link leads to another name of the store; ``certificate`` is what was read there.
    """

    entry: StoreEntry
    link: str | None = None
    is_within: bool = False
    is_used: bool = False
    orphan: OrphanCondition | None = None
    certificate: Certificate | None = None

    @property
    def note(self) -> Text:
        if self.orphan:
            return Text(f"{self.orphan} orphan", style=_ORPHAN_STYLES.get(self.orphan, "red"))
        if self.is_used:
            return Text("in use", style="green")
        return Text(f"-> {posixpath.basename(self.link) if self.is_within else self.link}" if self.link else "", "cyan")

    def row(self, tell_time: Callable[[float], str] = minute) -> tuple[Text, ...]:
        """Name, size, time, expiry, note."""
        entry = self.entry
        told = size(entry.size) if entry.kind is FileKind.REGULAR else str(entry.kind)
        when = tell_time(entry.modified) if entry.modified is not None else ""
        ends = timeline.told(self.certificate.not_after, self.certificate.lifetime) if self.certificate else ""
        return Text(entry.name), Text(f"{told:>6}"), Text(when), Text(ends), self.note


def lines(facts: NodeFacts) -> list[Line]:
    """Links first, then the newest."""
    orphans = {entry.name: condition for entry, condition in store.orphans(facts.store, facts.client)}
    files = [file for file in (facts.client, facts.serving) if file]
    links = {posixpath.basename(file.path): file.link for file in files if _is_in(facts, file.path)}
    used = {posixpath.basename(file.link or file.path) for file in files if _is_in(facts, file.path)}
    read = {
        posixpath.basename(file.link or file.path): leaf(file)
        for file in (*files, *facts.store.newest, *facts.files)
        if _is_in(facts, file.link or file.path)
    }
    ordered = sorted(facts.store.entries, key=lambda one: (one.modified or 0, one.name), reverse=True)
    ordered.sort(key=lambda one: one.kind is not FileKind.LINK)
    return [
        Line(
            entry,
            link=links.get(entry.name) if entry.kind is FileKind.LINK else None,
            is_within=_is_in(facts, links.get(entry.name) or ""),
            is_used=entry.kind is FileKind.REGULAR and entry.name in used,
            orphan=orphans.get(entry.name),
            certificate=read.get(entry.name) if entry.kind is FileKind.REGULAR else None,
        )
        for entry in ordered
    ]


def permissions(entry: StoreEntry) -> str:
    """As in ``ls -l``, without the type."""
    return stat.filemode(entry.mode)[1:]


def _is_in(facts: NodeFacts, path: str) -> bool:
    """Whether ``path`` is a name of the store's folder; a relative one counts from there."""
    return posixpath.dirname(posixpath.join(facts.store.path, path)) == facts.store.path
