"""What the dashboards' queries answer where exporters die, restart, disagree, or have a node each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from exporter.config.settings import Pace, Rotation
from exporter.model.files import Condition, PemFile
from exporter.model.finding import Cause, Finding, Severity
from grafana.builder import catalogue, linter
from tests.exporters import World
from tests.grafana import Chosen, fill, macros, panels
from tests.kubelets import CURRENT
from tests.lives import DAY, HOUR, MINUTE, Life
from tests.promtool import METRIC, PROMTOOL, answered, named

pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="Debian's prometheus is not installed")

BOARDS = {board["uid"]: board for board in (build() for build in catalogue.DASHBOARDS.values())}
ASKED = frozenset(
    name for board in BOARDS.values() for expr in linter.expressions(board) for name in METRIC.findall(expr)
)
VALUES = {
    "cluster": Chosen(("prod",), is_multiple=True, all_value=".*"),
    "cert": Chosen(("client",), is_multiple=True, all_value=".+"),
    "node": Chosen(("w2",)),
    "slot": Chosen(("86400",)),
    **macros(HOUR, 60, 60),
}
NEED = "Nodes that need a hand, a row for each cause"
Answer = Mapping[tuple[tuple[str, str], ...], float]
NOTHING: Answer = {}
UNTOLD = -1  # the tile says "not known"
CRASH_LOOP = (Finding(Cause.KUBELET_CRASH_LOOP, Severity.CRITICAL),)


def world() -> World:
    """A world whose Prometheus keeps what rules and dashboards look at."""
    return World(named() | ASKED)


def healthy(story: World, *names: str, ttl: float = 100 * DAY) -> list[Life]:
    return [Life.aged(name, 0.3, story.now, ttl) for name in names]


def shows(story: World, minute: int, answers: Mapping[tuple[str, str], Answer | float]) -> None:
    """Each panel's query, by the panel's title and the query's legend or letter; a number has no labels."""
    asked: dict[str, Answer] = {}
    for where, answer in answers.items():
        asked[fill(_target(*where)["expr"], VALUES)] = answer if isinstance(answer, Mapping) else {(): answer}
    answered(story, minute, asked)


