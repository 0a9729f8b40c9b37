"""The alerts about a cluster as a whole: its signer, its CA, its inventory, and how much of it is seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from exporter.demo.signer import Authority
from exporter.errors import Reason
from exporter.model.facts import NodeFacts
from tests.exporters import World
from tests.kubelets import CA, document
from tests.lives import DAY, HOUR, MINUTE, YEAR, Life
from tests.promtool import PROMTOOL, check, fires, world
from tests.trees import NOW

pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="Debian's prometheus is not installed")

REMEMBERED = 10  # minutes for which a series counts that is gone
PATIENCE = 2  # minutes for which a cause must hold that has no alert of its own


def fleet(number: int, *, share: float = 0.2, ttl: float = DAY, cluster: str = "prod", name: str = "w") -> World:
    """A world with so many healthy nodes, far from their window."""
    story = world()
    story.add(*lives(story, number, share=share, ttl=ttl, cluster=cluster, name=name))
    return story


def lives(
    story: World, number: int, *, share: float = 0.2, ttl: float = DAY, cluster: str = "prod", name: str = "w"
) -> list[Life]:
    return [
        Life.aged(f"{name}{one}", share + one / 1000, story.now, ttl, cluster=cluster) for one in range(1, number + 1)
    ]


# Stalled together.


@pytest.mark.parametrize(("stuck", "well", "together"), [(3, 7, True), (2, 2, False), (3, 28, False), (4, 36, True)])
def test_many_that_stall_are_the_signers_fault(stuck: int, well: int, together: bool) -> None:
    """Three at least, and a tenth of the cluster, as the judge says; each node's own alert stands beside it."""
    story = world()
    sick = [life.stalls() for life in lives(story, stuck, share=0.93)]
    story.add(*sick, *lives(story, well, name="v"))
    story.watch()
    story.run(10)
    own = [fires("KubeletCertRotationStalled", 0, 9, node=life.name) for life in sick]
    fleet_wide = [fires("KubeletCertFleetRotationStalled", 0, 9)] if together else []
    check(story, *own, *fleet_wide)


def full(facts: NodeFacts) -> NodeFacts:
    """The same with no room left for a certificate."""
    assert facts.store.folder
    return replace(facts, store=replace(facts.store, folder=replace(facts.store.folder, bytes_free=0)))


def test_nodes_with_a_cause_of_their_own_accuse_no_signer() -> None:
    """However many: the exporter that sees them all has judged."""
    story = world()
    sick = [life.stalls() for life in lives(story, 4, share=0.923)]
    for life in sick:
        life.twist = full
    story.add(*sick)
    story.watch()
    story.run(6)
    check(
        story,
        *(fires("KubeletCertRotationStalled", 0, 5, node=life.name) for life in sick),
        *(fires("KubeletCertStoreFull", 0, 5, node=life.name) for life in sick),
    )


def test_a_signer_that_answers_again() -> None:
    """Ends all of it as the nodes rotate."""
    story = world()
    sick = [life.stalls() for life in lives(story, 4, share=0.92)]
    story.add(*sick, *lives(story, 6, name="v"), *lives(story, 3, name="o", cluster="other"))
    story.watch()
    story.run(10)
    for life in sick:
        life.is_heard(story.now)
    story.run(30)
    ends = {life.name: story.spell("stalled", life.name)[1] for life in sick}
    still = sorted(ends.values())[1]  # three are needed
    check(
        story,
        fires("KubeletCertFleetRotationStalled", 0, still + REMEMBERED),
        *(fires("KubeletCertRotationStalled", 0, last, node=name) for name, last in ends.items()),
    )


@pytest.mark.parametrize(("stuck", "well", "together"), [(3, 2, True), (2, 3, False), (3, 27, True), (3, 28, False)])
def test_exporters_of_a_node_each_stall_together(stuck: int, well: int, together: bool) -> None:
    """A DaemonSet's pods do not see each other's nodes: the rule counts what none of them can."""
    story = world()
    sick = [life.stalls() for life in lives(story, stuck, share=0.923)]
    for number, life in enumerate([*sick, *lives(story, well, name="v")]):
        story.watch(instance=f"{number}:10024", own=[life])
    story.run(6)
    own = [fires("KubeletCertRotationStalled", 0, 5, node=life.name) for life in sick]
    check(story, *own, *([fires("KubeletCertFleetRotationStalled", 0, 5)] if together else []))


