"""A configuration file to a :class:`Config`, or to the list of all that is wrong with it."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from exporter.config.document import Document, Place, parse_yaml
from exporter.config.file import read_bytes
from exporter.config.ranges import expand
from exporter.config.references import unmet
from exporter.config.schema import Config, NodeEntry
from exporter.config.value import BESIDE, from_environment
from exporter.errors import ConfigurationError, Mistake

Shape = TypeVar("Shape", bound=BaseModel)
LARGEST_FILE = 64 * 1024 * 1024
_IN_OUR_WORDS = {
    "missing": "needed",
    "string_type": "text is needed: quote it",
    "int_type": "a whole number is needed",
    "int_parsing": "a whole number is needed",
    "bool_type": "true or false is needed",
    "bool_parsing": "true or false is needed",
    "tuple_type": "a list is needed, each item after a dash",
    "dict_type": "a mapping of settings is needed",
    "model_type": "a mapping of settings is needed",
    "model_attributes_type": "a mapping of settings is needed",
    "too_short": "must not be empty",
}


def read_text(path: str) -> str:
    """A text file that a person or a tool wrote. Raises ConfigurationError that names it."""
    content, _ = read_bytes(path, LARGEST_FILE)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(Mistake(path, "not UTF-8")) from error


def load(path: str) -> tuple[Config, Document]:
    """The configuration, its files' paths absolute, and the document that says where each value stands.

    Raises ConfigurationError with every mistake in the file, each with its line and path.
    """
    document = parse_yaml(path, read_text(path))
    if not isinstance(document.data, dict):
        raise ConfigurationError(Mistake(path, "not a mapping of settings"))
    found = list(_doubled_names(document))
    config = None
    try:
        config = Config.model_validate(document.data, context={BESIDE: path})
        found.extend((document.line(at), Mistake(document.place(at), message)) for at, message in unmet(config))
    except ValidationError as error:
        found.extend(_mistakes_of(error, document, Config))
    if config is None or found:
        raise ConfigurationError(*(mistake for _, mistake in sorted(found, key=lambda pair: pair[0])))
    return config, document


def validated(model: type[Shape], data: dict[str, Any], document: Document) -> Shape:
    """A document's data as a section of another file. Raises ConfigurationError with every mistake."""
    try:
        return model.model_validate(data, context={BESIDE: document.name})
    except ValidationError as error:
        found = sorted(_mistakes_of(error, document, model), key=lambda pair: pair[0])
        raise ConfigurationError(*(mistake for _, mistake in found)) from None


def _doubled_names(document: Document) -> Iterator[tuple[int, Mistake]]:
    """Nodes that the groups name twice; looked for before the schema is, so that both are told in one go."""
    first: dict[str, str] = {}
    groups = document.data.get("groups")
    for group, settings in groups.items() if isinstance(groups, dict) else ():
        nodes = settings.get("nodes") if isinstance(settings, dict) else None
        for index, entry in enumerate(nodes) if isinstance(nodes, list) else ():
            path: Place = ("groups", group, "nodes", index)
            place = document.place(path)
            for name in _names(entry.get("name") if isinstance(entry, dict) else entry):
                if name in first:
                    yield document.line(path), Mistake(place, doubled_name(name, first[name]))
                first.setdefault(name, place)


def doubled_name(name: str, elsewhere: str) -> str:
    """What to say of a node that is named twice."""
    return f"node {name!r} is already named at {elsewhere}"


def _names(pattern: object) -> list[str]:
    try:
        return expand(from_environment(pattern)) if isinstance(pattern, str) else []
    except ValueError:  # the schema tells it
        return []


def node_entry(settings: dict[str, Any], place: str) -> NodeEntry:
    """One node's settings from elsewhere than the configuration file. Raises ConfigurationError at ``place``."""
    try:
        return NodeEntry.model_validate(settings)
    except ValidationError as error:
        found = _mistakes_of(error, Document(place, None, {}), NodeEntry)
        raise ConfigurationError(*(mistake for _, mistake in found)) from None


def _mistakes_of(error: ValidationError, document: Document, model: type[BaseModel]) -> Iterator[tuple[int, Mistake]]:
    for item in error.errors(include_url=False, include_input=False, include_context=False):
        path = tuple(part for part in item["loc"] if part != "[key]")
        message = _IN_OUR_WORDS.get(item["type"]) or item["msg"].removeprefix("Value error, ").removeprefix("Input ")
        if item["type"] == "extra_forbidden":
            message = _unknown(str(path[-1]), _known(model, path[:-1]))
        yield document.line(path), Mistake(document.place(path), message)


def _unknown(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f'unknown key; did you mean "{near[0]}"?' if near else f"unknown key; known are {', '.join(known)}"


def _known(model: type[BaseModel], path: Place) -> list[str]:
    """The keys that the section at ``path`` has."""
    section, parts = model, list(path)
    while parts:
        field = section.model_fields.get(str(parts.pop(0)))
        inner = _section_in(field.annotation) if field else None
        if field is None or inner is None:
            return []
        if typing.get_origin(field.annotation) in (dict, tuple):
            del parts[:1]  # the key or the index within it
        section = inner
    return list(section.model_fields)


def _section_in(annotation: object) -> type[BaseModel] | None:
    """The section class within ``tuple[X, ...]``, ``dict[str, X]`` or ``X | None``."""
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return annotation if issubclass(annotation, BaseModel) else None
    inner = (_section_in(argument) for argument in typing.get_args(annotation))
    return next((section for section in inner if section), None)
