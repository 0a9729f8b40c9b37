"""The signs of a drawing, for terminals with UTF-8 and for those without."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One character each; ``levels`` are the eighths of a bar's last cell, the smallest first."""

    left: str
    right: str
    line: str
    beyond: str  # of a time axis outside the certificate's life
    edge: str  # of the rotation window
    window: str
    now: str
    full: str
    levels: str

    def bar(self, share: float, width: int) -> str:
        """``share`` of ``width`` cells; whatever is more than nothing shows."""
        eighths = round(share * width * (len(self.levels) + 1))
        whole, rest = divmod(eighths, len(self.levels) + 1)
        if share > 0 and not eighths:
            rest = 1
        return (self.full * whole + (self.levels[rest - 1] if rest and self.levels else ""))[:width]


UNICODE = Glyphs("├", "┤", "─", "┄", "┿", "━", "▲", "█", "▏▎▍▌▋▊▉")
ASCII = Glyphs("|", "|", "-", ".", "+", "=", "^", "#", "")


def glyphs(encoding: str) -> Glyphs:
    """Those that ``encoding`` can show."""
    try:
        "├┄┿━▲█▏".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE
