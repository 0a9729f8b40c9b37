"""What a configuration comes to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from exporter.collect import Engine
from exporter.config.settings import Pace
from exporter.model.node import Node
from exporter.model.snapshot import SshStatus
from exporter.rounds.visit import Transports


@dataclass(frozen=True, slots=True)
class Fleet:
    """The nodes, how to read them, and how often."""

    nodes: tuple[Node, ...]
    labels: tuple[str, ...]
    pace: Pace
    transports: Transports
    concurrency: int
    engine: Engine | None = None  # reads those nodes that it takes, the transports the others
    close: Callable[[], None] = lambda: None  # ends every conversation of these transports
    is_idle: Callable[[], bool] = lambda: True  # they have none
    ssh_status: Callable[[], SshStatus] = SshStatus
    is_scheduled: bool = True  # False: nodes are visited where somebody asks for it, and never else
