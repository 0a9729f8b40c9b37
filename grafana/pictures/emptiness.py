"""What a dashboard asks that has no answer, by the tool's report."""

from __future__ import annotations

from grafana.builder.panels import Json


def without_empty(board: Json, report: Json) -> Json:
    """The dashboard without the queries that had no answer."""
    empty = {
        (panel["id"], query["refId"]) for panel in report["panels"] for query in panel["queries"] if not query["series"]
    }
    return {**board, "panels": [_asking(panel, empty) for panel in board["panels"]]}


def _asking(panel: Json, empty: set[tuple[int, str]]) -> Json:
    kept = [target for target in panel.get("targets", []) if (panel["id"], target["refId"]) not in empty]
    return {**panel, "targets": kept} if "targets" in panel else panel
