"""A page of labelled paragraphs, lists and commands, laid out to the terminal's width."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import chain

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from exporter.model.finding import Step

NARROWEST, WIDEST = 60, 140
_INDENT = 2
_TEXT = 13  # where a paragraph's text begins
_GAP = 2
_NARROWEST_NAME = 8  # cells of a row's first column, whose longer names stand on lines of their own
_ROOM = 24  # cells: with less, a row's last column goes below the row
_GOES_ON = ("&&", "||", "|")  # a shell reads on behind these, however far the next line is indented
_ADDRESS = re.compile(r"\S+://\S+")


class Page:
    """Lines as they are added. Nothing is cut; a command or an address is never folded: it can be copied."""

    def __init__(self, console: Console) -> None:
        self.width = min(WIDEST, max(NARROWEST, console.width))
        self.lines: list[Text] = []
        self._console = console

    def print(self) -> None:
        """To the console, each line as it is: the terminal folds what is longer than itself."""
        for line in self.lines:
            line.rstrip()
            self._console.print(line, soft_wrap=True, highlight=False)

    def blank(self) -> None:
        self.lines.append(Text())

    def text(self, *texts: str | Text) -> None:
        """Below each other, from the margin."""
        for text in texts:
            self.lines += self._folded(text if isinstance(text, Text) else Text(text), self.width)

    def drawing(self, lines: Iterable[Text]) -> None:
        self.lines += [_at(_INDENT, line) for line in lines]

    @property
    def drawing_width(self) -> int:
        return self.width - _INDENT

    def header(self, *parts: Text) -> None:
        """On one line, or below each other where that is too long."""
        gap = 4 if sum(part.cell_len for part in parts) + 4 * (len(parts) - 1) <= self.width else _GAP
        line = Text()
        for part in map(plain, parts):
            if line.cell_len and line.cell_len + gap + part.cell_len > self.width:
                self.lines.append(line)
                line = Text(" " * _INDENT)
            elif line.cell_len:
                line.append(" " * gap)
            line.append_text(part)
        self.lines.append(line)

    def paragraph(self, label: str, *texts: str | Text, style: str = "") -> None:
        """The texts below each other, beside their label."""
        for number, text in enumerate(texts):
            folded = self._folded(text if isinstance(text, Text) else Text(text, style), self.width - _TEXT)
            for place, line in enumerate(folded):
                self._labelled("" if number or place else label, line)

    def items(self, label: str, texts: Sequence[str]) -> None:
        """A list beside its label, with dashes where there are several."""
        dash, indent = ("- ", "  ") if len(texts) > 1 else ("", "")
        for number, text in enumerate(texts):
            for place, line in enumerate(self._folded(Text(text), self.width - _TEXT - len(dash))):
                self._labelled("" if number or place else label, Text.assemble(indent if place else dash, line))

    def steps(self, label: str, steps: Sequence[Step]) -> None:
        """Each command below its purpose, which is a comment: what is copied with it does no harm in a shell."""
        for step in steps:
            for comment in self._folded(Text(step.purpose, "dim"), self.width - _TEXT - 2) if step.purpose else ():
                self._labelled(label, Text.assemble(("# ", "dim"), comment))
                label = ""
            self._command(label, plain(Text(step.command), keep="\n").plain.split("\n"))
            label = ""

    def table(self, rows: Sequence[tuple[Text, ...]], indent: int = _INDENT + 2) -> None:
        """Rows with their columns below each other; the last column is folded, or goes below where it has no room."""
        rows = [tuple(map(plain, row)) for row in rows]
        widths = [max(cell.cell_len for cell in column) for column in list(zip(*rows, strict=True))[:-1]]
        free = self.width - indent - sum(widths)
        gap = _GAP if free >= _GAP * (len(widths) - 1) else 1
        widths[0] = max(min(widths[0], _NARROWEST_NAME), widths[0] + min(0, free - gap * (len(widths) - 1)))
        for row in rows:
            self._row(row, widths, indent, gap)

    def _row(self, row: tuple[Text, ...], widths: list[int], indent: int, gap: int) -> None:
        line, begins = Text(" " * indent), indent + sum(widths) + gap * len(widths)
        for place, (cell, width) in enumerate(zip(row[:-1], widths, strict=True)):
            if place == 0 and cell.cell_len > width:
                self.lines += [_at(indent, part) for part in self._folded(cell, self.width - indent)]
                cell = Text()  # noqa: PLW2901 - it stands on lines of its own
            line.append_text(cell).append(" " * (width - cell.cell_len + gap))
        last, room = row[-1], self.width - begins
        longest_word = max(map(cell_len, last.plain.split()), default=0)
        if not longest_word:
            self.lines.append(line)
        elif last.cell_len <= room or (room >= _ROOM and longest_word <= room):
            first, *more = self._folded(last, room)
            self.lines += [line.append_text(first), *(_at(begins, part) for part in more)]
        else:
            below = indent + _GAP
            self.lines += [line, *(_at(below, part) for part in self._folded(last, self.width - below))]

    def _command(self, label: str, lines: list[str]) -> None:
        """Of one line, or one that goes on; any other begins at the margin: what it quotes must not be indented."""
        if not all(line.endswith(_GOES_ON) for line in lines[:-1]):
            self.lines += map(Text, lines)
            return
        for line in lines:
            self._labelled(label, Text(line))
            label = ""

    def _labelled(self, label: str, line: Text) -> None:
        self.lines.append(Text.assemble(" " * _INDENT, (f"{label:<{_TEXT - _INDENT}}", "bold"), line))

    def _folded(self, text: Text, width: int) -> list[Text]:
        """Between words; a word that is longer than ``width`` within it, unless it is an address to be followed."""
        shown = plain(text)
        addresses = [found.span() for found in _ADDRESS.finditer(shown.plain) if len(found.group()) > width]
        if not addresses:
            return list(shown.wrap(self._console, width, overflow="fold")) or [Text()]
        lines: list[Text] = []
        for number, part in enumerate(shown.divide(chain.from_iterable(addresses))):
            words = part[len(part) - len(part.plain.lstrip()) :]
            lines += [words] if number % 2 else words.wrap(self._console, width, overflow="fold") if words else []
        return lines


def plain(text: Text, keep: str = "") -> Text:
    """The same without anything that a terminal would obey, whoever wrote it."""
    shown = "".join(one if one.isprintable() or one in keep else "?" for one in text.plain)
    if shown == text.plain:
        return text.copy()
    return Text(shown, style=text.style, spans=text.spans)


def _at(indent: int, line: Text) -> Text:
    return Text.assemble(" " * indent, line)
