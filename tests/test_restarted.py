"""An exporter that was killed and started again: nothing is forgotten, and nobody has to answer first."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from exporter.cli.main import main
from exporter.config.settings import Paths
from exporter.demo.signer import Authority
from exporter.demo.store import FileStore
from exporter.demo.world import World
from exporter.errors import ConfigurationError
from exporter.rounds.schedule import spread
from exporter.rounds.store.archive import archive
from tests.running import Running, by_node, reasons, samples, states

NODES = ("w1", "w2", "w3")
DAY = 86400
DATES = (
    "kubelet_cert_not_before_timestamp_seconds",
    "kubelet_cert_not_after_timestamp_seconds",
    "kubelet_cert_last_rotation_timestamp_seconds",
    "kubelet_cert_rotations_on_disk",
    "kubelet_cert_info",
)
SUCCESS = "kubelet_cert_node_last_success_timestamp_seconds"


class Fleet:
    """Mounted nodes, and an exporter over them that keeps what it learns."""

    def __init__(self, place: Path, **settings: object) -> None:
        self.place = place
        self.authority = Authority()
        self.config = place / "config.yaml"
        group = {"transport": "local", "root": f"{place}/nodes/{{name}}", "nodes": list(NODES)}
        pace = {"interval": "1s", "min_interval": "1s"}
        self.config.write_text(json.dumps({**pace, "store": "store.sqlite", "groups": {"g": group}, **settings}))
        for name in NODES:
            self.rotate(name, time.time() - 10 * DAY)

    def rotate(self, name: str, now: float) -> None:
        root = self.place / "nodes" / name
        store = FileStore(root / Paths().store.lstrip("/"), root=root)
        store.update(self.authority.client(name, now, 365 * DAY), now)

    def goes(self) -> None:
        """Nobody answers any more."""
        shutil.move(self.place / "nodes", self.place / "away")

    def history(self, capsys: pytest.CaptureFixture[str], name: str) -> list[dict[str, object]]:
        capsys.readouterr()
        assert main(["history", name, f"--config.file={self.config}", "--format=json"]) == 0
        told: list[dict[str, object]] = json.loads(capsys.readouterr().out)["rotations"]
        return told


def killed(exporter: Running) -> None:
    exporter.process.kill()
    exporter.process.wait()


def test_a_killed_exporter_forgets_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its first scrape after kill -9 has every date with its age, though no node answers; history has what it saw."""
    fleet = Fleet(tmp_path)
    with Running(fleet.config) as exporter:
        exporter.wait_for(lambda: set(states(exporter.scrape()).values()) == {"fresh"})
        fleet.rotate("w1", time.time() - DAY)
        exporter.wait_for(lambda: by_node(exporter.scrape(), "kubelet_cert_rotations_on_disk")["w1"] == 2)
        fleet.goes()
        exporter.wait_for(lambda: set(reasons(exporter.scrape()).values()) == {"root_missing"})
        exporter.wait_for(lambda: is_kept(fleet))
        before = samples(exporter.scrape())
        assert before["kubelet_cert_exporter_store_up"] == {(): 1.0}
        killed(exporter)
    assert_no_key_is_kept(tmp_path)
    began = time.time()
    with Running(fleet.config) as exporter:
        (told,) = (line for line in exporter.log if "store opened" in line)
        assert told.endswith(f"file={tmp_path}/store.sqlite restored={len(NODES)}\n")
        text = exporter.scrape()
        assert exporter.get("/-/ready")[0] == 200
    after = samples(text)
    for name in DATES:
        assert after[name] == before[name], name
    assert after[SUCCESS] == before[SUCCESS]
    assert max(after[SUCCESS].values()) < began
    assert set(states(text).values()) == {"fresh"}
    assert set(reasons(text).values()) == {"root_missing"}
    assert after["kubelet_cert_node_up"] == before["kubelet_cert_node_up"]
    (rotation,) = fleet.history(capsys, "w1")
    assert (rotation["cert"], rotation["by_kubelet"]) == ("client", True)
    assert fleet.history(capsys, "w2") == []


