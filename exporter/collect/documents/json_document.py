"""A JSON document as the pairs that it would have in block-style YAML."""

from __future__ import annotations

import json
from collections.abc import Iterator

from exporter.collect.documents.block_yaml import Pair, ShapeError, refuse_marks
from exporter.model.kubelet_files import DocumentCondition

LARGEST_JSON = 16 * 1024
MOST_DEPTH = 32


class _Object(list[tuple[str, object]]):
    """A JSON object's pairs: a name may stand there twice."""


def pairs(text: str) -> Iterator[Pair]:
    """Raises ShapeError where it is no JSON: YAML's flow style looks alike."""
    if sum(len(line) + 1 for line in text.split("\n") if line) > LARGEST_JSON:
        raise ShapeError(DocumentCondition.INTRICATE)
    try:
        document = json.loads(text, object_pairs_hook=_Object)
    except (ValueError, RecursionError):
        is_open = not text.rstrip().endswith("}") and "#" not in text
        raise ShapeError(DocumentCondition.BROKEN if is_open else DocumentCondition.INTRICATE) from None
    if not isinstance(document, _Object):
        raise ShapeError(DocumentCondition.BROKEN)
    return _members(document, 0, is_item=False)


def _members(members: _Object, depth: int, *, is_item: bool) -> Iterator[Pair]:
    if depth > MOST_DEPTH:
        raise ShapeError(DocumentCondition.INTRICATE)
    for key, value in members:
        _refuse_marks(key)
        yield Pair(2 * depth, is_item, key, *_scalar(value))
        is_item = False
        if isinstance(value, _Object):
            yield from _members(value, depth + 1, is_item=False)
        elif isinstance(value, list):
            yield from _items(value, depth + 2)


def _items(items: list[object], depth: int) -> Iterator[Pair]:
    for item in items:
        if isinstance(item, _Object) and item:
            yield from _members(item, depth, is_item=True)
        elif isinstance(item, list) and item and not isinstance(item, _Object):  # a list in a list
            raise ShapeError(DocumentCondition.INTRICATE)
        else:
            yield Pair(2 * depth, True, None, *_scalar(item))  # noqa: FBT003 - a list's item


def _refuse_marks(text: str) -> None:
    refuse_marks(json.dumps(text)[1:-1], '"')


def _scalar(value: object) -> tuple[str, bool]:
    match value:
        case None | list():
            return "", False
        case bool():
            return str(value).lower(), False
        case str():
            _refuse_marks(value)
            return value, True
        case _:
            return json.dumps(value), False
