"""Nodes that only their bastion kept from being read: one of them scouts, and all are looked at once it is back."""

from __future__ import annotations

from collections.abc import Iterable

from exporter.model.node import Hop, Node
from exporter.model.report import NodeReport

LONGEST_SCOUT = 600.0  # seconds between two looks at a bastion, as long as its own longest pause


class CutOff:
    """Who is cut off now, by bastion, the longest first. The scheduler's own: no lock."""

    def __init__(self) -> None:
        self._behind: dict[Hop, dict[str, None]] = {}

    def settle(self, nodes: Iterable[Node]) -> None:
        """The inventory as it is now."""
        before, self._behind = self._behind, {}
        for node in nodes:
            if node.bastion and node.name in before.get(node.bastion, ()):
                self._behind.setdefault(node.bastion, {})[node.name] = None

    def after(self, report: NodeReport) -> tuple[str, ...]:
        """Takes note of how a visit ended; the other nodes that it shows to be within reach again."""
        bastion = report.node.bastion
        if bastion is None:
            return ()
        if report.reason is not None and report.reason.is_of_bastion:
            self._behind.setdefault(bastion, {})[report.node.name] = None
            return ()
        if report.reason is not None and report.reason.is_shared:
            return ()  # nothing was tried
        return tuple(name for name in self._behind.pop(bastion, ()) if name != report.node.name)

    def due(self, report: NodeReport, due: float) -> float:
        """When a node is due: whoever was cut off first looks often, the others as they would."""
        bastion, reason = report.node.bastion, report.reason
        if bastion is None or reason is None or not reason.is_of_bastion or reason.backs_off_long:
            return due
        scout = next(iter(self._behind.get(bastion, ())), None)
        return min(due, (report.last_visit or 0.0) + LONGEST_SCOUT) if report.node.name == scout else due
