"""Where panels stand: Grafana's grid is 24 wide, a unit of height is about 38 pixels."""

from __future__ import annotations

from collections.abc import Sequence

from grafana.builder.panels import Json

WIDTH = 24
Band = tuple[int, Sequence[Json]]  # a height, and the panels beside each other; a panel may ask for a width


def wide(width: int, panel: Json) -> Json:
    """The panel with that width; without one, panels share what is left of their band."""
    return {**panel, "gridPos": {"w": width}}


def heading(title_row: Json) -> Band:
    return 1, [title_row]


def arrange(bands: Sequence[Band]) -> list[Json]:
    """All panels from the top, with their ids and places."""
    placed: list[Json] = []
    top = 0
    for height, panels in bands:
        left = 0
        for panel, width in zip(panels, _widths(panels), strict=True):
            place = {"x": left, "y": top, "w": width, "h": height}
            placed.append({**panel, "id": len(placed) + 1, "gridPos": place})
            left += width
        top += height
    return placed


def _widths(panels: Sequence[Json]) -> list[int]:
    asked = [panel.get("gridPos", {}).get("w") for panel in panels]
    free, left = asked.count(None), WIDTH - sum(width or 0 for width in asked)
    shares = [left * (place + 1) // free - left * place // free for place in range(free)] if free else []
    return [width if width is not None else shares.pop(0) for width in asked]
