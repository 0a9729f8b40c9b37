"""How values are told: units, thresholds, words for numbers, and what single columns or series have of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from grafana.builder.panels import Json

Step = tuple[float | None, str]  # from which value on, and its colour; the first has None
Words = Mapping[str, tuple[str, str]]  # a value (a number, or a label's text) to its words and colour; no colour: ""


def field(unit: str, *overrides: Json, **defaults: Any) -> Json:
    """A panel's ``fieldConfig``; ``defaults`` are such as ``thresholds``, ``mappings``, ``decimals``, ``custom``."""
    return {"defaults": {"unit": unit, **defaults}, "overrides": list(overrides)}


def thresholds(*steps: Step) -> Json:
    return {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in steps]}


def only(color: str) -> Json:
    """Thresholds of one colour."""
    return thresholds((None, color))


def words(told: Words) -> list[Json]:
    """Value mappings; ``null`` is a key too: a series or cell without a value."""
    options = {
        value: {"index": place, "text": text, **({"color": color} if color else {})}
        for place, (value, (text, color)) in enumerate(told.items())
        if value != "null"
    }
    mappings: list[Json] = [{"type": "value", "options": options}] if options else []
    if "null" in told:
        text, color = told["null"]
        result = {"index": len(options), "text": text, **({"color": color} if color else {})}
        mappings.append({"type": "special", "options": {"match": "null", "result": result}})
    return mappings


def fixed(color: str) -> Json:
    return {"mode": "fixed", "fixedColor": color}


def by_name(name: str, **properties: Any) -> Json:
    """An override for the column or series of that (new) name; ``__`` in a property's name stands for a dot."""
    return _override({"id": "byName", "options": name}, properties)


def by_pattern(pattern: str, **properties: Any) -> Json:
    """The same for all whose name matches: ``/^in /``."""
    return _override({"id": "byRegexp", "options": pattern}, properties)


def by_query(letter: str, **properties: Any) -> Json:
    """The same for all that a query brought."""
    return _override({"id": "byFrameRefID", "options": letter}, properties)


def _override(matcher: Json, properties: Mapping[str, Any]) -> Json:
    told = [{"id": name.replace("__", "."), "value": value} for name, value in properties.items()]
    return {"matcher": matcher, "properties": told}


def lines(**more: Any) -> Json:
    """``custom`` of a time series that is drawn as lines."""
    return {"drawStyle": "line", "lineWidth": 2, "fillOpacity": 0, "showPoints": "never", "spanNulls": False, **more}


def stacked(**more: Any) -> Json:
    """``custom`` of stacked areas."""
    return lines(lineWidth=1, fillOpacity=80, stacking={"mode": "normal", "group": "A"}, **more)


def bars(**more: Any) -> Json:
    """``custom`` of stacked bars."""
    return {
        "drawStyle": "bars",
        "lineWidth": 0,
        "fillOpacity": 80,
        "stacking": {"mode": "normal", "group": "A"},
        **more,
    }


def series_colors(colors: Mapping[str, str]) -> Sequence[Json]:
    """An override a series, so that a name has its colour in every panel."""
    return [by_name(name, color=fixed(color)) for name, color in colors.items()]


AGO = "dateTimeFromNow"  # the unit of a moment, in milliseconds since the epoch
COLUMNS = {"align": "left", "minWidth": 70}  # `custom` of a table
CELL_COLORED = {"type": "color-background", "mode": "basic"}
CELL_TEXT_COLORED = {"type": "color-text"}
CELL_GAUGE = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
