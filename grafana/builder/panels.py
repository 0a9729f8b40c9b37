"""Panels as plain dictionaries, in the classic JSON of Grafana 10 and later.

A panel has a title, a description, its queries and its fields (``field``); only options that exist since Grafana 10
are used. ``layout`` gives the panels their ids and places.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import Any

Json = dict[str, Any]  # what json.dumps takes: the value of a key depends on the key, so there is no better type

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
_LEGEND_BELOW = {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}
# Without it a table's noValue would stand in each of its empty cells too.
EMPTY_CELLS = {"matcher": {"id": "byRegexp", "options": "/.*/"}, "properties": [{"id": "noValue", "value": ""}]}
_LAST = {"calcs": ["lastNotNull"], "fields": "", "values": False}


def query(expr: str, legend: str = "", **more: Any) -> Json:
    """Over the dashboard's range; ``interval`` may name the least step."""
    return {
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": expr,
        "format": "time_series",
        "instant": False,
        "legendFormat": legend or "__auto",
        "range": True,
        **more,
    }


def instant(expr: str, legend: str = "") -> Json:
    """At the end of the dashboard's range: for stats, gauges and bars."""
    return query(expr, legend, instant=True, range=False)


def rows(expr: str) -> Json:
    """The same, as rows of a table: a column a label, and ``Value #A`` (``Value`` where it is the only query)."""
    return query(expr, instant=True, range=False, format="table")


def buckets(expr: str) -> Json:
    """Cumulative series by ``le``, for a heatmap."""
    return query(expr, "{{le}}", format="heatmap")


def panel(kind: str, title: str, description: str, queries: Sequence[Json], **more: Any) -> Json:
    """``more`` are keys of the panel: ``fieldConfig``, ``options``, ``transformations``, ``interval``…"""
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "targets": [{"refId": letter, **each} for letter, each in zip(ascii_uppercase, queries, strict=False)],
        **more,
    }


def row(title: str) -> Json:
    """A heading over the panels that follow."""
    return {"type": "row", "title": title, "collapsed": False, "panels": []}


def stat(title: str, description: str, queries: Sequence[Json], field: Json, **options: Any) -> Json:
    """One number (or one a series) with its colour as background: the number stays readable where colours are not."""
    chosen = {
        "colorMode": "background",
        "graphMode": "none",
        "justifyMode": "center",
        "orientation": "auto",
        "reduceOptions": _LAST,
        "textMode": "auto",
        **options,
    }
    return panel("stat", title, description, queries, fieldConfig=field, options=chosen)


def bar_gauge(title: str, description: str, queries: Sequence[Json], field: Json, **options: Any) -> Json:
    """A horizontal bar a series, with its name and its value in words."""
    chosen = {
        "displayMode": "basic",
        "orientation": "horizontal",
        "reduceOptions": _LAST,
        "showUnfilled": False,
        "valueMode": "text",
        "minVizWidth": 8,
        "minVizHeight": 16,
        **options,
    }
    return panel("bargauge", title, description, queries, fieldConfig=field, options=chosen)


def table(title: str, description: str, queries: Sequence[Json], field: Json, **more: Any) -> Json:
    """``more``: ``transformations``, and ``options`` such as ``sortBy``. ``noValue`` is said of an empty table only."""
    field = {**field, "overrides": [EMPTY_CELLS, *field["overrides"]]}
    chosen = {"cellHeight": "sm", "showHeader": True, **more.pop("options", {})}
    return panel("table", title, description, queries, fieldConfig=field, options=chosen, **more)


def time_series(title: str, description: str, queries: Sequence[Json], field: Json, **more: Any) -> Json:
    """Lines, bars or stacked areas: ``lines``, ``bars`` and ``stacked`` of ``fields`` say which."""
    chosen = {"legend": _LEGEND_BELOW, "tooltip": {"mode": "multi", "sort": "desc"}, **more.pop("options", {})}
    return panel("timeseries", title, description, queries, fieldConfig=field, options=chosen, **more)


def bar_chart(title: str, description: str, queries: Sequence[Json], field: Json, **more: Any) -> Json:
    """Bars over a column that is not the dashboard's time."""
    chosen = {
        "barWidth": 0.9,
        "groupWidth": 0.8,
        "legend": _LEGEND_BELOW,
        "orientation": "vertical",
        "showValue": "auto",
        "stacking": "normal",
        "tooltip": {"mode": "multi", "sort": "none"},
        "xTickLabelSpacing": 100,
        **more.pop("options", {}),
    }
    return panel("barchart", title, description, queries, fieldConfig=field, options=chosen, **more)


def heatmap(title: str, description: str, queries: Sequence[Json], unit: str, **more: Any) -> Json:
    """Of queries made by ``buckets``; ``unit`` is that of the buckets' edges."""
    chosen = {
        "calculate": False,
        "cellGap": 1,
        "cellValues": {"unit": "short"},
        "color": {"mode": "scheme", "scheme": "Blues", "scale": "exponential", "exponent": 0.5, "steps": 64},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "tooltip": {"mode": "single", "showColorScale": False, "yHistogram": False},
        "yAxis": {"axisPlacement": "left", "unit": unit},
        **more.pop("options", {}),
    }
    field = {"defaults": {"unit": unit}, "overrides": []}
    return panel("heatmap", title, description, queries, fieldConfig=field, options=chosen, **more)


def state_timeline(title: str, description: str, queries: Sequence[Json], field: Json, **options: Any) -> Json:
    """A stripe a series; neighbours of one value (or threshold) become one bar."""
    chosen = {
        "alignValue": "center",
        "legend": _LEGEND_BELOW,
        "mergeValues": True,
        "rowHeight": 0.9,
        "showValue": "auto",
        "tooltip": {"mode": "single", "sort": "none"},
        **options,
    }
    return panel("state-timeline", title, description, queries, fieldConfig=field, options=chosen)


def status_history(title: str, description: str, queries: Sequence[Json], field: Json, **options: Any) -> Json:
    """A square a series and step."""
    chosen = {
        "colWidth": 0.95,
        "legend": _LEGEND_BELOW,
        "rowHeight": 0.9,
        "showValue": "never",
        "tooltip": {"mode": "single", "sort": "none"},
        **options,
    }
    return panel("status-history", title, description, queries, fieldConfig=field, options=chosen)


def merged(
    *, renamed: Mapping[str, str], hidden: Sequence[str] = (), keep: str = "", order: Sequence[str] = ()
) -> list[Json]:
    """Table queries to one table: joined by their common labels, rows without column ``keep`` left out, columns named.

    Columns stand in the ``order`` of their old names, by default that of ``renamed``; ``Time`` is hidden.
    """
    having = {
        "id": "filterByValue",
        "options": {
            "type": "include",
            "match": "all",
            "filters": [{"fieldName": keep, "config": {"id": "isNotNull", "options": {}}}],
        },
    }
    named = {
        "id": "organize",
        "options": {
            "excludeByName": dict.fromkeys(("Time", *hidden), True),
            "indexByName": {name: place for place, name in enumerate(order or renamed)},
            "renameByName": dict(renamed),
        },
    }
    return [{"id": "merge", "options": {}}, *([having] if keep else []), named]
