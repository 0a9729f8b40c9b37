"""One dashboard to one picture, small enough for a README."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from grafana.demo_stack.stack import SCRAPE_INTERVAL

_LONGEST = 300  # seconds
_COLORS = 256


class DrawingError(Exception):
    """The tool is not there, or drew nothing."""


@dataclass(frozen=True, slots=True)
class Tool:
    """Where it stands, and how it is to draw."""

    folder: Path
    theme: str
    width: int

    def __post_init__(self) -> None:
        if not shutil.which("node") or not (self.folder / "render.mjs").is_file():
            raise DrawingError(f"needed: node, and {self.folder / 'render.mjs'}")

    def draw(self, board: Path, picture: Path, *, prometheus: str, minutes: float, chosen: Mapping[str, str]) -> None:
        """The last minutes, with these variables. What the tool says of empty panels goes to the terminal."""
        command = ["node", str(self.folder / "render.mjs"), "--quiet", "--out", str(picture), "--prom", prometheus]
        command += ["--theme", self.theme, "--width", str(self.width), "--from", f"now-{minutes:.0f}m"]
        command += ["--scrape-interval", SCRAPE_INTERVAL.removesuffix("s")]
        for name, value in chosen.items():
            command += ["--var", f"{name}={value}"]
        picture.unlink(missing_ok=True)
        # its status tells of empty panels too: they are no mistake here
        subprocess.run([*command, str(board)], check=False, timeout=_LONGEST)  # noqa: S603 the user's own tool
        if not picture.is_file():
            raise DrawingError(f"{board.name} was not drawn")
        _reduce(picture)


def _reduce(picture: Path) -> None:
    """To a palette: a third of the size, and nothing that is read suffers."""
    with Image.open(picture) as drawn:
        reduced = drawn.convert("RGB").quantize(_COLORS, dither=Image.Dither.NONE)
    reduced.save(picture, optimize=True)
