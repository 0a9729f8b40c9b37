"""Which nodes a command looks at: some of the inventory, or one mounted tree."""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection
from dataclasses import replace

from exporter.collect.local.transport import LocalTransport
from exporter.config.settings import Pace, Paths, TransportKind
from exporter.errors import ConfigurationError, Mistake
from exporter.model.node import LocalAccess, Node
from exporter.rounds.fleet import Fleet


def mounted(root: str) -> Fleet:
    """The node whose files are mounted below ``root``, without any configuration."""
    directory = os.path.abspath(root)
    node = Node(os.path.basename(directory) or "localhost", LocalAccess(directory), Paths(), origin="--root")
    transports = {TransportKind.LOCAL: LocalTransport()}
    return Fleet((node,), (), Pace(), transports, concurrency=1)


def chosen(fleet: Fleet, names: list[str]) -> Fleet:
    """``fleet`` with the named nodes alone, all of it where none is named. Raises ConfigurationError."""
    if not names:
        return fleet
    known = {node.name: node for node in fleet.nodes}
    unknown = [Mistake(name, not_a_node(name, known)) for name in names if name not in known]
    if unknown:
        raise ConfigurationError(*unknown)
    return replace(fleet, nodes=tuple(known[name] for name in dict.fromkeys(names)))


def not_a_node(name: str, known: Collection[str]) -> str:
    """What to say of a name that the inventory does not have."""
    near = difflib.get_close_matches(name, known, n=1)
    return "not a node of the inventory" + (f"; did you mean {near[0]}?" if near else "")