def _target(title: str, name: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = [
        target
        for board in BOARDS.values()
        for panel in panels(board)
        if panel["title"] == title
        for target in panel["targets"]
        if name in (target["legendFormat"], target["refId"])
    ]
    [only] = found
    return only


def by(**labels: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def test_exporters_with_a_node_each_add_up() -> None:
    """A DaemonSet, three of whose nodes have the same trouble."""
    story = world()
    for life in healthy(story, "w1", "w2", "w3"):
        story.watch(instance=f"{life.name}:10024", own=[life]).found = {life.name: CRASH_LOOP}
    story.run(3)
    count = {by(cause="kubelet-crash-loop"): 3.0}
    shows(story, 2, {("Nodes by cause", "A"): count, ("Findings over time", "critical"): 3})


def test_who_was_not_visited_yet_needs_no_hand() -> None:
    """After the start of an exporter that is nobody's trouble, and it is no failure to read them."""
    story = world()
    story.add(*healthy(story, "w1", "w2", "w3"))
    story.watch(lead=0).is_stuck = True
    story.run(2)
    shows(story, 1, {("How many", "not readable"): 0, ("How many", "nodes in need"): 0, (NEED, "A"): {}})


def test_whose_window_has_closed_is_not_expected_to_rotate() -> None:
    """Neither a stalled certificate nor an expired one; one in its last hour of the window is."""
    story = world()
    ended, stalled, due = (Life.aged(f"w{share}", share, story.now, 10 * DAY) for share in (1.1, 0.95, 0.89))
    due.client.due = story.now + 10 * HOUR
    story.add(ended.stalls(), stalled.stalls(), due)
    story.watch()
    story.run(3)
    shows(story, 2, {("Rotations expected in 24 h", "A"): 1})


def test_a_rotation_is_seen_once() -> None:
    """By two replicas, in the minute after the first one's visit."""
    story = world()
    due, other = Life.aged("w1", 0.75, story.now, 10 * DAY), Life.aged("w2", 0.3, story.now, 10 * DAY)
    due.client.due = story.now + MINUTE
    story.add(due, other)
    story.watch()
    story.watch(instance="two:10024")
    story.run(2 * HOUR // MINUTE)
    total = "sum(sum_over_time(cluster_cert:kubelet_cert_rotations:seen[2h]))"
    answered(story, 2 * HOUR // MINUTE - 1, {total: {(): 1}})


def test_a_replica_that_knew_more_and_dies_is_no_rotation() -> None:
    """One of two replicas has seen the new certificate; it dies, and the old one is known again."""
    story = world()
    [life] = healthy(story, "w1")
    story.add(life)
    story.watch()
    behind = Life.aged("w1", 0.6, story.now, 100 * DAY)
    story.watch(instance="two:10024", own=[behind])
    story.run(3)
    story.exporters[0].is_up = False
    story.run(1)
    shows(story, 3, {("Rotations seen", "A"): {by(cluster="prod"): 0}})


def test_the_newer_certificate_has_the_word() -> None:
    """One replica has seen the rotation, the other one's last visit still saw a stalled certificate."""
    story = world()
    story.add(*healthy(story, "w1"))
    story.watch()
    story.watch(instance="two:10024", own=[Life.aged("w1", 0.95, story.now, 100 * DAY).stalls()])
    story.run(3)
    shows(
        story,
        2,
        {
            ("How many", "stalled"): 0,
            ("Certificates, furthest first", "D"): {by(cert="client", cluster="prod", node="w1"): 3},
        },
    )


def test_a_certificate_that_begins_with_its_ca() -> None:
    """As k3s signs them: by its dates nine years old, with three quarters of a year left."""
    story = world()
    story.add(Life.aged("w1", 0.925, story.now + 2 * MINUTE, 3650 * DAY).stalls().is_read_by(Rotation.MANUAL))
    story.watch()
    story.run(3)
    of_cluster, of_cert = by(cluster="prod"), by(cert="client", cluster="prod", node="w1")
    answers: dict[tuple[str, str], Answer | float] = {
        ("Certificates, furthest first", "A"): {of_cert: 0.25},
        ("Certificate authorities", "D"): {of_cluster: 365 * DAY},
    }
    shows(story, 2, answers)


def test_an_exporter_that_is_dead_takes_no_trouble_away() -> None:
    """For twenty minutes: nothing ended, nobody says that there is nothing to do, and what is stalled stays."""
    story = world()
    story.add(*healthy(story, "w1"), *(Life.aged(f"w{one}", 0.95, story.now, 100 * DAY).stalls() for one in (2, 3, 4)))
    exporter = story.watch()
    exporter.found = {"w1": CRASH_LOOP}
    story.run(20)
    exporter.is_up = False
    story.run(20)
    shows(
        story,
        39,
        {
            ("How many", "exporters down"): 1,
            ("How many", "nodes in need"): 4,
            ("How many", "stalled"): 3,
            ("How many", "not readable"): UNTOLD,
            ("How many", "in the window"): UNTOLD,
            ("Across nodes", "A"): {by(cause="fleet-stalled", cluster="prod"): 1},
            ("What changed lately", "A"): NOTHING,
        },
    )


@pytest.mark.parametrize("restarts", [False, True])
def test_what_was_found_outlasts_the_exporter(restarts: bool) -> None:
    """Findings and unsafe restarts: it is dead, or it has started anew and not visited the nodes yet."""
    story = world()
    story.add(*healthy(story, "w1", "w2"))
    story.lives["w2"].twist = lambda facts: replace(facts, client=PemFile(CURRENT, Condition.EMPTY))
    exporter = story.watch()
    exporter.found = {"w1": CRASH_LOOP, "w2": ()}
    story.run(5)
    if restarts:
        exporter.restart(story.now)
        exporter.is_stuck = True
    else:
        exporter.is_up = False
    story.run(20)
    crashed = by(cause="kubelet-crash-loop", cluster="prod", node="w1", severity="critical")
    ranks = {by(cluster="prod", node="w1"): 4, by(cluster="prod", node="w2"): 5}
    shows(
        story,
        24,
        {
            ("How many", "nodes in need"): 2,
            ("How many", "restart unsafe"): 1,
            (NEED, "A"): {crashed: 1},
            (NEED, "B"): ranks,
            ("Nodes by cause", "A"): {by(cause="kubelet-crash-loop"): 1},
            ("Restart", "restart"): {by(cluster="prod", node="w2"): 0},
        },
    )


def test_what_a_reading_is_without_has_ended() -> None:
    """A finding that is gone, and one that comes, while the exporter lives."""
    story = world()
    story.add(*healthy(story, "w1", "w2"))
    exporter = story.watch(pace=Pace(interval=300))
    exporter.found = {"w1": CRASH_LOOP}
    story.run(20)
    exporter.found = {"w2": CRASH_LOOP}
    story.run(20)
    where = {"cause": "kubelet-crash-loop", "cluster": "prod"}
    ended, began = by(**where, change="ended", node="w1"), by(**where, change="began", node="w2")
    shows(story, 39, {("What changed lately", "A"): {ended: 19 * 60_000, began: 20 * 60_000}})


def test_without_trouble_there_is_nothing_to_do() -> None:
    """Said in a row of its own, while the exporter lives."""
    story = world()
    story.add(*healthy(story, "w1"))
    story.watch().found = {"w1": ()}
    story.run(20)
    shows(story, 19, {(NEED, "B"): 0, ("Across nodes", "A"): {by(cause="none"): 0}, ("How many", "stalled"): 0})
    story.exporters[0].is_up = False
    story.run(20)
    shows(story, 39, {(NEED, "B"): {}, ("Across nodes", "A"): {}, ("How many", "stalled"): UNTOLD})