@pytest.mark.parametrize(
    ("ended", "late", "well", "together"), [(1, 0, 2, True), (0, 1, 2, False), (1, 1, 36, True), (1, 1, 37, False)]
)
def test_who_counts_among_exporters_of_a_node_each(ended: int, late: int, well: int, together: bool) -> None:
    """Two are stalled: expired nodes count like them, late ones toward the share alone, serving certificates not."""
    story = world()
    stuck = [life.stalls() for life in lives(story, 2, share=0.923)]
    over = [life.stalls() for life in lives(story, ended, share=1.01, name="e")]
    past = [life.stalls() for life in lives(story, late, share=0.904, name="l")]
    serves = Life.aged("s1", 0.923, story.now, DAY, serving=DAY, u=0.8)
    assert serves.serving
    serves.stalls(serves.serving)
    everybody = [*stuck, *over, *past, serves, *lives(story, well - 1, name="v")]
    for number, life in enumerate(everybody):
        story.watch(instance=f"{number}:10024", own=[life])
    story.run(6)
    check(
        story,
        *(fires("KubeletCertRotationStalled", 0, 5, node=life.name) for life in stuck),
        *(fires("KubeletCertExpired", 0, 5, node=life.name) for life in over),
        *(fires("KubeletCertRotationLate", 0, 5, node=life.name) for life in past),
        fires("KubeletCertRotationStalled", 0, 5, node="s1", cert="serving"),
        fires("KubeletCertFinding", PATIENCE, 5, cause="serving-not-renewed"),
        *([fires("KubeletCertFleetRotationStalled", 0, 5)] if together else []),
    )


def test_late_nodes_count_toward_the_share_alone() -> None:
    """Two that are past grace are too few, however many are late beside them."""
    story = world()
    sick = [life.stalls() for life in lives(story, 2, share=0.923)]
    late = [life.stalls() for life in lives(story, 3, share=0.904, name="l")]
    for number, life in enumerate([*sick, *late]):
        story.watch(instance=f"{number}:10024", own=[life])
    story.run(6)
    own = [fires("KubeletCertRotationStalled", 0, 5, node=life.name) for life in sick]
    check(story, *own, *(fires("KubeletCertRotationLate", 0, 5, node=life.name) for life in late))


def test_a_pod_that_goes_with_its_node() -> None:
    """In a DaemonSet a node that is removed takes its exporter along, and its alarm ends; one that is down does not."""
    story = world()
    sick = [life.stalls() for life in lives(story, 2, share=0.923)]
    pods = [story.watch(instance=f"{life.name}:10024", own=[life]) for life in sick]
    for life in lives(story, 6, name="v"):
        story.watch(instance=f"{life.name}:10024", own=[life])
    story.run(5)
    pods[0].is_known = False
    pods[1].is_up = False
    story.run(30)
    check(
        story,
        fires("KubeletCertRotationStalled", 0, 4 + REMEMBERED, node="w1"),
        fires("KubeletCertRotationStalled", 0, 34, node="w2"),
        fires("KubeletCertExporterDown", 15, 34, instance="w2:10024"),
    )


def test_the_fleets_alarm_survives_the_exporter() -> None:
    """Else it would end when the exporter dies, and those of all its nodes would come instead."""
    story = world()
    sick = [life.stalls() for life in lives(story, 4, share=0.923)]
    story.add(*sick)
    exporter = story.watch()
    story.run(5)
    exporter.is_up = False
    story.run(25)
    check(
        story,
        fires("KubeletCertFleetRotationStalled", 0, 29),
        fires("KubeletCertExporterDown", 15, 29),
        *(fires("KubeletCertRotationStalled", 0, 29, node=life.name) for life in sick),
    )


# The CA.


def with_ca(left: float, ttl: float = 30 * DAY, born: float = 2 * DAY, **how: Any) -> World:
    """A cluster whose CA has a little less than so many seconds left at the story's tenth minute."""
    story = world()
    root = Authority("kubernetes", story.now + 10 * MINUTE + left - 30, not_before=NOW - 3 * YEAR)
    story.add(*(Life(f"w{one}", story.now - born - one * HOUR, ttl, root=root, u=0.89, **how) for one in range(1, 4)))
    story.watch()
    return story


