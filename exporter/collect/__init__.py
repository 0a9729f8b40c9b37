"""Reading a node: one verb, over SSH or under a mounted root."""

from __future__ import annotations

from typing import Protocol, TypeAlias

from exporter.model.facts import NodeFacts
from exporter.model.node import Node

Flags: TypeAlias = tuple[tuple[str, str], ...]


class Transport(Protocol):
    """What reads nodes. ``read`` blocks for a bounded time and raises CollectError with its reason.

    ``remembered`` are the kubelet's flags as an earlier visit saw them; they count where no process is seen.
    """

    def read(self, node: Node, remembered: Flags = ()) -> NodeFacts: ...
