"""``history`` and ``explain --offline``: what a running exporter learned, told also while it runs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from exporter.cli import explain, offline
from exporter.cli.history import kept_at, tell
from exporter.cli.main import main
from exporter.cli.page import Page
from exporter.errors import Reason
from exporter.model.assessment import Certificate, Reading, StoreHistory
from exporter.model.node import LocalAccess, Node
from exporter.model.report import NodeReport
from exporter.rounds.store.archive import archive
from exporter.rounds.store.records import SeenRotation, rotations
from tests.keeping import Keeping, keeping
from tests.reports import DAY, NOW, certificate, node, report

ROOT = Path(__file__).parent.parent
CONFIG = """\
store: store.sqlite
groups:
  mounted:
    transport: local
    root: {root}/{{name}}
    nodes: [w1, w2, w3]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration of three nodes, none of which is there."""
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG.format(root=tmp_path / "nodes"))
    return path


def nodes(config: Path) -> tuple[Node, Node, Node]:
    """The same, as the exporter that runs has them."""
    root = config.parent / "nodes"
    first, second, third = (replace(node(name), access=LocalAccess(f"{root}/{name}")) for name in ("w1", "w2", "w3"))
    return first, second, third


@pytest.fixture
def kept(config: Path) -> Iterator[Keeping]:
    """An exporter that runs: the first node rotates, the second fails after a reading, the third was never seen."""
    first, second, third = nodes(config)
    with keeping(config.parent / "store.sqlite", first, second, third) as running:
        running.visited(report(first, NOW - 2 * DAY, 1))
        running.visited(replace(report(first, NOW - DAY), reason=Reason.STORE_DENIED))
        running.visited(report(first, NOW, 2), report(second, NOW - DAY, 5))
        running.visited(
            replace(report(second, NOW, 5), last_success=NOW - DAY, reason=Reason.CONNECT_TIMEOUT, failures=3)
        )
        running.settle(first, second, third)
        yield running


def test_history_as_a_table(kept: Keeping, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A row a rotation, and how the visits ended, while the exporter runs."""
    assert main(["history", "w1", f"--config.file={config}"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "w1" in told
    assert "2 rotations seen since 2027-01-15" in told
    assert "2027-01-15 07:59 client 30-33% 2027-01-05 08:00 2027-02-04 08:00" in told
    assert "2027-01-15 07:59 serving* 30-33%" in told
    assert "* not by the kubelet" in told
    assert "2 brought a reading, 1 ended with store_denied." in told
    assert kept.up is True


def test_history_as_data(kept: Keeping, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All of it, with moments of both certificates."""
    assert main(["history", "w1", f"--config.file={config}", "--format=json"]) == 0
    told = json.loads(capsys.readouterr().out)
    client, serving = told["rotations"]
    assert (client["cert"], client["by_kubelet"], serving["by_kubelet"]) == ("client", True, False)
    assert client["seen"] == "2027-01-15T07:59:59Z"
    assert client["last_seen_before"] == "2027-01-14T07:59:59Z"
    shares = client["share_of_old_life_least"], client["share_of_old_life_most"]
    assert (client["written"], *shares) == (None, 0.3, 0.3333)
    assert (client["old_fingerprint"], client["fingerprint"], client["serial"]) == (f"{1:064x}", f"{2:064x}", "2")
    assert [visit["reason"] for visit in told["visits"]] == [None, "store_denied", None]


def rotated(client: Certificate, modified: int | None, clock_offset: float | None = 0.0) -> NodeReport:
    """The first certificate of test reports was read five minutes ago; now there is this one."""
    history = StoreHistory(last_rotation=modified)
    later = replace(report(number=2), serving=None, history=history, clock_offset=clock_offset)
    return replace(later, client=Reading(client, NOW, NOW, node_clock=NOW))


def seen(after: NodeReport) -> SeenRotation:
    """The one rotation between it and the visit five minutes before; the old life began 24 of its 30 days before."""
    before = report(number=1)
    old = certificate(1, int(NOW) - 24 * DAY)
    before = replace(before, client=Reading(old, NOW - 300, NOW - 300), serving=None)
    (rotation,) = rotations(before, after)
    return rotation


def test_the_signers_backdate_is_no_part_of_a_rotations_moment() -> None:
    """It counts when the file was written, however far back the new certificate's life begins."""
    for backdate in (0, 300, 5 * DAY):
        rotation = seen(rotated(certificate(2, int(NOW) - 60 - backdate), int(NOW) - 60))
        assert rotation.written == NOW - 60
        assert rotation.shares == ((24 * DAY - 60) / (30 * DAY),) * 2


@pytest.mark.parametrize("offset", [-7200.0, 7200.0])
def test_the_nodes_clock_is_told_as_the_exporters(offset: float) -> None:
    """What the node's clock says of its file is corrected by what that clock is off."""
    assert seen(rotated(certificate(2), int(NOW + offset) - 60, offset)).written == NOW - 60


@pytest.mark.parametrize("modified", [None, int(NOW) - 301, int(NOW) + 1])
def test_a_file_that_tells_no_moment_leaves_the_visits(modified: int | None) -> None:
    """Not told, or written before the old certificate was last seen, or after the new one: a range."""
    rotation = seen(rotated(certificate(2, int(NOW) - 400), modified))
    assert rotation.written is None
    assert rotation.shares == ((24 * DAY - 300) / (30 * DAY), 24 / 30)


def test_the_moment_of_a_rotation_is_kept(kept: Keeping, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the visit through the store to the row and the data."""
    third = nodes(config)[2]
    before = replace(report(third, number=1), serving=None)
    kept.visited(replace(before, client=Reading(certificate(1, int(NOW) - 24 * DAY), NOW - 300, NOW - 300)))
    kept.visited(replace(rotated(certificate(2, int(NOW) - DAY), int(NOW) - 60), node=third))
    kept.settle(*nodes(config))
    main(["history", "w3", f"--config.file={config}"])
    assert "2027-01-15 08:00 client 80% 2027-01-14 08:00" in " ".join(capsys.readouterr().out.split())
    main(["history", "w3", f"--config.file={config}", "--format=json"])
    (rotation,) = json.loads(capsys.readouterr().out)["rotations"]
    assert rotation["written"] == "2027-01-15T07:59:00Z"
    assert rotation["share_of_old_life_least"] == rotation["share_of_old_life_most"] == 0.8


@pytest.mark.parametrize(("width", "shown"), [(80, ""), (100, "0" + "a" * 26 + "…"), (140, "0" + "a" * 39)])
def test_a_rotation_is_one_line(width: int, shown: str) -> None:
    """Its serial as openssl prints it, cut where that is to be seen, or left out; nothing is folded."""
    rotation = replace(seen(rotated(certificate(2), None)), serial="a" * 39)
    page = Page(Console(width=width))
    tell("w1", (rotation, replace(rotation, managed=False)), (), page)
    _, _, titles, first, second, *_ = [line.plain for line in page.lines]
    assert max(map(len, (titles, first, second))) <= width
    assert first.startswith("2027-01-15 08:00  client       80%  ")
    assert first.endswith(f"  {shown}" if shown else "2027-02-04 08:00")
    assert second.startswith("2027-01-15 08:00  client*")


@pytest.mark.usefixtures("kept")
def test_history_of_a_node_without_rotations(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Says that none was seen."""
    assert main(["history", "w2", f"--config.file={config}"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "no rotation seen yet" in told
    assert "1 brought a reading, 1 ended with connect_timeout." in told


@pytest.mark.parametrize(
    ("name", "told"),
    [("w11", "w11: nothing is kept of a node of this name; did you mean w1?"), ("x", "x: nothing is kept of a node")],
)
@pytest.mark.usefixtures("kept")
def test_history_of_a_node_that_is_not_known(
    name: str, told: str, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """2, and the nearest name."""
    assert main(["history", name, f"--config.file={config}"]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.usefixtures("kept")
def test_history_of_a_node_that_another_shard_has(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The inventory names it, this store has nothing of it: no other name is meant. A broken one names nobody."""
    config.write_text(config.read_text().replace("w3]", "w3, w4]"))
    for words in (["history"], ["explain", "--offline"]):
        assert main([*words, "w4", f"--config.file={config}"]) == 2
        told = capsys.readouterr().err
        assert told.startswith("w4: nothing is kept of it here: the exporter that has this store has not visited it")
        assert "shards" in told
        assert "did you mean" not in told
    config.write_text(f"ssh: {{config: nowhere}}\n{config.read_text()}")
    assert main(["history", "w4", f"--config.file={config}"]) == 2
    assert "nothing is kept of a node of this name" in capsys.readouterr().err


def test_history_of_a_node_that_left(kept: Keeping, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Within the day that its past is kept."""
    kept.settle()
    assert main(["history", "w1", f"--config.file={config}"]) == 0
    assert "2 rotations seen" in capsys.readouterr().out


def test_a_reader_holds_nobody_up(kept: Keeping, config: Path) -> None:
    """The exporter goes on writing while somebody reads."""
    (first, *others) = nodes(config)
    with archive(kept_at(str(config))) as past:
        assert len(past.rotations("w1")) == 2
        kept.visited(report(first, NOW + 60, 3))
        kept.settle(first, *others)
        assert kept.up is True
        assert len(past.rotations("w1")) == 4


@pytest.mark.parametrize("words", [["history", "w1"], ["explain", "--offline", "w1"]], ids=["history", "explain"])
def test_no_store(words: list[str], config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing there, nothing wanted, not ours: told, and not made."""
    assert main([*words, f"--config.file={config}"]) == 2
    assert "store.sqlite: no store here" in capsys.readouterr().err
    assert not (config.parent / "store.sqlite").exists()
    (config.parent / "store.sqlite").write_bytes(b"no database" * 100)
    assert main([*words, f"--config.file={config}"]) == 2
    assert "store.sqlite: cannot be read: file is not a database" in capsys.readouterr().err
    config.write_text(config.read_text().replace("store.sqlite", "none"))
    assert main([*words, f"--config.file={config}"]) == 2
    assert capsys.readouterr().err == f"{config}: store: none: nothing is kept\n"


@pytest.fixture
def _at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three hours after the last visit."""

    class Clock:
        @staticmethod
        def time() -> float:
            return NOW + 3 * 3600

    monkeypatch.setattr(explain, "time", Clock)


@pytest.mark.usefixtures("kept", "_at")
def test_explain_offline(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The last that was known, with its age; the node, which is not there, is not touched."""
    assert main(["explain", "--offline", "w1", f"--config.file={config}"]) == 0
    page = capsys.readouterr().out
    told_when = page.partition("Offline")[2].partition("\n\n")[0]
    assert told_when.endswith("2027-01-15 07:59 UTC.")
    told = " ".join(page.split())
    assert told.startswith("w1 WARNING orphan-empty certificate fresh, 19d21h left")
    assert "Offline the node was not visited now. It was last read 3h ago, at 2027-01-15 07:59 UTC." in told
    assert "Cause an empty file" in told or "Cause An empty file" in told
    assert "systemctl restart kubelet" in told
    assert "CN=system:node:w1" in told
    assert "Visit the last one, of the tree at" in told


@pytest.mark.usefixtures("kept", "_at")
def test_explain_offline_of_a_node_that_fails(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Why there is no reading, and the last that there was; the exit status is that of a node that was not read."""
    assert main(["explain", "--offline", "w2", f"--config.file={config}"]) == 2
    told = " ".join(capsys.readouterr().out.split())
    assert "not read: connect_timeout" in told
    assert "No reading connect_timeout:" in told
    assert "last read 1d3h ago" in told
    assert "CN=system:node:w1" in told


@pytest.mark.usefixtures("kept", "_at")
def test_explain_offline_as_data(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same keys as of a visit; what is not kept is null."""
    assert main(["explain", "--offline", "w1", f"--config.file={config}", "--format=json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["offline"], told["last_success"]) == (True, "2027-01-15T07:59:59Z")
    assert (told["up"], told["reason"], told["visited"]) == (None, None, "2027-01-15T07:59:59Z")
    assert told["certificates"]["client"]["fingerprint"] == f"{2:064x}"
    assert told["restart"]["safe"] is True
    assert (told["store"], told["process"]) == (None, None)


@pytest.mark.usefixtures("kept")
def test_explain_offline_of_a_node_that_was_never_visited(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is known of it; nor of one that the inventory does not name."""
    assert main(["explain", "--offline", "w3", f"--config.file={config}"]) == 2
    assert "w3: nothing is kept of it here: the exporter that has this store has not" in capsys.readouterr().err
    assert main(["explain", "--offline", "w8", f"--config.file={config}"]) == 2
    assert "w8: not a node of the inventory" in capsys.readouterr().err
    assert main(["explain", "--offline", "--root=/mnt", f"--config.file={config}"]) == 2
    assert "--offline: needs a NODE" in capsys.readouterr().err


def keys(value: object, prefix: str = "") -> set[str]:
    """Every path of keys in JSON, lists as ``[]``."""
    if isinstance(value, dict):
        return {path for key, inner in value.items() for path in keys(inner, f"{prefix}.{key}" if prefix else key)}
    if isinstance(value, list):
        return {path for inner in value for path in keys(inner, f"{prefix}[]")}
    return {prefix}


@pytest.mark.usefixtures("kept")
def test_the_keys_are_documented(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """docs/commands.md lists every key of ``history --format json``, and no other."""
    main(["history", "w1", f"--config.file={config}", "--format=json"])
    section = (ROOT / "docs/commands.md").read_text().partition("## history")[2].partition("\n## ")[0]
    listed = {
        key for line in re.findall(r"^\| (`.*?) \| ", section, re.MULTILINE) for key in re.findall("`(.*?)`", line)
    }
    assert keys(json.loads(capsys.readouterr().out)) == listed
    assert offline.last_known(str(config), "w1", NOW)[0].is_kept
