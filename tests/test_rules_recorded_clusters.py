"""What is recorded of clusters: what only shows across nodes, how long a leaf lives, OpenShift, rotations."""

from __future__ import annotations

import pytest

from tests.promtool import PROMTOOL
from tests.typed import Typed, Values, by, during

pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="Debian's prometheus is not installed")

MINUTES, GONE = 50, 20
REMEMBERED = 10  # minutes for which a series counts that is gone
FINDING = "cluster_cause:kubelet_cert_fleet_finding:max"
LEAF = "cluster:kubelet_cert_leaf_lifetime_seconds:max"
OPENSHIFT = "cluster:kubelet_cert_node_info:openshift"
ROTATIONS = "cluster_cert:kubelet_cert_rotations:seen"
YEAR = 365 * 86400.0


def _until(minute: int) -> Values:
    return ((1, minute), (None, MINUTES - minute))


def _found(story: Typed, until: int, cause: str = "certificate-shared") -> None:
    story.has("kubelet_cert_fleet_finding", _until(until), cluster="prod", cause=cause, severity="critical")


@pytest.mark.parametrize(("inventory", "ends"), [(GONE + 4, GONE + REMEMBERED), (GONE - 1, MINUTES)])
def test_a_fleets_finding_stays_while_nobody_has_the_cluster(inventory: int, ends: int) -> None:
    """The exporter is down; an inventory counts for ten minutes, and one that knows of no finding ends it."""
    story = Typed(MINUTES).has("up", ((1, GONE), (0, MINUTES - GONE)))
    story.has("kubelet_cert_node_info", _until(GONE), cluster="prod", node="w1")
    story.has("kubelet_cert_inventory_nodes", _until(inventory), cluster="prod")
    _found(story, GONE)
    name = by(node="", cause="certificate-shared")
    story.records({FINDING: {name: during((1, ends), (None, MINUTES - ends))}})


def test_a_fleets_finding_ends_with_its_cluster() -> None:
    """The exporter that had it answers, and has no such cluster any more."""
    story = Typed(MINUTES).has("kubelet_cert_node_info", _until(GONE), cluster="prod", node="w1")
    story.has("kubelet_cert_inventory_nodes", _until(GONE), cluster="prod").node(cluster="other")
    _found(story, GONE)
    end = GONE + REMEMBERED
    story.records({FINDING: {by(node="", cause="certificate-shared"): during((1, end), (None, MINUTES - end))}})


def test_a_stalled_fleets_nodes_keep_the_finding_of_a_stall_alone() -> None:
    """What else was found across them has nothing to do with their states."""
    story = Typed(MINUTES).has("kubelet_cert_inventory_nodes", 3, cluster="prod")
    for node in ("w1", "w2", "w3"):
        story.node(node).has("kubelet_cert_rotation_state", state="stalled", cluster="prod", node=node, cert="client")
    _found(story, GONE)
    _found(story, GONE, "fleet-stalled")
    end = GONE + REMEMBERED
    found = {
        by(node="", cause="certificate-shared"): during((1, end), (None, MINUTES - end)),
        by(node="", cause="fleet-stalled"): during((1, MINUTES)),
    }
    story.records({FINDING: found})


# How long a leaf lives. The CA ends at CA; a client's first certificate lives for LONG, the next one for less.
CA, NEW_CA, LONG = 100_000.0, 400_000.0, 150_000.0


def _certificate(story: Typed, begin: Values, end: Values, cert: str = "client", node: str = "w1") -> None:
    own = {"cluster": "prod", "node": node, "cert": cert}
    story.has("kubelet_cert_not_before_timestamp_seconds", begin, **own)
    story.has("kubelet_cert_not_after_timestamp_seconds", end, **own)


@pytest.mark.parametrize(
    ("ends_before_its_ca", "kept"), [(0, True), (540, True), (600, True), (660, False), (50_000, False)]
)
def test_a_leaf_that_its_ca_cuts_short(ends_before_its_ca: float, kept: bool) -> None:
    """Ten minutes beside the CA's end are its end; then the measure is that of before, until there is another CA.

    Other nodes have an older CA and an older leaf, and a serving certificate of its own outlives all.
    """
    story = Typed(MINUTES).node().node("w2")
    end = CA - ends_before_its_ca
    _certificate(story, ((end - LONG, 10), (end - 60_000, 40)), end)
    _certificate(story, -900_000, ((CA, 30), (NEW_CA, 20)), "ca")
    _certificate(story, -900_000, CA - 5, "ca", "w2")
    _certificate(story, -20_000, 20_000, node="w2")
    _certificate(story, -900_000, 900_000, "serving")
    after = LONG if kept else 60_000.0
    story.records({LEAF: {by(node=""): during((LONG, 10), (after, 20), (60_000.0, 20))}})


