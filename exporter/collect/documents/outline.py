"""The outline of a YAML or JSON document of the kubelet's: its shape, and the values of a short list of keys.

The rules are those of the node script, word for word, so that both readers give the same lines. A value that is not
on the list is never kept: a line says that one is there (``!``) and nothing more.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from exporter.collect.documents import block_yaml, json_document
from exporter.collect.documents.block_yaml import Pair, ShapeError
from exporter.model.kubelet_files import DocumentCondition

LARGEST_DOCUMENT = 512 * 1024
MOST_LINES = 600
MOST_DEPTH = 32

EMPTY = "-"  # a mapping or a list follows, or nothing
HIDDEN = "!"  # there, and not shown
OTHER = "*"  # a key that is not on the list, or an item without one

DATA = frozenset(("client-certificate-data", "client-key-data", "certificate-authority-data"))
BOOLEANS = frozenset(("rotateCertificates", "serverTLSBootstrap", "RotateKubeletServerCertificate"))
VALUES = BOOLEANS | frozenset(
    (
        *("apiVersion", "kind", "current-context", "server", "certificate-authority", "client-certificate"),
        *("client-key", "tokenFile", "command", "name", "cluster", "user"),
        *("tlsCertFile", "tlsPrivateKeyFile", "clientCAFile"),
    )
)
KEYS = (
    VALUES
    | DATA
    | frozenset(
        (
            *("clusters", "contexts", "users", "context", "exec", "auth-provider", "token", "password", "username"),
            *("authentication", "x509", "featureGates"),
        )
    )
)
MAPPINGS = frozenset(
    (
        *("clusters", "contexts", "users", "context", "cluster", "user"),
        *("authentication", "x509", "featureGates"),
    )
)
_PLAIN = re.compile(r"[A-Za-z0-9._/@:+=,~%-]+")
_BOM = b"\xef\xbb\xbf"

Tree: TypeAlias = "dict[str, Tree] | list[Tree] | str | None"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an outline. ``indent`` is the key's column; ``is_item``: a list's item begins here.

    ``value`` is EMPTY, HIDDEN, ``#N`` for embedded data, else the plain text of a key on the list.
    """

    indent: int
    is_item: bool
    key: str
    value: str


def lines_of(
    text: bytes, keep: Callable[[str, bytes], str] = lambda _key, _data: HIDDEN
) -> tuple[DocumentCondition, tuple[Line, ...]]:
    """The outline of a document, as far as it could be picked apart.

    ``keep`` is given each embedded datum, decoded, with its key; what it returns (``#1``) stands in the line.
    """
    if len(text) > LARGEST_DOCUMENT:
        return DocumentCondition.TOO_LARGE, ()
    # latin-1: one character a byte; a value that is not ASCII is not shown anyway
    content = text.removeprefix(_BOM).replace(b"\0", b"?").decode("latin-1")
    lines: list[Line] = []
    veil = _Veil()
    try:
        is_json = content.lstrip(" \t\r\n").startswith("{")
        for pair in json_document.pairs(content) if is_json else block_yaml.pairs(content):
            if len(lines) == MOST_LINES:
                return DocumentCondition.INTRICATE, tuple(lines)
            lines.append(_line(veil.over(pair), keep))
    except ShapeError as error:
        return error.condition, tuple(lines)
    return (DocumentCondition.READ if lines else DocumentCondition.EMPTY), tuple(lines)


class _Veil:
    """Lies over all below a key that holds no mapping of ours, but over exec's own command: its keys are not told."""

    def __init__(self) -> None:
        self._column: int | None = None  # of the key that it hangs from
        self._key: str | None = None
        self._child: tuple[int, bool] | None = None  # column and dash of the first line below

    def over(self, pair: Pair) -> Pair:
        if self._column is not None and pair.indent > self._column:
            self._child = self._child or (pair.indent, pair.is_item)
            is_own = self._child == (pair.indent, False) and not pair.is_item
            return pair if (self._key, pair.key, is_own) == ("exec", "command", True) else replace(pair, key=None)
        self._column, self._key, self._child = None, None, None
        if pair.key not in MAPPINGS:
            self._column, self._key = pair.indent, pair.key
        return pair


def _line(pair: Pair, keep: Callable[[str, bytes], str]) -> Line:
    key = pair.key if pair.key in KEYS else OTHER
    if not pair.value:
        value = EMPTY
    elif key in DATA:
        value = keep(key, _decoded(pair.value))
    elif key in VALUES and _is_shown(key, pair):
        value = pair.value
    else:
        value = HIDDEN
    return Line(pair.indent, pair.is_item, key, value)


def _decoded(data: str) -> bytes:
    if "\\" in data:  # an escape in quotes
        raise ShapeError(DocumentCondition.INTRICATE)
    try:
        return base64.b64decode(data, validate=True)
    except ValueError:  # the whole document does not load then
        raise ShapeError(DocumentCondition.BROKEN) from None


def _is_shown(key: str, pair: Pair) -> bool:
    """Whether a value is plain text. A boolean in quotes is none; a server may carry a name and a password."""
    if key in BOOLEANS and pair.is_quoted:
        return False
    is_credential = key == "server" and "@" in pair.value
    return _PLAIN.fullmatch(pair.value) is not None and pair.value != EMPTY and not is_credential


def tree(lines: Sequence[Line]) -> Tree:
    """The lines as nested values, keys that are not on the list left out; the last of two equal keys wins.

    Raises ShapeError where no YAML has that outline.
    """
    if not lines:
        return None
    reader = _Reader(lines)
    value = reader.value(-1)
    if reader.at < len(lines):
        raise ShapeError(reader.misfit)
    return value


class _Reader:
    """Goes down the lines. A list may stand at its parent's own indentation: only its keys' column is known."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines
        self._depth = 0
        self.at = 0

    @property
    def misfit(self) -> DocumentCondition:
        """What a line that fits nowhere says: dashes may stand at columns that an outline does not tell."""
        return DocumentCondition.INTRICATE if self._lines[self.at].is_item else DocumentCondition.BROKEN

    def value(self, parent: int) -> Tree:
        """What belongs to a key at the column ``parent``: None where the next line is not deeper."""
        line = self._next()
        if line is None or line.indent <= parent:
            return None
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise ShapeError(DocumentCondition.INTRICATE)
        value = self._list(line.indent) if line.is_item else self._mapping(line.indent)
        self._depth -= 1
        return value

    def _next(self) -> Line | None:
        return self._lines[self.at] if self.at < len(self._lines) else None

    def _list(self, indent: int) -> list[Tree]:
        items: list[Tree] = []
        while (line := self._next()) and line.is_item and line.indent == indent:
            items.append(self._mapping(indent))
        return items

    def _mapping(self, indent: int) -> dict[str, Tree]:
        found: dict[str, Tree] = {}
        is_begun = False
        while (line := self._next()) and line.indent == indent and not (line.is_item and is_begun):
            is_begun = True
            self.at += 1
            value: Tree = line.value
            if line.value == EMPTY:
                value = self.value(indent)
            elif (below := self._next()) and below.indent > indent:
                raise ShapeError(self.misfit)
            if line.key != OTHER:
                found[line.key] = value
        return found


def mappings(tree: Tree) -> Iterator[dict[str, Tree]]:
    """The items of a list that are mappings."""
    yield from (item for item in tree if isinstance(item, dict)) if isinstance(tree, list) else ()
