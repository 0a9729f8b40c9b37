"""Reading a node: one verb, over SSH or under a mounted root."""

from __future__ import annotations

from typing import Protocol

from exporter.model.facts import NodeFacts
from exporter.model.node import Node


class Transport(Protocol):
    """What reads nodes. ``read`` blocks for a bounded time and raises CollectError with its reason."""

    def read(self, node: Node) -> NodeFacts: ...
