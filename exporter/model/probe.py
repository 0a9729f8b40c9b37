"""What is promised to whoever has a node probed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from exporter.model.snapshot import FleetSnapshot

DEFAULT_MODULE = "default"  # probes nodes of the inventory; there whatever is configured


@dataclass(frozen=True, slots=True)
class Probing:
    """A probe under way. ``known`` tells of its node alone, as of the moment that it is called."""

    known: Callable[[], FleetSnapshot]
    timeout: float | None = None  # seconds that its module gives it
