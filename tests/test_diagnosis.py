"""The table of causes: each row speaks for what it names, and is silent for a healthy neighbour."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.judge import store
from exporter.judge.diagnosis import TABLE, findings
from exporter.model.facts import DirectoryCondition, NodeFacts, StoreEntry, StoreFacts
from exporter.model.files import Condition, FileKind, PemFile
from exporter.model.finding import Cause, Finding, Severity

PKI = "/var/lib/kubelet/pki"
CURRENT, UPDATED = "kubelet-client-current.pem", "kubelet-client-updated.pem"
TARGET, NEWER = "kubelet-client-2026-09-21-10-00-00.pem", "kubelet-client-2026-09-22-10-00-00.pem"


def line(name: str, kind: FileKind = FileKind.REGULAR, size: int = 1100, modified: int = 100) -> StoreEntry:
    """One line of a listing."""
    return StoreEntry(name, kind, 0o600, 0, 0, size, modified)


LINK, DATED = line(CURRENT, FileKind.LINK, 59), line(TARGET)
READ = PemFile(f"{PKI}/{CURRENT}", Condition.READ, (b"",), f"{PKI}/{TARGET}")
GONE = PemFile(f"{PKI}/{CURRENT}", Condition.MISSING)
REGULAR = PemFile(f"{PKI}/{CURRENT}", Condition.READ, (b"",))


def causes(client: PemFile, *entries: StoreEntry) -> list[Cause]:
    """What is found with such a client's file and such a listing."""
    facts = NodeFacts(0.0, StoreFacts(PKI, DirectoryCondition.OK, entries, 1), client, None)
    return [finding.cause for finding in findings(facts, store.history(facts.store, facts.client))]


@pytest.mark.parametrize(
    ("client", "entries", "found"),
    [
        (READ, [LINK, DATED], []),
        (READ, [], []),
        # 27: a regular file in place of the link
        (REGULAR, [line(CURRENT), DATED], [Cause.STORE_LINK_REGULAR_FILE]),
        (REGULAR, [line(CURRENT, FileKind.DIRECTORY), DATED], []),
        (READ, [LINK, DATED, line("kubelet-server-current.pem")], []),
        # 28: a regular file in place of the link that is to become current
        (READ, [LINK, DATED, line(UPDATED)], [Cause.STORE_UPDATED_LEFTOVER]),
        (READ, [LINK, DATED, line(UPDATED, size=0)], [Cause.STORE_UPDATED_LEFTOVER]),
        (READ, [LINK, DATED, line(UPDATED, FileKind.LINK)], []),  # a rotation that is under way, or heals
        # 35: died between unlink and rename
        (GONE, [DATED, line(UPDATED, FileKind.LINK)], [Cause.STORE_UPDATED_LEFTOVER]),
        (GONE, [DATED], []),
        (replace(GONE, path="/etc/kubernetes/client.pem"), [DATED, line(UPDATED, FileKind.LINK)], []),
        # 25: disk full
        (READ, [LINK, DATED, line(NEWER, size=0, modified=200)], [Cause.ORPHAN_EMPTY]),
        (READ, [LINK, DATED, line(NEWER, size=1, modified=200)], []),
        (READ, [LINK, DATED, line(NEWER, size=0, modified=50)], []),
        (
            READ,
            [LINK, DATED, line(UPDATED), line(NEWER, size=0, modified=200)],
            [Cause.STORE_UPDATED_LEFTOVER, Cause.ORPHAN_EMPTY],
        ),
    ],
)
def test_what_is_found(client: PemFile, entries: list[StoreEntry], found: list[Cause]) -> None:
    """A cause is found where its files lie so, and nowhere else."""
    assert causes(client, *entries) == found


def test_a_store_that_was_not_seen_proves_nothing() -> None:
    """Without a listing there is no finding."""
    facts = NodeFacts(0.0, StoreFacts(PKI, DirectoryCondition.DENIED), replace(GONE, condition=Condition.DENIED), None)
    assert findings(facts, None) == ()


def test_findings_carry_the_severity_of_their_row() -> None:
    """What blocks every rotation is critical, a lost attempt a warning."""
    facts = NodeFacts(
        0.0,
        StoreFacts(PKI, DirectoryCondition.OK, (LINK, DATED, line(UPDATED), line(NEWER, size=0, modified=200))),
        READ,
        None,
    )
    assert findings(facts, store.history(facts.store, READ)) == (
        Finding(Cause.STORE_UPDATED_LEFTOVER, Severity.CRITICAL),
        Finding(Cause.ORPHAN_EMPTY, Severity.WARNING),
    )


def test_every_cause_has_one_row() -> None:
    """The table is complete and names nothing twice."""
    assert sorted(row.cause for row in TABLE) == sorted(Cause)
