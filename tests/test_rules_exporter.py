"""The alerts about the exporter itself: whoever watches must be seen to watch."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.config.settings import HostKeyPolicy
from exporter.errors import Reason
from exporter.model.node import SshAccess
from exporter.model.report import SourceStatus, SshStatus
from exporter.serve.doorkeeper import DoorStatus
from tests.exporters import Exporter, World
from tests.lives import DAY, HOUR, MINUTE, Life
from tests.promtool import PROMTOOL, check, fires, world

pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="Debian's prometheus is not installed")


def healthy(nodes: int = 3, share: float = 0.2) -> tuple[World, Exporter]:
    """Some nodes far from their window, and one exporter."""
    story = world()
    story.add(*(Life.aged(f"w{one}", share + one / 1000, story.now, DAY) for one in range(1, nodes + 1)))
    return story, story.watch()


def test_down() -> None:
    """Told after some minutes; no other alert comes of it, for hours."""
    story, exporter = healthy()
    story.run(10)
    exporter.is_up = False
    story.run(150)
    exporter.restart(story.now)
    story.run(30)
    check(story, fires("KubeletCertExporterDown", 15, 159))


def test_absent() -> None:
    """No target at all: a job by the wrong name, a deployment that is gone."""
    story, exporter = healthy()
    story.run(10)
    exporter.is_known = False
    story.run(60)
    check(story, fires("KubeletCertExporterAbsent", 20, 69))
