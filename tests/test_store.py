"""What the store's listing tells: the last rotation, rotations on disk, and attempts that were lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.judge.store import entry, history, is_dated_client
from exporter.model.assessment import OrphanCondition, StoreHistory
from exporter.model.facts import DirectoryCondition, StoreEntry, StoreFacts
from exporter.model.files import Condition, FileKind, PemFile
from tests.trees import Mint, unarmour

PKI = "/var/lib/kubelet/pki"
OLD, TARGET, NEW, NEWER = (f"kubelet-client-2026-09-2{day}-10-00-00.pem" for day in (1, 2, 3, 4))
LEAF = unarmour(Mint().leaf().certificate)
CLIENT = PemFile(f"{PKI}/kubelet-client-current.pem", Condition.READ, (LEAF,), f"{PKI}/{TARGET}")


def line(name: str, modified: int | None, size: int = 1100, kind: FileKind = FileKind.REGULAR) -> StoreEntry:
    """One line of a listing."""
    return StoreEntry(name, kind, 0o600, 0, 0, size, modified)


def store(*entries: StoreEntry, newest: tuple[PemFile, ...] = ()) -> StoreFacts:
    """A store with a link, an older file and the link's target, and more."""
    own = (
        line("kubelet-client-current.pem", 900, 59, FileKind.LINK),
        line(OLD, 100),
        line(TARGET, 200),
    )
    return StoreFacts(PKI, DirectoryCondition.OK, (*own, *entries), dated_client=2 + len(entries), newest=newest)


def orphans(facts: StoreFacts, client: PemFile = CLIENT) -> dict[OrphanCondition, int]:
    """The orphans by their condition."""
    seen = history(facts, client)
    assert seen is not None
    return dict(seen.orphans)


def test_a_healthy_store_has_its_last_rotation_and_no_orphan() -> None:
    """The target's mtime is the last rotation; older dated files are past ones."""
    assert history(store(), CLIENT) == StoreHistory(last_rotation=200, rotations_on_disk=2, orphans=())


def test_the_serving_store_has_a_history_of_its_own() -> None:
    """The serving link's target and the number of dated serving files; none without a link."""
    target = "kubelet-server-2026-09-22-10-00-00.pem"
    serving = PemFile(f"{PKI}/kubelet-server-current.pem", Condition.READ, (LEAF,), f"{PKI}/{target}")
    facts = replace(store(line(target, 300)), dated_server=4)
    seen = history(facts, CLIENT, serving)
    assert seen is not None
    assert (seen.last_serving_rotation, seen.serving_rotations_on_disk, seen.last_rotation) == (300, 4, 200)
    for other in (None, replace(serving, link=None), replace(serving, link=f"{PKI}/gone.pem")):
        seen = history(facts, CLIENT, other)
        assert seen is not None
        assert seen.last_serving_rotation is None


@pytest.mark.parametrize("condition", [it for it in DirectoryCondition if it is not DirectoryCondition.OK])
def test_a_store_that_was_not_seen_has_no_history(condition: DirectoryCondition) -> None:
    """Not seen is told apart from empty."""
    assert history(StoreFacts(PKI, condition), CLIENT) is None


def test_an_empty_store_has_an_empty_history() -> None:
    """A store without files has no rotation and no orphan."""
    nothing = PemFile(CLIENT.path, Condition.MISSING)
    assert history(StoreFacts(PKI, DirectoryCondition.OK), nothing) == StoreHistory(None, 0, ())


@pytest.mark.parametrize(
    ("orphan", "file", "condition"),
    [
        (line(NEW, 300, size=0), Condition.EMPTY, OrphanCondition.EMPTY),
        (line(NEW, 300, size=0), None, OrphanCondition.EMPTY),
        (line(NEW, 300), Condition.READ, OrphanCondition.VALID),
        (line(NEW, 300), Condition.TRUNCATED, OrphanCondition.INVALID),
        (line(NEW, 300), Condition.KEY_ONLY, OrphanCondition.INVALID),
        (line(NEW, 300), Condition.DENIED, OrphanCondition.UNREAD),
        (line(NEW, 300), None, OrphanCondition.UNREAD),
    ],
)
def test_a_newer_dated_file_is_an_orphan(
    orphan: StoreEntry, file: Condition | None, condition: OrphanCondition
) -> None:
    """A dated file newer than the link's target is an attempt that was lost, told by what it holds."""
    content = (LEAF,) if file is Condition.READ else ()
    read = (PemFile(f"{PKI}/{NEW}", file, content),) if file else ()
    assert orphans(store(orphan, newest=read)) == {condition: 1}


