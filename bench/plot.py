"""A plot of some curves over the number of nodes, as SVG of our own: a few kilobytes, the same on every machine."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from bench.figures import figure

Points = tuple[tuple[float, float], ...]

_WIDTH, _HEIGHT = 720, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 24, 56, 52
_COLOURS = ("#1f6feb", "#bf5700", "#2da44e", "#8250df")
_STYLE = "font-family:sans-serif;font-size:13px;fill:#24292f"
_LABEL_WIDTH, _LABEL_HEIGHT = 40, 14
_STEPS = 4  # of a linear axis


@dataclass(frozen=True, slots=True)
class Plot:
    """Curves by their legend, over the nodes on a logarithmic axis.

    ``name`` is the file's, without its suffix. ``logarithmic`` is the upright axis; a linear one begins at zero.
    """

    name: str
    title: str
    unit: str
    curves: tuple[tuple[str, Points], ...]
    logarithmic: bool = False

    def svg(self) -> str:
        """The picture's text."""
        scale = _Scale.over(self)
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" style="{_STYLE}">',
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
            _text(_LEFT, 24, f"{self.title}, {self.unit}", "font-weight:bold"),
            *_grid(scale),
            *_legend([name for name, _ in self.curves]),
        ]
        labels: list[tuple[float, float]] = []
        for (_, points), colour in zip(self.curves, _COLOURS, strict=False):
            lines.extend(_curve(points, scale, colour, labels))
        return "\n".join([*lines, "</svg>", ""])


@dataclass(frozen=True, slots=True)
class _Scale:
    """What the edges of the picture stand for."""

    fewest: float
    most: float
    bottom: float
    top: float
    logarithmic: bool

    @classmethod
    def over(cls, plot: Plot) -> _Scale:
        points = [point for _, curve in plot.curves for point in curve]
        nodes, values = [nodes for nodes, _ in points], [value for _, value in points]
        if plot.logarithmic:
            bottom, top = (10.0**edge for edge in (math.floor(_log(min(values))), math.ceil(_log(max(values)))))
        else:
            bottom, top = 0.0, 1.25 * max(values)
        return cls(min(nodes), max(nodes), bottom, top, plot.logarithmic)

    def x(self, nodes: float) -> float:
        share = (_log(nodes) - _log(self.fewest)) / (_log(self.most) - _log(self.fewest))
        return _LEFT + 24 + share * (_WIDTH - _LEFT - _RIGHT - 48)

    def y(self, value: float) -> float:
        if self.logarithmic:
            share = (_log(value) - _log(self.bottom)) / (_log(self.top) - _log(self.bottom))
        else:
            share = value / self.top
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)

    def heights(self) -> list[float]:
        """Where a line of the grid is drawn."""
        if self.logarithmic:
            return [10.0**power for power in range(round(_log(self.bottom)), round(_log(self.top)) + 1)]
        step = 10 ** math.floor(_log(self.top / _STEPS))
        step *= next(factor for factor in (1, 2, 2.5, 5, 10) if factor * step * _STEPS >= self.top * 0.75)
        return [number * step for number in range(int(self.top / step) + 1)]

    def sizes(self) -> list[float]:
        return [10.0**power for power in range(math.ceil(_log(self.fewest)), math.floor(_log(self.most)) + 1)]


def _grid(scale: _Scale) -> Iterator[str]:
    left, right, bottom = _LEFT, _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    for value in scale.heights():
        y = scale.y(value)
        yield f'<path d="M{left} {y:.1f}H{right}" stroke="#d0d7de"/>'
        yield _text(left - 8, y + 4, f"{value:,g}", "text-anchor:end")
    for nodes in scale.sizes():
        x = scale.x(nodes)
        yield f'<path d="M{x:.1f} {_TOP}V{bottom}" stroke="#eaeef2"/>'
        yield _text(x, bottom + 20, f"{nodes:,.0f}", "text-anchor:middle")
    yield _text((left + right) / 2, bottom + 42, "nodes", "text-anchor:middle")


def _legend(names: list[str]) -> Iterator[str]:
    x = float(_LEFT)
    for name, colour in zip(names, _COLOURS, strict=False):
        if name:
            yield f'<circle cx="{x + 5:.0f}" cy="{_TOP - 14}" r="4" fill="{colour}"/>'
            yield _text(x + 14, _TOP - 10, name)
            x += 40 + 7 * len(name)


def _curve(points: Points, scale: _Scale, colour: str, labels: list[tuple[float, float]]) -> Iterator[str]:
    """A line with its values; one that would cover one of ``labels`` stands below its point, or is left out."""
    places = [(scale.x(nodes), scale.y(value), value) for nodes, value in points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in places)
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for x, y, value in places:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>'
        free = (where for where in ((x, y - 9), (x, y + 20)) if not any(_is_over(where, other) for other in labels))
        if place := next(free, None):
            labels.append(place)
            yield _text(*place, figure(value), f"text-anchor:middle;fill:{colour}")


def _is_over(place: tuple[float, float], other: tuple[float, float]) -> bool:
    return abs(place[0] - other[0]) < _LABEL_WIDTH and abs(place[1] - other[1]) < _LABEL_HEIGHT


def _text(x: float, y: float, words: str, style: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" style="{style}">{escape(words)}</text>'


def _log(value: float) -> float:
    return math.log10(value)