def test_a_longer_leaf_is_the_measure_at_once() -> None:
    """Though its CA is the same and cuts it short."""
    story = Typed(MINUTES).node()
    _certificate(story, ((CA - 60_000, 10), (CA - LONG, 40)), CA)
    _certificate(story, -900_000, CA, "ca")
    story.records({LEAF: {by(node=""): during((60_000.0, 10), (LONG, 40))}})


def test_a_leaf_lives_for_a_year_at_most() -> None:
    """As far as alerts are concerned; what is no client's does not count."""
    story = Typed(2).node()
    _certificate(story, -YEAR, 9 * YEAR)
    _certificate(story, -9 * YEAR, 9 * YEAR, "ca")
    story.node("w1", "short")
    for name, date in (("before", -100.0), ("after", 800.0)):
        story.has(f"kubelet_cert_not_{name}_timestamp_seconds", date, cluster="short", node="w1", cert="client")
    now = {by(node=""): [YEAR] * 2, by(node="", cluster="short"): [900.0] * 2}
    story.records({"cluster:kubelet_cert_leaf_lifetime_seconds:now": now})


# OpenShift.


@pytest.mark.parametrize(("kubeadm", "ends"), [(GONE + 4, GONE + REMEMBERED), (GONE - 1, MINUTES), (0, MINUTES)])
def test_openshift_until_another_kind_is_seen(kubeadm: int, ends: int) -> None:
    """For ten minutes after it was; a node that was not read yet is of no kind."""
    story = Typed(MINUTES)
    story.has("kubelet_cert_node_info", _until(GONE), cluster="prod", node="w1", distribution="openshift")
    story.has("kubelet_cert_node_info", ((None, GONE), (1, MINUTES - GONE)), cluster="prod", node="w1")
    if kubeadm:
        story.has("kubelet_cert_node_info", _until(kubeadm), cluster="prod", node="w2", distribution="kubeadm")
    story.node("w3", "other", distribution="kubeadm")
    story.records({OPENSHIFT: {by(node=""): during((1, ends), (None, MINUTES - ends))}})


def test_openshift_until_its_cluster_is_gone() -> None:
    """Another cluster of that exporter is still there."""
    story = Typed(MINUTES).node("w3", "other")
    story.has("kubelet_cert_node_info", _until(GONE), cluster="prod", node="w1", distribution="openshift")
    end = GONE + REMEMBERED
    story.records({OPENSHIFT: {by(node=""): during((1, end), (None, MINUTES - end))}})


def test_rotations_count_in_their_minute() -> None:
    """By cluster and certificate; a node that is new has not rotated, nor has one whose begin falls back."""
    story = Typed(MINUTES)
    begins: tuple[tuple[str, str, str, Values], ...] = (
        ("prod", "w1", "client", ((100, 10), (200, 40))),
        ("prod", "w1", "serving", ((100, 12), (200, 38))),
        ("prod", "w2", "client", ((100, 10), (300, 20), (400, 20))),
        ("other", "w1", "client", ((400, 15), (200, 35))),
        ("new", "w1", "client", ((None, 20), (200, 30))),
    )
    for cluster, node, cert, values in begins:
        story.has("kubelet_cert_not_before_timestamp_seconds", values, cluster=cluster, node=node, cert=cert)
        if cert == "client":
            story.node(node, cluster)
    seen = {
        by(node="", cert="client"): during((0, 10), (2, 1), (0, 19), (1, 1), (0, 19)),
        by(node="", cert="serving"): during((0, 12), (1, 1), (0, 37)),
        by(node="", cert="client", cluster="other"): during((0, MINUTES)),
        by(node="", cert="client", cluster="new"): during((None, 20), (0, 30)),
    }
    story.records({ROTATIONS: seen})
