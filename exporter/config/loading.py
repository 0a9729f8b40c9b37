"""A configuration file to a :class:`Config`, or to the list of all that is wrong with it."""

from __future__ import annotations

import difflib
import os
import typing
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ValidationError

from exporter.config.document import Document, Place, parse_yaml
from exporter.config.ranges import expand
from exporter.config.schema import Config
from exporter.errors import ConfigurationError, Mistake

LARGEST_FILE = 64 * 1024 * 1024
_CREDENTIALS = "$CREDENTIALS_DIRECTORY"


def read_text(path: str) -> str:
    """A text file that a person or a tool wrote. Raises ConfigurationError that names it."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ConfigurationError(Mistake(path, f"cannot be read: {error.strerror}")) from error
    if len(content) > LARGEST_FILE:
        raise ConfigurationError(Mistake(path, f"larger than {LARGEST_FILE >> 20} MiB"))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(Mistake(path, "not UTF-8")) from error


def absolute(path: str, beside: str) -> str:
    """``path``, if relative then to the folder of the file ``beside``.

    ``~`` is expanded, and so is systemd's ``$CREDENTIALS_DIRECTORY`` at its beginning.
    """
    expanded = os.path.expanduser(path)  # pathlib's raises where a container's user has no home
    if expanded.startswith(_CREDENTIALS + "/"):
        expanded = os.environ.get(_CREDENTIALS[1:], _CREDENTIALS) + expanded.removeprefix(_CREDENTIALS)
    return os.path.join(os.path.dirname(os.path.abspath(beside)), expanded)


def load(path: str) -> tuple[Config, Document]:
    """The configuration, its files' paths absolute, and the document that says where each value stands.

    Raises ConfigurationError with every mistake in the file, each with its line and path.
    """
    document = parse_yaml(path, read_text(path))
    if not isinstance(document.data, dict):
        raise ConfigurationError(Mistake(path, "not a mapping of settings"))
    doubled = list(_doubled_names(document))
    try:
        config = Config.model_validate(document.data)
    except ValidationError as error:
        raise ConfigurationError(*mistakes_of(error, document, Config), *doubled) from None
    if doubled:
        raise ConfigurationError(*doubled)
    return _with_absolute_paths(config, path), document


def _doubled_names(document: Document) -> Iterator[Mistake]:
    """Nodes that the groups name twice; looked for before the schema is, so that both are told in one go."""
    first: dict[str, str] = {}
    groups = document.data.get("groups")
    for group, settings in groups.items() if isinstance(groups, dict) else ():
        nodes = settings.get("nodes") if isinstance(settings, dict) else None
        for index, entry in enumerate(nodes) if isinstance(nodes, list) else ():
            place = document.place(("groups", group, "nodes", index))
            for name in _names(entry.get("name") if isinstance(entry, dict) else entry):
                if name in first:
                    yield Mistake(place, f"node {name!r} is already named at {first[name]}")
                first.setdefault(name, place)


def _names(pattern: object) -> list[str]:
    try:
        return expand(pattern) if isinstance(pattern, str) else []
    except ValueError:  # the schema tells it
        return []


def mistakes_of(error: ValidationError, document: Document, model: type[BaseModel], at: Place = ()) -> list[Mistake]:
    """pydantic's findings in our words, in the order of the file; values are never quoted."""
    found = []
    for item in error.errors(include_url=False, include_input=False, include_context=False):
        path = tuple(part for part in item["loc"] if part != "[key]")
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            message = _unknown(str(path[-1]), _known(model, path[:-1]))
        found.append((document.lines.get(at + path, 0), Mistake(document.place(at + path), message)))
    return [mistake for _, mistake in sorted(found, key=lambda pair: pair[0])]


def _unknown(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f'unknown key; did you mean "{near[0]}"?' if near else f"unknown key; known are {', '.join(known)}"


def _known(model: type[BaseModel], path: Place) -> list[str]:
    """The keys that the section at ``path`` has."""
    section: object = model
    for part in path:
        if isinstance(section, type) and issubclass(section, BaseModel) and part in section.model_fields:
            section = _section_in(section.model_fields[str(part)].annotation)
    return list(section.model_fields) if isinstance(section, type) and issubclass(section, BaseModel) else []


def _section_in(annotation: object) -> object:
    """The section class within ``tuple[X, ...]``, ``dict[str, X]`` or ``X | None``."""
    arguments = typing.get_args(annotation)
    if not arguments:
        return annotation
    inner = (_section_in(argument) for argument in arguments)
    return next((item for item in inner if isinstance(item, type) and issubclass(item, BaseModel)), None)


def _with_absolute_paths(config: Config, beside: str) -> Config:
    named = "known_hosts" in config.ssh.model_fields_set  # the defaults may be missing, what is named may not
    known_hosts = {"known_hosts": tuple(absolute(path, beside) for path in config.ssh.known_hosts)} if named else {}
    ssh = config.ssh.model_copy(
        update=known_hosts
        | {
            "identities": tuple(
                identity.model_copy(
                    update={
                        "file": absolute(identity.file, beside),
                        "passphrase_file": identity.passphrase_file and absolute(identity.passphrase_file, beside),
                    }
                )
                for identity in config.ssh.identities
            ),
        }
    )
    groups = {
        name: group.model_copy(
            update={
                "file_sd": group.file_sd
                and group.file_sd.model_copy(
                    update={"files": tuple(absolute(path, beside) for path in group.file_sd.files)}
                )
            }
        )
        for name, group in config.groups.items()
    }
    return config.model_copy(update={"ssh": ssh, "groups": groups})
