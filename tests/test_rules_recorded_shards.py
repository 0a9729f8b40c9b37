"""What is recorded of exporters that share an inventory, and of clusters that none of them sees whole."""

from __future__ import annotations

import pytest

from tests.promtool import PROMTOOL, History
from tests.typed import MINUTE, Typed, Values, by, during

pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="Debian's prometheus is not installed")

MINUTES, GOES = 30, 5
SHARDS, REMEMBERED = 5, 10  # minutes for which a series counts that is gone: of shards, and all else
ENDS = ((1.0, GOES), (None, MINUTES - GOES))
JOB = "kubelet-cert-exporter"
LACKING, WHOLE, SHARED, FOUND, GONE = (
    "job:kubelet_cert_exporter_shards:lacking",
    "cluster:kubelet_cert_inventory_nodes:whole",
    "cluster:kubelet_cert_info:shared",
    "cluster_cause:kubelet_cert_fleet_finding:max",
    "cluster_node_job_instance:kubelet_cert_node_info:exporter_gone",
)
_INFO, _TOTAL, _FINDING = (
    f"kubelet_cert_{name}" for name in ("exporter_shard_info", "exporter_total_shards", "fleet_finding")
)


def _shard(story: Typed, index: int, total: int, job: str, until: Values = 1) -> None:
    """One exporter of a job, which is that shard."""
    target = {"job": job, "instance": f"{index}:10024"}
    story.has("up", until, **target).has(_INFO, until, shard=str(index), total_shards=str(total), **target)
    spans = until if isinstance(until, tuple) else ((until, story.minutes),)
    story.has(_TOTAL, tuple((value and total * value, minutes) for value, minutes in spans), **target)


def _job(job: str, *told: tuple[float | None, int]) -> History:
    return {(("job", job),): during(*told)}


def test_a_shard_without_an_exporter() -> None:
    """It counts for five minutes more; a job that has all its shards lacks none, and is told from the other."""
    story = Typed(MINUTES)
    for index in range(3):
        _shard(story, index, 3, "certs", ENDS if index == 1 else 1)
        _shard(story, index, 3, "whole")
    begins = GOES + SHARDS
    story.records({LACKING: _job("certs", (None, begins), (3, MINUTES - begins))})


def test_the_number_of_shards_counts_for_five_minutes_more() -> None:
    """It is the highest that anybody tells, whoever else tells another."""
    story = Typed(MINUTES)
    for index in range(2):
        target = {"job": "certs", "instance": f"{index}:10024"}
        story.has("up", **target).has(_INFO, shard=str(index), total_shards="3", **target)
        story.has(_TOTAL, ((2 + index, GOES), (None, MINUTES - GOES)), **target)
    ends = GOES + SHARDS
    story.records({LACKING: _job("certs", (3, ends), (None, MINUTES - ends))})


def test_shards_that_differ_in_their_number() -> None:
    """Though each has an exporter; until five minutes after the last that has the old number."""
    story = Typed(MINUTES)
    for job in ("certs", "more"):
        for index in range(2):
            _shard(story, index, 2, job, ENDS)
    target = {"job": "certs", "instance": "2:10024"}
    story.has("up", **target).has(_INFO, shard="2", total_shards="3", **target)
    story.has(_INFO, shard="0", total_shards="3", job="certs", instance="3:10024")
    story.has(_INFO, shard="1", total_shards="3", job="certs", instance="4:10024")
    ends = GOES + SHARDS
    story.records({LACKING: _job("certs", (2, ends), (None, MINUTES - ends))})


def test_clusters_that_an_exporter_sees_whole() -> None:
    """By the most that one exporter has of it, whatever other targets of its job, or at its address, are shards."""
    story = Typed(MINUTES)
    one, two = {"job": JOB, "instance": "one:10024"}, {"job": JOB, "instance": "two:10024"}
    story.has("kubelet_cert_inventory_nodes", 5, cluster="prod", **one)
    story.has("kubelet_cert_inventory_nodes", 1, cluster="prod", **two)
    story.has(_INFO, shard="0", total_shards="1", **one)
    story.has(_INFO, shard="0", total_shards="2", job="certs", instance="one:10024")
    story.has("kubelet_cert_inventory_nodes", 7, cluster="shared", job=JOB, instance="three:10024")
    story.has(_INFO, ENDS, shard="0", total_shards="2", job=JOB, instance="three:10024")
    begins = GOES + REMEMBERED
    prod = {by(node=""): during((5, MINUTES))}
    shared = {by(cluster="shared", node=""): during((None, begins), (7, MINUTES - begins))}
    story.records({WHOLE: prod | shared})


@pytest.mark.parametrize(("number", "common"), [(1, 0), (4, 2)], ids=["its only node", "half are another one's"])
def test_nodes_of_a_shard_that_is_missed_were_not_removed(number: int, common: int) -> None:
    """They would be of a pod that is gone with its only node, or where half are another exporter's: a replica."""
    story = Typed(MINUTES)
    for index in range(2):
        _shard(story, index, 2, JOB, ENDS if index else 1)
    nodes = [f"w{place}" for place in range(number)]
    for node in nodes:
        story.has("kubelet_cert_node_info", ENDS, cluster="prod", node=node, instance="1:10024")
    for node in ("other", *nodes[:common]):
        story.has("kubelet_cert_node_info", cluster="prod", node=node, instance="0:10024")
    story.has("kubelet_cert_inventory_nodes", 1 + common, cluster="prod", instance="0:10024")
    missed, last = GOES + SHARDS, GOES + REMEMBERED - 1
    answered = [float(minute * MINUTE) for minute in range(missed, last)]
    told = [*during((None, missed)), *answered, *during((float(last * MINUTE), MINUTES - last))]
    story.records({GONE: {by(node=node, job=JOB, instance="1:10024"): told for node in nodes}})


