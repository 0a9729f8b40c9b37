"""The kubelet's own files under a mounted root: kubeconfig, bootstrap kubeconfig, configuration and its drop-ins."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from exporter.collect.documents import kubeconfig, kubelet_config
from exporter.collect.documents.block_yaml import ShapeError
from exporter.collect.documents.outline import LARGEST_DOCUMENT, Line, lines_of
from exporter.collect.local import drop_ins, pem_file, places
from exporter.collect.local.folder import Ground
from exporter.collect.local.rooted import NotRegularError, read_all
from exporter.collect.local.walk import OutsideRootError
from exporter.model.files import PemFile
from exporter.model.host import Process
from exporter.model.kubelet_files import ConfigFile, Document, DocumentCondition, Kubeconfig

MOST_DROP_INS = 16
MOST_DATA = 12  # embedded in all documents together
_KEY_DATA = "client-key-data"

Read = Callable[[str], PemFile]
Found = tuple[Document, tuple[Line, ...]]


@dataclass(frozen=True, slots=True)
class Papers:
    """The documents of one node."""

    kubeconfig: Kubeconfig | None
    bootstrap: Kubeconfig | None
    config: tuple[ConfigFile, ...]

    def with_files(self, read: Read) -> Papers:
        """Unchanged documents, and by ``read`` the PEM files that they name, in the order of :class:`Documents`."""
        kubeconfigs = [one and _with_files(one, read) for one in (self.kubeconfig, self.bootstrap)]
        _read_named(self.config, read)
        return Papers(kubeconfigs[0], kubeconfigs[1], self.config)


class Documents:
    """Reads them, and by ``read`` each PEM file that they name."""

    def __init__(self, ground: Ground, process: Process, read: Read) -> None:
        self._ground = ground
        self._process = process
        self._read = read
        self._data: dict[str, PemFile] = {}

    @property
    def papers(self) -> Papers:
        """All of them."""
        return Papers(self.kubeconfig(), self.bootstrap(), self.config())

    def kubeconfig(self) -> Kubeconfig | None:
        """kubelet.conf: what the flag names, there or not; without flags the first that exists."""
        return self._kubeconfig("kubeconfig", places.KUBECONFIGS)

    def bootstrap(self) -> Kubeconfig | None:
        """The bootstrap kubeconfig, likewise."""
        return self._kubeconfig("bootstrap-kubeconfig", places.BOOTSTRAPS)

    def config(self) -> tuple[ConfigFile, ...]:
        """The configuration, then its drop-ins in the kubelet's order."""
        files = tuple(self._configs())
        _read_named(files, self._read)
        return files

    def _kubeconfig(self, flag: str, table: tuple[str, ...]) -> Kubeconfig | None:
        found = self._named(flag) if self._knows_flags else self._first(table, are_configurations=False)
        return kubeconfig.parse(*found, self._find) if found else None

    def _configs(self) -> Iterator[ConfigFile]:
        found = self._named("config") if self._knows_flags else self._first(places.CONFIGS, are_configurations=True)
        if found:
            yield kubelet_config.parse(*found)
        folder = self._process.flag("config-dir") if self._knows_flags else None
        if folder:
            yield from self._drop_ins(folder)

    @property
    def _knows_flags(self) -> bool:
        return places.knows_flags(self._process)

    def _find(self, name: str) -> PemFile:
        return self._data[name] if name in self._data else self._read(name)

    def _named(self, flag: str) -> Found | None:
        path = self._process.flag(flag)
        return self._document(path) if path else None

    def _first(self, table: tuple[str, ...], *, are_configurations: bool) -> Found | None:
        """The first of the places that exists; kubelet.conf may be either kind of document."""
        for path in table:
            if not self._ground.is_there(path):
                continue
            before = dict(self._data)
            document, lines = self._document(path)
            if path != places.EITHER or kubelet_config.is_kubelet_configuration(lines) is are_configurations:
                return document, lines
            self._data = before
        return None

    def _drop_ins(self, folder: str) -> Iterator[ConfigFile]:
        """A folder that cannot be walked through, or not to its end, is told in the place of its files."""
        if not folder.startswith("/"):
            yield ConfigFile(Document(folder, DocumentCondition.UNREADABLE))
            return
        try:
            paths = list(drop_ins.walk(self._ground.tree, folder))
        except OSError as error:
            yield ConfigFile(Document(folder, self._condition(folder, error)))
            return
        for path in paths[:MOST_DROP_INS]:
            yield kubelet_config.parse(*self._document(path), is_drop_in=True)
        if len(paths) > MOST_DROP_INS:
            yield ConfigFile(Document(folder, DocumentCondition.TOO_LARGE))

    def _document(self, path: str) -> Found:
        if not path.startswith("/"):  # relative to a folder that is not known, or not plain
            return Document(path, DocumentCondition.UNREADABLE), ()
        try:
            with self._ground.tree.open_regular(path) as descriptor:
                condition, lines = self._outline(descriptor)
        except OSError as error:
            condition, lines = self._condition(path, error), ()
        return self._with_status(Document(path, condition)), lines

    def _outline(self, descriptor: int) -> tuple[DocumentCondition, tuple[Line, ...]]:
        if os.fstat(descriptor).st_size > LARGEST_DOCUMENT:
            return DocumentCondition.TOO_LARGE, ()
        return lines_of(read_all(descriptor, LARGEST_DOCUMENT + 1), self._keep)

    def _keep(self, key: str, data: bytes) -> str:
        if len(self._data) == MOST_DATA:
            raise ShapeError(DocumentCondition.INTRICATE)
        file = pem_file.embedded(len(self._data) + 1, data, is_key=key == _KEY_DATA)
        self._data[file.path] = file
        return file.path

    def _with_status(self, document: Document) -> Document:
        if document.condition is DocumentCondition.MISSING:
            return replace(document, writable=self._ground.is_writable(posixpath.dirname(document.path)))
        try:
            found = self._ground.tree.stat(document.path)
        except OSError:
            return document
        return replace(
            document,
            mode=stat.S_IMODE(found.st_mode),
            uid=found.st_uid,
            gid=found.st_gid,
            size=found.st_size,
            modified=int(found.st_mtime),
            writable=self._ground.is_writable(document.path),
        )

    def _condition(self, path: str, error: OSError) -> DocumentCondition:
        if isinstance(error, NotRegularError):
            return DocumentCondition.NOT_REGULAR
        if isinstance(error, OutsideRootError):
            return DocumentCondition.OUTSIDE_ROOT
        if error.errno in pem_file.MISSING and self._ground.knows_absence(path):
            return DocumentCondition.MISSING
        return DocumentCondition.DENIED if error.errno in pem_file.DENIED else DocumentCondition.UNREADABLE


def _read_named(files: Iterable[ConfigFile], read: Read) -> None:
    for settings in (file.settings for file in files):
        for path in (settings.tls_cert_file, settings.tls_private_key_file, settings.client_ca_file):
            if path and path.startswith("/"):
                read(path)


def _with_files(document: Kubeconfig, read: Read) -> Kubeconfig:
    def again(file: PemFile | None) -> PemFile | None:
        is_named = file is not None and file.path.startswith("/")
        return read(file.path) if file and is_named else file

    authority, certificate, key = again(document.authority), again(document.certificate), again(document.key)
    if (authority, certificate, key) == (document.authority, document.certificate, document.key):
        return document
    return replace(document, authority=authority, certificate=certificate, key=key)
