"""The store's file outlives a kill at any moment; a disk that is full or not there costs what would be kept, only."""

from __future__ import annotations

import contextlib
import logging
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.errors import Reason
from exporter.model.report import NodeReport, Visit
from exporter.rounds.store import database
from exporter.rounds.store import store as module
from exporter.rounds.store.batch import Batch
from exporter.rounds.store.tables import Tables
from tests.crashing import FLEET
from tests.keeping import PATIENCE, Keeping, in_a_hurry, keeping, known, wait_for
from tests.reports import NODE, NOW, node, report

# Kills.


def killed(path: Path, first: int, dice: random.Random) -> int:
    """Keep reports in another process from round ``first`` on, and kill it at any moment; the last round it told."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.crashing", str(path), str(first)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
    ) as process:
        assert process.stdout
        told = first
        for _ in range(dice.randint(1, 8)):
            told = int(process.stdout.readline())
        time.sleep(dice.uniform(0, 0.02))  # within the next round, wherever that is
        process.kill()
        rest = process.stdout.read().split("\n")[:-1]
    return int(rest[-1]) if rest else told


def survives(path: Path, kills: int) -> None:
    """Each time the file is whole, and lacks nothing that was written before."""
    dice, round_ = random.Random(12), 0
    for _ in range(kills):
        round_ = killed(path, round_ + 1, dice)
        connection = sqlite3.connect(path)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()
        reports = known(path, *FLEET, now=NOW + round_)
        assert {one.last_visit for one in reports} <= {NOW + round_, NOW + round_ + 1}
        last = int((reports[0].last_visit or 0) - NOW)
        assert reports == tuple(report(one, NOW + last, (last + place) // 10) for place, one in enumerate(FLEET))
        round_ = last


def test_a_kill_loses_the_last_batch_at_most(tmp_path: Path) -> None:
    """kill -9 at any moment, again and again: the file is whole, and all that was written is in it."""
    survives(tmp_path / "store.sqlite", 5)


@pytest.mark.long
def test_a_hundred_kills(tmp_path: Path) -> None:
    """The same a hundred times, on one file."""
    survives(tmp_path / "store.sqlite", 100)


def test_a_killed_exporter_holds_no_lock(tmp_path: Path) -> None:
    """While it lives nobody else may use the file; the moment it is dead anybody may."""
    path = tmp_path / "store.sqlite"
    with subprocess.Popen(
        [sys.executable, "-m", "tests.crashing", str(path), "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
    ) as first:
        assert first.stdout
        first.stdout.readline()
        second = subprocess.run(
            [sys.executable, "-m", "tests.crashing", str(path), "0"],
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).parent.parent,
        )
        first.kill()
    assert f"another exporter uses it (process {first.pid})" in second.stderr
    assert known(path, *FLEET)


# Disks.


@pytest.fixture
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    in_a_hurry(monkeypatch)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 600 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600k", "store", str(folder)], capture_output=True, check=False
    )
    if not mounted or mounted.returncode:
        pytest.skip("nothing can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def remount(folder: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], check=True)


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


CANNOT = "the store cannot be used: what is learned now is forgotten at a restart"


@pytest.mark.usefixtures("_hurry")
def test_a_full_disk(disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Told once; visits go on; once there is room all of it is written, what was learned meanwhile too."""
    caplog.set_level(logging.INFO)
    fleet = [node(f"n{number}") for number in range(1000)]
    path = disk / "store.sqlite"
    with keeping(path, *fleet) as kept:
        kept.visited(*map(report, fleet[:50]))
        wait_for(lambda: kept.up)
        for round_ in range(3):
            kept.visited(*(report(one, NOW + round_, round_) for one in fleet))
            kept.settle(*fleet)
        assert kept.up is False
        assert len(kept.reports) == 1000
        assert errors(caplog) == [CANNOT]
        remount(disk, "size=64m")
        wait_for(lambda: kept.up)
        assert caplog.records[-1].getMessage() == "the store is used again"
        expected = kept.reports
    assert known(path, *fleet) == expected


