"""``python -m grafana.pictures``: draws the dashboards over the demonstration, with a tool that stands elsewhere.

The tool is a folder with a ``render.mjs`` for node, which draws a dashboard's JSON over a Prometheus as a PNG.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import threading
from pathlib import Path
from types import FrameType

from grafana.builder import catalogue
from grafana.demo_stack import stack
from grafana.demo_stack.addresses import Addresses, url
from grafana.demo_stack.configuration import Links
from grafana.demo_stack.part import PartError
from grafana.demo_stack.programs import MissingProgramError, installed
from grafana.pictures.drawing import DrawingError, Tool, View
from grafana.pictures.gallery import PICTURES
from grafana.pictures.ports import free_ports

IMAGES = Path(__file__).resolve().parent.parent.parent / "docs" / "images"
_MINUTES = 20.0  # the stalled node's certificate has some five minutes left then


def main() -> int:
    """0 if all were drawn."""
    given = _arguments()
    stopping, is_interrupted = threading.Event(), threading.Event()

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        is_interrupted.set()
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    try:
        with tempfile.TemporaryDirectory(prefix="kubelet-cert-pictures-") as folder:
            Path(folder).chmod(0o711)  # one node's script runs under another uid
            _run(given, Path(folder), stopping, is_interrupted)
    except (MissingProgramError, PartError, DrawingError) as error:
        print(error, file=sys.stderr)
        return 1
    return 1 if is_interrupted.is_set() else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m grafana.pictures", description=__doc__)
    parser.add_argument("render", type=Path, help="the folder of the tool")
    parser.add_argument("--minutes", type=float, default=_MINUTES, help=f"of history, default {_MINUTES:.0f}")
    parser.add_argument("--theme", choices=("dark", "light"), default="dark")
    parser.add_argument("--width", type=int, default=1400, help="pixels, default 1400")
    parser.add_argument("--output", type=Path, default=IMAGES, help="a folder, default docs/images")
    return parser.parse_args()


def _run(given: argparse.Namespace, folder: Path, stopping: threading.Event, is_interrupted: threading.Event) -> None:
    """Raises PartError, MissingProgramError, DrawingError."""
    tool = Tool(given.render, given.theme, given.width)
    addresses = Addresses(*free_ports(4))
    nowhere = url(addresses.receiver)  # nobody takes notifications here
    parts = stack.parts(addresses, installed(), folder, Links(runbooks=nowhere, grafana=nowhere))
    with stack.running(parts, stopping):
        timer = threading.Timer(given.minutes * 60, stopping.set)
        timer.daemon = True
        timer.start()
        print(f"The demonstration runs for {given.minutes:.0f} minutes before it is drawn.", flush=True)
        stack.watch(parts, stopping)
        if is_interrupted.is_set():
            return
        given.output.mkdir(parents=True, exist_ok=True)
        for name, (board, chosen) in PICTURES.items():
            picture = given.output / f"{name}.png"
            view = View(url(addresses.prometheus), given.minutes, chosen)
            tool.draw(catalogue.FOLDER / f"{board}.json", picture, view, folder)
            print(f"{picture}: {picture.stat().st_size // 1000} kB", flush=True)


if __name__ == "__main__":
    sys.exit(main())
