"""Our Markdown as HTML: headings are called in links what GitHub calls them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from markdown_it import MarkdownIt  # rich brings it, which the exporter needs
from markdown_it.token import Token

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
_NO_PART_OF_AN_ANCHOR = re.compile(r"[^\w\- ]")


def rendered(text: str) -> str:
    """A document's body."""
    tokens = _MARKDOWN.parse(text)
    _name_headings(tokens)
    return str(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}))


def _name_headings(tokens: Sequence[Token]) -> None:
    """The second of a name is ``name-1``."""
    used: dict[str, int] = {}
    for opening, title in pairwise(tokens):
        if opening.type == "heading_open":
            name = _anchor(title)
            number = used.get(name, 0)
            used[name] = number + 1
            opening.attrSet("id", f"{name}-{number}" if number else name)


def _anchor(title: Token) -> str:
    text = "".join(part.content for part in title.children or ())
    return _NO_PART_OF_AN_ANCHOR.sub("", text.lower()).replace(" ", "-")