def assert_no_key_is_kept(place: Path) -> None:
    """No line of any private key that lies on the nodes is in the store's files."""
    stores = b"".join(path.read_bytes() for path in place.glob("store.sqlite*"))
    pems = b"".join(path.read_bytes() for path in place.rglob("kubelet-client-2*.pem"))
    keys = [key for key in pems.split(b"PRIVATE KEY-----")[1::2] if key.strip()]
    assert len(keys) == len(NODES) + 1
    assert b"CN=kubernetes" in stores
    assert not [line for key in keys for line in key.split() if len(line) > 20 and line in stores]


def is_kept(fleet: Fleet) -> bool:
    """Whether the file has it that nobody answers."""
    with archive(str(fleet.place / "store.sqlite")) as past:
        outcomes = {name: past.outcomes(name) for name in NODES}
    return all(found and found[-1].reason == "root_missing" for found in outcomes.values())


def test_a_restored_node_waits_for_its_turn(tmp_path: Path) -> None:
    """Started again, an exporter visits nobody before the time that the last visit gave; with other paths it does."""
    fleet = Fleet(tmp_path, interval="1h", min_interval="1m")
    with Running(fleet.config) as exporter:
        exporter.wait_for(lambda: exporter.get("/-/ready")[0] == 200)
        before = samples(exporter.scrape())[SUCCESS]
    document = json.loads(fleet.config.read_text())
    last = next(name for name in map("new{}".format, range(1000)) if spread(name) > 0.95)  # were all due, after them
    assert spread(last) > max(map(spread, NODES)) + 0.1
    fleet.rotate(last, time.time() - DAY)
    document["groups"]["g"]["nodes"].append(last)
    fleet.config.write_text(json.dumps(document))
    with Running(fleet.config) as exporter:
        exporter.wait_for(lambda: last in by_node(exporter.scrape(), SUCCESS))
        again = samples(exporter.scrape())
        assert before.items() <= again[SUCCESS].items()
        assert sum(again["kubelet_cert_exporter_visits_total"].values()) == 1
    document["groups"]["g"]["rotation"] = "manual"
    fleet.config.write_text(json.dumps(document))
    with Running(fleet.config) as exporter:
        exporter.wait_for(lambda: min(samples(exporter.scrape())[SUCCESS].values()) > max(before.values()))


def test_a_file_that_is_broken_at_the_start_costs_no_past(tmp_path: Path) -> None:
    """Its nodes do not count as gone, and have their dates again once it can be read."""
    targets = tmp_path / "targets.json"
    good = json.dumps([{"targets": ["127.0.0.1"], "labels": {"node": "w9"}}])
    targets.write_text(good)
    found = {"transport": "local", "root": f"{tmp_path}/nodes/{{name}}", "file_sd": {"files": [str(targets)]}}
    fleet = Fleet(tmp_path, groups={"found": found}, file_sd_refresh="100ms", interval="1h", min_interval="1m")
    fleet.rotate("w9", time.time() - DAY)
    with Running(fleet.config) as exporter:
        exporter.wait_for(lambda: "w9" in by_node(exporter.scrape(), SUCCESS))
        before = by_node(exporter.scrape(), SUCCESS)
    targets.write_text("[{")
    with Running(fleet.config) as exporter:
        assert samples(exporter.scrape())["kubelet_cert_exporter_inventory_source_up"] == {
            (("source", str(targets)),): 0
        }
        with closing(sqlite3.connect(tmp_path / "store.sqlite")) as store:
            assert store.execute("SELECT name, gone FROM node").fetchall() == [("w9", None)]
        targets.write_text(good)
        exporter.wait_for(lambda: by_node(exporter.scrape(), SUCCESS) == before)
        targets.write_text("[]")
        exporter.wait_for(lambda: is_gone(tmp_path / "store.sqlite"))


def is_gone(path: Path) -> bool:
    """Whether somebody counts as gone."""
    with closing(sqlite3.connect(path)) as store:
        ((gone,),) = store.execute("SELECT count(gone) FROM node")
    return bool(gone)


