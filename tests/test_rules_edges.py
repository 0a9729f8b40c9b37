"""Either side of each threshold, and neighbours that must not lend a node what it lacks.

A namesake in another cluster, another node of the cluster and another certificate of the node stand beside each node
that an alert is about: what they have must neither raise the alert nor quench it.
"""

from __future__ import annotations

import pytest

from tests.promtool import PROMTOOL, fires
from tests.typed import Typed, Values

pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="Debian's prometheus is not installed")

REMEMBERED = 10  # minutes for which a series counts that is gone
JOB = "kubelet-cert-exporter"


# What the kubelet does not rotate. Of 1000 minutes the last twentieth is 50, and three tenths are 300.


@pytest.mark.parametrize(("left", "is_expiring"), [(49, True), (45, True), (51, False), (60, False)])
def test_the_last_twentieth(left: float, is_expiring: bool) -> None:
    """From a reading in it on; before, it is due. A state that nobody knows any more takes nothing back."""
    story = Typed(8).node().certificate(left, "unknown")
    story.has("kubelet_cert_rotation_enabled", 0, cluster="prod", node="w1", cert="client")
    story.node("w2").certificate(700, "fresh", 400, node="w2")
    story.node(cluster="other").certificate(700, "fresh", 400, cluster="other")
    story.certificate(700, "fresh", 400, cert="serving")
    story.fires(fires("KubeletCertExpiring" if is_expiring else "KubeletCertManualRotationDue", 0, 7))


@pytest.mark.parametrize(("left", "is_due"), [(299, True), (260, True), (301, False), (340, False)])
def test_the_last_three_tenths(left: float, is_due: bool) -> None:
    """What a neighbour has expiring, or renewed by its distribution, is its own."""
    story = Typed(8)
    for cluster, node, its in (("prod", "w1", left), ("other", "w1", 40), ("prod", "w2", 40)):
        story.node(node, cluster).certificate(its, "unmanaged", node=node, cluster=cluster)
        story.has("kubelet_cert_rotation_enabled", 0, cluster=cluster, node=node, cert="client")
    for cluster, node in (("third", "w1"), ("prod", "w3")):
        story.node(node, cluster, distribution="k3s").certificate(200, "unmanaged", node=node, cluster=cluster)
        story.has("kubelet_cert_rotation_enabled", 0, cluster=cluster, node=node, cert="client")
    story.fires(
        *([fires("KubeletCertManualRotationDue", 0, 7)] if is_due else []),
        fires("KubeletCertExpiring", 0, 7, cluster="other"),
        fires("KubeletCertExpiring", 0, 7, node="w2"),
    )


def test_rotation_that_is_on_beside_some_that_is_off() -> None:
    """Nor does a replica that says "off" outvote one that says "on"."""
    story = Typed(8).node().certificate(200, "unmanaged")
    for value, labels in ((1, {}), (0, {"instance": "two:10024"}), (0, {"cert": "serving"})):
        own = {"cluster": "prod", "node": "w1", "cert": "client", **labels}
        story.has("kubelet_cert_rotation_enabled", value, **own)
    for cluster, node in (("other", "w1"), ("prod", "w2")):
        story.node(node, cluster).certificate(700, "unmanaged", cluster=cluster, node=node)
        story.has("kubelet_cert_rotation_enabled", 0, cluster=cluster, node=node, cert="client")
    story.fires()


def test_a_certificate_without_a_state_beside_some_that_have_one() -> None:
    """A handshake's, and not a CA or a client certificate: these have alerts of their own."""
    story = Typed(20).node().certificate(-5, cert="serving_live").certificate(-5, cert="ca")
    story.certificate(600, "fresh", 300, cert="serving")
    for cluster, node in (("other", "w1"), ("prod", "w2")):
        story.node(node, cluster).certificate(600, "fresh", 300, cert="serving_live", cluster=cluster, node=node)
    story.fires(fires("KubeletCertUnrotatedExpired", 10, 19, cert="serving_live"))


# Blind.


def _unread(story: Typed, node: str = "w1", cluster: str = "prod") -> Typed:
    """What nobody rotates, in its last twentieth, and last read before that."""
    return story.node(node, cluster, read=60).certificate(40, "unmanaged", node=node, cluster=cluster)


def test_blind_until_the_failed_visit_is_forgotten() -> None:
    """The last visit failed, as far as anybody knows; a neighbour's visit is no visit of it."""
    story = _unread(Typed(50)).has("kubelet_cert_node_up", ((0, 30), (None, 20)), cluster="prod", node="w1")
    for cluster, node in (("other", "w1"), ("prod", "w2")):
        _unread(story, node, cluster).has("kubelet_cert_node_up", cluster=cluster, node=node)
    story.fires(fires("KubeletCertBlind", 15, 29 + REMEMBERED))


