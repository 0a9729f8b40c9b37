"""Shares of a fleet: every node is in exactly one of them, before and after their number changes."""

from __future__ import annotations

import json
import random
import re
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.cli.main import main
from exporter.config.loading import load
from exporter.demo.world import World
from exporter.inventory.catalogue import Catalogue
from exporter.model.shard import Shard, jump, shard_of
from exporter.rounds import schedule
from tests.running import Running, samples

NAMES = st.lists(st.text(min_size=1), unique=True, max_size=60)
TOTALS = st.integers(min_value=1, max_value=40)
FLEET = [f"worker-{number:04}.prod" for number in range(2000)]


@given(NAMES, TOTALS)
def test_every_name_is_in_one_shard(names: list[str], total: int) -> None:
    """Whatever it is called, and however many shards there are."""
    shards = [Shard(index, total) for index in range(total)]
    for name in names:
        assert [shard.index for shard in shards if shard.has(name)] == [shard_of(name, total)]


@given(NAMES, TOTALS)
def test_one_shard_more_moves_nodes_to_it_alone(names: list[str], total: int) -> None:
    """None changes its place between the shards that stay, so none of these forgets what another has to learn."""
    assert all(shard_of(name, total + 1) in (shard_of(name, total), total) for name in names)


def test_one_shard_more_moves_no_more_nodes_than_it_needs() -> None:
    """A quarter of them, from three shards to four; the remainder of a hash would move three quarters."""
    moved = sum(shard_of(name, 3) != shard_of(name, 4) for name in FLEET)
    assert moved == pytest.approx(len(FLEET) / 4, rel=0.1)


@pytest.mark.parametrize("total", [2, 3, 7, 16])
def test_the_shards_are_alike(total: int) -> None:
    """Names that differ in a number alone are spread evenly, within what chance allows."""
    sizes = Counter(shard_of(name, total) for name in FLEET)
    mean = len(FLEET) / total
    assert len(sizes) == total
    assert all(abs(size - mean) < 4 * mean**0.5 for size in sizes.values())


def test_the_nodes_of_a_shard_have_the_whole_interval() -> None:
    """The hash that spreads visits over an interval is another one: in each tenth of it a tenth of the shard is due."""
    mine = [name for name in FLEET if Shard(1, 2).has(name)]
    tenths = Counter(int(schedule.spread(name) * 10) for name in mine)
    assert all(abs(tenths[tenth] - len(mine) / 10) < 40 for tenth in range(10))


@pytest.mark.parametrize(
    ("key", "buckets", "bucket"),
    [(1, 1, 0), (42, 57, 43), (0xDEAD10CC, 1, 0), (0xDEAD10CC, 666, 361), (256, 1024, 520)],
)
def test_the_jump_hash_is_the_one_that_others_have(key: int, buckets: int, bucket: int) -> None:
    """The values that its other implementations are tested by."""
    assert jump(key, buckets) == bucket


def test_a_name_keeps_its_shard() -> None:
    """From one version to the next, and on every machine: else two exporters of one fleet would not fit."""
    assert [shard_of(name, 5) for name in ("worker-1", "worker-2", "wörker", "10.0.0.1", "")] == [0, 2, 3, 4, 0]


def test_a_catalogue_has_its_share(tmp_path: Path) -> None:
    """Of the configuration's nodes and of every file's, ranges included; together the shards have each node once."""
    (tmp_path / "nodes.json").write_text(
        json.dumps(
            [{"targets": ["a.example:22", "b.example"]}, {"targets": ["10.0.0.9"], "labels": {"node": "named"}}]
            + [{"targets": [f"10.0.1.{one}"], "labels": {"node": f"n{one}"}} for one in range(40)]
        )
    )
    text = "groups: {w: {nodes: ['w[001-100]', x.example], file_sd: {files: [nodes.json]}}}\n"
    (tmp_path / "config.yaml").write_text(text)
    loaded = load(str(tmp_path / "config.yaml"))
    whole = Catalogue(*loaded).nodes
    shares = [Catalogue(*loaded, None, Shard(index, 4)).nodes for index in range(4)]
    assert len(whole) == 144
    assert all(shares)
    assert sorted(node.name for share in shares for node in share) == sorted(node.name for node in whole)
    for index, share in enumerate(shares):
        assert share == tuple(node for node in whole if Shard(index, 4).has(node.name))


def test_a_mistake_costs_the_shard_that_has_it(tmp_path: Path) -> None:
    """Another shard takes its nodes of the file; a target that is no address, and so in no shard, costs all of them."""
    file, config = tmp_path / "nodes.json", tmp_path / "config.yaml"
    config.write_text("groups: {w: {file_sd: {files: [nodes.json]}}}\n")
    bad = [{"targets": ["a"]}, {"targets": ["b"], "labels": {"__kubelet_cert_port__": "no port"}}]
    file.write_text(json.dumps(bad))
    loaded = load(str(config))
    statuses = [Catalogue(*loaded, None, Shard(index, 2)).statuses[0].up for index in range(2)]
    assert statuses.index(False) == shard_of("b", 2)
    assert True in statuses
    file.write_text(json.dumps([*bad, {"targets": ["a b"]}]))
    assert not any(Catalogue(*loaded, None, Shard(index, 2)).statuses[0].up for index in range(2))


CHECK = ["run", "--config.check", "--config.file"]


