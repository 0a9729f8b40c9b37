"""Reading a node: one verb, over SSH or under a mounted root."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from exporter.model.facts import NodeFacts
from exporter.model.host import Flags
from exporter.model.node import Node


class Transport(Protocol):
    """What reads nodes. ``read`` blocks for a bounded time and raises CollectError with its reason.

    ``remembered`` are the kubelet's flags as an earlier visit saw them: they count where this one sees no process.
    """

    def read(self, node: Node, remembered: Flags = ()) -> NodeFacts: ...


class Engine(Protocol):
    """What reads many nodes at once, without a thread for each."""

    def takes(self, node: Node) -> bool:
        """Whether it can read this node; any other is left to a transport's ``read``."""
        ...

    def begin(self, node: Node, remembered: Flags, done: Callable[[NodeFacts | Exception], None]) -> None:
        """Begin to read a node, and return at once.

        ``done`` is called once, on the engine's own thread, with what :meth:`Transport.read` returns or raises. It must
        neither block nor raise.
        """
        ...
