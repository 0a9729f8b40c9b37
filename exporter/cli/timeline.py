"""A certificate's life as a line: issued, rotation window, now, expiry, drawn to scale."""

from __future__ import annotations

from dataclasses import dataclass

from rich.text import Text

from exporter.cli.glyphs import Glyphs
from exporter.cli.words import STYLES, day, duration, minute
from exporter.judge import rotation
from exporter.model.assessment import Reading, State

SHORT_LIFE = 7 * 86400  # seconds: below it a date needs its time
_BEYOND = 0.25  # at most this share of the line is given to what lies outside the life


@dataclass(frozen=True, slots=True)
class Scale:
    """Where a moment stands on a line of ``width`` cells, of which the life takes ``first`` to ``last``."""

    begins: float
    ends: float
    first: int
    last: int

    def cell(self, moment: float) -> int:
        share = (moment - self.begins) / max(1.0, self.ends - self.begins)
        return self.first + round(min(1.0, max(0.0, share)) * (self.last - self.first))


def timeline(reading: Reading, state: State, now: float, width: int, glyphs: Glyphs) -> list[Text]:
    """Labels, line, and what is left: never wider than ``width`` cells, which are 56 at least."""
    scale = _scale(reading, now, width)
    return [
        *_labels(reading, scale, width),
        _line(reading, state, scale, now, width, glyphs),
        _now(reading, state, scale, now, width),
    ]


def _scale(reading: Reading, now: float, width: int) -> Scale:
    """The life takes all of the line, less what now lies before or after it."""
    found = reading.certificate
    before, after = max(0.0, found.not_before - now), max(0.0, now - found.not_after)
    outside = (before + after) / max(1.0, before + after + found.lifetime)
    given = max(2, round(width * min(_BEYOND, outside))) if outside else 0
    return Scale(found.not_before, found.not_after, given if before else 0, width - 1 - (given if after else 0))


def told(moment: float, lifetime: float) -> str:
    """A date, with its time where the life is short."""
    return minute(moment) if lifetime < SHORT_LIFE else day(moment)


def _labels(reading: Reading, scale: Scale, width: int) -> list[Text]:
    """One line where all of it fits, else the window on a line of its own."""
    found, edges = reading.certificate, rotation.window(reading.certificate)
    issued, expires = (
        f"issued {told(found.not_before, found.lifetime)}",
        f"expires {told(found.not_after, found.lifetime)}",
    )
    right = max(len(issued) + 2, min(width, scale.last + 1) - len(expires))
    outer = f"{issued:<{right}}{expires}"
    if not reading.managed:
        return [Text(outer)]
    window = f"window {told(edges.start, found.lifetime)} to {told(edges.end, found.lifetime)}"
    middle = (scale.cell(edges.start) + scale.cell(edges.end) + 1) // 2
    least, most = len(issued) + 2, right - 2 - len(window)
    if least <= most:
        at = min(most, max(least, middle - len(window) // 2))
        return [_with_window(outer[:at] + window + outer[at + len(window) :], at, window)]
    at = min(width - len(window), max(0, middle - len(window) // 2))
    return [Text(outer), _with_window(" " * at + window, at, window)]


def _with_window(line: str, at: int, window: str) -> Text:
    text = Text(line)
    text.stylize("cyan", at, at + len(window))
    return text


def _line(reading: Reading, state: State, scale: Scale, now: float, width: int, glyphs: Glyphs) -> Text:
    edges = rotation.window(reading.certificate)
    opens, closes = scale.cell(edges.start), scale.cell(edges.end)
    here = _here(reading, scale, now, width)
    cells, styles = [" "] * width, [""] * width
    for place in range(width):
        if scale.first <= place <= scale.last:
            within = reading.managed and opens <= place <= closes
            cells[place], styles[place] = (glyphs.window, "cyan") if within else (glyphs.line, "")
        elif here < place < scale.first or scale.last < place < here:
            cells[place] = glyphs.beyond
    cells[scale.first], cells[scale.last] = glyphs.left, glyphs.right
    if reading.managed:
        cells[opens] = cells[closes] = glyphs.edge
    cells[here], styles[here] = glyphs.now, STYLES[state]
    return Text.assemble(*zip(cells, styles, strict=True))


def _here(reading: Reading, scale: Scale, now: float, width: int) -> int:
    """The cell of now: on the right side of the window's edges, even where the scale is too coarse for it."""
    if now > scale.ends:
        return width - 1
    if now < scale.begins:
        return 0
    edges, here = rotation.window(reading.certificate), scale.cell(now)
    opens, closes = scale.cell(edges.start), scale.cell(edges.end)
    if not reading.managed or closes - opens < 2:
        return here
    if now < edges.start:
        return min(here, opens - 1)
    if now < edges.end:
        return min(max(here, opens + 1), closes - 1)
    return min(max(here, closes + 1), scale.last)


def _now(reading: Reading, state: State, scale: Scale, now: float, width: int) -> Text:
    found = reading.certificate
    if now < found.not_before:
        words = f"now: begins in {duration(found.not_before - now)}"
    elif now > found.not_after:
        words = f"now: expired {duration(now - found.not_after)} ago"
    else:
        words = f"now: {duration(found.not_after - now)} left"
    at = min(width - len(words), _here(reading, scale, now, width))
    return Text.assemble(" " * at, (words, STYLES[state]))
