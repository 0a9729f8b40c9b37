"""Numbers as they are told: three digits that count, none made up."""

from __future__ import annotations


def figure(value: float) -> str:
    """``0.00420``, ``1.98``, ``216``, ``240,962``; what is counted is told as it is."""
    if isinstance(value, int) or value == 0 or abs(value) >= 100:  # infinity, too
        return f"{value:,.0f}"
    return f"{value:#.3g}"
