"""What is wrong with a dashboard, one sentence each: the mistakes that Grafana shows late, or never.

``lint`` reads a dashboard alone, beside the names of the others; ``unparsable`` asks promtool about its expressions.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from grafana.builder.dashboard import SCHEMA
from grafana.builder.layout import WIDTH
from grafana.builder.links import TAG
from grafana.builder.panels import DATASOURCE, EMPTY_CELLS, Json
from grafana.builder.promql import enclosing_aggregation, is_only_asked_for, selectors, spans

_KNOWN = {
    *("__interval", "__interval_ms", "__rate_interval", "__range", "__range_s", "__range_ms", "__from", "__to"),
    *("__all", "__data", "__field", "__series", "__value", "__url_time_range"),
}
_VARIABLE = re.compile(r"\$(?:\{)?([A-Za-z_]\w*)")
_AT_THE_END = ("stat", "gauge", "bargauge", "barchart")


def lint(board: Json, others: Mapping[str, Json]) -> list[str]:
    """``others`` are all dashboards by their uid, this one among them."""
    found = [*_head(board), *_grid(board), *_variables(board), *_used(board), *_links(board, others)]
    for panel in _panels(board):
        found += [f"{panel.get('title') or 'a panel without title'}: {message}" for message in _panel(panel)]
    return found


def expressions(board: Json) -> list[str]:
    marks = [mark["expr"] for mark in board["annotations"]["list"]]
    return [*(target["expr"] for panel in _panels(board) for target in panel["targets"]), *marks]


def unparsable(board: Json, folder: Path) -> list[str]:
    """promtool's complaints; ``folder`` is for its rule file. Variables stand for something that may be there."""
    values = {"slot": "3600", "__interval_ms": "60000", "__range_s": "3600", "__range_ms": "3600000"}
    values |= dict.fromkeys(("__interval", "__rate_interval", "__range"), "5m")
    plain = [_VARIABLE.sub(lambda found: values.get(found[1], "x"), expr) for expr in expressions(board)]
    rules = [{"record": f"query:{place}", "expr": expr} for place, expr in enumerate(plain)]
    path = folder / "queries.json"
    path.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))  # JSON is YAML
    ended = subprocess.run(["promtool", "check", "rules", path], capture_output=True, text=True, check=False)  # noqa: S603, S607 the expressions are our own, promtool is found as the tests' other tools are
    return ended.stderr.splitlines() if ended.returncode else []


def _panels(board: Json) -> list[Json]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def _head(board: Json) -> Iterator[str]:
    wanted = {"schemaVersion": SCHEMA, "editable": False, "id": None, "tags": [TAG]}
    yield from (f"{key} is not {value!r}" for key, value in wanted.items() if board.get(key, "") != value)
    numbers = Counter(panel["id"] for panel in board["panels"])
    yield from (f"id {number} stands for {times} panels" for number, times in numbers.items() if times > 1)


def _grid(board: Json) -> Iterator[str]:
    taken: dict[tuple[int, int], str] = {}
    for panel in board["panels"]:
        place = panel["gridPos"]
        across = range(place["x"], place["x"] + place["w"])
        if not across or across[0] < 0 or across[-1] >= WIDTH:
            yield f"{panel['title']} stands outside of the grid"
        cells = {(x, y) for x in across for y in range(place["y"], place["y"] + place["h"])}
        over = {taken[cell] for cell in cells & taken.keys()}
        yield from (f"{panel['title']} lies over {other}" for other in sorted(over))
        taken |= dict.fromkeys(cells, panel["title"])
    bottom = max(y for _, y in taken) + 1
    holes = sorted({y for y in range(bottom) for x in range(WIDTH) if (x, y) not in taken})
    yield from (f"the grid has a hole at height {y}" for y in holes[:1])


def _variables(board: Json) -> Iterator[str]:
    listed = board["templating"]["list"]
    if [each["name"] for each in listed if each["type"] == "datasource"] != ["datasource"]:
        yield "there is no variable for the data source"
    for each in listed:
        if each["type"] != "query":
            continue
        if each.get("datasource") != DATASOURCE:
            yield f"variable {each['name']} does not ask the chosen data source"
        if each.get("refresh") != 2:  # with the time range
            yield f"variable {each['name']} does not refresh with the time range"
        if each.get("includeAll") and not _is_loose(each):
            yield f"variable {each['name']} has no pattern for all of its values"


def _is_loose(variable: Json) -> bool:
    """Whether "all" is a pattern, and not each value by name: that is a query as long as the fleet is large.

    Only what has few values may name them.
    """
    return bool(variable.get("allValue")) or variable["name"] == "job"


def _used(board: Json) -> Iterator[str]:
    names = {each["name"] for each in board["templating"]["list"]}
    used = set(_VARIABLE.findall(json.dumps(board)))
    yield from (f"${name} is no variable" for name in sorted(used - names - _KNOWN))
    yield from (f"${name} is used nowhere" for name in sorted(names - used))


def _links(board: Json, others: Mapping[str, Json]) -> Iterator[str]:
    if [(link["type"], link["tags"]) for link in board["links"]] != [("dashboards", [TAG])]:
        yield "the menu of dashboards is missing"
    for url in _urls(board["panels"]):
        parts = urlsplit(url)
        if parts.netloc:
            continue
        uid = parts.path.removeprefix("/d/")
        if uid not in others:
            yield f"a link leads to {uid}, which is no dashboard"
            continue
        given = {name.removeprefix("var-") for name, _ in parse_qsl(parts.query) if name.startswith("var-")}
        has = {each["name"] for each in others[uid]["templating"]["list"]}
        yield from (f"a link gives {uid} a variable that it does not have: {name}" for name in sorted(given - has))
        if "datasource" not in given or "${__url_time_range}" not in parts.query:
            yield f"a link to {uid} loses the data source or the time"


def _urls(part: Any) -> Iterator[str]:
    """Of links, wherever they are in panels."""
    if isinstance(part, dict):
        yield from (url for key, url in part.items() if key == "url" and url)
    for each in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from _urls(each)


def _panel(panel: Json) -> Iterator[str]:
    for key in ("title", "description"):
        if not panel.get(key):
            yield f"no {key}"
    if not panel["fieldConfig"]["defaults"].get("unit"):
        yield "no unit"
    if panel["type"] == "table" and EMPTY_CELLS not in panel["fieldConfig"]["overrides"]:
        yield "noValue of a table fills every empty cell"
    if not panel["targets"]:
        yield "no query"
    letters = Counter(target["refId"] for target in panel["targets"])
    yield from (f"{times} queries are called {letter}" for letter, times in letters.items() if times > 1)
    for target in panel["targets"]:
        if not panel["datasource"] == target["datasource"] == DATASOURCE:
            yield f"{target['refId']} does not ask the chosen data source"
        if panel["type"] in _AT_THE_END and not target["instant"] and panel["options"].get("graphMode") != "area":
            yield f"{target['refId']} asks for a range where only its end is shown"
        yield from (f"{target['refId']} {message}" for message in _expression(target["expr"]))


def _expression(expr: str) -> Iterator[str]:
    for function, span in spans(expr):
        if span != "$__rate_interval" and (function in ("rate", "irate") or not span.startswith("$__range")):
            yield f"has {function}() over {span}"
    for name, start in selectors(expr):
        aggregation, labels = enclosing_aggregation(expr, start)
        if aggregation not in ("max", "min") and "instance" not in labels and not is_only_asked_for(expr, start):
            yield f"counts {name} once for each exporter that has it"
