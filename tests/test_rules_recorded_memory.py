"""What is remembered of a node, series by series: until somebody has read it again, or it has left the inventory.

Beside each node stand a namesake in another cluster and another node of its cluster, which must not lend it what they
have. Minutes are counted from the story's begin.
"""

from __future__ import annotations

import pytest

from tests.promtool import PROMTOOL, History
from tests.typed import Typed, Values, by, during

pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="Debian's prometheus is not installed")

MINUTES = 60
LEFT, AGAIN = 20, 50
SEEN = 30  # until then there was something to remember
REMEMBERED = 10  # minutes for which a series counts that is gone
UNTIL_LEFT: Values = ((1, LEFT), (None, MINUTES - LEFT))
OTHERS = ({"cluster": "other", "node": "w1"}, {"cluster": "prod", "node": "w2"})

# The recorded series, the metric it is made of with a label of its own and its value, and what says that somebody has
# read the node.
SUCCESS = "kubelet_cert_node_last_success_timestamp_seconds"
REMEMBER = {
    "not_before": (
        "cluster_node_cert:kubelet_cert_not_before_timestamp_seconds:max",
        ("kubelet_cert_not_before_timestamp_seconds", {"cert": "client"}, 5.0),
        (SUCCESS,),
    ),
    "not_after": (
        "cluster_node_cert:kubelet_cert_not_after_timestamp_seconds:max",
        ("kubelet_cert_not_after_timestamp_seconds", {"cert": "client"}, 5.0),
        (SUCCESS,),
    ),
    "window": (
        "cluster_node_cert:kubelet_cert_rotation_window_start_timestamp_seconds:max",
        ("kubelet_cert_rotation_window_start_timestamp_seconds", {"cert": "client"}, 5.0),
        (SUCCESS,),
    ),
    "finding": (
        "cluster_node_cause_severity:kubelet_cert_finding:max",
        ("kubelet_cert_finding", {"cause": "store-full", "severity": "warning"}, 1.0),
        (SUCCESS, "kubelet_cert_restart_safe"),
    ),
    "unsafe": (
        "cluster_node:kubelet_cert_restart_safe:unsafe",
        ("kubelet_cert_restart_safe", {}, 0.0),
        (SUCCESS,),
    ),
    "off": (
        "cluster_node_cert:kubelet_cert_rotation_enabled:off",
        ("kubelet_cert_rotation_enabled", {"cert": "client"}, 0.0),
        (SUCCESS,),
    ),
    "failure": (
        "cluster_node_reason:kubelet_cert_node_failure:max",
        ("kubelet_cert_node_failure", {"reason": "host_key_changed"}, 1.0),
        ("kubelet_cert_node_up",),
    ),
}
EACH = pytest.mark.parametrize(
    ("kind", "reads"), [(kind, read) for kind, (*_, reads) in REMEMBER.items() for read in reads]
)


def _until(minute: int) -> Values:
    return ((1, minute), (None, MINUTES - minute))


def _history(kind: str, *, until: int, **labels: str) -> History:
    (_, own, value), until = REMEMBER[kind][1], min(until, MINUTES)
    return {by(**own, **labels): during((value, until), (None, MINUTES - until))}


def _had(story: Typed, kind: str, minutes: int, **labels: str) -> None:
    """It was told of a node for so long."""
    metric, own, value = REMEMBER[kind][1]
    story.has(metric, ((value, minutes), (None, MINUTES - minutes)), cluster="prod", node="w1", **own, **labels)


@pytest.mark.parametrize("kind", REMEMBER)
def test_until_it_has_left_the_inventory(kind: str) -> None:
    """Then nothing is kept of it, though a namesake and a neighbour are known, and were read by nobody."""
    story = Typed(MINUTES)
    story.has("kubelet_cert_node_info", UNTIL_LEFT, cluster="prod", node="w1")
    for other in OTHERS:
        story.has("kubelet_cert_node_info", **other)
    _had(story, kind, LEFT)
    story.records({REMEMBER[kind][0]: _history(kind, until=LEFT + REMEMBERED)})


@EACH
@pytest.mark.parametrize(
    ("read_until", "ends"),
    [(SEEN + 4, SEEN + REMEMBERED), (SEEN - 1, MINUTES)],
    ids=["read after it was gone", "gone with the readings"],
)
def test_while_nobody_has_read_it(kind: str, reads: str, read_until: int, ends: int) -> None:
    """A reading counts for ten minutes: one that tells it no more ends it, one that was before does not."""
    story = Typed(MINUTES).node(read=None)
    _had(story, kind, SEEN)
    story.has(reads, _until(read_until), cluster="prod", node="w1")
    for other in OTHERS:
        story.node(other["node"], other["cluster"], read=None).has(reads, **other)
    story.records({REMEMBER[kind][0]: _history(kind, until=ends)})