@pytest.mark.parametrize(
    ("flags", "mistake"),
    [
        (["--shard=3", "--total-shards=3"], "--shard=3: of 3 shards the last one is 2"),
        (["--shard=1", "--total-shards=1"], "--shard=1: there is one shard alone, 0"),
        (["--shard=0"], "--shard=0: needs --total-shards, how many there are"),
        (["--total-shards=3"], "--total-shards=3: needs --shard, which of them this one is"),
        (["--shard=-1", "--total-shards=3"], "--shard=-1: it must be 0 or more"),
        (["--shard=01", "--total-shards=3"], "--shard=01: no number: it does not end in one"),
        (["--shard=$(INDEX)", "--total-shards=3"], "--shard=$(INDEX): no number: it does not end in one"),
        (["--shard=", "--total-shards=3"], "--shard=: empty; a pod has the label"),
        (["--shard=exporter-7", "--total-shards=3"], "--shard=exporter-7: of 3 shards the last one is 2"),
        (["--shard=hostname", "--total-shards=3"], "--shard=hostname: no number: this host's name, 'laptop', does not"),
    ],
)
def test_mistakes_of_the_command_line(
    flags: list[str], mistake: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the pair, a shard that there is not, a name without a number: told before anything is read."""
    monkeypatch.setattr(socket, "gethostname", lambda: "laptop")
    assert main([*CHECK, "nowhere.yaml", *flags]) == 2
    assert capsys.readouterr().err.startswith(mistake)


@pytest.mark.parametrize("total", ["0", "-2", "x", "", "70000"])
def test_a_number_of_shards_that_cannot_be(total: str, capsys: pytest.CaptureFixture[str]) -> None:
    """There is at least one."""
    with pytest.raises(SystemExit) as caught:
        main([*CHECK, "nowhere.yaml", "--shard=0", f"--total-shards={total}"])
    assert caught.value.code == 2
    assert "--total-shards: a number from 1 to 65536 is needed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("word", "host", "index"),
    [("1", "x", 1), ("certs-exporter-2", "x", 2), ("hostname", "exporter-0", 0), ("hostname", "exporter-2.cluster", 2)],
)
def test_the_ordinal_of_a_pod(
    word: str,
    host: str,
    index: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A number, a pod's name, or the host's: which is the pod's."""
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    config = tmp_path / "config.yaml"
    config.write_text("defaults: {transport: local, root: '/mnt/{name}'}\ngroups: {w: {nodes: ['w[1-30]']}}\n")
    assert main([*CHECK, str(config), f"--shard={word}", "--total-shards=3"]) == 0
    mine = sum(shard_of(f"w{number}", 3) == index for number in range(1, 31))
    assert f"no mistakes; nodes: {mine}, of shard {index} of 3 alone\n" in capsys.readouterr().out


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """The demonstration fleet, alive, and each exporter with a store of its own."""
    world = World(tmp_path / "world", random.Random(7))
    settings = json.loads(world.config.read_text())
    del settings["store"]
    world.config.write_text(json.dumps(settings))
    world.start()
    yield world
    world.stop()


def nodes(text: str) -> list[str]:
    return [dict(labels)["node"] for labels in samples(text)["kubelet_cert_node_info"]]


def test_shards_together_have_every_node_once(world: World) -> None:
    """Two processes, then three, over one inventory: each visits its own, and says which share that is."""
    inventory = Catalogue(*load(str(world.config))).nodes
    for total in (2, 3):
        with ExitStack() as stack:
            flags = [(f"--shard={index}", f"--total-shards={total}") for index in range(total)]
            shards = [stack.enter_context(Running(world.config, *both)) for both in flags]
            for shard in shards:
                shard.wait_for(lambda shard=shard: shard.get("/-/ready")[0] == 200)  # type: ignore[misc] # bound early
            texts = [shard.scrape() for shard in shards]
        assert sorted(name for text in texts for name in nodes(text)) == sorted(node.name for node in inventory)
        for index, text in enumerate(texts):
            assert all(shard_of(name, total) == index for name in nodes(text))
            info = (("shard", str(index)), ("total_shards", str(total)))
            assert samples(text)["kubelet_cert_exporter_shard_info"] == {info: 1}
            assert samples(text)["kubelet_cert_exporter_total_shards"] == {(): total}
            assert samples(text)["kubelet_cert_exporter_visits_total"][("outcome", "success"),] > 0


def test_a_reload_keeps_the_share(world: World) -> None:
    """New nodes come to their shard alone."""
    settings = json.loads(world.config.read_text())
    with Running(world.config, "--shard=1", "--total-shards=2", "--web.enable-lifecycle") as exporter:
        group = next(iter(settings["groups"].values()))
        group["nodes"].extend({"name": f"new-{number}", "address": "127.0.0.1", "port": 9} for number in range(20))
        world.config.write_text(json.dumps(settings))
        assert exporter.get("/-/reload", method="POST") == (200, "")
        found = [name for name in nodes(exporter.scrape()) if re.match("new-", name)]
        assert "nodes in shard 1 of 2, " in exporter.get("/")[1]
        others = next(f"new-{number}" for number in range(20) if not Shard(1, 2).has(f"new-{number}"))
        text = f"{others} is no node of the inventory of shard 1 of 2, and module 'default' has no others\n"
        assert exporter.get(f"/probe?target={others}") == (403, text)
    assert found == [f"new-{number}" for number in range(20) if Shard(1, 2).has(f"new-{number}")]


def test_the_whole_fleet_is_one_shard(world: World) -> None:
    """Without the flags there is one series all the same: so rules can count on it."""
    with Running(world.config) as exporter:
        assert samples(exporter.scrape())["kubelet_cert_exporter_shard_info"] == {
            (("shard", "0"), ("total_shards", "1")): 1
        }
