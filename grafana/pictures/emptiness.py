"""What a dashboard asks that has no answer, by the tool's report."""

from __future__ import annotations

import json

from grafana.builder.panels import Json


def without_empty(board: Json, report: Json) -> Json:
    """The dashboard without the queries that had no answer."""
    empty = {
        (panel["id"], query["refId"]) for panel in report["panels"] for query in panel["queries"] if not query["series"]
    }
    return {**board, "panels": [_asking(panel, empty) for panel in board["panels"]]}


def _asking(panel: Json, empty: set[tuple[int, str]]) -> Json:
    """The only query that is left gives a column without its letter."""
    targets = panel.get("targets", [])
    kept = [target for target in targets if (panel["id"], target["refId"]) not in empty]
    if len(kept) == len(targets):
        return panel
    if len(kept) == 1:
        told = json.dumps(panel.get("transformations", []))
        panel = {**panel, "transformations": json.loads(told.replace(f"Value #{kept[0]['refId']}", "Value"))}
    return {**panel, "targets": kept}
