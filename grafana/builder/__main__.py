"""``python -m grafana.builder``: rewrites what is generated."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from grafana.builder.dashboard import text
from grafana.builder.panels import Json

HOME = Path(__file__).resolve().parent.parent
DASHBOARDS: dict[str, Callable[[], Json]] = {}


def dashboards() -> dict[str, str]:
    """File name to content."""
    return {f"{name}.json": text(build()) for name, build in DASHBOARDS.items()}


def main() -> None:
    folder = HOME / "dashboards"
    folder.mkdir(exist_ok=True)
    for name, content in dashboards().items():
        (folder / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
