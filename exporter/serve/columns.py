"""What is kept of the exposition from scrape to scrape: each family's lines by node, and the coded pieces made of them.

The lines are the one full form, 3.8 kB a healthy node: they alone let one node change without its neighbours being made
anew. The pieces are of BLOCK nodes each, in the coding that was asked for last; gzip, which Prometheus asks for, adds a
twentieth. No body is kept: joining the pieces costs next to nothing. A visit changes few families, so few pieces.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from exporter.serve.compression import Coding, Piece
from exporter.serve.exposition import encoded
from exporter.serve.families import Family
from exporter.serve.lines import writer
from exporter.serve.views import NodeView

BLOCK = 1024  # nodes: a piece is large enough to deflate well, and small enough to stay where few nodes change


class Column:
    """One family's lines, by the node's place in the inventory."""

    def __init__(self, family: Family) -> None:
        self.family = family
        self._write = writer(family)
        self._lines: list[str] = []
        self._pieces: list[Piece | None] = []  # None: to be made
        self._coding = Coding.GZIP

    def arrange(self, places: Sequence[int]) -> None:
        """Have the nodes in another order: where each was before, -1 where it is new."""
        lines = self._lines
        self._lines = [lines[place] if place >= 0 else "" for place in places]
        self._forget_pieces()

    def write(self, places: Sequence[int], nodes: Sequence[NodeView], starts: Sequence[str]) -> None:
        """The lines of nodes that have changed, with their places in ascending order."""
        lines, pieces, texts = self._lines, self._pieces, self._write(nodes, starts)
        first, end = places[0], places[-1] + 1
        if end - first == len(places):  # at once, where a whole fleet has changed
            if lines[first:end] != texts:
                lines[first:end] = texts
                blocks = slice(first // BLOCK, (end - 1) // BLOCK + 1)
                pieces[blocks] = [None] * len(pieces[blocks])
            return
        for place, text in zip(places, texts, strict=True):
            if lines[place] != text:
                lines[place] = text
                pieces[place // BLOCK] = None

    def pieces(self, coding: Coding) -> Iterator[Piece]:
        """The family's lines, without what stands above them; nothing where no node has a sample."""
        if coding is not self._coding:
            self._coding = coding
            self._forget_pieces()
        for number, piece in enumerate(self._pieces):
            made = piece or self._make(number)
            if made.size:
                yield made

    def _make(self, number: int) -> Piece:
        text = "".join(self._lines[number * BLOCK : (number + 1) * BLOCK])
        piece = self._pieces[number] = self._coding.piece(encoded(text))
        return piece

    def _forget_pieces(self) -> None:
        self._pieces = [None] * -(-len(self._lines) // BLOCK)