def test_a_ca_with_less_left_than_a_leaf() -> None:
    """For an hour; its leaves get shorter from now on."""
    story = with_ca(30 * DAY)
    story.run(100)
    check(story, fires("KubeletCertCAExpiring", 70, 99))


def test_a_ca_that_outlives_its_leaves() -> None:
    """Nothing to be told."""
    story = with_ca(30 * DAY + HOUR)
    story.run(60)
    check(story)


def test_a_ca_at_its_end() -> None:
    """Less than a quarter of a leaf's life: now somebody is woken."""
    story = with_ca(7.5 * DAY, born=23 * DAY)
    story.run(100)
    check(story, fires("KubeletCertCAExpiring", 60, 99), fires("KubeletCertCANearlyExpired", 15, 99))


def test_a_ca_that_cuts_its_leaves_short() -> None:
    """They shrink with it, and the measure does not: the alarm stays through their rotations."""
    story = with_ca(2 * DAY, 3 * DAY, born=1.5 * DAY)
    for life in story.lives.values():
        life.client.due = story.now + 90 * MINUTE
    story.run(240)
    assert all(life.client.count == 2 for life in story.lives.values())
    capped = min(_new(story, name) for name in story.lives)
    second = sorted(_new(story, name) for name in story.lives)[1]
    assert 80 < capped < second < 200
    check(
        story,
        fires("KubeletCertCAExpiring", 60, 239),
        fires("KubeletCertFinding", capped + PATIENCE, 239, cause="ca-caps-leaf"),
        fires("KubeletCertFleetFinding", second, 239, cause="fleet-ca-caps"),
    )


def test_a_leaf_of_ten_years() -> None:
    """Its life counts as one year: a CA with two left is no alarm."""
    story = with_ca(2 * YEAR, 10 * YEAR, born=8.1 * YEAR)
    story.run(75)
    check(story)


CA_OF_OPENSHIFT = "/etc/kubernetes/kubelet-ca.crt"


def openshift(facts: NodeFacts) -> NodeFacts:
    """The same node as OpenShift has it."""
    path = "/var/lib/kubelet/kubeconfig"
    assert facts.process
    assert facts.kubeconfig
    assert facts.config
    config = facts.config[0]
    return replace(
        facts,
        process=replace(facts.process, flags=(("kubeconfig", path), ("config", config.document.path))),
        kubeconfig=replace(facts.kubeconfig, document=document(path)),
        bootstrap=None,
        config=(replace(config, settings=replace(config.settings, client_ca_file=CA_OF_OPENSHIFT)),),
        files=tuple(replace(file, path=CA_OF_OPENSHIFT) if file.path == CA else file for file in facts.files),
    )


def test_openshifts_signers_live_for_weeks() -> None:
    """Its operator replaces them."""
    story = with_ca(7.5 * DAY, born=23 * DAY)
    for life in story.lives.values():
        life.twist = openshift
    story.exporters[0].restart(story.now - HOUR)
    story.exporters[0].work(story.now)
    story.run(100)
    assert any('distribution="openshift"' in series for series, _ in story.series.all())
    check(story)


def test_a_new_ca_ends_the_alarm() -> None:
    """The newest CA counts, from the first node on that has it."""
    story = with_ca(20 * DAY, born=11 * DAY)
    story.run(80)
    fresh = Authority("kubernetes", story.now + 10 * YEAR, not_before=NOW - DAY)
    life = story.lives["w1"]
    life.root = life.client.root = fresh
    life.client.sign(story.now)
    story.run(70)
    read = _new(story, "w1")
    check(story, fires("KubeletCertCAExpiring", 60, read - 1))


def _new(story: World, node: str) -> int:
    """The minute at which a node's new certificate shows."""
    for series, values in story.series.all():
        if series.startswith("kubelet_cert_not_before") and f'node="{node}"' in series:
            return next(minute for minute, value in enumerate(values) if value != values[0])
    raise AssertionError(node)


# What else only shows across nodes.