@EACH
def test_until_it_is_read_again(kind: str, reads: str) -> None:
    """By a process that was restarted and tells nothing of the kind."""
    story = Typed(MINUTES).node(read=None)
    _had(story, kind, SEEN)
    story.has(reads, ((None, AGAIN), (1, MINUTES - AGAIN)), cluster="prod", node="w1")
    story.records({REMEMBER[kind][0]: _history(kind, until=AGAIN)})


@pytest.mark.parametrize("kind", ["not_after", "window"])
def test_the_latest_of_two_replicas(kind: str) -> None:
    """As both are looked at in turns, one is behind the other."""
    recorded, (metric, own, value), _ = REMEMBER[kind]
    story = Typed(5).node().has(metric, value, cluster="prod", node="w1", **own)
    story.has(metric, value - 3, cluster="prod", node="w1", instance="two:10024", **own)
    story.records({recorded: {by(**own): [value] * 5}})


def test_a_promise_of_another_process_ends_what_was_unsafe() -> None:
    """Ten minutes are ten minutes: the other one's word is as old as that when the first one's is forgotten."""
    story = (
        Typed(MINUTES)
        .node(read=None)
        .has("kubelet_cert_restart_safe", ((0, 21), (None, 39)), cluster="prod", node="w1")
    )
    other: Values = ((None, 22), (1, 2), (None, 36))
    story.has("kubelet_cert_restart_safe", other, cluster="prod", node="w1", instance="two:10024")
    story.records({"cluster_node:kubelet_cert_restart_safe:unsafe": {by(): during((0, 31), (None, 29))}})


def test_neighbours_promises_end_nothing_that_was_unsafe() -> None:
    """They are of other nodes, and the node itself was not read since."""
    story = Typed(MINUTES).node(read=None)
    _had(story, "unsafe", SEEN)
    for other in OTHERS:
        story.node(other["node"], other["cluster"]).has("kubelet_cert_restart_safe", **other)
    story.records({REMEMBER["unsafe"][0]: _history("unsafe", until=MINUTES)})


def test_when_somebody_read_it() -> None:
    """The last moment that any process knew, for as long as the node is known."""
    story = Typed(MINUTES)
    story.has("kubelet_cert_node_info", _until(40), cluster="prod", node="w1")
    story.has(SUCCESS, ((7, LEFT), (None, MINUTES - LEFT)), cluster="prod", node="w1")
    story.has(SUCCESS, ((4, LEFT), (5, 4), (None, MINUTES - LEFT - 4)), cluster="prod", node="w1", instance="two:10024")
    for other in OTHERS:
        story.has("kubelet_cert_node_info", **other)
    history = {by(): during((7, 30), (5, 20), (None, 10))}
    story.records({"cluster_node:kubelet_cert_node_last_success_timestamp_seconds:max": history})


def test_nodes_that_nobody_who_answers_has_read() -> None:
    """From ten minutes after the last reading on."""
    story = Typed(MINUTES).node(read=None).has(SUCCESS, ((7, LEFT), (None, 20), (8, 20)), cluster="prod", node="w1")
    for other in OTHERS:
        story.node(other["node"], other["cluster"])
    unread = during((None, LEFT + REMEMBERED), (1, 10), (None, 20))
    story.records({"cluster_node:kubelet_cert_node_info:unread": {by(): unread}})


@pytest.mark.parametrize("distribution", ["k3s", "rke1", "rke2", "microk8s", "kops"])
def test_rotation_that_the_distribution_does_in_its_own_way(distribution: str) -> None:
    """What the node was taken for counts for ten minutes."""
    story = Typed(MINUTES).has("kubelet_cert_rotation_enabled", 0, cluster="prod", node="w1", cert="client")
    story.has("kubelet_cert_node_info", UNTIL_LEFT, cluster="prod", node="w1", distribution=distribution)
    story.has("kubelet_cert_node_info", ((None, LEFT), (1, 40)), cluster="prod", node="w1", distribution="kubeadm")
    off = {by(cert="client"): during((None, LEFT + REMEMBERED), (0, 30))}
    story.records({"cluster_node_cert:kubelet_cert_rotation_enabled:off": off})


def test_failures_that_one_visit_proves() -> None:
    """No other failure is kept."""
    story = Typed(MINUTES).node(read=None)
    for reason in ("host_key_changed", "connect_timeout"):
        story.has("kubelet_cert_node_failure", reason=reason, cluster="prod", node="w1")
    story.records(
        {"cluster_node_reason:kubelet_cert_node_failure:max": {by(reason="host_key_changed"): [1.0] * MINUTES}}
    )
