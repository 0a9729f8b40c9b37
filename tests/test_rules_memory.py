"""What was said of a node or a cluster stays while nobody can say anything else: exporters die, restart and move."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.errors import Reason
from exporter.model.facts import NodeFacts
from exporter.model.files import Condition, PemFile
from exporter.model.finding import Cause, Finding, Severity
from tests.exporters import World
from tests.kubelets import CURRENT
from tests.lives import DAY, HOUR, MINUTE, YEAR, Life
from tests.promtool import PROMTOOL, check, fires, recorded, world
from tests.test_rules_fleet import fleet, lives, openshift, with_ca

pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="Debian's prometheus is not installed")

REMEMBERED = 10  # minutes for which a series counts that is gone
PATIENCE = 2  # minutes for which a cause must hold that has no alert of its own
BLIND = 15  # minutes for which nobody must have seen a certificate
DOWN = 10  # minutes for which an exporter must be down
EMBEDDED = (Finding(Cause.KUBECONFIG_EMBEDDED, Severity.WARNING),)


def empty_target(facts: NodeFacts) -> NodeFacts:
    return replace(facts, client=PemFile(CURRENT, Condition.EMPTY, link=facts.client.link))


def test_what_was_found_outlasts_the_exporter() -> None:
    """It dies: nothing that was found on a node is mended by that."""
    story = fleet(3)
    exporter = story.watch()
    exporter.found = {"w1": EMBEDDED, "w2": (Finding(Cause.STORE_LINK_GAP, Severity.WARNING),)}
    story.run(5)
    exporter.is_up = False
    story.run(30)
    check(
        story,
        fires("KubeletCertFinding", PATIENCE, 34, cause="kubeconfig-embedded"),
        fires("KubeletCertStoreBroken", 0, 34, node="w2"),
        fires("KubeletCertExporterDown", 5 + DOWN, 34),
    )


@pytest.mark.parametrize("comes_back", [False, True])
def test_what_was_found_outlasts_a_restart(*, comes_back: bool) -> None:
    """Until the node is read: by then the new process knows better. A dead one keeps what was said."""
    story = fleet(1)
    exporter = story.watch()
    exporter.found = {"w1": EMBEDDED}
    story.run(5)
    exporter.found = {}
    story.lives["w1"].goes(story.now)
    exporter.restart(story.now)
    story.run(20)
    if comes_back:
        story.lives["w1"].comes_back(story.now)
    story.run(40)
    last = _first(story, "kubelet_cert_node_last_success", after=6) - 1 if comes_back else story.minute - 1
    assert last > 24
    check(story, fires("KubeletCertFinding", PATIENCE, last, cause="kubeconfig-embedded"))


def _first(story: World, metric: str, after: int) -> int:
    """The first minute from then on at which the only node has that series."""
    for series, values in story.series.all():
        if series.startswith(metric):
            return next(minute for minute in range(after, len(values)) if values[minute] not in ("_", "stale"))
    raise AssertionError(metric)


def test_a_restart_that_would_fail_is_remembered() -> None:
    """Though the exporter is gone, and the node too."""
    story = fleet(1)
    life = story.lives["w1"]
    exporter = story.watch()
    life.twist = empty_target
    exporter.restart(story.now - 2 * HOUR)
    exporter.work(story.now)
    story.run(10)
    life.goes(story.now)
    exporter.restart(story.now)
    story.run(30)
    check(story, fires("KubeletCertRestartUnsafe", 5, 39), fires("KubeletCertStoreBroken", 0, 39))


@pytest.mark.parametrize("visited", [False, True])
def test_another_host_key_is_remembered(*, visited: bool) -> None:
    """Until the next visit, whatever that meets; not only while the exporter lives."""
    story = fleet(1)
    life = story.lives["w1"]
    exporter = story.watch(600)
    life.refuses = Reason.HOST_KEY_CHANGED
    exporter.restart(story.now - 10 * MINUTE)
    exporter.work(story.now)
    story.run(10)
    life.refuses = None
    exporter.restart(story.now)
    exporter.is_up = visited
    story.run(30)
    if visited:
        check(story, fires("KubeletCertHostKeyChanged", 0, 9 + REMEMBERED))
    else:
        check(story, fires("KubeletCertHostKeyChanged", 0, 39), fires("KubeletCertExporterDown", 10 + DOWN, 39))


def test_rotation_switched_off_is_remembered() -> None:
    """The exporter dies: somebody still has to renew it."""
    story = world()
    life = Life.aged("w1", 0.8, story.now, DAY)
    life.rotates = False
    story.add(life)
    exporter = story.watch()
    story.run(5)
    exporter.is_up = False
    story.run(30)
    check(story, fires("KubeletCertManualRotationDue", 0, 34), fires("KubeletCertExporterDown", 5 + DOWN, 34))


@pytest.mark.parametrize("dies", [True, False])
def test_openshift_is_remembered(*, dies: bool) -> None:
    """Its signers live for weeks, and still do when the exporter is gone, or has not read all of its nodes again."""
    story = with_ca(7.5 * DAY, born=23 * DAY)
    for life in story.lives.values():
        life.twist = openshift
    exporter = story.exporters[0]
    exporter.restart(story.now - HOUR)
    exporter.work(story.now)
    story.run(20)
    if dies:
        exporter.is_up = False
    else:
        story.lives["w1"].goes(story.now)
        exporter.restart(story.now)
    story.run(90)
    down = fires("KubeletCertExporterDown", 20 + DOWN, 109)
    unseen = fires("KubeletCertBlind", 21 + BLIND, 109)  # in its window
    check(story, down if dies else unseen)


def test_leaves_that_live_for_a_day_from_now_on() -> None:
    """Another lifetime, the same CA: measured by what leaves are now, as long as the CA does not cut them short."""
    story = with_ca(200 * DAY, YEAR, born=180 * DAY)
    story.run(70)
    for life in story.lives.values():
        life.client.ttl = DAY
        life.client.sign(story.now)
    story.run(80)
    news = [_renewed(story, name) for name in story.lives]
    check(story, fires("KubeletCertCAExpiring", 60, max(news) - 1))


def _renewed(story: World, node: str) -> int:
    """The minute at which a node's new certificate shows."""
    for series, values in story.series.all():
        if series.startswith("kubelet_cert_not_before") and f'node="{node}"' in series:
            return next(minute for minute, value in enumerate(values) if value != values[0])
    raise AssertionError(node)