def test_one_certificate_on_two_nodes() -> None:
    """A cloned image."""
    story = fleet(4)
    first, second = story.lives["w1"], story.lives["w2"]
    second.client.signed = list(first.client.signed)
    second.client.due = first.client.due = float("inf")
    story.watch()
    story.run(20)
    differs = fires("KubeletCertFinding", PATIENCE, 19, cause="node-name-differs")
    check(story, fires("KubeletCertShared", 0, 19), differs)


# The inventory, and how much of it is seen.


def test_the_exporters_own_clock() -> None:
    """All nodes are off by the same: it is told once, and no node's clock."""
    story = fleet(6)
    for life in story.lives.values():
        life.clock = 200.0
    story.watch()
    story.run(20)
    check(story, fires("KubeletCertExporterClockOff", 0, 19))


@pytest.mark.parametrize(("gone", "left", "low"), [(3, 26, True), (3, 27, False), (2, 2, False), (10, 0, True)])
def test_coverage(gone: int, left: int, low: bool) -> None:
    """Three nodes and a tenth of the cluster that nobody has read for a quarter of an hour."""
    story = world()
    dark, seen = lives(story, gone, name="d"), lives(story, left)
    story.add(*dark, *seen)
    exporter = story.watch()
    story.run(10)
    for life in dark:
        life.goes(story.now, Reason.CONNECT_TIMEOUT)
    exporter.settle(story.now)
    story.run(90)
    third = sorted(_down(story, life.name) for life in dark)[2 if low else 0]
    told = [fires("KubeletCertCoverageLow", third + 20, story.minute - 1)] if low else []
    check(story, *told)


def _down(story: World, node: str) -> int:
    for series, values in story.series.all():
        if series.startswith("kubelet_cert_node_up{") and f'node="{node}"' in series:
            return values.index("0")
    raise AssertionError(node)


@pytest.mark.parametrize(
    ("before", "now", "shrank"), [(10, 7, True), (10, 8, False), (20, 15, False), (3, 2, False), (3, 1, True)]
)
def test_an_inventory_that_shrinks(before: int, now: int, shrank: bool) -> None:
    """By three tenths and two nodes, a quarter of an hour after the nodes are forgotten."""
    story = fleet(before)
    story.watch()
    story.run(20)
    story.remove(*(f"w{one}" for one in range(now + 1, before + 1)))
    story.run(60)
    told = [fires("KubeletCertInventoryShrank", 20 + REMEMBERED + 15, 79)] if shrank else []
    check(story, *told)


def test_a_cluster_that_vanishes() -> None:
    """All of its nodes leave the inventory, while another cluster's stay; told for an hour."""
    story = fleet(3)
    story.add(*lives(story, 3, cluster="other", name="o"))
    story.watch()
    story.run(70)
    story.remove("w1", "w2", "w3")
    story.run(100)
    check(story, fires("KubeletCertClusterVanished", 70 + REMEMBERED + 10, 69 + REMEMBERED + 60))


def test_a_cluster_that_goes_with_its_exporter() -> None:
    """Its target is gone while another cluster's is there: nobody looks at it. One that is down is told as such."""
    story = world()
    red, blue = lives(story, 3, cluster="red"), lives(story, 3, cluster="blue", name="b")
    green = lives(story, 3, cluster="green", name="g")
    gone = story.watch(instance="red:10024", own=red)
    down = story.watch(instance="green:10024", own=green)
    story.watch(instance="blue:10024", own=blue)
    story.run(10)
    gone.is_known = False
    down.is_up = False
    story.run(90)
    check(
        story,
        fires("KubeletCertClusterVanished", 10 + REMEMBERED + 10, 99, cluster="red"),
        fires("KubeletCertExporterDown", 20, 99, instance="green:10024"),
    )


def test_two_clusters_are_two() -> None:
    """What is wrong in one is told of that one."""
    story = world()
    sick = [life.stalls() for life in lives(story, 3, share=0.93, cluster="red")]
    story.add(*sick, *lives(story, 3, cluster="blue", name="b"))
    story.watch()
    story.run(10)
    check(
        story,
        fires("KubeletCertFleetRotationStalled", 0, 9, cluster="red"),
        *(fires("KubeletCertRotationStalled", 0, 9, cluster="red", node=life.name) for life in sick),
    )