def test_both_of_a_nodes_certificates_are_unseen() -> None:
    """Each in its own way; a neighbour that was not visited yet excuses nobody."""
    story = _unread(Typed(25)).has("kubelet_cert_node_up", 0, cluster="prod", node="w1")
    story.certificate(100, "unknown", -200, cert="serving")
    for cluster, node in (("other", "w1"), ("prod", "w2")):
        story.node(node, cluster, read=60).certificate(100, "unknown", -200, cluster=cluster, node=node)
        story.has("kubelet_cert_node_failure", reason="not_yet_visited", cluster=cluster, node=node)
    story.fires(fires("KubeletCertBlind", 15, 24), fires("KubeletCertBlind", 15, 24, cert="serving"))


@pytest.mark.parametrize("window", [-5, 5, 30])
def test_unknown_is_told_from_its_window_on(window: int) -> None:
    """The certificate's own window, whatever the state of the other one is, and however far in its window that is."""
    story = Typed(25).node(read=90).certificate(400, "unknown", window).certificate(200, "late", -100, cert="serving")
    told = [fires("KubeletCertBlind", max(window, 0) + 15, 24)] if window < 10 else []
    story.fires(*told, fires("KubeletCertRotationLate", 0, 24, cert="serving"))


def test_never_read_until_the_failure_is_forgotten() -> None:
    """Ten minutes after its last word."""
    story = Typed(90).node(read=None)
    story.has("kubelet_cert_node_failure", ((1, 70), (None, 20)), cluster="prod", node="w1", reason="auth_failed")
    story.fires(fires("KubeletCertNeverRead", 60, 69 + REMEMBERED))


def test_unsafe_until_it_is_forgotten() -> None:
    """Ten minutes after its last word; that a serving certificate has expired is no excuse."""
    story = Typed(50).node().certificate(-5, "expired", -300, cert="serving")
    story.has("kubelet_cert_restart_safe", ((0, 30), (None, 20)), cluster="prod", node="w1")
    story.fires(
        fires("KubeletCertRestartUnsafe", 5, 29 + REMEMBERED), fires("KubeletCertExpired", 0, 49, cert="serving")
    )


# The cluster.


def test_what_the_fleets_exporter_was_is_forgotten() -> None:
    """That an exporter sees the cluster whole, and finds no stall, counts ten minutes longer than it is told."""
    story = Typed(40)
    for number in range(3):
        story.node(f"w{number}").certificate(95, "stalled", -200, node=f"w{number}")
    story.has("kubelet_cert_inventory_nodes", ((3, 20), (None, 20)), cluster="prod")
    story.has("kubelet_cert_exporter_last_visit_timestamp_seconds", 0)
    story.fires(
        fires("KubeletCertFleetRotationStalled", 20 + REMEMBERED, 39),
        *(fires("KubeletCertRotationStalled", 0, 39, node=f"w{number}") for number in range(3)),
    )


@pytest.mark.parametrize(("left", "minutes"), [(240, 66), (260, 66)])
def test_a_ca_beside_openshifts(left: float, minutes: int) -> None:
    """That another cluster is OpenShift's is no excuse; and it is the newest CA that counts."""
    story = Typed(minutes).node().certificate(700, "fresh", 400)
    story.certificate(left + minutes, cert="ca").node("w2").certificate(100, cert="ca", node="w2")
    story.node(cluster="other", distribution="openshift").certificate(5000, cert="ca", cluster="other")
    nearly = [fires("KubeletCertCANearlyExpired", 62, minutes - 1)] if left < 250 else []
    story.fires(fires("KubeletCertCAExpiring", 60, minutes - 1), *nearly)


def test_an_inventory_that_shrank_six_hours_ago() -> None:
    """That is how it is, then: the alert ends."""
    story = Typed(420)
    for number in range(4):
        values = 1 if number < 2 else ((1, 20), (None, 400))
        story.has("kubelet_cert_node_info", values, cluster="prod", node=f"w{number}", distribution="kubeadm")
    gone = 20 + REMEMBERED
    story.fires(fires("KubeletCertInventoryShrank", gone + 15, gone - 1 + 360))


def _coverage(story: Typed, *rows: tuple[float | None, float | None]) -> Typed:
    for number, row in enumerate(rows):
        for instance, value in zip(("one:10024", "two:10024"), row, strict=True):
            if value is not None:
                story.has("kubelet_cert_node_up", value, cluster="prod", node=f"w{number}", instance=instance)
        story.has("kubelet_cert_node_info", cluster="prod", node=f"w{number}", distribution="kubeadm")
    return story