def _client(story: Typed, node: str, address: str, until: Values = 1, /, **labels: str) -> None:
    """An exporter's node, and its client certificate's text."""
    own = {"cluster": "prod", "node": node, **labels}
    certificate = {key: own.pop(key) for key in ("cert", "fingerprint", "subject") if key in own}
    story.has("kubelet_cert_node_info", address=address, distribution="kubeadm", **own)
    certificate = {"cert": "client", "fingerprint": "f1", "subject": f"CN=system:node:{node}", **certificate}
    story.has("kubelet_cert_info", until, **own, **certificate)


def test_a_certificate_that_two_nodes_have() -> None:
    """Each from its own exporter, with namesakes in another cluster and in another job; found for ten minutes more."""
    story = Typed(MINUTES)
    _client(story, "w1", "10.0.0.1", ENDS)
    _client(story, "w2", "10.0.0.2", instance="two:10024")
    _client(story, "w1", "10.9.0.1", cluster="other", fingerprint="f9")
    _client(story, "w1", "10.0.0.1", job="certs", fingerprint="f1")
    for instance in ("one:10024", "two:10024"):
        story.has("kubelet_cert_inventory_nodes", 1, cluster="prod", instance=instance)
    # the other job's exporter still tells w1's, so of these the certificate stays shared
    always = {by(node=""): during((1, MINUTES))}
    found = {by(node="", cause="certificate-shared"): during((1, MINUTES))}
    story.records({SHARED: always, FOUND: found})


def test_a_shared_certificate_that_was_replaced() -> None:
    """Over at once in the record of now, and ten minutes later as a finding."""
    story = Typed(MINUTES)
    _client(story, "w1", "10.0.0.1", ENDS)
    _client(story, "w2", "10.0.0.2", instance="two:10024")
    for instance in ("one:10024", "two:10024"):
        story.has("kubelet_cert_inventory_nodes", 1, cluster="prod", instance=instance)
    ends = GOES + REMEMBERED
    story.records(
        {
            SHARED: {by(node=""): during((1, GOES), (None, MINUTES - GOES))},
            FOUND: {by(node="", cause="certificate-shared"): during((1, ends), (None, MINUTES - ends))},
        }
    )


@pytest.mark.parametrize(
    "labels",
    [{"cert": "ca"}, {"subject": "CN=system:node,O=system:nodes"}, {"subject": "O=system:nodes,CN=system:node"}],
)
def test_what_nodes_have_in_common_by_design(labels: dict[str, str]) -> None:
    """Their CA, and the one certificate of RKE1."""
    story = Typed(MINUTES)
    _client(story, "w1", "10.0.0.1", **labels)
    _client(story, "w2", "10.0.0.2", instance="two:10024", **labels)
    story.records({SHARED: {}})


def _stuck(story: Typed, until: Values = 1, number: int = 3, **labels: str) -> None:
    """So many nodes of prod, stalled without a cause of their own."""
    for place in range(number):
        own = {"cluster": "prod", "node": f"w{place}", **labels}
        story.has("kubelet_cert_node_info", until, **own)
        story.has("kubelet_cert_node_last_success_timestamp_seconds", until, **own)
        story.has("kubelet_cert_rotation_state", until, cert="client", state="stalled", **own)


STALLED = by(node="", cause="fleet-stalled")


def test_a_stall_that_no_exporter_sees_whole() -> None:
    """Counted over all of them: it holds, whatever their number."""
    story = Typed(MINUTES)
    _stuck(story, number=4)
    story.records({FOUND: {STALLED: during((1, MINUTES))}})


def test_what_an_exporter_judged_is_not_judged_anew_when_it_died() -> None:
    """It saw the cluster whole and found no stall of the fleet: what is remembered of its nodes is no news."""
    story = Typed(MINUTES)
    story.has("up", ((1, GOES), (0, MINUTES - GOES)))
    _stuck(story, ENDS)
    story.has("kubelet_cert_inventory_nodes", ((3, GOES), (None, MINUTES - GOES)), cluster="prod")
    story.records({FOUND: {}})


def test_a_stall_that_an_exporter_of_its_whole_cluster_found() -> None:
    """Whatever other targets of its job, or at its address, are shards."""
    story = Typed(MINUTES)
    story.has(_FINDING, cluster="prod", cause="fleet-stalled", severity="critical")
    story.has(_INFO, shard="0", total_shards="2", job="certs")
    story.has(_INFO, shard="0", total_shards="2", instance="two:10024")
    story.records({FOUND: {STALLED: during((1, MINUTES))}})


def test_a_shards_word_about_a_stall_of_the_fleet() -> None:
    """Does not count for as long as it is a shard, and ten minutes more."""
    story = Typed(MINUTES)
    story.has(_FINDING, cluster="prod", cause="fleet-stalled", severity="critical")
    story.has(_INFO, ENDS, shard="0", total_shards="2")
    begins = GOES + REMEMBERED
    story.records({FOUND: {STALLED: during((None, begins), (1, MINUTES - begins))}})
