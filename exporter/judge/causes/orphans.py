"""Orphans: dated files newer than the one in use. Each is an attempt that was signed and lost."""

from __future__ import annotations

import posixpath

from exporter.judge import store
from exporter.judge.case import UNSEEN, Answer, Case
from exporter.judge.causes.wording import names
from exporter.model.assessment import OrphanCondition
from exporter.model.facts import DirectoryCondition, StoreEntry
from exporter.model.files import FileKind
from exporter.model.host import JournalSign


def empty(case: Case) -> Answer:
    """25: disk or inodes full; write errors are dropped, the read-back finds nothing (microk8s#3912)."""
    return _found(case, OrphanCondition.EMPTY, "is empty: a rotation was signed and could not be written")


def invalid(case: Case) -> Answer:
    """29, 33: the new pair was cut off, or certificate and key are not of one pair: the read-back refuses it."""
    return _found(
        case, OrphanCondition.INVALID, "holds no whole pair: a rotation was signed and what was stored is bad"
    )


def valid(case: Case) -> Answer:
    """27, 28 and a death between writing and linking: the new pair is good, and the link was not moved."""
    return _found(
        case,
        OrphanCondition.VALID,
        "holds a whole pair and is not in use: a rotation was signed, and the link not moved",
    )


def settled(case: Case, condition: OrphanCondition) -> list[StoreEntry]:
    """Orphans that no rotation under way explains, the newest last.

    Newer by their names too: a store that was copied without its times has mtimes that tell nothing.
    """
    in_use = posixpath.basename(case.facts.client.link or case.facts.client.path)
    found = [line for line, its in store.orphans(case.facts.store, case.facts.client) if its is condition]
    settled = [line for line in found if case.is_settled(line.modified) and _is_later(line.name, in_use)]
    return sorted(settled, key=lambda line: line.name)


def _is_later(name: str, in_use: str) -> bool:
    return name > in_use or not store.is_dated_client(in_use)


def _found(case: Case, condition: OrphanCondition, what: str) -> Answer:
    facts = case.facts.store
    if case.kubelet.distribution.renews_itself or case.kubelet.rotates is False:
        return None
    if facts.condition in (DirectoryCondition.DENIED, DirectoryCondition.OUTSIDE_ROOT):
        return UNSEEN
    if facts.condition is not DirectoryCondition.OK:
        return None
    lost = settled(case, condition)
    if not lost:
        is_unread = condition is not OrphanCondition.EMPTY and settled(case, OrphanCondition.UNREAD)
        return UNSEEN if is_unread or _is_target_untold(case) else None
    if len(lost) == 1:
        return f"{posixpath.join(facts.path, lost[0].name)}, newer than the file in use, {what}"
    listed = names([line.name for line in reversed(lost)])
    return f"{facts.path} has {len(lost)} dated files newer than the one in use ({listed}); each {what}"


def _is_target_untold(case: Case) -> bool:
    """The link is there and where it leads was not to be read: nothing can be called newer than that."""
    line = store.entry(case.facts.store, posixpath.basename(case.facts.client.path))
    return line is not None and line.kind is FileKind.LINK and case.facts.client.link is None


def is_lost_by_the_journal(case: Case) -> bool:
    """The journal's word that a signed pair could not be stored."""
    return any(line.sign is JournalSign.NOT_STORED and line.count for line in case.facts.journal or ())
