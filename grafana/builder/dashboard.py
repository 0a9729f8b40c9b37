"""A whole dashboard around its variables and panels, and its text on disk."""

from __future__ import annotations

import json
from collections.abc import Sequence

from grafana.builder import links
from grafana.builder.colors import EXPIRED
from grafana.builder.layout import Band, arrange
from grafana.builder.panels import DATASOURCE, Json

SCHEMA = 39  # what Grafana 10.4 and 11 write; older migrations are not skipped, newer servers convert it


def firing(matchers: str = "", *, by: str = "") -> Json:
    """An annotation where one of our alerts begins to fire; ``by`` are labels: one mark for all that share them."""
    chosen = ",".join(filter(None, ('component="kubelet-cert"', 'alertstate="firing"', matchers)))
    fires = f"max by ({by}) (ALERTS{{{chosen}}})" if by else f"ALERTS{{{chosen}}}"
    return annotation("Firing alerts", fires, "{{alertname}}", "{{cluster}} {{node}} {{cert}}", EXPIRED)


def annotation(name: str, expr: str, title: str, text: str, color: str, *, by_value: bool = False) -> Json:
    """A mark on every time series wherever the expression has a value; ``by_value``: at the values, in milliseconds."""
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": color,
        "expr": expr,
        "titleFormat": title,
        "textFormat": text,
        "step": "60s",
        "useValueForTime": by_value,
    }


def marked(made: Json, annotations: Sequence[Json]) -> Json:
    """The dashboard with these marks in place of all alerts that fire."""
    return {**made, "annotations": {"list": list(annotations)}}


def dashboard(
    uid: str, title: str, description: str, *, since: str, variables: Sequence[Json], bands: Sequence[Band]
) -> Json:
    return {
        "id": None,
        "uid": uid,
        "title": title,
        "description": description,
        "tags": [links.TAG],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "",
        "time": {"from": since, "to": "now"},
        "refresh": "1m",
        "links": [links.menu()],
        "annotations": {"list": [firing()]},
        "templating": {"list": list(variables)},
        "panels": arrange(bands),
    }


def text(made: Json) -> str:
    """As it stands in its file."""
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"
