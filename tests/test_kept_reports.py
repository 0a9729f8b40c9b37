"""The store: what a restart finds, how long a node that left is remembered, and what a bad disk costs."""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.errors import ConfigurationError, Reason
from exporter.model.assessment import CertificateRole, Memory
from exporter.model.finding import Cause, Finding, Severity
from exporter.model.node import LocalAccess
from exporter.model.report import NodeReport, Visit
from exporter.rounds.store import store as module
from exporter.rounds.store import tables
from exporter.rounds.store.batch import Batch
from exporter.rounds.store.database import open_to_read, open_to_write
from exporter.rounds.store.late import with_past
from exporter.rounds.store.records import KEPT_ROTATIONS
from exporter.rounds.store.refusals import NewerSchemaError, NotOursError
from exporter.rounds.store.report_rows import texts
from exporter.rounds.store.schema import MIGRATIONS, RING
from tests.keeping import Keeping, in_a_hurry, keeping, known, wait_for
from tests.reports import DAY, NODE, NOW, UNICODE, any_report, certificate, node, report


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    in_a_hurry(monkeypatch)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "store.sqlite"


def content(path: Path, query: str) -> list[tuple[object, ...]]:
    """Rows as another program sees them."""
    connection = open_to_read(str(path))
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


# What comes back.


def test_a_restart_knows_the_last_reports(path: Path) -> None:
    """Each as it was, with the moments of its last visit; a node that never was visited is new."""
    first, second, third = node("a"), node("b"), node("c")
    with keeping(path, first, second, third) as kept:
        kept.visited(report(first, NOW), replace(report(second, NOW), reason=Reason.CONNECT_TIMEOUT, failures=4))
        wait_for(lambda: content(path, "SELECT name FROM node") == [("a",), ("b",)])
        kept.visited(report(first, NOW + 60))
        expected = kept.reports
    assert expected[0].last_visit == NOW + 60
    assert expected[2] == NodeReport(third)
    assert known(path, first, second, third) == expected


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(any_report(UNICODE), min_size=1, max_size=8))
def test_any_course_of_visits_is_known(tmp_path_factory: pytest.TempPathFactory, course: list[NodeReport]) -> None:
    """Whatever changed from visit to visit, and in whatever transactions it was written: the last report comes back."""
    file = tmp_path_factory.mktemp("course") / "store.sqlite"
    with keeping(file, NODE) as kept:
        for place, visit in enumerate(course):
            kept.visited(replace(visit, last_visit=NOW + place))
            if place % 2:
                kept.settle(NODE)  # after all that was told
        expected = kept.reports
    assert expected == (replace(course[-1], last_visit=NOW + len(course) - 1),)
    assert known(file, NODE) == expected


def test_a_start_needs_no_node_to_answer(path: Path) -> None:
    """The past is there as soon as the inventory is settled."""
    with keeping(path, NODE) as kept:
        kept.visited(report())
    with keeping(path) as kept:
        assert not kept.reports
        kept.settle(NODE)
        assert kept.reports == (report(),)


def test_many_nodes(path: Path) -> None:
    """More than go into one statement, and more than one question asks for by name."""
    fleet = [node(f"n{number}") for number in range(1000)]
    with keeping(path, *fleet) as kept:
        kept.visited(*(report(one, NOW + place, place) for place, one in enumerate(fleet)))
        expected = kept.reports
    assert known(path, *fleet) == expected
    assert known(path, *fleet[:3]) == expected[:3]


