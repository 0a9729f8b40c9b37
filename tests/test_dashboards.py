"""The dashboards: what is committed is what the builder makes, and the linter notices what Grafana would not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest

from grafana.builder import catalogue, linter, promql
from grafana.builder.panels import Json

BOARDS = {board["uid"]: board for board in (build() for build in catalogue.DASHBOARDS.values())}
FLEET = "kubelet-cert-fleet"


def test_rebuilding_changes_nothing() -> None:
    """Files in grafana/dashboards are those of the builder, each as it makes them."""
    committed = {path.name: path.read_text(encoding="utf-8") for path in catalogue.FOLDER.iterdir()}
    assert committed == catalogue.files()


@pytest.mark.parametrize("uid", BOARDS)
def test_no_dashboard_has_a_mistake_that_the_linter_knows(uid: str) -> None:
    """Each is clean."""
    assert linter.lint(BOARDS[uid], BOARDS) == []


@pytest.mark.parametrize("uid", BOARDS)
def test_every_expression_is_promql(uid: str, tmp_path: Path) -> None:
    """promtool reads all of them."""
    assert linter.unparsable(BOARDS[uid], tmp_path) == []


def _panel(board: Json, title: str) -> Json:
    found: Json = next(panel for panel in board["panels"] if panel["title"] == title)
    return found


def _query(board: Json, title: str) -> Json:
    found: Json = _panel(board, title)["targets"][0]
    return found


def _variable(board: Json, name: str) -> Json:
    found: Json = next(each for each in board["templating"]["list"] if each["name"] == name)
    return found


NEED, STATES, SEEN = "Nodes that need a hand, a row for each cause", "States over time", "Rotations seen"
NODE_UP = "kubelet_cert_node_up"
BROKEN: dict[str, tuple[Callable[[Json], object], str]] = {
    "schema v2": (lambda b: b.update(schemaVersion=42), "schemaVersion is not 39"),
    "editable": (lambda b: b.update(editable=True), "editable is not False"),
    "an id": (lambda b: b.update(id=3), "id is not None"),
    "no tag": (lambda b: b.update(tags=[]), "tags is not"),
    "one id twice": (lambda b: _panel(b, NEED).update(id=1), "id 1 stands for 2 panels"),
    "overlap": (lambda b: _panel(b, NEED)["gridPos"].update(y=3), "lies over"),
    "too wide": (lambda b: _panel(b, NEED)["gridPos"].update(w=25), "outside of the grid"),
    "a hole": (lambda b: _panel(b, NEED)["gridPos"].update(w=23), "has a hole at height"),
    "no title": (lambda b: _panel(b, NEED).update(title=""), "a panel without title: no title"),
    "no description": (lambda b: _panel(b, NEED).pop("description"), f"{NEED}: no description"),
    "no unit": (lambda b: _panel(b, NEED)["fieldConfig"]["defaults"].pop("unit"), f"{NEED}: no unit"),
    "noValue": (lambda b: _panel(b, NEED)["fieldConfig"]["overrides"].pop(0), "fills every empty cell"),
    "no query": (lambda b: _panel(b, NEED).update(targets=[]), f"{NEED}: no query"),
    "one letter twice": (lambda b: _query(b, NEED).update(refId="B"), "2 queries are called B"),
    "another data source": (lambda b: _query(b, NEED).update(datasource={"uid": "x"}), "A does not ask the chosen"),
    "a range for a stat": (lambda b: _query(b, "How many").update(instant=False), "asks for a range"),
    "unknown variable": (lambda b: _query(b, NEED).update(expr='max(x{a="$job"})'), "$job is no variable"),
    "unused variable": (lambda b: _variable(b, "slot").update(name="width"), "$width is used nowhere"),
    "no data source": (lambda b: b["templating"]["list"].pop(0), "no variable for the data source"),
    "variable asks another": (lambda b: _variable(b, "cert").pop("datasource"), "variable cert does not ask"),
    "variable stays": (lambda b: _variable(b, "cert").update(refresh=1), "variable cert does not refresh"),
    "no pattern for all": (lambda b: _variable(b, "cert").pop("allValue"), "variable cert has no pattern"),
    "no menu": (lambda b: b.update(links=[]), "menu of dashboards is missing"),
    "fixed rate": (lambda b: _query(b, SEEN).update(expr="sum(rate(x[5m]))"), "has rate() over 5m"),
    "fixed changes": (lambda b: _query(b, SEEN).update(expr="max(changes(x[1h]))"), "has changes() over 1h"),
    "rate over all": (lambda b: _query(b, SEEN).update(expr="sum(rate(x[$__range]))"), "has rate() over $__range"),
    "sum of replicas": (lambda b: _query(b, STATES).update(expr=f"sum({NODE_UP})"), f"counts {NODE_UP} once for"),
    "no aggregation": (lambda b: _query(b, STATES).update(expr=f"{NODE_UP} == 1"), f"counts {NODE_UP} once for"),
    "sum inside of max": (
        lambda b: _query(b, STATES).update(expr=f"max by (node) (sum by (node) (abs({NODE_UP})))"),
        f"counts {NODE_UP} once for",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_the_linter_notices(name: str) -> None:
    """A dashboard with one mistake: it is named, in its words."""
    board = copy.deepcopy(BOARDS[FLEET])
    mistake, words = BROKEN[name]
    mistake(board)
    assert any(words in message for message in linter.lint(board, BOARDS))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("/d/gone?var-datasource=${datasource}&${__url_time_range}", "leads to gone, which is no dashboard"),
        (f"/d/{FLEET}?var-datasource=${{datasource}}&var-pod=x&${{__url_time_range}}", "does not have: pod"),
        (f"/d/{FLEET}?${{__url_time_range}}", "loses the data source or the time"),
        (f"/d/{FLEET}?var-datasource=${{datasource}}", "loses the data source or the time"),
    ],
)
def test_the_linter_notices_links(url: str, words: str) -> None:
    """Into nowhere, with a variable too many, without what should go along."""
    board = copy.deepcopy(BOARDS[FLEET])
    _panel(board, NEED)["fieldConfig"]["overrides"][1]["properties"].append({"id": "links", "value": [{"url": url}]})
    assert any(words in message for message in linter.lint(board, BOARDS))


def test_promtool_notices_what_is_not_promql(tmp_path: Path) -> None:
    """One bracket is missing."""
    board = copy.deepcopy(BOARDS[FLEET])
    _query(board, NEED)["expr"] += ")"
    assert any("parse error" in line for line in linter.unparsable(board, tmp_path))


@pytest.mark.parametrize(
    ("expr", "around"),
    [
        ("max by (cluster, node) (kubelet_cert_x == 1)", ("max", "cluster, node")),
        ('sum(max by (node) (label_replace(kubelet_cert_x, "a", "$1", "b", "(.*)")))', ("max", "node")),
        ("count by (job, instance) (kubelet_cert_x)", ("count", "job, instance")),
        ("max(a) + count(kubelet_cert_x)", ("count", "")),
        ("sum(a) + min(last_over_time(kubelet_cert_x[5m]))", ("min", "")),
        ("topk(3, kubelet_cert_x)", ("topk", "")),
        ('max({__name__=~"kubelet_cert_x|y:kubelet_cert_x:max"})', ("max", "")),
        ("sum(n:kubelet_cert_x:max or max by (node) (kubelet_cert_x))", ("max", "node")),
        ("abs(kubelet_cert_x) > max(b)", ("", "")),
    ],
)
def test_the_aggregation_around_a_selector(expr: str, around: tuple[str, str]) -> None:
    """The innermost one, and what it groups by; functions in between do not count."""
    [(_, start)] = promql.selectors(expr)
    assert promql.enclosing_aggregation(expr, start) == around


def test_a_set_operation_counts_nothing() -> None:
    """What stands behind ``and on`` or ``unless on`` only chooses; what stands before it is counted."""
    expr = "max(kubelet_cert_a) unless on (node) (kubelet_cert_b == 1) and on (node) kubelet_cert_c"
    asked = [promql.is_only_asked_for(expr, start) for _, start in promql.selectors(expr)]
    assert asked == [False, True, True]


def test_recorded_series_and_the_exporters_own_have_one_voice() -> None:
    """They are no selectors that need an aggregation."""
    assert list(promql.selectors("cluster:kubelet_cert_x:sum + kubelet_cert_exporter_visits_total + up")) == []
