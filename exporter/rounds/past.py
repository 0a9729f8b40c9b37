"""What outlives the process, as the rounds see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from exporter.model.node import Node
from exporter.model.report import NodeReport


class Past(Protocol):
    """Where reports are kept. No method waits for a visit; :meth:`told` waits for nothing."""

    def settle(self, nodes: Sequence[Node], unknown: Sequence[Node]) -> Mapping[str, NodeReport]:
        """The inventory as it is now; what was known of its ``unknown`` nodes, by name."""

    def told(self, before: NodeReport, after: NodeReport) -> None:
        """A visit was recorded."""


class NoPast:
    """Nothing is kept."""

    def settle(self, _nodes: Sequence[Node], _unknown: Sequence[Node]) -> Mapping[str, NodeReport]:
        return {}

    def told(self, _before: NodeReport, _after: NodeReport) -> None:
        return
