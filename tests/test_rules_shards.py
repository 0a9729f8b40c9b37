"""Exporters that share an inventory: the rules see one fleet, also while the number of shards changes."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from exporter.model.kubelet import Distribution
from exporter.model.node import SshAccess
from exporter.model.shard import Shard, shard_of
from tests.exporters import Exporter, World
from tests.lives import DAY, Life
from tests.promtool import PROMTOOL, Episode, check, fires, world
from tests.typed import Typed

pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="Debian's prometheus is not installed")

REMEMBERED = 10  # minutes for which a series counts that is gone
DOWN, MISSING, PATIENCE = 10, 15, 2


def of_shard(prefix: str, total: int, index: int, number: int) -> list[str]:
    """So many names that are in one shard."""
    every = (f"{prefix}{one}" for one in itertools.count())
    return list(itertools.islice((name for name in every if shard_of(name, total) == index), number))


def moving(prefix: str, number: int) -> list[str]:
    """Nodes that are in the third shard of three."""
    return of_shard(prefix, 3, 2, number)


def well(story: World, wanted: list[str], cluster: str = "prod") -> list[Life]:
    return [Life.aged(name, 0.2 + at / 1000, story.now, DAY, cluster=cluster) for at, name in enumerate(wanted)]


def stuck(story: World, wanted: list[str], cluster: str = "prod") -> list[Life]:
    return [Life.aged(name, 0.923, story.now, 10 * DAY, cluster=cluster).stalls() for name in wanted]


def sharded(story: World, total: int) -> list[Exporter]:
    """One exporter for each shard of the world's nodes."""
    return [story.watch(instance=f"{index}:10024", shard=Shard(index, total)) for index in range(total)]


def restart(exporter: Exporter, story: World, total: int) -> None:
    """The same shard of another number of them."""
    exporter.shard = replace(exporter.shard, total=total)
    exporter.restart(story.now)


def stalled(life: Life, last: int) -> Episode:
    return fires("KubeletCertRotationStalled", 0, last, node=life.name)


def test_shards_are_one_fleet() -> None:
    """Three of them, at work: a stalled node is told once, and nothing else."""
    story = world()
    (sick,) = stuck(story, ["w1"])
    story.add(sick, *well(story, [f"v{one}" for one in range(30)]))
    sharded(story, 3)
    story.run(30)
    check(story, stalled(sick, 29))


@pytest.mark.parametrize("new_first", [True, False])
def test_one_shard_more(*, new_first: bool) -> None:
    """No alarm begins and none ends, though most of one cluster, and all of another, moves to the third shard."""
    story = world()
    sick = stuck(story, moving("s", 1))
    story.add(*sick, *well(story, moving("m", 6)), *well(story, of_shard("v", 3, 0, 2)))
    story.add(*well(story, moving("t", 2), "tiny"))
    shards = sharded(story, 2)
    story.run(5)
    if new_first:
        story.watch(0, instance="2:10024", shard=Shard(2, 3))
        story.run(5)
    for shard in reversed(shards):
        restart(shard, story, 3)
        story.run(12)
    if not new_first:
        story.watch(0, instance="2:10024", shard=Shard(2, 3))
    story.run(40)
    check(story, stalled(sick[0], story.minute - 1))


def test_one_shard_less() -> None:
    """The third goes first, then the others are begun anew one after the other: what was its own is not forgotten."""
    story = world()
    sick = stuck(story, moving("s", 2))
    story.add(*sick, *well(story, moving("m", 6)), *well(story, of_shard("v", 3, 0, 2)))
    story.add(*well(story, moving("t", 2), "tiny"))
    shards = sharded(story, 3)
    story.run(5)
    shards[2].is_known = False
    story.run(12)
    for shard in reversed(shards[:2]):
        restart(shard, story, 2)
        story.run(12)
    story.run(40)
    check(story, *(stalled(life, story.minute - 1) for life in sick))


def test_a_node_that_is_removed_while_a_shard_is_missing() -> None:
    """It may be the missing one's: its alarm ends once the shard is there again and has it not."""
    story = world()
    (sick,) = stuck(story, of_shard("s", 2, 0, 1))
    story.add(sick, *well(story, of_shard("v", 2, 0, 4)), *well(story, of_shard("v", 2, 1, 4)))
    shards = sharded(story, 2)
    story.run(5)
    shards[1].is_known = False
    story.run(12)
    story.remove(sick.name)
    story.run(20)
    shards[1].restart(story.now)
    back = story.minute
    story.run(20)
    check(
        story,
        stalled(sick, back - 1),
        fires("KubeletCertShardMissing", 5 + REMEMBERED + MISSING, back - 1),
    )


