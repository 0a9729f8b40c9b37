"""All dashboards by the name of their file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from grafana.builder import exporter_health, fleet, node
from grafana.builder.dashboard import text
from grafana.builder.panels import Json

FOLDER = Path(__file__).resolve().parent.parent / "dashboards"
DASHBOARDS: dict[str, Callable[[], Json]] = {
    "fleet": fleet.build,
    "node": node.build,
    "exporter": exporter_health.build,
}


def files() -> dict[str, str]:
    """File name to content."""
    return {f"{name}.json": text(build()) for name, build in DASHBOARDS.items()}
