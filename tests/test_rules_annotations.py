"""What each alert says: its whole annotations, and the same with labels that want to break out of it."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from tests.annotations import Story, Words
from tests.promtool import ALERTS, FILES, HERE, PROMTOOL, RULES, verdict
from tests.sayings import FILE, stories

pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="Debian's prometheus is not installed")

BREAKING = (
    """"'\\ \n\t{}{{ .Labels }}{{ query "up" }}{{ end }}`$(id)` <b>&var-node=x#%zz%n%!q ü 節 \N{ZERO WIDTH SPACE}"""
)
WORDS = {
    "plain": Words(),
    "no cluster": Words(cluster=""),
    "hostile": Words(
        cluster=f"cluster {BREAKING}",
        node=f"node {BREAKING}",
        job="kubelet-cert-exporter " + BREAKING.replace("\n", ""),  # a matcher's dot is no line's end
        instance=f"instance {BREAKING}",
        file=f"file {BREAKING}",
        source=f"source {BREAKING}",
    ),
    "long": Words("c" * 200, "é" * 200, instance="i" * 200, file="/" * 200, source="*" * 200),
}


def heard(*told: Story, alone: bool = False) -> str | None:
    """What promtool has to say against them; ``alone``: no other alert may fire in the story."""
    groups = [group["name"] for file in FILES for group in yaml.safe_load((RULES / file).read_text())["groups"]]
    test = {
        "rule_files": [f"{HERE}/{file}" for file in FILES],
        "evaluation_interval": "1m",
        "group_eval_order": groups,
        "tests": [story.test() | ({"promql_expr_test": [number_of(story)]} if alone else {}) for story in told],
    }
    return verdict(json.dumps(test, ensure_ascii=False), RULES)


def number_of(story: Story) -> dict[str, object]:
    """That one alert fires at the end of a story."""
    query = 'count(ALERTS{alertstate="firing"})'
    return {"expr": query, "eval_time": f"{story.minutes}m", "exp_samples": [{"labels": "{}", "value": 1}]}


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_every_alert_says_all_that_it_should(words: Words) -> None:
    """Every annotation, word for word, with whatever its labels hold."""
    told = stories(words)
    assert sorted(story.alert for story in told) == sorted(ALERTS)
    assert heard(*told) is None


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_a_link_gives_back_what_it_was_given(words: Words) -> None:
    """The links that were compared, as whoever follows them reads them: the variables, and nothing else."""
    for story in stories(words):
        link = urlsplit(story.link)
        assert (link.scheme, link.netloc, link.fragment) == ("https", "grafana.example.com", "")
        given = parse_qs(link.query, keep_blank_values=True, strict_parsing=bool(link.query))
        assert all(values == [getattr(words, name.removeprefix("var-"))] for name, values in given.items())


def test_what_an_alert_says_is_recorded_before_what_makes_it_fire() -> None:
    """Groups have moments of their own: the first notification would lack what is recorded later, as the cause."""
    groups = [group["rules"] for file in FILES for group in yaml.safe_load((RULES / file).read_text())["groups"]]
    records = [rule for group in groups for rule in group if "record" in rule]
    place = {
        rule["record"]: (which, number)
        for which, group in enumerate(groups)
        for number, rule in enumerate(group)
        if "record" in rule
    }
    reads = {rule["record"]: _series(rule["expr"]) & set(place) for rule in records}
    alerts = [rule for group in groups for rule in group if "alert" in rule]
    looked_at = 0
    for rule in alerts:
        fires_by = _series(rule["expr"]) & set(place)
        while (wider := fires_by.union(*(reads[name] for name in fires_by))) != fires_by:
            fires_by = wider
        for said in _series(" ".join(rule["annotations"].values())) & set(place):
            which, number = place[said]
            assert any(place[name][0] == which and number <= place[name][1] for name in fires_by), (rule["alert"], said)
            looked_at += 1
    assert looked_at > len(alerts) / 2


def _series(text: str) -> set[str]:
    return set(re.findall(r"\w+:\w+:\w+", text))


