"""Reading a node: one verb, over SSH or under a mounted root."""

from __future__ import annotations

from typing import Protocol

from exporter.model.facts import NodeFacts
from exporter.model.host import Flags
from exporter.model.node import Node


class Transport(Protocol):
    """What reads nodes. ``read`` blocks for a bounded time and raises CollectError with its reason.

    ``remembered`` are the kubelet's flags as an earlier visit saw them: they count where this one sees no process.
    """

    def read(self, node: Node, remembered: Flags = ()) -> NodeFacts: ...
