"""Block-style YAML, line by line: what stands before and behind each colon, and nothing that takes a parser.

Flow collections that are not empty, anchors, aliases, tags, block scalars, scalars of more than one line and a second
document are ``intricate``; what no YAML parser takes is ``broken``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from exporter.model.kubelet_files import DocumentCondition

LONGEST_QUOTED = 16 * 1024  # to the end of its line
MOST_MARKS = 64
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_COLON = re.compile(r":(?=[ \t]|$)")
_COMMENT = re.compile(r"[ \t]#")
_EMPTY_FLOW = re.compile(r"(?:\{ *\}|\[ *\])(?:[ \t]+#.*)?")
_NULLS = ("~", "null", "Null", "NULL")
_CLOSING = {"{": "}", "[": "]"}


class ShapeError(Exception):
    """The document is not of the shape that is picked apart; ``condition`` says why. It never holds its text."""

    def __init__(self, condition: DocumentCondition) -> None:
        super().__init__(condition.value)
        self.condition = condition


@dataclass(frozen=True, slots=True)
class Pair:
    """A key, its column, and its value: empty where there is none. A list's plain item has no key."""

    indent: int
    is_item: bool  # a list's item begins here
    key: str | None
    value: str = field(repr=False)
    is_quoted: bool = False


def pairs(text: str) -> Iterator[Pair]:
    """Each line's, in order. Raises ShapeError at the first that has another shape."""
    lines = text.split("\n")
    is_first = True
    deeper: float = math.inf  # from this column on, a line without a colon goes on with the plain scalar before it
    for number, line in enumerate(lines):
        content = line.removesuffix("\r").rstrip(" \t")
        if _CONTROL.search(content):
            raise ShapeError(DocumentCondition.INTRICATE)
        bare = content.lstrip(" \t")
        if not bare or bare.startswith("#"):
            continue
        if is_first and (content == "---" or re.match(r"---[ \t]+#", content)):
            is_first = False
            continue
        column = len(content) - len(content.lstrip(" "))
        if column >= deeper and not _COLON.search(_COMMENT.split(bare)[0]):
            raise ShapeError(DocumentCondition.INTRICATE)
        try:
            pair = _pair(content, is_first=is_first)
        except _UnclosedError as error:
            rest = "\n".join(lines[number:])
            raise ShapeError(
                DocumentCondition.INTRICATE if error.closing in rest else DocumentCondition.BROKEN
            ) from None
        yield pair
        is_first = False
        is_plain = pair.value and not pair.is_quoted
        deeper = (column if pair.key is None else pair.indent) + 1 if is_plain else math.inf


class _UnclosedError(Exception):
    """A flow collection that does not end on its line."""

    def __init__(self, closing: str) -> None:
        super().__init__(closing)
        self.closing = closing


def _pair(content: str, *, is_first: bool) -> Pair:
    if content.startswith(("---", "...", "%")):
        raise ShapeError(DocumentCondition.INTRICATE)
    rest = content.lstrip(" ")
    if rest.startswith("\t"):
        raise ShapeError(DocumentCondition.BROKEN)
    is_item = rest.startswith("- ")
    if is_item:
        rest = rest[2:].lstrip(" ")
    if rest == "-" or rest.startswith(("- ", "-\t", "\t")) or (is_item and rest.startswith("#")):
        # a list in a list, or an item on the next line
        raise ShapeError(DocumentCondition.INTRICATE)
    key, value = _key_of(rest)
    indent = len(content) - len(rest)
    if key is not None:
        return Pair(indent, is_item, key, *_value_of(value))
    if not is_item:  # a scalar of several lines; alone, it is no mapping
        is_plain = is_first and not rest.startswith(tuple("\"'"))
        raise ShapeError(DocumentCondition.BROKEN if is_plain else DocumentCondition.INTRICATE)
    value, is_quoted = _value_of(rest)
    if not value:  # an outline could not tell it from an item whose content follows
        raise ShapeError(DocumentCondition.INTRICATE)
    return Pair(indent, is_item, None, value, is_quoted)


def _key_of(rest: str) -> tuple[str | None, str]:
    """The key, and what stands behind its colon; None where there is none."""
    if rest[0] in "\"'":
        text, behind = _quoted(rest)
        behind = behind.lstrip(" ")
        if not _COLON.match(behind):
            return None, ""
        return text, behind[1:]
    _refuse_indicator(rest)
    colon, comment = _COLON.search(rest), _COMMENT.search(rest)
    if colon is None or (comment and comment.start() < colon.start()):
        return None, ""
    return rest[: colon.start()].rstrip(" "), rest[colon.end() :]


def _value_of(behind: str) -> tuple[str, bool]:
    """The scalar behind a colon or a dash, and whether it stood in quotes."""
    value = behind.lstrip(" ")
    if value.startswith("\t"):
        raise ShapeError(DocumentCondition.INTRICATE)
    if not value or value.startswith("#") or _EMPTY_FLOW.fullmatch(value):
        return "", False
    if value[0] in "\"'":
        text, after = _quoted(value)
        if after and not _COMMENT.match(after):
            raise ShapeError(DocumentCondition.BROKEN)
        return text, True
    _refuse_indicator(value)
    comment = _COMMENT.search(value)
    value = value[: comment.start()].rstrip(" \t") if comment else value
    if _COLON.search(value):
        raise ShapeError(DocumentCondition.BROKEN)
    return ("" if value in _NULLS else value), False


def _refuse_indicator(text: str) -> None:
    """What a plain scalar cannot begin with."""
    first, second = text[0], text[1:2]
    if first in "&*!|>":
        raise ShapeError(DocumentCondition.INTRICATE)
    if first in _CLOSING:
        raise _UnclosedError(_CLOSING[first])
    if first in "%@`,]}" or (first in "-?" and second in ("", " ", "\t")):
        raise ShapeError(DocumentCondition.INTRICATE if first == "?" else DocumentCondition.BROKEN)


def _quoted(text: str) -> tuple[str, str]:
    """A quoted scalar's text, and what follows it. Escapes stay as they are."""
    found = re.match(r'"((?:[^"\\]|\\.)*)"' if text[0] == '"' else r"'((?:[^']|'')*)'", text)
    if not found or len(text) > LONGEST_QUOTED:  # it goes on in the next line, or takes the node script long
        raise ShapeError(DocumentCondition.INTRICATE)
    refuse_marks(found[1], text[0])
    return found[1], text[found.end() :]


def refuse_marks(text: str, mark: str) -> None:
    """Few quotes may stand in quotes, and backslashes before them: the node script's time goes with each."""
    marks = sum(map(len, re.findall(r'\\*"', text + mark))) - 1 if mark == '"' else text.count(mark) // 2
    if marks > MOST_MARKS:
        raise ShapeError(DocumentCondition.INTRICATE)