def test_alerts_that_are_grouped_have_one_summary() -> None:
    """A sentence without a label in it, and no two alerts have the same."""
    told = [story.summary for story in stories(Words())]
    assert all(re.fullmatch(r"[A-Z][^.{]*\.", summary) for summary in told)
    assert len(set(told)) == len(told)


@pytest.mark.parametrize("dates", [True, False], ids=["not a number", "absent"])
def test_what_is_not_known_is_left_out(*, dates: bool) -> None:
    """A verdict without dates still alerts, and says what there is to say; nothing else fires for them."""
    story = Story("KubeletCertRotationStalled", Words(), 30, {"cert": "client"}, dashboard="node").state("stalled")
    for date in ("not_before", "not_after", "rotation_window_start", "node_last_success") if dates else ():
        name = f"kubelet_cert_{date}_timestamp_seconds"
        story.has(name, values="NaN " * 31, cluster="prod", node="w1", cert="client")
    story.has("up").says(
        "A kubelet does not rotate its certificate.",
        "The client certificate of w1 was not rotated in its window,",
        "nor in the grace after it.",
        "No cause was found on the node.",
        "First: `kubelet-cert-exporter explain w1 --config.file=/etc/kubelet-cert-exporter/config.yaml`",
    )
    assert heard(story, alone=True) is None


def test_nothing_at_all_is_one_alert() -> None:
    """A Prometheus that knows nothing of us has one thing to say, and no template stumbles."""
    story = next(it for it in stories(Words()) if it.alert == "KubeletCertExporterAbsent")
    assert heard(story, alone=True) is None


@pytest.mark.parametrize(
    ("nodes", "named"), [("a", "a"), ("ab", "a and b"), ("abc", "a, b and c"), ("abcde", "a, b, c and 2 more")]
)
def test_nodes_with_one_cause_are_named(nodes: str, named: str) -> None:
    """Three of them at most; not those whose own alert names the cause."""
    story = Story("KubeletCertFinding", Words(node="a"), 4, {"cause": "kubelet-down"}, dashboard="fleet")
    for node in (*nodes, "a0", "a1"):
        story.has("kubelet_cert_node_info", cluster="prod", node=node)
        story.has("kubelet_cert_finding", cluster="prod", node=node, cause="kubelet-down", severity="critical")
    story.has("kubelet_cert_restart_safe", 0, cluster="prod", node="a0")
    story.has("kubelet_cert_rotation_state", cluster="prod", node="a1", cert="client", state="expired")
    summary = "Nodes have a fault that will cost them a certificate, or a restart."
    explain = f"First: `kubelet-cert-exporter explain a{FILE}`"
    assert heard(story.says(summary, f"kubelet-down: {named}.", explain)) is None


def test_a_fleet_names_who_ends_first() -> None:
    """Three of those that are stalled, and what was found on them; neither on others."""
    story = Story("KubeletCertFleetRotationStalled", Words(), 2, dashboard="fleet")
    story.has("kubelet_cert_fleet_finding", cluster="prod", cause="fleet-stalled", severity="critical")
    for node, left, state in (
        ("a", 7200, "stalled"),
        ("b", 3600, "stalled"),
        ("c", 60, "fresh"),
        ("d", -60, "expired"),
    ):
        story.has("kubelet_cert_node_info", cluster="prod", node=node)
        name = "kubelet_cert_not_after_timestamp_seconds"
        story.has(name, story.now + left, cluster="prod", node=node, cert="client")
        story.has("kubelet_cert_rotation_state", cluster="prod", node=node, cert="client", state=state)
        cause = "csr-denied" if node in "abc" else "api-unreachable"
        story.has("kubelet_cert_finding", cluster="prod", node=node, cause=cause, severity="critical")
    story.says(
        "The kubelets of a cluster get no new certificates.",
        "Nothing on these nodes explains it: look at who approves and signs, not at the nodes.",
        "Not rotated in their window, nor in the grace after it: 3 nodes.",
        "Nodes of the cluster in all: 4.",
        "d ended.",
        "b ends in 1h 0m 0s.",
        "a ends in 2h 0m 0s.",
        "Found on 1 of them: api-unreachable.",
        "Found on 2 of them: csr-denied.",
        "First: `kubectl get csr`",
    )
    assert heard(story) is None
