"""One dashboard to one picture, small enough for a README."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from grafana.demo_stack.stack import SCRAPE_INTERVAL
from grafana.pictures.emptiness import without_empty

_LONGEST = 300  # seconds
_COLORS = 256


class DrawingError(Exception):
    """The tool is not there, or drew nothing."""


@dataclass(frozen=True, slots=True)
class View:
    """What is drawn of a dashboard: over which Prometheus, how many minutes back, with which variables."""

    prometheus: str
    minutes: float
    chosen: Mapping[str, str] = field(default_factory=dict)

    def arguments(self) -> list[str]:
        chosen = [word for name, value in self.chosen.items() for word in ("--var", f"{name}={value}")]
        span = ["--from", f"now-{self.minutes:.0f}m", "--scrape-interval", SCRAPE_INTERVAL.removesuffix("s")]
        return ["--prom", self.prometheus, *span, *chosen]


@dataclass(frozen=True, slots=True)
class Tool:
    """Where it stands, and how it is to draw."""

    folder: Path
    theme: str
    width: int

    def __post_init__(self) -> None:
        if not shutil.which("node") or not (self.folder / "render.mjs").is_file():
            raise DrawingError(f"needed: node, and {self.folder / 'render.mjs'}")

    def draw(self, board: Path, picture: Path, view: View, scratch: Path) -> None:
        """Twice: the tool frames what is empty, for those who make dashboards; the second time it is not asked for.

        Whatever is empty looks as it does in Grafana then. ``scratch`` is a folder. Raises DrawingError.
        """
        report, copy = scratch / "report.json", scratch / board.name
        self._run(board, scratch / "first.png", view, "--report", str(report))
        copy.write_text(json.dumps(without_empty(json.loads(board.read_text()), json.loads(report.read_text()))))
        self._run(copy, picture, view)
        _reduce(picture)

    def _run(self, board: Path, picture: Path, view: View, *more: str) -> None:
        picture.unlink(missing_ok=True)
        how = ("--quiet", "--theme", self.theme, "--width", str(self.width), "--out", str(picture))
        command = ["node", str(self.folder / "render.mjs"), *how, *view.arguments(), *more, str(board)]
        # its status tells of empty panels too, so that only the picture counts
        ended = subprocess.run(  # noqa: S603 - a tool that the user names
            command, check=False, timeout=_LONGEST, capture_output=True, text=True
        )
        if not picture.is_file():
            raise DrawingError(f"{board.name} was not drawn: {ended.stdout}{ended.stderr}")


def _reduce(picture: Path) -> None:
    """To a palette of all its colours, the rare ones too: a third of the size, and nothing that is read suffers."""
    with Image.open(picture) as drawn:
        reduced = drawn.convert("RGB").quantize(_COLORS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    reduced.save(picture, optimize=True)