def test_an_orphan_with_broken_der_is_invalid() -> None:
    """A block that is no certificate makes an invalid orphan."""
    read = PemFile(f"{PKI}/{NEW}", Condition.READ, (b"\x30\x82",))
    assert orphans(store(line(NEW, 300), newest=(read,))) == {OrphanCondition.INVALID: 1}


@pytest.mark.parametrize(
    ("name", "modified", "counts"),
    [
        (NEW, 201, True),
        (NEW, 200, True),  # the same second: the name decides
        (OLD, 201, True),  # a clock or zone that went back: the mtime decides
        (NEW, 199, False),
        (OLD.replace("10-00", "09-00"), 200, False),
        (NEW, None, True),  # no stat on the node: the name decides
        (OLD.replace("10-00", "09-00"), None, False),
    ],
)
def test_newer_is_by_mtime_and_else_by_name(name: str, modified: int | None, counts: bool) -> None:
    """Names are local time without a zone, so mtimes decide where the node tells them."""
    facts = store(line(name, modified, size=0))
    if name == OLD:
        facts = replace(facts, entries=tuple(it for it in facts.entries if it.modified != 100))
    assert orphans(facts) == ({OrphanCondition.EMPTY: 1} if counts else {})


@pytest.mark.parametrize("kind", [FileKind.LINK, FileKind.DIRECTORY, FileKind.FIFO])
def test_what_is_no_file_is_no_orphan(kind: FileKind) -> None:
    """Only regular files are attempts."""
    assert orphans(store(line(NEW, 300, kind=kind))) == {}


@pytest.mark.parametrize(
    "name",
    ["kubelet-client-updated.pem", "kubelet-client.key.tmp", "kubelet-server-2026-09-24-10-00-00.pem", "kubelet.crt"],
)
def test_other_names_are_no_orphans(name: str) -> None:
    """Only dated client files are attempts of the client's rotation."""
    assert orphans(store(line(name, 300, size=0))) == {}


def test_orphans_are_counted_by_condition() -> None:
    """Several lost attempts are told apart and counted."""
    read = PemFile(f"{PKI}/{NEWER}", Condition.READ, (LEAF,))
    lost = [line(NEW, 300, size=0), line(NEW.replace("10-", "11-"), 310, size=0), line(NEWER, 400)]
    assert orphans(store(*lost, newest=(read,))) == {OrphanCondition.EMPTY: 2, OrphanCondition.VALID: 1}


@pytest.mark.parametrize("link", [None, "?", f"{PKI}/kubelet-client-2020-01-01-00-00-00.pem"])
def test_without_a_target_in_the_listing_nothing_is_an_orphan(link: str | None) -> None:
    """Where the link's target is not among the names nothing can be newer than it."""
    seen = history(store(line(NEW, 300, size=0)), replace(CLIENT, link=link))
    assert seen == StoreHistory(last_rotation=None, rotations_on_disk=3, orphans=())


@pytest.mark.parametrize(
    ("name", "dated"),
    [
        (TARGET, True),
        ("kubelet-client-current.pem", False),
        ("kubelet-client-updated.pem", False),
        ("kubelet-client.pem", False),
        ("kubelet-client-2026-09-22-10-00-00.pem.bak", False),
        ("kubelet-server-2026-09-22-10-00-00.pem", False),
    ],
)
def test_which_names_are_dated(name: str, dated: bool) -> None:
    """A dated client file is told by its name."""
    assert is_dated_client(name) is dated


def test_a_name_that_is_not_listed_has_no_entry() -> None:
    """An entry is found by its name or not at all."""
    assert (entry(store(), TARGET), entry(store(), NEW)) == (line(TARGET, 200), None)