@pytest.mark.usefixtures("_hurry")
def test_a_disk_that_is_read_only_at_the_start(disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Told once, and used once it can be."""
    path = disk / "store.sqlite"
    with keeping(path, NODE) as kept:
        kept.visited(report())
    remount(disk, "ro")
    with keeping(path, NODE) as kept:
        kept.visited(report(at=NOW + 60))
        wait_for(lambda: errors(caplog))
        assert kept.up is False
        remount(disk, "rw")
        wait_for(lambda: kept.up)
    assert errors(caplog) == [CANNOT]
    assert known(path, NODE) == (report(at=NOW + 60),)


def fails(kept: Keeping, at: float) -> None:
    """A visit that nobody answered."""
    told = kept.state.record(Visit(NODE, at, 1.0, Reason.CONNECT_TIMEOUT))
    assert told
    kept.store.told(*told)


def down(past: NodeReport, at: float) -> NodeReport:
    """What is known of a node after such a visit, the first that failed."""
    return past.after(Visit(NODE, at, 1.0, Reason.CONNECT_TIMEOUT))


@pytest.mark.usefixtures("_hurry")
def test_a_disk_that_is_full_at_the_start(disk: Path) -> None:
    """What is kept can be read there, and a node that is down loses none of it once there is room."""
    path = disk / "store.sqlite"
    with keeping(path, NODE) as kept:
        kept.visited(report())
    with (disk / "other").open("wb", 0) as other, contextlib.suppress(OSError):
        while other.write(bytes(1024)):
            pass
    with keeping(path, NODE) as kept:
        assert kept.reports == (report(),)
        assert kept.up is False
        fails(kept, NOW + 60)
        (disk / "other").unlink()
        wait_for(lambda: kept.up)
    assert known(path, NODE) == (down(report(), NOW + 60),)


@pytest.mark.usefixtures("_hurry")
@pytest.mark.parametrize("is_visited", [False, True], ids=["not yet visited", "down"])
def test_a_disk_that_comes_late(tmp_path: Path, is_visited: bool) -> None:
    """The past is there once the file is, under what was learned since, and is not written over."""
    path, away = tmp_path / "store.sqlite", tmp_path / "away"
    with keeping(path, NODE) as kept:
        kept.visited(report())
    path.rename(away)
    path.mkdir()
    expected = down(report(), NOW + 60) if is_visited else report()
    with keeping(path, NODE) as kept:
        assert kept.reports == (NodeReport(NODE),)
        if is_visited:
            fails(kept, NOW + 60)
        path.rmdir()
        away.rename(path)
        wait_for(lambda: kept.up)
        wait_for(lambda: kept.reports == (expected,))
    assert known(path, NODE) == (expected,)


@pytest.mark.usefixtures("_hurry")
def test_a_file_that_another_program_writes_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A start that cannot note who left the inventory has the past of who is in it."""
    monkeypatch.setattr(database, "PATIENCE", 0.01)
    path = tmp_path / "store.sqlite"
    with keeping(path, NODE, node("left")) as kept:
        kept.visited(report(), report(node("left")))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with keeping(path, NODE) as kept:
            assert kept.reports == (report(),)
            assert kept.up is False
    assert known(path, NODE) == (report(),)


@pytest.mark.usefixtures("_hurry")
def test_an_answer_that_is_too_late_is_given_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes longer than a start may wait costs no node its past."""
    path = tmp_path / "store.sqlite"
    with keeping(path, NODE) as kept:
        kept.visited(report())
    goes_on = threading.Event()

    def slow(opened: str) -> sqlite3.Connection:
        assert goes_on.wait(PATIENCE)
        return database.open_to_write(opened)

    monkeypatch.setattr(module, "open_to_write", slow)
    monkeypatch.setattr(module, "_RECALL_PATIENCE", 0.0)
    with keeping(path, NODE) as kept:
        assert kept.reports == (NodeReport(NODE),)
        goes_on.set()
        wait_for(lambda: kept.reports == (report(),))


@pytest.mark.usefixtures("_hurry")
def test_a_place_that_cannot_be(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A folder that is a file costs no more than that nothing is kept, until it is a folder."""
    path = tmp_path / "state" / "store.sqlite"
    path.parent.write_text("")
    with keeping(path, NODE) as kept:
        kept.visited(report())
        wait_for(lambda: errors(caplog))
        assert kept.up is False
        path.parent.unlink()
        wait_for(lambda: kept.up)
    assert errors(caplog) == [CANNOT]
    assert known(path, NODE) == (report(),)


def test_a_disk_that_does_not_answer_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond what may wait, visits are dropped from the queue and their reports taken from the state later."""
    monkeypatch.setattr(module, "MOST_WAITING", 10)
    monkeypatch.setattr(module, "EVERY", 3600.0)
    fleet = [node(f"n{number}") for number in range(100)]
    path = tmp_path / "store.sqlite"
    with keeping(path, *fleet) as kept:
        kept.visited(*map(report, fleet))
        expected = kept.reports
    assert known(path, *fleet) == expected


@pytest.mark.usefixtures("_hurry")
def test_a_report_is_not_written_over_a_newer_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a write hangs, more visits end than may wait: what waits is older than what is taken from the state."""
    monkeypatch.setattr(module, "MOST_WAITING", 1)
    hangs, goes_on = threading.Event(), threading.Event()
    write = Tables.write

    def slow(tables: Tables, batch: Batch) -> None:
        hangs.set()
        assert goes_on.wait(PATIENCE)
        write(tables, batch)

    path = tmp_path / "store.sqlite"
    with keeping(path, NODE) as kept:
        monkeypatch.setattr(Tables, "write", slow)
        kept.visited(report())
        assert hangs.wait(PATIENCE)
        kept.visited(report(at=NOW + 60))
        kept.visited(report(at=NOW + 120, number=2))  # does not fit
        goes_on.set()
    assert known(path, NODE) == (report(at=NOW + 120, number=2),)


@pytest.mark.usefixtures("_hurry")
def test_a_mistake_of_ours_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A report that cannot be written is told with its traceback; once it is another, all is written."""
    path = tmp_path / "store.sqlite"
    with keeping(path, NODE, node("other")) as kept:
        kept.visited(report(node("other")), replace(report(), script_version=0j))  # type: ignore[arg-type] # the mistake
        wait_for(lambda: any(record.exc_info for record in caplog.records))
        assert kept.up is False
        kept.visited(report(at=NOW + 60))
        wait_for(lambda: kept.up)
    assert known(path, NODE, node("other")) == (report(at=NOW + 60), report(node("other")))
    assert len(errors(caplog)) == 1
