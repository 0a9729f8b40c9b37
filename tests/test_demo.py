"""What a demonstration prints before its table."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from exporter.cli import demo
from exporter.demo.world import World


@pytest.mark.parametrize(
    ("called", "program"),
    [
        ("/srv/exporter/__main__.py", "python -m exporter"),
        ("/opt/venv/bin/kubelet-cert-exporter", "/opt/venv/bin/kubelet-cert-exporter"),
        ("kubelet-cert-exporter", "kubelet-cert-exporter"),
    ],
)
def test_the_command_that_is_printed_can_be_run(called: str, program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module is no command: it is called as Python calls it."""
    monkeypatch.setattr(sys, "argv", [called, "demo"])
    assert demo._program() == program


def test_one_that_goes_on_says_so(tmp_path: Path) -> None:
    """Started again in its directory, and not before."""
    told = []
    for _ in range(2):
        world = World(tmp_path, random.Random(7))
        world.start()
        told.append(demo._introduction(world, "http://127.0.0.1:1"))
        world.stop()
    assert ["Goes on with" in text for text in told] == [False, True]
    assert told[1].endswith(told[0])
