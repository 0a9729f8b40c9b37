"""An answer while its lines are read."""

from __future__ import annotations

from dataclasses import dataclass, field

from exporter.collect.documents.outline import Line
from exporter.model.facts import DirectoryCondition, Folder, StoreEntry
from exporter.model.files import PemFile
from exporter.model.host import Host, JournalLine, Process, Service
from exporter.model.kubelet_files import Document


@dataclass(slots=True)
class DocumentDraft:
    """A document and the lines of its outline."""

    role: str
    document: Document
    lines: list[Line] = field(default_factory=list)


@dataclass(slots=True)
class Draft:
    """The values so far; None where no line told one."""

    paths: dict[str, list[str]] = field(default_factory=dict)
    time: float | None = None
    uid: int | None = None
    script: str = ""
    host: Host | None = None
    process: Process | None = None
    started: tuple[int, int] | None = None  # ticks since boot, and ticks in a second
    service: Service | None = None
    journal: list[JournalLine] | None = None
    store: str | None = None  # where it is not the configured one
    directory: DirectoryCondition | None = None
    folder: Folder | None = None
    counts: dict[str, int] = field(default_factory=dict)
    entries: list[StoreEntry] = field(default_factory=list)
    files: list[tuple[str, PemFile]] = field(default_factory=list)
    pairs: list[tuple[str, str, bool]] = field(default_factory=list)
    documents: list[DocumentDraft] = field(default_factory=list)
    block: list[bytes] | None = None
    spoilt: bool = False  # a block of this file was none: what follows it does not count

    def file(self, role: str) -> PemFile | None:
        return next((file for its_role, file in self.files if its_role == role), None)

    def of_role(self, *roles: str) -> tuple[PemFile, ...]:
        return tuple(file for role, file in self.files if role in roles)

    def find(self, path: str) -> PemFile | None:
        """What was read at a path, or of the data of a number."""
        return next((file for _, file in self.files if file.path == path), None)