def test_nodes_that_one_replica_sees_are_seen() -> None:
    """Ten, none of them by both."""
    _coverage(Typed(30), *[(0, 1)] * 5, *[(1, 0)] * 5).fires()


@pytest.mark.parametrize(("every", "gaps"), [(14, []), (22, [21, 43])])
def test_nodes_that_are_seen_now_and_then(every: int, gaps: list[int]) -> None:
    """Once in a quarter of an hour is enough."""
    story = Typed(23 + 2 * every)
    for number in range(5):
        values = ((1, 1), (0, every - 1), (1, 1), (0, every - 1), (1, 1), (0, 22))
        story.has("kubelet_cert_node_up", values, cluster="prod", node=f"w{number}")
        story.has("kubelet_cert_node_info", cluster="prod", node=f"w{number}", distribution="kubeadm")
    lows = [(gap, gap) for gap in gaps] + [(2 * every + 21, 2 * every + 22)]
    story.fires(*(fires("KubeletCertCoverageLow", *low) for low in lows))


def test_a_cluster_vanishes_for_whoever_is_left() -> None:
    """An exporter that looks at other clusters: a node exporter's target is none."""
    story = Typed(60)
    info = ((1, 10), (None, 50))
    story.has("kubelet_cert_node_info", info, cluster="prod", node="w1", distribution="kubeadm")
    story.has("up", ((1, 10), (None, 50))).has("up", job="node")
    story.fires(fires("KubeletCertExporterAbsent", 25, 59))


# The exporter.


