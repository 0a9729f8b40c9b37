"""The fleet's nodes from all sources, kept through files that break, unique by name."""

from __future__ import annotations

import glob
import logging
import os
from dataclasses import dataclass, replace

from exporter.config.document import Document
from exporter.config.schema import Config, Group
from exporter.errors import ConfigurationError, Mistake, Mistakes
from exporter.inventory import file_sd
from exporter.inventory.settling import settle
from exporter.model.node import Node
from exporter.model.report import SourceStatus

log = logging.getLogger(__name__)

Signature = tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class _Source:
    """One file: the nodes of its last good reading, and what the file looked like when it was last read."""

    nodes: tuple[Node, ...]
    signature: Signature
    problem: str = ""

    @property
    def up(self) -> bool:
        return not self.problem


class Catalogue:
    """All nodes of a configuration. Not shared between threads: one thread refreshes it."""

    def __init__(self, config: Config, document: Document) -> None:
        """Raises ConfigurationError with every mistake of the static nodes."""
        self._config = config
        self._static = _static_nodes(config, document)
        self._sources: dict[str, _Source] = {}
        self._barren: tuple[str, ...] = ()
        self.refresh()

    @property
    def nodes(self) -> tuple[Node, ...]:
        return (*self._static, *(node for name in sorted(self._sources) for node in self._sources[name].nodes))

    @property
    def statuses(self) -> tuple[SourceStatus, ...]:
        """Every file and whether it counts now, and every pattern that matches none."""
        files = [SourceStatus(name, source.up) for name, source in sorted(self._sources.items())]
        return (*files, *(SourceStatus(pattern, up=False) for pattern in self._barren))

    def inherit(self, older: Catalogue) -> None:
        """Keep what files that do not count now gave to the catalogue before a reload."""
        for name, source in self._sources.items():
            known = older._sources.get(name)
            if not source.up and not source.nodes and known:
                taken = {node.name for node in self.nodes}
                kept = tuple(node for node in known.nodes if node.name not in taken)
                self._sources[name] = replace(source, nodes=kept)

    def refresh(self) -> bool:
        """Read again every file_sd file that changed. True where nodes or statuses may have."""
        wanted: dict[str, Group] = {}
        barren = []
        for group in self._config.groups.values():
            for pattern in group.file_sd.files if group.file_sd else ():
                found = sorted(glob.glob(pattern)) if glob.has_magic(pattern) else [pattern]
                wanted.update((path, group) for path in found)
                barren.extend([] if found else [pattern])
        changed = set(self._sources) != set(wanted) or self._barren != tuple(barren)
        self._barren = tuple(barren)
        self._sources = {name: source for name, source in self._sources.items() if name in wanted}
        moved = [path for path in wanted if self._is_new(path)]
        for path in moved:
            self._reread(path, wanted[path])
        for path in [path for path in wanted if moved and not self._sources[path].up]:
            self._reread(path, wanted[path])  # what one file gave up, another may claim now
        return changed or bool(moved)

    def _is_new(self, path: str) -> bool:
        before = self._sources.get(path)
        return before is None or before.signature != _signature(path)

    def _reread(self, path: str, group: Group) -> None:
        before, signature = self._sources.get(path, _Source((), None)), _signature(path)
        try:
            self._sources[path] = _Source(self._read(path, group), signature)
            if before.problem:
                log.info("file_sd file counts again", extra={"file": path})
        except ConfigurationError as error:
            self._sources[path] = _Source(before.nodes, signature, str(error))
            if before.problem != str(error):
                problem = {"file": path, "mistakes": str(error)}
                log.error("file_sd file refused, its last nodes stay", extra=problem)  # noqa: TRY400 - told in words

    def _read(self, path: str, group: Group) -> tuple[Node, ...]:
        port = bool(group.file_sd and group.file_sd.use_target_port)
        labels = self._config.label_names
        entries = file_sd.read(path, labels, use_target_port=port)
        nodes = [
            node for entry, place in entries for node in settle(entry, (group, self._config.defaults), labels, place)
        ]
        others = (
            *self._static,
            *(node for name, source in self._sources.items() if name != path for node in source.nodes),
        )
        _refuse_duplicates((*others, *nodes))
        return tuple(nodes)


def _static_nodes(config: Config, document: Document) -> tuple[Node, ...]:
    nodes: list[Node] = []
    mistakes = Mistakes()
    for name, group in config.groups.items():
        for index, entry in enumerate(group.nodes):
            place = document.place(("groups", name, "nodes", index))
            with mistakes.gathered():
                nodes.extend(settle(entry, (group, config.defaults), config.label_names, place))
    mistakes.tell()
    return tuple(nodes)


def _refuse_duplicates(nodes: tuple[Node, ...]) -> None:
    first: dict[str, str] = {}
    mistakes = []
    for node in nodes:
        if node.name in first:
            mistakes.append(Mistake(node.origin, f"node {node.name!r} is already named at {first[node.name]}"))
        first.setdefault(node.name, node.origin)
    if mistakes:
        raise ConfigurationError(*mistakes)


def _signature(path: str) -> Signature:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
