"""A YAML or JSON document with the line of every value; the only importer of PyYAML."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import yaml

from exporter.errors import ConfigurationError, Mistake

Place = tuple[str | int, ...]
MOST_VALUES = 2_000_000  # an alias counts each time: a document that unfolds beyond this is refused

_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says, and on which line each of its values stands."""

    name: str
    data: Any
    lines: dict[Place, int]

    def place(self, path: Place) -> str:
        """``file:line: path`` of a value, or of the nearest one around it that stands in the file."""
        line = next((self.lines[path[:size]] for size in range(len(path), -1, -1) if path[:size] in self.lines), None)
        where = self.name if line is None else f"{self.name}:{line}"
        return f"{where}: {dotted(path)}" if path else where


def dotted(path: Place) -> str:
    """``groups.workers.nodes[2].port``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def parse_yaml(name: str, text: str) -> Document:
    """Raises ConfigurationError with every doubled key, or with the place of a syntax error."""
    loader = _LOADER(text)
    try:
        root = loader.get_single_node()
        lines: dict[Place, int] = {}
        mistakes = _walk(name, root, lines) if root is not None else []
        if mistakes:
            raise ConfigurationError(*mistakes)
        data = loader.construct_document(root) if root is not None else None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}:{mark.line + 1}" if mark else name
        raise ConfigurationError(Mistake(where, getattr(error, "problem", None) or "not YAML")) from error
    except (RecursionError, ValueError) as error:  # a YAML date of month 13 is a ValueError
        raise ConfigurationError(Mistake(name, "nested too deeply, or a value that YAML cannot read")) from error
    finally:
        loader.dispose()
    return Document(name, data, lines)


def parse_json(name: str, text: str) -> Document:
    """JSON is read far faster than YAML, and has no line marks."""
    try:
        return Document(name, json.loads(text), {})
    except json.JSONDecodeError as error:
        raise ConfigurationError(Mistake(f"{name}:{error.lineno}", error.msg)) from error
    except RecursionError as error:
        raise ConfigurationError(Mistake(name, "nested too deeply")) from error


def _walk(name: str, root: yaml.Node, lines: dict[Place, int]) -> list[Mistake]:
    mistakes: list[Mistake] = []
    waiting: list[tuple[Place, yaml.Node]] = [((), root)]
    seen = 0
    while waiting:
        path, node = waiting.pop()
        seen += 1
        if seen > MOST_VALUES or len(path) > 64:
            return [Mistake(name, "unfolds to too many values")]
        lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.SequenceNode):
            waiting.extend(((*path, index), item) for index, item in enumerate(node.value))
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
