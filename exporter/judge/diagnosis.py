"""Causes as one table: what is wrong on a node though its certificate can be read.

A row is an identifier, a severity and a predicate over what the visit saw. Numbers are those of the failure taxonomy.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass

from exporter.config.settings import CLIENT_CURRENT, CLIENT_UPDATED
from exporter.judge import store
from exporter.model.assessment import OrphanCondition, StoreHistory
from exporter.model.facts import NodeFacts
from exporter.model.files import Condition, FileKind
from exporter.model.finding import Cause, Finding, Severity


@dataclass(frozen=True, slots=True)
class Row:
    """One cause; ``holds`` gets the node's facts and the store's history (None where the store was not seen)."""

    cause: Cause
    severity: Severity
    holds: Callable[[NodeFacts, StoreHistory | None], bool]


def _link_is_a_regular_file(facts: NodeFacts, _history: StoreHistory | None) -> bool:
    """27: client-go's Update refuses with "expected … to be a symlink but it is a file" for ever."""
    line = store.entry(facts.store, CLIENT_CURRENT)
    return line is not None and line.kind is FileKind.REGULAR


def _updated_is_left_over(facts: NodeFacts, _history: StoreHistory | None) -> bool:
    """28 and 35: a regular file there blocks every rotation; a link without ``current`` is a death in the gap."""
    line = store.entry(facts.store, CLIENT_UPDATED)
    if line is None:
        return False
    gone = facts.client.condition is Condition.MISSING and posixpath.basename(facts.client.path) == CLIENT_CURRENT
    return line.kind is FileKind.REGULAR or gone


def _orphan_is_empty(_facts: NodeFacts, history: StoreHistory | None) -> bool:
    """25: disk or inodes full; the write fails without a word and the read-back finds nothing."""
    return history is not None and OrphanCondition.EMPTY in dict(history.orphans)


TABLE = (
    Row(Cause.STORE_LINK_REGULAR_FILE, Severity.CRITICAL, _link_is_a_regular_file),
    Row(Cause.STORE_UPDATED_LEFTOVER, Severity.CRITICAL, _updated_is_left_over),
    Row(Cause.ORPHAN_EMPTY, Severity.WARNING, _orphan_is_empty),
)


def findings(facts: NodeFacts, history: StoreHistory | None) -> tuple[Finding, ...]:
    """Every cause that holds, in the order of the table."""
    return tuple(Finding(row.cause, row.severity) for row in TABLE if row.holds(facts, history))
