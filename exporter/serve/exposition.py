"""A snapshot as bytes: Prometheus text 0.0.4 or OpenMetrics 1.0, from one table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum

from exporter.model.report import FleetSnapshot
from exporter.serve.families import FAMILIES, FLEET_FAMILIES, Family, FleetFamily
from exporter.serve.samples import NodeView, fleet_view

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
_OPENMETRICS = "application/openmetrics-text"


class Format(Enum):
    """An exposition format; its value is the Content-Type."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = f"{_OPENMETRICS}; version=1.0.0; charset=utf-8"


def choose_format(accept: str) -> Format:
    """The format that an Accept header prefers; text where it does not care."""
    quality = {"": 0.0}
    for item in accept.split(","):
        kind, *parameters = (part.strip() for part in item.lower().split(";"))
        quality[kind] = max(quality.get(kind, 0.0), _quality(parameters))
    text = max(quality.get(kind, 0.0) for kind in ("text/plain", "text/*", "*/*"))
    wanted = quality.get(_OPENMETRICS, 0.0)
    return Format.OPENMETRICS if wanted > 0 and wanted >= text else Format.TEXT


def render(snapshot: FleetSnapshot, now: float, chosen: Format) -> bytes:
    """The fleet's families at ``now``, without the end mark of OpenMetrics."""
    whole = fleet_view(snapshot, now)
    labelled = [(view, _node_labels(view, snapshot.labels)) for view in whole.nodes]
    lines: list[str] = []
    for family in FAMILIES:
        body = list(_node_lines(family, labelled))
        if body:
            lines.extend(_header(family, chosen))
            lines.extend(body)
    for fleet in FLEET_FAMILIES:
        body = [f"{fleet.name}{{{_pairs(fleet.labels, values)}}} {value!r}" for values, value in fleet.samples(whole)]
        if body:
            lines.extend(_header(fleet, chosen))
            lines.extend(body)
    return "\n".join([*lines, ""]).encode("utf-8", "backslashreplace")


def _node_labels(view: NodeView, labels: tuple[str, ...]) -> str:
    """What begins the labels of all of a node's series."""
    node = view.report.node
    own = dict(node.labels)
    return _pairs((*labels, "node"), (*(own.get(label, "") for label in labels), node.name))


def _node_lines(family: Family, labelled: list[tuple[NodeView, str]]) -> Iterator[str]:
    """A family's lines; what follows the node's own labels is made once for all nodes that have it."""
    tails: dict[tuple[str, ...], str] = {}
    for view, start in labelled:
        for values, value in family.samples(view):
            tail = tails.get(values)
            if tail is None:
                rest = _pairs(family.labels, values)
                tail = f"{',' if rest else ''}{rest}}} "
                if not family.is_info:  # every node has its own
                    tails[values] = tail
            yield f"{family.name}{{{start}{tail}{value!r}"


def _header(family: Family | FleetFamily, chosen: Format) -> Iterator[str]:
    """HELP and TYPE; OpenMetrics names an info family without its suffix, and tells the unit."""
    name, kind = family.name, "gauge"
    if chosen is Format.OPENMETRICS and family.is_info:
        name, kind = name.removesuffix("_info"), "info"
    yield f"# HELP {name} {family.help}"
    yield f"# TYPE {name} {kind}"
    if chosen is Format.OPENMETRICS and name.endswith("_seconds"):
        yield f"# UNIT {name} seconds"


def _pairs(names: Iterable[str], values: Iterable[str]) -> str:
    pairs = zip(names, values, strict=True)
    return ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in pairs)


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0
