"""What a command on a node printed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Output:
    """The text, and the exporter's clock just before the command and as its first word came (epoch seconds)."""

    text: bytes
    asked: float
    answered: float
