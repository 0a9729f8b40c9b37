"""Prometheus file_sd files: a list of ``targets`` with ``labels``, in YAML or JSON.

========================================  =============================================================
label                                     becomes
========================================  =============================================================
``__address__`` (the target itself)       the address; its port only with ``use_target_port``
``node``                                  the node's name (else the address)
``__kubelet_cert_user__``, ``_port__``,   the setting of that name for this node
``_host_key__``, ``_host_key_alias__``,
``_bastion__``, ``_transport__``,
``_root__``, ``_rotation__``,
``_store__``, ``_client_certificate__``,
``_serving_certificate__``
a label that the configuration names      that label's value
any other                                 nothing
========================================  =============================================================
"""

from __future__ import annotations

from typing import Any

from exporter.config.document import Document, Place, parse_json, parse_yaml
from exporter.config.loading import node_entry, read_text
from exporter.config.schema import NodeEntry
from exporter.errors import ConfigurationError, Mistake, Mistakes
from exporter.model.shard import WHOLE_FLEET, Shard

PREFIX, SUFFIX = "__kubelet_cert_", "__"
_PATHS = ("store", "client_certificate", "serving_certificate")
_SETTINGS = ("user", "port", "host_key", "host_key_alias", "bastion", "transport", "root", "rotation")


def read(
    path: str, labels: tuple[str, ...], *, use_target_port: bool, shard: Shard = WHOLE_FLEET
) -> list[tuple[NodeEntry, str]]:
    """The entries of one file that a shard has, each with its place. Raises ConfigurationError with every mistake.

    What another shard has is not looked at closer: of a million targets that would be most of the work.
    """
    text = read_text(path)
    document = parse_json(path, text) if path.endswith(".json") else parse_yaml(path, text)
    if not isinstance(document.data, list):  # also where a writer has only emptied the file yet
        raise ConfigurationError(Mistake(path, "not a list of target groups"))
    entries: list[tuple[NodeEntry, str]] = []
    mistakes = Mistakes()
    for index, group in enumerate(document.data):
        with mistakes.gathered():
            entries.extend(_group(group, (index,), document, labels, use_target_port=use_target_port, shard=shard))
    mistakes.tell()
    return entries


def split_address(target: str) -> tuple[str, int | None]:
    """Host and port of a target: ``host``, ``host:22``, ``[2001:db8::1]:22``, ``2001:db8::1``. Raises ValueError."""
    if target.startswith("["):
        host, bracket, rest = target[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError("not an address")
        return _host(host), _port(rest[1:]) if rest else None
    if target.count(":") == 1:
        host, _, port = target.partition(":")
        return _host(host), _port(port)
    return _host(target), None


def _host(text: str) -> str:
    if not text or any(character.isspace() or character in "[]{}" for character in text):
        raise ValueError("not an address: no host")
    return text


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 5 or not 1 <= int(text) <= 65535:
        raise ValueError("not an address: its port is not from 1 to 65535")
    return int(text)


def _group(
    group: Any, at: Place, document: Document, labels: tuple[str, ...], *, use_target_port: bool, shard: Shard
) -> list[tuple[NodeEntry, str]]:
    problem = _problem(group)
    if problem:
        raise ConfigurationError(Mistake(document.place(at), problem))
    given = group.get("labels") or {}
    mistakes = Mistakes()
    entries = []
    for number, target in enumerate(group["targets"]):
        if not _may_be_ours(target, given, shard):
            continue
        place = document.place((*at, "targets", number))
        with mistakes.gathered():
            entries.append((_entry(target, given, labels, place, use_target_port=use_target_port), place))
    mistakes.tell()
    return entries


def _may_be_ours(target: str, given: dict[str, str], shard: Shard) -> bool:
    """Whether a target is in the shard, or has to be looked at closer: a range, or something that is no address."""
    try:
        name = given.get("node") or split_address(target)[0]
    except ValueError:
        return True
    return "[" in name or shard.has(name)


def _entry(
    target: str, given: dict[str, str], labels: tuple[str, ...], place: str, *, use_target_port: bool
) -> NodeEntry:
    """One target with its labels as the settings of a node."""
    try:
        host, port = split_address(target)
    except ValueError as error:
        raise ConfigurationError(Mistake(place, str(error))) from error
    settings = _settings(given, labels)
    if use_target_port and port is not None:
        settings.setdefault("port", port)
    try:
        return node_entry({"name": given.get("node", host), "address": host, **settings}, place)
    except ConfigurationError as error:
        found = (Mistake(_at_label(mistake.place), mistake.message) for mistake in error.mistakes)
        raise ConfigurationError(*found) from None


def _at_label(place: str) -> str:
    """A setting that came from a label, by that label's name."""
    where, _, setting = place.rpartition(": ")
    word = setting.rpartition(".")[2].partition("[")[0]
    return f"{where}: {PREFIX}{word}{SUFFIX}" if word in (*_SETTINGS, *_PATHS) else place


def _problem(group: Any) -> str:
    """What is wrong with a target group's form, or nothing."""
    if not isinstance(group, dict) or not isinstance(group.get("targets"), list):
        return "a target group needs a list of targets"
    if unknown := set(group) - {"targets", "labels"}:
        return f"unknown key {sorted(map(str, unknown))[0]!r}"
    if not all(isinstance(target, str) and target for target in group["targets"]):
        return "targets must be text"
    labels = group.get("labels") or {}
    if not isinstance(labels, dict):
        return "labels must be a mapping of text to text"
    for label, value in labels.items():
        if not isinstance(label, str) or not isinstance(value, str):
            return f"labels must be text: quote the value of {label}"
        word = label.removeprefix(PREFIX).removesuffix(SUFFIX)
        if label.startswith(PREFIX) and word not in (*_SETTINGS, *_PATHS):
            known = ", ".join((*_SETTINGS, *_PATHS))
            return f"unknown label {label}; between {PREFIX} and {SUFFIX} may stand {known}"
    return ""


def _settings(given: dict[str, str], labels: tuple[str, ...]) -> dict[str, Any]:
    def named(words: tuple[str, ...]) -> dict[str, str]:
        return {word: given[PREFIX + word + SUFFIX] for word in words if PREFIX + word + SUFFIX in given}

    own = {label: given[label] for label in labels if label in given}
    return {**named(_SETTINGS), "paths": named(_PATHS), "labels": own}