def test_a_shard_of_one_node_that_is_gone() -> None:
    """Its pod does not go with its node, as a DaemonSet's would: the alarm stays, and the shard is missed."""
    story = world()
    (sick,) = stuck(story, of_shard("s", 2, 1, 1))
    story.add(sick, *well(story, of_shard("v", 2, 0, 5)))
    shards = sharded(story, 2)
    story.run(5)
    shards[1].is_known = False
    story.run(45)
    check(story, stalled(sick, 49), fires("KubeletCertShardMissing", 5 + REMEMBERED + MISSING, 49))


def test_a_shard_that_is_down() -> None:
    """It has an alert of its own; that its shard has no exporter says the same."""
    story = world()
    story.add(*well(story, [f"v{one}" for one in range(12)]))
    shards = sharded(story, 3)
    story.run(5)
    shards[1].is_up = False
    story.run(60)
    check(story, fires("KubeletCertExporterDown", 5 + DOWN, 64, instance="1:10024"))


def test_shards_of_another_prometheus() -> None:
    """Two of three are never seen here: for a day that may change, then what was removed is removed."""
    minutes, hours = 26 * 60, 24 * 60
    story = Typed(minutes)
    story.has("up", instance="0:10024").has("kubelet_cert_exporter_total_shards", 3, instance="0:10024")
    story.has("kubelet_cert_exporter_shard_info", shard="0", total_shards="3", instance="0:10024")
    story.has("kubelet_cert_exporter_last_visit_timestamp_seconds", minutes * 60, instance="0:10024")
    story.has("kubelet_cert_inventory_nodes", 1, cluster="prod", instance="0:10024")
    story.node("w1", instance="0:10024")
    here, own = ((1, 30), (None, minutes - 30)), {"cluster": "prod", "node": "w2", "instance": "0:10024"}
    story.has("kubelet_cert_node_info", here, **own)
    story.has("kubelet_cert_node_last_success_timestamp_seconds", here, **own)
    story.has("kubelet_cert_rotation_state", here, state="stalled", cert="client", **own)
    story.fires(
        fires("KubeletCertShardMissing", MISSING, minutes - 1),
        fires("KubeletCertRotationStalled", 0, hours - 1, node="w2"),
    )


# What no shard sees alone.


@pytest.mark.parametrize(("sick", "healthy", "together"), [(4, 20, True), (3, 27, True), (3, 28, False), (2, 3, False)])
def test_shards_stall_together(sick: int, healthy: int, together: bool) -> None:
    """Three nodes and a tenth of the cluster, whichever shards have them: no shard has three, and no exporter all."""
    story = world()
    ill = stuck(story, [of_shard("s", 4, one, 1)[0] for one in range(sick)])
    story.add(*ill, *well(story, [f"v{one}" for one in range(healthy)]))
    sharded(story, 4)
    story.run(6)
    told = [fires("KubeletCertFleetRotationStalled", 0, 5)] if together else []
    check(story, *told, *(stalled(life, 5) for life in ill))


def test_what_is_a_tenth_of_a_shard_is_none_of_the_fleet() -> None:
    """Three stalled nodes in a shard of six: of 31 nodes that is no matter of the signer."""
    story = world()
    ill = stuck(story, of_shard("s", 2, 0, 3))
    story.add(*ill, *well(story, of_shard("v", 2, 0, 3)), *well(story, of_shard("v", 2, 1, 25)))
    exporter, _ = sharded(story, 2)
    assert 'cause="fleet-stalled"' in exporter.answer()
    story.run(6)
    check(story, *(stalled(life, 5) for life in ill))


def clones(story: World, first: str, second: str) -> tuple[Life, Life]:
    """Two nodes with one certificate."""
    one, other = well(story, [first, second])
    other.client.signed = list(one.client.signed)
    other.client.due = one.client.due = float("inf")
    return one, other


