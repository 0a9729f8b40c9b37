"""The tests' Grafana puts variables and macros into queries as the real one does."""

from __future__ import annotations

import pytest

from tests.grafana import Chosen, Dashboard, fill, macros

VALUES = {
    "cluster": Chosen(("a.b", "c"), is_multiple=True),
    "every": Chosen(("a", "b"), is_multiple=True, all_value=".+"),
    "node": Chosen(("worker-1.prod",)),
    "odd": Chosen(('a"b\\c',)),
    "one": Chosen(("a.b",), is_multiple=True),
}


@pytest.mark.parametrize(
    ("text", "filled_in"),
    [
        ('{cluster=~"$cluster"}', r'{cluster=~"(a\\.b|c)"}'),
        ('{cluster=~"$one"}', r'{cluster=~"a\\.b"}'),
        ('{x=~"${every}"}', '{x=~".+"}'),
        ('{node="$node"}', '{node="worker-1.prod"}'),
        ('{node="[[node]]"}', '{node="worker-1.prod"}'),
        ('"$odd"', '"a"b\\\\c"'),
        ("${cluster:raw}", "a.b,c"),
        ("[[cluster:pipe]]", "a.b|c"),
        ("${cluster:regex}", r"(a\.b|c)"),
        ('label_replace(x, "a", "$1", "b", "(.*)$")', 'label_replace(x, "a", "$1", "b", "(.*)$")'),
    ],
)
def test_variables_are_put_in_as_grafana_does(text: str, filled_in: str) -> None:
    """All of Grafana's three ways to write one, with values that have signs of their own."""
    assert fill(text, VALUES) == filled_in


def test_a_name_that_is_no_variable_is_noticed() -> None:
    """Grafana would leave it as it is."""
    with pytest.raises(KeyError, match="clutser"):
        fill('{cluster=~"$clutser"}', VALUES)


def test_macros_follow_from_range_step_and_scrape_interval() -> None:
    """A rate spans four scrapes at least, and a step and a scrape where that is more."""
    near, far = macros(3600, 15, 15), macros(7 * 86400, 600, 15)
    assert fill("$__interval $__rate_interval $__range", near) == "15s 60s 3600s"
    assert fill("${__rate_interval} $__range_s $__interval_ms", far) == "615s 604800 600000"


def test_steps_are_as_wide_as_the_range_asks_for() -> None:
    """A thousand points at most, or what the panel says; what a query asks for is the least."""
    target = {"refId": "A", "expr": "changes(x[$__interval])"}
    panel = {"type": "timeseries", "title": "t", "targets": [target, {**target, "interval": "1h"}]}
    content = {"panels": [panel, {**panel, "maxDataPoints": 100}]}
    asked = list(Dashboard(content, scrape=15, span=7 * 86400).questions({}))
    assert [question.step for question in asked] == [900, 3600, 7200, 7200]
    assert [question.expression for question in asked[:2]] == ["changes(x[900s])", "changes(x[3600s])"]
