"""Whose nodes are kept when an exporter does not answer: each by cluster, job and instance, and no namesake's."""

from __future__ import annotations

import pytest

from tests.promtool import PROMTOOL, History
from tests.typed import MINUTE, Typed, Values, by, during

pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="Debian's prometheus is not installed")

MINUTES, DIES, DAY = 20, 5, 1440
REMEMBERED = 10  # minutes for which a series counts that is gone
JOB, INSTANCE = "kubelet-cert-exporter", "one:10024"
UNANSWERED, GONE = (
    f"cluster_node_job_instance:kubelet_cert_node_info:{kind}" for kind in ("unanswered", "exporter_gone")
)


def _dies(story: Typed, *nodes: tuple[str, str], up: float | None = None, **target: str) -> History:
    """It has these nodes by cluster, and dies: gone from service discovery, or down (``up`` is 0); how that is told."""
    rest = story.minutes - DIES
    until: Values = ((1, DIES), (None, rest))
    story.has("up", ((1, DIES), (up, rest)), **target)
    for cluster, node in nodes:
        story.has("kubelet_cert_node_info", until, cluster=cluster, node=node, **target)
    last = DIES + REMEMBERED - 1
    told = during((None, DIES)) + [float(minute * MINUTE) for minute in range(DIES, last)]
    told += during((float(last * MINUTE), story.minutes - last))
    own = {"job": JOB, "instance": INSTANCE} | target
    return {by(cluster=cluster, node=node, **own): told for cluster, node in nodes}


def _of(cluster: str, history: History) -> History:
    return {labels: told for labels, told in history.items() if ("cluster", cluster) in labels}


def _lives(story: Typed, *nodes: tuple[str, str], **target: str) -> None:
    story.has("up", **target)
    for cluster, node in nodes:
        story.has("kubelet_cert_node_info", cluster=cluster, node=node, **target)
    for cluster in sorted({cluster for cluster, _ in nodes}):
        story.has("kubelet_cert_inventory_nodes", cluster=cluster, **target)


def test_down_is_kept_for_ever_and_gone_for_a_day() -> None:
    """Another job's target at the same address, and another target of the same job, have nothing to do with it."""
    story = Typed(DAY + 30)
    down = _dies(story, ("prod", "w1"), up=0)
    gone = _dies(story, ("prod", "w2"), instance="two:10024")
    story.has("up", 0, job="node", instance="two:10024")
    shares = _dies(story, ("prod", "w3"), up=0, instance="three:10024")
    story.has("up", job="node", instance="three:10024")
    ends = DIES + REMEMBERED - 1 + DAY
    ended = {labels: [*told[:ends], *during((None, story.minutes - ends))] for labels, told in gone.items()}
    story.records({UNANSWERED: {**down, **ended, **shares}}, [0, 4, 5, 14, 15, ends - 1, ends, ends + 1, DAY + 29])


@pytest.mark.parametrize(("common", "stays"), [(9, True), (10, False), (11, False)])
def test_half_of_its_nodes_are_a_replicas(common: int, stays: bool) -> None:
    """Of twenty: then the replica says what there is."""
    nodes = [("prod", f"w{number}") for number in range(20)]
    story = Typed(MINUTES)
    dead = _dies(story, *nodes)
    _lives(story, *nodes[:common], ("prod", "other"), instance="two:10024")
    story.records({GONE: dead if stays else {}})


def test_a_replica_takes_over_a_cluster_of_one_exporter() -> None:
    """No other cluster of it, and nothing of exporters that share its job, its address or its nodes' names."""
    story = Typed(MINUTES)
    common = (("prod", "a1"), ("prod", "a2"))
    dead = _dies(story, *common, ("other", "b1"), ("other", "b2"))
    others = {
        **_of("other", dead),
        **_dies(story, ("prod", "c1"), ("prod", "c2"), job="certs"),
        **_dies(story, ("prod", "d1"), ("prod", "d2"), instance="three:10024"),
        **_dies(story, ("third", "a1"), ("third", "a2"), instance="four:10024"),
    }
    _lives(story, *common, instance="two:10024")
    story.records({GONE: others})


def test_a_pod_goes_with_its_only_node() -> None:
    """Where others have its cluster; one that is down stays, and so does what others have more of."""
    story = Typed(MINUTES)
    dead = _dies(story, ("prod", "p1"), ("other", "q1"), ("other", "q2"))
    _dies(story, ("prod", "p2"), instance="five:10024")
    story.has("up", job="node", instance="five:10024")
    others = {
        **_of("other", dead),
        **_dies(story, ("prod", "c1"), ("prod", "c2"), job="certs"),
        **_dies(story, ("prod", "d1"), ("prod", "d2"), instance="three:10024"),
        **_dies(story, ("prod", "p6"), up=0, instance="six:10024"),
        **_dies(story, ("third", "p7"), instance="seven:10024"),
    }
    _lives(story, ("prod", "w1"), ("other", "w1"), instance="two:10024")
    story.records({GONE: others})