def _pattern(text: str, times: int) -> tuple[tuple[float | None, int], ...]:
    return tuple((int(digit), 1) for digit in text * times)


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param("0000000001111111", id="long spells: two changes in a quarter of an hour"),
        pytest.param("11010", id="up three fifths of the time"),
        pytest.param("1", id="up"),
    ],
)
def test_up_often_enough(pattern: str) -> None:
    """No crash loop."""
    Typed(80).has("up", _pattern(pattern, 80 // len(pattern))).fires()


@pytest.mark.parametrize(
    ("pattern", "first", "end"),
    [
        pytest.param("000001", 16, 64, id="up a sixth of the time"),
        pytest.param("101001010100010", 20, 61, id="up six fifteenths of the time"),
    ],
)
def test_a_crash_loop_until_it_has_been_up_for_a_while(pattern: str, first: int, end: int) -> None:
    """Half of a quarter of an hour."""
    story = Typed(100).has("up", (*_pattern(pattern, 60 // len(pattern)), (1, 40)))
    story.fires(fires("KubeletCertExporterDown", first, end))


def test_what_is_another_jobs() -> None:
    """It is down, paused, stuck or has a certificate that ends: none of our business."""
    story = Typed(40)
    for labels in ({"job": "another"}, {"job": "another", "instance": "two:10024"}):
        story.has("up", 0, **labels).has("kubelet_cert_exporter_logins_paused", **labels)
        story.has("kubelet_cert_exporter_ssh_credential_not_after_timestamp_seconds", -60, file="/k", **labels)
    story.has("up").fires()


def test_a_login_certificate_beside_others() -> None:
    """Of what it was good for, not of what another file was; each job has its own."""
    story = Typed(50)
    name = "kubelet_cert_exporter_ssh_credential_not_after_timestamp_seconds"
    story.has(name, 20 * 60, file="/a").has(name, 4000 * 60, file="/b").has(name, 4000 * 60, file="/a", job=f"{JOB}-2")
    story.fires(fires("KubeletCertSshCredentialExpiring", 19, 49, file="/a"))


def test_stuck_until_it_is_forgotten() -> None:
    """Two hours after its last visit, as long as it has nodes; a replica and a namesake of another job work on."""
    name, nodes = "kubelet_cert_exporter_last_visit_timestamp_seconds", "kubelet_cert_inventory_nodes"
    story = Typed(60).has(name, ((-7200 + 60, 30), (None, 30))).has(nodes, ((3, 30), (None, 30)), cluster="prod")
    for labels in ({"instance": "two:10024"}, {"job": f"{JOB}-2"}):
        story.has("up", **labels).has(name, **labels).has(nodes, 3, cluster="prod", **labels)
    for labels in ({"instance": "three:10024"}, {"job": f"{JOB}-3"}):  # without nodes there is nothing to visit
        story.has("up", **labels).has(name, -9000, **labels)
    story.has("up").fires(fires("KubeletCertExporterStuck", 17, 29 + REMEMBERED))


@pytest.mark.parametrize(
    ("nodes", "visit", "episodes"),
    [
        (((3, 30), (None, 36)), None, [(15, 29 + REMEMBERED)]),
        (3, ((None, 31), (1860, 6), (None, 29)), [(15, 30), (62, 65)]),
    ],
    ids=["its nodes are gone", "it visits"],
)
def test_never_a_visit_until_it_is_forgotten(
    nodes: Values, visit: Values | None, episodes: list[tuple[int, int]]
) -> None:
    """It has nodes, and has ended no visit, whatever its neighbours did; one that was told counts for ten minutes."""
    ended, inventory = "kubelet_cert_exporter_last_visit_timestamp_seconds", "kubelet_cert_inventory_nodes"
    story = Typed(66).has(inventory, nodes, cluster="prod")
    if visit is not None:
        story.has(ended, visit)
    for labels in ({"instance": "two:10024"}, {"job": f"{JOB}-2"}):
        story.has("up", **labels).has(ended, **labels).has(inventory, 3, cluster="prod", **labels)
    story.has(inventory, 3, cluster="prod", job="another", instance="four:1")
    story.has("up").fires(*(fires("KubeletCertExporterStuck", *episode) for episode in episodes))


def test_a_cause_beside_a_namesakes_trouble() -> None:
    """That the namesake's restart is unsafe, or its certificate stalled, tells nothing of this node's cause."""
    story = Typed(10)
    for node in ("w1", "w2"):
        for cluster in ("prod", "other"):
            story.node(node, cluster)
        story.has("kubelet_cert_finding", cluster="prod", node=node, cause=f"of-{node}", severity="warning")
    story.has("kubelet_cert_restart_safe", 0, cluster="other", node="w1")
    story.certificate(90, "stalled", -200, cluster="other", node="w2")
    story.fires(
        fires("KubeletCertFinding", 2, 9, cause="of-w1"),
        fires("KubeletCertFinding", 2, 9, cause="of-w2"),
        fires("KubeletCertRestartUnsafe", 5, 9, cluster="other"),
        fires("KubeletCertRotationStalled", 0, 9, cluster="other", node="w2"),
    )


def test_a_cluster_vanishes_with_a_target_whose_namesake_is_down() -> None:
    """Another job's: it is not the exporter that does not answer."""
    story = Typed(50).has("up", job="kubelet-cert-exporter-2").has("up", 0, job="node")
    story.has("up", ((1, 10), (None, 40)))
    for node in ("w1", "w2"):
        info = ((1, 10), (None, 40))
        story.has("kubelet_cert_node_info", info, cluster="prod", node=node, distribution="kubeadm")
    story.fires(fires("KubeletCertClusterVanished", 30, 49))


def test_each_finding_has_its_own_alert() -> None:
    """One of each kind, in a cluster each: nobody tells another one's."""
    story = Typed(8)
    for cause in ("fleet-stalled", "certificate-shared", "exporter-clock-off", "fleet-ca-caps"):
        story.has("kubelet_cert_fleet_finding", cause=cause, cluster=f"of-{cause}", severity="warning")
    for number, reason in enumerate(("key_material", "host_key_revoked", "auth_failed")):
        story.node(f"w{number}", read=None)
        story.has("kubelet_cert_node_failure", cluster="prod", node=f"w{number}", reason=reason)
    story.fires(
        fires("KubeletCertFleetRotationStalled", 0, 7, cluster="of-fleet-stalled"),
        fires("KubeletCertShared", 0, 7, cluster="of-certificate-shared"),
        fires("KubeletCertExporterClockOff", 0, 7),
        fires("KubeletCertFleetFinding", 0, 7, cluster="of-fleet-ca-caps", cause="fleet-ca-caps"),
        fires("KubeletCertKeyMaterialSeen", 0, 7, node="w0"),
        fires("KubeletCertHostKeyChanged", 0, 7, node="w1"),
    )


def test_a_tenth_that_is_not_seen_and_a_fifth_that_leaves() -> None:
    """Just too few of either; and OpenShift's CA may live for days."""
    story = Typed(70)
    for number in range(20):
        node, is_there = f"w{number}", ((1, 20), (None, 50)) if number < 4 else 1
        story.has("kubelet_cert_node_info", is_there, cluster="prod", node=node, distribution="kubeadm")
    for number in range(30):
        labels = {"cluster": "other", "node": f"w{number}"}
        story.has("kubelet_cert_node_info", **labels, distribution="openshift")
        story.has("kubelet_cert_node_up", int(number >= 3), **labels)
    story.certificate(700, "fresh", 400, cluster="other").certificate(100, cert="ca", cluster="other")
    story.fires()
