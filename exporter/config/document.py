"""A YAML or JSON document with the line of every value; the only importer of PyYAML."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import yaml

from exporter.errors import ConfigurationError, Mistake

Place = tuple[str | int, ...]
MOST_VALUES = 1_000_000  # an alias counts each time: a document that unfolds beyond this is refused

_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says, and on which line each of its values stands."""

    name: str
    data: Any
    lines: dict[tuple[str, ...], int]  # indexes and keys both as text

    def place(self, path: Place) -> str:
        """``file:line: path`` of a value, or of the nearest one around it that stands in the file."""
        line = self.line(path)
        where = f"{self.name}:{line}" if line else self.name
        return f"{where}: {dotted(path)}" if path else where

    def line(self, path: Place) -> int:
        """The line of a value, or of the nearest one around it that stands in the file; 0 where there is none."""
        words = tuple(map(str, path))
        return next((self.lines[words[:size]] for size in range(len(words), -1, -1) if words[:size] in self.lines), 0)


def dotted(path: Place) -> str:
    """``groups.workers.nodes[2].port``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def parse_yaml(name: str, text: str) -> Document:
    """Raises ConfigurationError with every doubled key, or with the place of a syntax error."""
    try:
        return _parse_yaml(name, text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "not YAML"
        if isinstance(error, yaml.constructor.ConstructorError):  # its words quote the value
            problem = "a tag, or a value, that is not known"
        raise ConfigurationError(Mistake(f"{name}:{mark.line + 1}" if mark else name, problem)) from error
    except (RecursionError, ValueError, LookupError, AttributeError, OverflowError) as error:
        # PyYAML on a date of month 13, "!!int ''", "!!bool maybe"
        raise ConfigurationError(Mistake(name, "nested too deeply, or a value that YAML cannot read")) from error


def _parse_yaml(name: str, text: str) -> Document:
    loader = _LOADER(text)
    try:
        root = loader.get_single_node()
        lines: dict[tuple[str, ...], int] = {}
        if root is not None and _unfolded(root, {}) > MOST_VALUES:
            raise ConfigurationError(Mistake(name, "unfolds to too many values"))
        mistakes = _walk(name, root, lines) if root is not None else []
        if mistakes:
            raise ConfigurationError(*mistakes)
        data = loader.construct_document(root) if root is not None else None
    finally:
        loader.dispose()
    return Document(name, data, lines)


def parse_json(name: str, text: str) -> Document:
    """JSON is read far faster than YAML, and has no line marks."""
    try:
        return Document(name, json.loads(text), {})
    except json.JSONDecodeError as error:
        raise ConfigurationError(Mistake(f"{name}:{error.lineno}", error.msg)) from error
    except (RecursionError, ValueError) as error:  # a number of thousands of digits is a ValueError
        raise ConfigurationError(Mistake(name, "nested too deeply, or an absurd number")) from error


def _unfolded(node: yaml.Node, known: dict[int, float]) -> float:
    """How many values a node stands for, each alias counted; infinite where it holds itself."""
    if id(node) not in known:
        known[id(node)] = math.inf
        children = node.value if isinstance(node, yaml.SequenceNode) else []
        if isinstance(node, yaml.MappingNode):
            children = [child for pair in node.value for child in pair]
        known[id(node)] = 1 + sum(_unfolded(child, known) for child in children)
    return known[id(node)]


def _walk(name: str, root: yaml.Node, lines: dict[tuple[str, ...], int]) -> list[Mistake]:
    mistakes: list[Mistake] = []
    waiting: list[tuple[tuple[str, ...], yaml.Node]] = [((), root)]
    while waiting:
        path, node = waiting.pop()
        lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.SequenceNode):
            waiting.extend(((*path, str(index)), item) for index, item in enumerate(node.value))
        elif isinstance(node, yaml.MappingNode):
            first: dict[str, int] = {}
            for key, value in node.value:
                word, line = str(key.value), key.start_mark.line + 1
                if word in first and word != "<<":
                    doubled = dotted((*path, word))
                    mistakes.append(Mistake(f"{name}:{line}: {doubled}", f"given twice, first on line {first[word]}"))
                first.setdefault(word, line)
                lines.setdefault((*path, word), line)
                waiting.append(((*path, word), value))
    return mistakes
