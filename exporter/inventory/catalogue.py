"""The fleet's nodes from all sources, kept through files that break, unique by name."""

from __future__ import annotations

import glob
import logging
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from exporter.config.document import Document
from exporter.config.file import Signature, signature
from exporter.config.loading import doubled_name
from exporter.config.schema import Config, Group, NodeEntry
from exporter.config.ssh_config.ssh_config import SshConfig
from exporter.errors import ConfigurationError, Mistake, Mistakes
from exporter.inventory import file_sd
from exporter.inventory.refusals import told_once
from exporter.inventory.settling import Settler
from exporter.model.node import Node
from exporter.model.shard import WHOLE_FLEET, Shard
from exporter.model.snapshot import SourceStatus

log = logging.getLogger(__name__)

_ESCAPED = re.compile(r"\[([*?[])\]")  # by glob.escape


@dataclass(frozen=True, slots=True)
class _Source:
    """One file: the nodes of its last good reading, what it looked like then, and what is wrong with it now."""

    nodes: tuple[Node, ...] = ()
    signature: Signature = None
    problem: str = ""


class Catalogue:
    """All nodes of a configuration that are in a shard. Not shared between threads: one thread refreshes it."""

    def __init__(
        self, config: Config, document: Document, older: Catalogue | None = None, shard: Shard = WHOLE_FLEET
    ) -> None:
        """``older`` is the catalogue before a reload: what files that do not count now gave to it is kept.

        A name is in one shard whatever file has it, so one that is named twice is found all the same.

        Raises ConfigurationError with every mistake of the file that ``ssh.config`` names, or of the static nodes.
        """
        self._config = config
        self._shard = shard
        self._settler = Settler(config, SshConfig.read(config.ssh.config) if config.ssh.config else None, shard)
        self.labels = self._settler.labels
        self._static = _static_nodes(config, self._settler, document)
        self._sources: dict[str, _Source] = {}
        self._older = older.kept if older else {}
        self._told: dict[str, str] = {}
        self._barren: tuple[str, ...] = ()
        self.nodes: tuple[Node, ...] = self._static
        self.refresh()

    @property
    def kept(self) -> dict[str, tuple[Node, ...]]:
        """What each file gave when it last counted."""
        return {name: source.nodes for name, source in self._sources.items()}

    @property
    def problems(self) -> dict[str, str]:
        """What is wrong with the files that are not used, or only in part, and with patterns that match none."""
        return {**self._told, **{pattern: f"{pattern}: matches no file" for pattern in self._barren}}

    @property
    def statuses(self) -> tuple[SourceStatus, ...]:
        """Every file and whether it counts whole, and every pattern that matches none."""
        files = [SourceStatus(_as_text(name), up=name not in self._told) for name in sorted(self._sources)]
        return (*files, *(SourceStatus(_as_text(pattern), up=False) for pattern in self._barren))

    def refresh(self) -> bool:
        """Read again every file_sd file that changed. True where nodes or statuses may have."""
        wanted: dict[str, Group] = {}
        barren = []
        for group in self._config.groups.values():
            for pattern in group.file_sd.files if group.file_sd else ():
                found = _matching(pattern)
                for path in found:
                    wanted.setdefault(path, group)
                barren.extend([] if found else [pattern])
        moved = [path for path in wanted if self._has_moved(path)]
        changed = bool(moved) or set(self._sources) != set(wanted) or self._barren != tuple(barren)
        self._barren = tuple(barren)
        self._sources = {name: source for name, source in self._sources.items() if name in wanted}
        for path in moved:
            self._sources[path] = self._reread(path, wanted[path])
        if changed:
            self._merge()
        return changed

    def _has_moved(self, path: str) -> bool:
        return path not in self._sources or self._sources[path].signature != signature(path)

    def _reread(self, path: str, group: Group) -> _Source:
        """The file as it is now; its last good nodes where it cannot be used."""
        looked, labels = signature(path), self.labels
        port = bool(group.file_sd and group.file_sd.use_target_port)
        try:
            entries = file_sd.read(path, labels, use_target_port=port, shard=self._shard)
            nodes = _settled(self._settler, ((entry, group, place) for entry, place in entries))
            _refuse_doubled(nodes)
            return _Source(nodes, looked)
        except ConfigurationError as error:
            before = (
                self._sources[path].nodes if path in self._sources else _relabelled(self._older.get(path, ()), labels)
            )
            return _Source(before, looked, str(error))

    def _merge(self) -> None:
        """Static nodes, then each file's that nobody named before; what is wrong with a file is told once."""
        taken = {node.name: node.origin for node in self._static}
        nodes, problems = list(self._static), {}
        for path, source in sorted(self._sources.items()):
            doubled = []
            for node in source.nodes:
                if node.name in taken:
                    doubled.append(f"{node.origin}: {doubled_name(node.name, taken[node.name])}")
                else:
                    taken[node.name] = node.origin
                    nodes.append(node)
            if problem := "\n".join([source.problem, *doubled] if source.problem else doubled):
                problems[path] = problem
        self.nodes = tuple(nodes)
        for path in sorted({*problems, *self._told}):
            _tell(path, self._told.get(path), problems.get(path), there=path in self._sources)
        self._told = problems


def _as_text(name: str) -> str:
    """A file's name for a label, though it be no text."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _matching(pattern: str) -> list[str]:
    """The files of a pattern; a file that is named in full is wanted whether it is there or not."""
    if glob.has_magic(_ESCAPED.sub("", pattern)):
        return sorted(glob.glob(pattern))
    return [_ESCAPED.sub(r"\1", pattern)]


def _refuse_doubled(nodes: tuple[Node, ...]) -> None:
    """A file that names a node twice is malformed."""
    first: dict[str, str] = {}
    mistakes = Mistakes()
    for node in nodes:
        if node.name in first:
            mistakes.found.append(Mistake(node.origin, doubled_name(node.name, first[node.name])))
        first.setdefault(node.name, node.origin)
    mistakes.tell()


def _tell(path: str, before: str | None, now: str | None, *, there: bool) -> None:
    if now and now != before:
        log.error("file_sd file is not used, or only in part", extra={"file": path, "mistakes": now})
    elif before and not now:
        log.info(
            "file_sd file counts again" if there else "file_sd file is gone, and its nodes with it",
            extra={"file": path},
        )


def _relabelled(nodes: tuple[Node, ...], labels: tuple[str, ...]) -> tuple[Node, ...]:
    """Nodes of an earlier configuration with the label set of this one."""
    return tuple(
        replace(node, labels=tuple((label, dict(node.labels).get(label, "")) for label in labels)) for node in nodes
    )


def _static_nodes(config: Config, settler: Settler, document: Document) -> tuple[Node, ...]:
    return _settled(
        settler,
        (
            (entry, group, document.place(("groups", name, "nodes", index)))
            for name, group in config.groups.items()
            for index, entry in enumerate(group.nodes)
        ),
    )


def _settled(settler: Settler, entries: Iterable[tuple[NodeEntry, Group, str]]) -> tuple[Node, ...]:
    """The nodes of entries, each with its group and its place. Raises ConfigurationError with every mistake."""
    nodes: list[Node] = []
    mistakes = Mistakes()
    for entry, group, place in entries:
        with mistakes.gathered():
            nodes.extend(settler.nodes(entry, group, place))
    mistakes.found = told_once(mistakes.found)
    mistakes.tell()
    return tuple(nodes)
