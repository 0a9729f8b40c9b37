"""The formats, and a snapshot in one of them, made from nothing: Prometheus text 0.0.4 or OpenMetrics 1.0.

What is served is kept from scrape to scrape (serve/kept.py), and the same as this.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import Enum

from exporter.model.snapshot import FleetSnapshot
from exporter.serve.families import FAMILIES, FLEET_FAMILIES, Family, FleetFamily
from exporter.serve.lines import fleet_lines, start_of, writer
from exporter.serve.views import FleetView, counted, findings_across, views

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


def header(family: Family | FleetFamily, chosen: Format) -> str:
    """HELP and TYPE; OpenMetrics names an info family without its suffix, and tells the unit."""
    name, kind, unit = family.name, "gauge", ""
    if chosen is Format.OPENMETRICS and family.is_info:
        name, kind = name.removesuffix("_info"), "info"
    if chosen is Format.OPENMETRICS and name.endswith("_seconds"):
        unit = f"# UNIT {name} seconds\n"
    return f"# HELP {name} {family.help}\n# TYPE {name} {kind}\n{unit}"


def render(
    snapshot: FleetSnapshot, now: float, chosen: Format, *, across: Iterable[FleetFamily] = FLEET_FAMILIES
) -> bytes:
    """The fleet's families at ``now``, without the end mark of OpenMetrics; ``across`` are those of no single node."""
    nodes = views(snapshot, now)
    clusters = [node.report.node.cluster for node in nodes]
    fleet = FleetView(Counter(clusters), counted(nodes, clusters), findings_across(nodes, now))
    starts = [start_of(node.report.node, snapshot.labels) for node in nodes]
    parts: list[str] = []
    for family in FAMILIES:
        lines = writer(family)(nodes, starts)
        if any(lines):
            parts += [header(family, chosen), *lines]
    for over_all in across:
        if told := fleet_lines(over_all, fleet):
            parts += [header(over_all, chosen), told]
    return encoded("".join(parts))


def encoded(text: str) -> bytes:
    """What of a label cannot be UTF-8 is shown escaped: it never stops a scrape."""
    return text.encode("utf-8", "backslashreplace")


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0