def test_what_cannot_be_understood_is_new(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One row that no version of ours wrote costs one node its past, is told, and is written again."""
    with keeping(path, node("a"), node("b")) as kept:
        kept.visited(report(node("a")), report(node("b")))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE node SET report = '[' WHERE name = 'a'")
    connection.close()
    with keeping(path, node("a"), node("b")) as kept:
        assert kept.reports == (NodeReport(node("a")), report(node("b")))
        assert any("cannot be understood" in record.getMessage() for record in caplog.records)
        kept.visited(report(node("a")))
    assert known(path, node("a")) == (report(node("a")),)


def test_a_node_that_is_read_in_another_way_keeps_its_dates(path: Path) -> None:
    """At a start as at a reload: what was read stays, and nobody has looked in the new way yet."""
    with keeping(path, NODE) as kept:
        kept.visited(report())
    elsewhere = replace(NODE, access=LocalAccess("/mnt/other"))
    with keeping(path, elsewhere) as kept:
        (found,) = kept.reports
        assert (found.client, found.reason, found.last_visit) == (report().client, Reason.NOT_YET_VISITED, None)
        assert (found.findings, found.memory) == (report().findings, Memory())
        kept.visited(report(elsewhere, NOW + 60))
    assert known(path, elsewhere) == (report(elsewhere, NOW + 60),)


@pytest.mark.parametrize("restarts", [False, True], ids=["reload", "restart"])
@pytest.mark.parametrize("fails", [False, True])
def test_another_certificate_elsewhere_is_no_rotation(path: Path, restarts: bool, fails: bool) -> None:
    """Where an address was corrected; also where a visit, and a restart, came before the first reading from there."""
    elsewhere = replace(NODE, access=LocalAccess("/mnt/other"))
    with keeping(path, NODE) as kept:
        kept.visited(report(number=1))
        kept.settle(*() if restarts else (elsewhere,))
        if fails and not restarts:
            kept.visited(kept.reports[0].after(Visit(elsewhere, NOW + 5, 1.0, Reason.UNREACHABLE)))
    with keeping(path, elsewhere) as kept:
        assert kept.reports[0].client == report().client
        if fails and restarts:
            kept.visited(kept.reports[0].after(Visit(elsewhere, NOW + 5, 1.0, Reason.UNREACHABLE)))
        kept.visited(report(elsewhere, NOW + 60, 2))
    assert rotations(path) == []
    with keeping(path, elsewhere) as kept:
        kept.visited(report(elsewhere, NOW + 120, 3))
    assert len(rotations(path)) == 2


def test_handshakes_that_are_switched_off_at_a_restart(path: Path) -> None:
    """What they showed does not come back, nor what it meant."""
    differs = Finding(Cause.SERVING_LIVE_DIFFERS, Severity.WARNING)
    seen = replace(report(), serving_live=certificate(9))
    with keeping(path, NODE) as kept:
        kept.visited(replace(seen, findings=(*seen.findings, differs)))
    (found,) = known(path, replace(NODE, serving_port=None))
    assert found == replace(report(), node=found.node)
    assert known(path, NODE)[0].serving_live == certificate(9)


def test_a_reload_writes_no_report_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes that are equal but other objects, as a reload makes them, are those that are stored."""
    written: list[str] = []

    def told(whole: NodeReport) -> tuple[str | None, ...]:
        written.append(whole.node.name)
        return texts(whole)

    with keeping(path, node("a")) as kept:
        kept.visited(report(node("a")))
        kept.settle(again := node("a"))
        monkeypatch.setattr(tables, "texts", told)
        kept.visited(report(again, NOW + 60))
        kept.settle(again)
        assert not written
        kept.visited(report(again, NOW + 120, 2))
        kept.settle(again)
        assert written == ["a"]
    assert known(path, node("a")) == (report(node("a"), NOW + 120, 2),)


def test_a_report_without_a_reading_costs_no_certificate(path: Path) -> None:
    """A row whose past nobody recalled, as of a node that is down, keeps it whatever is written over it."""
    with keeping(path, NODE) as kept:
        kept.visited(report())
    opened = tables.Tables(open_to_write(str(path)))
    failed = replace(NodeReport(NODE), reason=Reason.CONNECT_TIMEOUT, last_visit=NOW + 60, duration=1.0, failures=1)
    for is_whole in (True, False):
        batch = Batch()
        batch.reports[NODE.name] = failed, is_whole
        opened.write(batch)
    opened.close()
    assert known(path, NODE) == (report(),)


def test_what_was_learned_since_goes_over_the_past() -> None:
    """Also by a visit that read no certificate; a proof that there is none outweighs one of earlier."""
    new = NodeReport(NODE)
    assert with_past(new, report()) == report()
    partial = replace(new, reason=Reason.INTERNAL, last_visit=NOW + 60, duration=1.0, failures=1, served="other")
    expected = replace(report(), reason=Reason.INTERNAL, last_visit=NOW + 60, duration=1.0, failures=1, served="other")
    assert with_past(partial, report()) == expected
    token = replace(partial, no_client_by_design=True)
    assert with_past(token, report()) == replace(expected, no_client_by_design=True, client=None, authority=None)


# Nodes that leave.


def test_a_node_that_left_is_back_with_its_past(path: Path) -> None:
    """Within a day, with and without a restart between; meanwhile it is not in the output."""
    with keeping(path, NODE) as kept:
        kept.visited(report())
        kept.settle()
        assert not kept.reports
        kept.now += DAY / 2
        kept.settle(NODE)
        assert kept.reports == (report(),)
        kept.settle()
    assert known(path, NODE, now=NOW + DAY) == (report(),)


def test_a_node_that_is_gone_for_long_is_forgotten(path: Path) -> None:
    """After a day, all of it; the others stay, and so does one that came back in between."""
    gone, back, there = node("gone"), node("back"), node("there")
    with keeping(path, gone, back, there) as kept:
        kept.visited(report(gone), report(back), report(there))
        kept.visited(report(gone, NOW + 1, 2))
        kept.settle(there)
        kept.now += DAY / 2
        kept.settle(there, back)
        kept.now += DAY / 2 + 1
        wait_for(lambda: content(path, "SELECT count(*) FROM node") == [(2,)])
        assert content(path, "SELECT count(*) FROM moment") == [(2,)]
        assert content(path, "SELECT count(*) FROM rotation") == [(0,)]
        assert content(path, "SELECT count(*) FROM outcome") == [(2,)]
        kept.settle(gone, back, there)
        assert kept.reports == (NodeReport(gone), report(back), report(there))


def test_nobody_is_gone_before_every_source_counts(path: Path) -> None:
    """The nodes of a file that is broken from the start on keep their past, and have an hour from when it counts."""
    left = node("left")
    with keeping(path, NODE, left) as kept:
        kept.visited(report(), report(left))
        kept.settle(NODE)
    kept = Keeping(path, NOW + DAY / 2)
    kept.is_whole = False
    kept.settle()
    kept.now += 7 * DAY
    kept.settle()
    assert content(path, "SELECT name, gone FROM node ORDER BY name") == [("left", NOW), (NODE.name, None)]
    kept.is_whole = True
    kept.settle(NODE)
    assert kept.reports == (report(),)
    kept.now += 3601
    wait_for(lambda: content(path, "SELECT name FROM node") == [(NODE.name,)])
    kept.is_whole = False  # a source that breaks later keeps its nodes in the inventory
    kept.settle()
    kept.now += DAY + 1
    wait_for(lambda: content(path, "SELECT name FROM node") == [])
    kept.stop()


def test_a_node_that_left_while_nothing_ran_is_kept_for_a_day_from_the_start(path: Path) -> None:
    """An exporter that was off for a week forgets nobody for that."""
    with keeping(path, NODE) as kept:
        kept.visited(report())
    with keeping(path, now=NOW + 7 * DAY) as kept:
        kept.now += DAY / 2
    assert known(path, NODE, now=NOW + 7 * DAY + DAY / 2 + 10) == (report(),)


def test_a_clock_that_is_set_forgets_nobody(path: Path) -> None:
    """A node that is gone for less than a day by both clocks comes back with its past."""
    gone, out, there = node("gone"), node("out"), node("there")
    with keeping(path, gone, out, there) as kept:
        kept.visited(report(gone), report(out), report(there))
        kept.settle(out, there)
        kept.now += DAY / 2
        kept.settle(there)
        kept.set_clock(2 * DAY)
        kept.now += DAY / 2 + 1
        wait_for(lambda: content(path, "SELECT name FROM node ORDER BY name") == [("out",), ("there",)])
        kept.settle(out, there)
        assert kept.reports == (report(out), report(there))


def test_who_was_gone_for_long_before_the_start_may_return_for_an_hour(path: Path) -> None:
    """Its clock may be wrong then; after the hour all is forgotten."""
    with keeping(path, NODE) as kept:
        kept.visited(report())
        kept.settle()
    with keeping(path, now=NOW + 2 * DAY) as kept:
        kept.settle()
        assert content(path, "SELECT name FROM node") == [(NODE.name,)]
        kept.now += 3601
        wait_for(lambda: not content(path, "SELECT name FROM node"))


def test_a_guest_is_not_kept(path: Path) -> None:
    """Whom a probe reads and no inventory names: there may be any number of them."""
    with keeping(path, NODE) as kept:
        kept.store.told(NodeReport(node("guest")), report(node("guest")))
        kept.visited(report())
        kept.settle(NODE)
        assert content(path, "SELECT name FROM node") == [(NODE.name,)]


# Rotations and outcomes.


def rotations(path: Path, name: str = NODE.name) -> list[tuple[CertificateRole, str]]:
    connection = open_to_read(str(path))
    try:
        return [(one.cert, one.fingerprint) for one in tables.rotations(connection, name)]
    finally:
        connection.close()


def test_rotations_are_kept_as_they_were_seen(path: Path) -> None:
    """Old and new dates, fingerprint and serial, and between which visits; also of one that a restart lay between."""
    with keeping(path, NODE) as kept:
        kept.visited(report(number=1))
        kept.visited(report(at=NOW + 60, number=1))
        kept.visited(report(at=NOW + 120, number=2))
    with keeping(path, NODE) as kept:
        kept.visited(report(at=NOW + 180, number=3))
    connection = open_to_read(str(path))
    found = tables.rotations(connection, NODE.name)
    connection.close()
    assert [one.cert for one in found] == [CertificateRole.CLIENT, CertificateRole.SERVING] * 2
    client = found[0]
    old, new = report(number=1).client, report(number=2).client
    assert old
    assert new
    assert (client.old_fingerprint, client.fingerprint) == (old.certificate.fingerprint, new.certificate.fingerprint)
    assert (client.old_not_before, client.old_not_after) == (old.certificate.not_before, old.certificate.not_after)
    assert (client.not_before, client.not_after) == (new.certificate.not_before, new.certificate.not_after)
    assert (client.seen, client.last_seen_before) == (NOW + 119.75, NOW + 59.75)
    assert (client.serial, client.managed, found[1].managed) == ("2", True, False)


def test_a_batch_loses_no_rotation(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a node that is visited more than once between two transactions each is kept."""
    monkeypatch.setattr(module, "EVERY", 60.0)
    with keeping(path, NODE) as kept:
        kept.visited(*(report(at=NOW + number, number=number) for number in range(5)))
    client = [fingerprint for role, fingerprint in rotations(path) if role is CertificateRole.CLIENT]
    assert client == [f"{number:064x}" for number in range(1, 5)]


def test_rotations_of_a_node_are_bounded(path: Path) -> None:
    """The newest are kept, of each node; the others of the fleet lose none."""
    with keeping(path, NODE, node("quiet")) as kept:
        kept.visited(report(node("quiet"), number=1), report(node("quiet"), number=2))
        kept.visited(*(report(at=NOW + number, number=number) for number in range(KEPT_ROTATIONS)))
        wait_for(lambda: len(rotations(path)) == KEPT_ROTATIONS)
        assert rotations(path)[-1] == (CertificateRole.SERVING, f"{KEPT_ROTATIONS + 999:064x}")
        assert len(rotations(path, "quiet")) == 2


def test_outcomes_are_a_ring_of_each_node(path: Path) -> None:
    """The last of them, the oldest first, across restarts; what a node says often pushes out no other's."""
    with keeping(path, NODE, node("quiet")) as kept:
        kept.visited(replace(report(node("quiet")), reason=Reason.AUTH_FAILED))
        kept.visited(*(report(at=NOW + number) for number in range(RING)))
    with keeping(path, NODE, node("quiet")) as kept:
        kept.visited(replace(report(at=NOW + RING), reason=Reason.UNREACHABLE, duration=3.0))
    connection = open_to_read(str(path))
    found, quiet = tables.outcomes(connection, NODE.name), tables.outcomes(connection, "quiet")
    assert tables.outcomes(connection, "nobody") == ()
    connection.close()
    assert [one.ended for one in found] == [NOW + number for number in range(1, RING + 1)]
    assert (found[-1].reason, found[-1].duration, found[0].reason) == ("unreachable", 3.0, None)
    assert [one.reason for one in quiet] == ["auth_failed"]


# The file.


def test_the_file_is_for_its_owner_alone(path: Path) -> None:
    """Also its log and its lock, whatever the umask, and one that was open to others before."""
    path.parent.mkdir()
    path.touch(mode=0o644)
    before = os.umask(0)
    try:
        with keeping(path, NODE) as kept:
            kept.visited(report())
            wait_for(lambda: content(path, "SELECT count(*) FROM node") == [(1,)])
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("store.sqlite", "store.sqlite-wal", "store.sqlite-shm", "store.sqlite.lock"), 0o600)


def test_it_is_written_as_the_documentation_says(path: Path) -> None:
    """A write-ahead log, and a file that says whose it is."""
    with keeping(path, NODE):
        assert content(path, "PRAGMA journal_mode") == [("wal",)]
        assert content(path, "PRAGMA user_version") == [(len(MIGRATIONS),)]


def test_a_second_exporter_is_refused(path: Path) -> None:
    """With the file's name and the first one's process; once the first has ended it may."""
    with keeping(path, NODE), pytest.raises(ConfigurationError) as caught:
        Keeping(path)
    (mistake,) = caught.value.mistakes
    assert mistake.place == str(path)
    assert f"process {os.getpid()}" in mistake.message
    assert known(path, NODE)


def test_older_tables_are_brought_to_this_version(tmp_path: Path) -> None:
    """Step by step, and what is in them stays."""
    path = str(tmp_path / "store.sqlite")
    later = (*MIGRATIONS, ("ALTER TABLE node ADD COLUMN more TEXT DEFAULT 'new'",), ("CREATE TABLE other (id)",))
    connection = open_to_write(path)
    connection.execute("INSERT INTO node (id, name, read_as, report) VALUES (1, 'a', 'x', '{}')")
    connection.close()
    connection = open_to_write(path, later)
    assert connection.execute("SELECT name, more FROM node").fetchall() == [("a", "new")]
    assert connection.execute("PRAGMA user_version").fetchall() == [(len(later),)]
    connection.close()
    with pytest.raises(NewerSchemaError):
        open_to_write(path)


def test_a_step_that_fails_leaves_the_version_before(tmp_path: Path) -> None:
    """All of a step or nothing of it."""
    path = str(tmp_path / "store.sqlite")
    open_to_write(path).close()
    with pytest.raises(sqlite3.OperationalError):
        open_to_write(path, (*MIGRATIONS, ("CREATE TABLE one (id)", "CREATE NONSENSE")))
    connection = open_to_write(path)
    assert connection.execute("SELECT name FROM sqlite_master WHERE name = 'one'").fetchall() == []
    connection.close()


@pytest.mark.parametrize("newer", [True, False], ids=["a later version's", "another application's"])
def test_a_file_that_is_not_for_us_is_left_alone(path: Path, caplog: pytest.LogCaptureFixture, newer: bool) -> None:
    """Not a byte of it changes; nothing is kept, and that is told once."""
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE precious (id)")
    if newer:
        connection.execute("PRAGMA application_id = 1801676146")
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = path.read_bytes()
    with keeping(path, NODE) as kept:
        kept.visited(report())
        wait_for(lambda: errors(caplog))
        assert kept.up is False
        kept.settle(NODE, node("new"))
        assert len(kept.reports) == 2
    assert path.read_bytes() == before
    assert len(errors(caplog)) == 1
    assert not list(path.parent.glob("*corrupt*"))
    with pytest.raises(NewerSchemaError if newer else NotOursError):
        open_to_write(str(path))


@pytest.mark.parametrize("place", [0, 5000], ids=["the header", "within"])
def test_a_broken_file_is_set_aside(path: Path, caplog: pytest.LogCaptureFixture, place: int) -> None:
    """Under another name, whole; a new one begins at once, and is told of once."""
    fleet = [node(f"n{number}") for number in range(100)]
    with keeping(path, *fleet) as kept:
        kept.visited(*map(report, fleet))
    broken = bytearray(path.read_bytes())
    broken[place : place + 12000] = b"\xa5" * 12000
    path.write_bytes(broken)
    with keeping(path, *fleet) as kept:
        kept.visited(*map(report, fleet))
        wait_for(lambda: kept.up)
        expected = kept.reports
    (aside,) = path.parent.glob("store.sqlite.corrupt-*T*Z")
    assert aside.read_bytes() == broken
    assert [message for message in errors(caplog) if "broken" in message] == [
        "the store's file is broken: a new one begins"
    ]
    assert known(path, *fleet) == expected


def test_a_file_that_breaks_in_use_loses_nothing(path: Path) -> None:
    """What the daemon knows is written into the new one, also of nodes that no visit comes to meanwhile."""
    fleet = [node(f"n{number}") for number in range(100)]
    with keeping(path, *fleet) as kept:
        kept.visited(*map(report, fleet))
        wait_for(lambda: content(path, "SELECT count(*) FROM node") == [(100,)])
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xa5" * 4096 * 20)
        kept.visited(report(fleet[0], NOW + 60, 2))
        wait_for(lambda: list(path.parent.glob("*.corrupt-*")))
        wait_for(lambda: kept.up)
        expected = kept.reports
    assert known(path, *fleet) == expected