def test_a_second_exporter_on_the_store_is_refused(tmp_path: Path) -> None:
    """It ends at once, with 2, the file and whose it is; a visit beside it is welcome."""
    fleet = Fleet(tmp_path)
    with Running(fleet.config) as exporter:
        words = [sys.executable, "-m", "exporter", "run", f"--config.file={fleet.config}"]
        second = subprocess.run(
            [*words, "--web.listen-address=127.0.0.1:0"], capture_output=True, text=True, check=False, timeout=60
        )
        assert second.returncode == 2
        said = f"{tmp_path}/store.sqlite: another exporter uses it (process {exporter.process.pid}); "
        assert second.stderr == f"{said}let `store` name another file\n"
        assert main(["visit", f"--config.file={fleet.config}"]) == 0


def test_without_a_store(tmp_path: Path) -> None:
    """store: none leaves no file and no metric."""
    fleet = Fleet(tmp_path, store="none")
    with Running(fleet.config) as exporter:
        exporter.wait_for(lambda: exporter.get("/-/ready")[0] == 200)
        assert "store_up" not in exporter.scrape()
    assert {path.name for path in tmp_path.iterdir()} == {"config.yaml", "nodes"}


def test_another_store_counts_from_the_next_start_on(tmp_path: Path) -> None:
    """A reload says so, and goes on with the one that is open."""
    fleet = Fleet(tmp_path)
    with Running(fleet.config, "--web.enable-lifecycle") as exporter:
        fleet.config.write_text(fleet.config.read_text().replace("store.sqlite", "other.sqlite"))
        assert exporter.get("/-/reload", method="POST")[0] == 200
        exporter.wait_for(lambda: any("another store is used from the next start on" in line for line in exporter.log))
    assert not (tmp_path / "other.sqlite").exists()


def dated(text: str) -> dict[str, float]:
    return by_node(text, "kubelet_cert_not_after_timestamp_seconds")


def test_a_killed_demonstration_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the same directory: the same nodes, keys and certificates, and every date in its first scrape."""
    directory = tmp_path / "demo"
    config = f"--config.file={directory}/config.yaml"
    with Running(Path(), f"--directory={directory}", "--log.level=info", command="demo") as demo:
        demo.wait_for(lambda: demo.get("/-/ready")[0] == 200, patience=90)
        before = demo.scrape()
        demo.wait_for(lambda: is_stored(directory / "store.sqlite", len(dated(before))))
        killed(demo)
    assert len(dated(before)) > 25
    began = time.time()
    with Running(Path(), f"--directory={directory}", "--log.level=info", command="demo") as demo:
        after = demo.scrape()
        ages = by_node(after, SUCCESS)
        assert set(ages) == set(by_node(before, SUCCESS))
        assert min(ages.values()) < began
        assert set(dated(after)) == set(dated(before))
        assert states(after)["worker-08.prod"] == states(before)["worker-08.prod"]
        demo.wait_for(lambda: min(by_node(demo.scrape(), SUCCESS).values()) > began, patience=90)
        assert set(reasons(demo.scrape())) == set(reasons(before))
    told = by_node(after, "kubelet_cert_last_rotation_timestamp_seconds")
    assert main(["history", max(told, key=lambda name: told[name]), config]) == 0
    assert main(["explain", "--offline", "control-1.prod", config]) == 1
    assert "EMBEDDED" in capsys.readouterr().out.upper()


def is_stored(path: Path, nodes: int) -> bool:
    with archive(str(path)) as past:
        return len(past.names) >= nodes


def test_a_demonstration_leaves_another_directory_alone(tmp_path: Path) -> None:
    """One that is neither empty nor of a demonstration, or that is damaged, is told, and stays as it is."""
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(ConfigurationError, match="neither empty nor a demonstration's"):
        World(tmp_path, random.Random(1))
    (tmp_path / "keys").mkdir()
    with pytest.raises(ConfigurationError, match=r"a demonstration's that cannot go on \(FileNotFoundError\)"):
        World(tmp_path, random.Random(1))
    assert {path.name for path in tmp_path.iterdir()} == {"mine", "keys"}
