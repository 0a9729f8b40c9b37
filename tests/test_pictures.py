"""The README's pictures: what is drawn, and what is left out of it."""

from __future__ import annotations

import copy

from grafana.builder import catalogue
from grafana.builder.panels import Json
from grafana.pictures.emptiness import without_empty
from grafana.pictures.gallery import PICTURES
from grafana.pictures.ports import free_ports


def test_only_queries_without_an_answer_are_left_out() -> None:
    """Of two panels one query each is empty; the rest stays as it is, and so does what was given."""
    row: Json = {"id": 1, "type": "row"}
    first: Json = {"id": 2, "targets": [{"refId": "A"}, {"refId": "B"}]}
    second: Json = {"id": 3, "targets": [{"refId": "A"}]}
    board: Json = {"uid": "x", "panels": [row, first, second]}
    given = copy.deepcopy(board)
    report: Json = {
        "panels": [
            {"id": 2, "queries": [{"refId": "A", "series": 0}, {"refId": "B", "series": 4}]},
            {"id": 3, "queries": [{"refId": "A", "series": 0}]},
        ]
    }
    kept = [row, {"id": 2, "targets": [{"refId": "B"}]}, {"id": 3, "targets": []}]
    assert without_empty(board, report) == {"uid": "x", "panels": kept}
    assert board == given


def test_ports_are_all_different() -> None:
    """As many as asked for."""
    assert len(set(free_ports(5))) == 5


def test_every_dashboard_has_a_picture() -> None:
    """And every picture a dashboard."""
    assert {board for board, _ in PICTURES.values()} == set(catalogue.DASHBOARDS)