def test_a_stalled_fleet_that_a_new_process_cannot_reach() -> None:
    """The alarm of the fleet stays with those of its nodes."""
    story = world()
    sick = [life.stalls() for life in lives(story, 4, share=0.923)]
    story.add(*sick)
    exporter = story.watch()
    story.run(10)
    for life in sick:
        life.goes(story.now)
    exporter.restart(story.now)
    story.run(20)
    check(
        story,
        fires("KubeletCertFleetRotationStalled", 0, 29),
        *(fires("KubeletCertRotationStalled", 0, 29, node=life.name) for life in sick),
    )


def test_pods_of_stalled_nodes_that_explain_it_themselves() -> None:
    """Three of the DaemonSet's nodes are stalled, and a full disk is no signer's fault."""
    story = world()
    sick = [life.stalls() for life in lives(story, 3, share=0.923)]
    for number, life in enumerate(sick):
        exporter = story.watch(instance=f"{number}:10024", own=[life])
        exporter.found = {life.name: (Finding(Cause.STORE_FULL, Severity.WARNING),)}
    story.run(6)
    check(
        story,
        *(fires("KubeletCertRotationStalled", 0, 5, node=life.name) for life in sick),
        *(fires("KubeletCertStoreFull", 0, 5, node=life.name) for life in sick),
    )


@pytest.mark.parametrize(
    ("cause", "severity", "together"),
    [
        (Cause.KUBECONFIG_EMBEDDED, Severity.WARNING, True),
        (Cause.KUBECONFIG_EMBEDDED, Severity.CRITICAL, False),
        (Cause.CSR_DENIED, Severity.CRITICAL, True),
        (Cause.ROTATION_NOT_SIGNED, Severity.CRITICAL, True),
        (Cause.NODE_NAME_DIFFERS, Severity.WARNING, False),
        (Cause.BOOTSTRAP_FILE_MISSING, Severity.CRITICAL, True),
    ],
)
def test_what_explains_a_stalled_node(cause: Cause, severity: Severity, *, together: bool) -> None:
    """As the judge has it where one exporter sees them all."""
    story = world()
    sick = [life.stalls() for life in lives(story, 3, share=0.923)]
    for number, life in enumerate(sick):
        story.watch(instance=f"{number}:10024", own=[life]).found = {life.name: (Finding(cause, severity),)}
    story.run(3)
    told = [fires("KubeletCertFleetRotationStalled", 0, 2)] if together else []
    check(story, *told, *(fires("KubeletCertRotationStalled", 0, 2, node=life.name) for life in sick))


def test_a_shard_that_leaves_service_discovery() -> None:
    """Others have nodes of that cluster, not these: they are remembered."""
    story = world()
    stuck, well = Life.aged("s1", 0.923, story.now, DAY).stalls(), Life.aged("s2", 0.2, story.now, DAY)
    shard = story.watch(instance="0:10024", own=[stuck, well])
    story.watch(instance="1:10024", own=lives(story, 2))
    story.run(10)
    shard.is_known = False
    story.run(25)
    check(story, fires("KubeletCertRotationStalled", 0, 34, node="s1"))


@pytest.mark.parametrize("known", [True, False])
def test_a_replica_that_is_no_longer_there_keeps_no_node(*, known: bool) -> None:
    """The other one has the rest of its nodes: what that has not was removed."""
    story = world()
    stuck, *well = [Life.aged("w1", 0.93, story.now, DAY).stalls(), *lives(story, 3, name="v")]
    old = story.watch(instance="0:10024", own=[stuck, *well])
    story.watch(instance="1:10024", own=well)
    story.run(10)
    old.is_known, old.is_up = known, False
    story.run(30)
    down = [fires("KubeletCertExporterDown", 10 + DOWN, 39, instance="0:10024")] if known else []
    check(story, fires("KubeletCertRotationStalled", 0, 9 + REMEMBERED), *down)


def test_the_share_of_a_life_that_nothing_rotates() -> None:
    """By a lifetime of a year at most, whenever the certificate says that it began."""
    story = world()
    life = Life("w1", story.now - 9.7 * YEAR, 10 * YEAR)
    life.rotates = False
    story.add(life)
    story.watch()
    story.run(2)
    query = 'round(cluster_node_cert:kubelet_cert_lifetime_used:ratio{cert="client"}, 0.01)'
    recorded(story, 1, query, {(("cert", "client"), ("cluster", "prod"), ("node", "w1")): 0.7})