@pytest.mark.parametrize(
    ("places", "address", "distribution", "told"),
    [
        ((0, 1), "", Distribution.KUBEADM, True),
        ((1, 1), "", Distribution.KUBEADM, True),
        ((0, 1), "10.0.0.1", Distribution.KUBEADM, False),
        ((0, 1), "", Distribution.RKE1, False),
    ],
)
def test_one_certificate_in_two_shards(
    places: tuple[int, int], address: str, distribution: Distribution, *, told: bool
) -> None:
    """As one exporter would see it; one machine that is listed twice is no clone, nor is a node of RKE1."""
    story = world()
    first, second = (of_shard(prefix, 2, place, 1)[0] for prefix, place in zip("ab", places, strict=True))
    one, other = clones(story, first, second)
    for life in (one, other):
        if address:
            life.node = replace(life.node, access=SshAccess(address))
    story.add(one, other, *well(story, [f"v{number}" for number in range(6)]))
    sharded(story, 2)
    for exporter in story.exporters:
        for report in exporter.state._reports.values():
            assert report.kubelet
            changed = replace(report, kubelet=replace(report.kubelet, distribution=distribution))
            exporter.state._reports[report.node.name] = changed
    story.run(6)
    differs = fires("KubeletCertFinding", PATIENCE, 5, cause="node-name-differs")
    check(story, differs, *([fires("KubeletCertShared", 0, 5)] if told else []))


def test_what_one_exporter_sees_it_judges() -> None:
    """One machine at two addresses is told from a clone by its identity, which no metric has."""
    story = Typed(10).node("w1", address="10.0.0.1").node("w2", address="10.0.0.2")
    story.has("kubelet_cert_inventory_nodes", 2, cluster="prod")
    for node in ("w1", "w2"):
        story.has("kubelet_cert_info", cluster="prod", node=node, cert="client", fingerprint="one")
    story.fires()


def test_what_a_shard_found_outlasts_it() -> None:
    """While it is missing; once it is back and does not find it any more, that is over."""
    story = Typed(60)
    for index in ("0", "1"):
        gone = ((1, 10), (None, 25), (1, 25)) if index == "1" else 1
        own = {"instance": f"{index}:10024"}
        story.has("up", gone, **own).has("kubelet_cert_exporter_total_shards", 2, instance="0:10024")
        story.has("kubelet_cert_exporter_shard_info", gone, shard=index, total_shards="2", **own)
        story.has("kubelet_cert_inventory_nodes", gone, cluster="prod", **own)
        story.node(f"w{index}", instance=f"{index}:10024")
        story.has("kubelet_cert_exporter_last_visit_timestamp_seconds", 0, **own)
    story.has(
        "kubelet_cert_fleet_finding",
        ((1, 10), (None, 50)),
        cause="kubeconfig-ca-differs",
        severity="warning",
        cluster="prod",
        instance="1:10024",
    )
    story.fires(fires("KubeletCertFleetFinding", 0, 10 + 25 - 1, cause="kubeconfig-ca-differs"))


# Nodes that Prometheus has probed, each a target of its own.


def probed(story: World, *lives: Life) -> list[Exporter]:
    """A target for each, and the exporter behind them, which tells of itself alone."""
    targets = []
    for life in lives:
        targets.append(story.watch(instance=life.name, own=[life]))
        targets[-1].job = "kubelet-cert-probe"
    story.watch()
    return targets


def test_an_exporter_of_probes_that_is_down() -> None:
    """One alert about it, and none about each of its targets; what was confirmed stays."""
    story = world()
    targets = probed(story, *stuck(story, ["s1"]), *well(story, ["v1", "v2", "v3"]))
    story.run(5)
    for exporter in story.exporters:
        exporter.is_up = False
    story.run(40)
    assert len(targets) == 4
    check(
        story,
        fires("KubeletCertRotationStalled", 0, 44, node="s1"),
        fires("KubeletCertExporterDown", 5 + DOWN, 44),
    )


def test_a_target_of_probes_that_is_removed() -> None:
    """Service discovery has it no more, so it is nobody's node: its alarm ends."""
    story = world()
    targets = probed(story, *stuck(story, ["s1"]), *well(story, ["v1", "v2", "v3"]))
    story.run(5)
    targets[0].is_known = False
    story.run(30)
    check(story, fires("KubeletCertRotationStalled", 0, 4 + REMEMBERED, node="s1"))


def test_targets_of_probes_stall_together() -> None:
    """As the nodes of one exporter would."""
    story = world()
    sick = stuck(story, ["s1", "s2", "s3"])
    probed(story, *sick, *well(story, ["v1", "v2"]))
    story.run(5)
    check(story, fires("KubeletCertFleetRotationStalled", 0, 4), *(stalled(life, 4) for life in sick))
