"""One visit of a mounted root: its facts, part by part, and of the parts what may be kept."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

from exporter.collect.local import listing, places
from exporter.collect.local.documents import Documents, Papers
from exporter.collect.local.folder import Ground
from exporter.collect.local.host import read_machine
from exporter.collect.local.known import Asked, Kept, Part, Parts
from exporter.collect.local.mounts import OwnTable
from exporter.collect.local.pem_file import PemFiles
from exporter.collect.local.process import mount_table, own_root, read_process
from exporter.collect.local.rooted import ClosedTree, RootedTree
from exporter.collect.local.store import read_store
from exporter.config.settings import CLIENT_CURRENT, CLIENT_UPDATED, SERVER_CURRENT, SERVER_UPDATED, Paths
from exporter.model.facts import Mark, NodeFacts, StoreFacts
from exporter.model.files import Condition, PemFile
from exporter.model.host import Process, Sight

_PAUSE = 1.0
_ALWAYS_TOLD = ("kubelet.crt", "kubelet.key")  # missing or not: the kubelet makes them
_PEM_FLAGS = ("tls-cert-file", "tls-private-key-file", "client-ca-file")


class LocalVisit:
    """Reads one tree once. ``before`` has the parts of the visit before, those of unchanged paths count."""

    def __init__(self, tree: RootedTree, own: OwnTable, before: Parts, sleep: Callable[[float], None]) -> None:
        self.parts = before  # once it has ended: what to keep
        self._tree = tree
        self._own = own
        self._before = before
        self._sleep = sleep

    def facts(self, asked: Asked, taken: float) -> NodeFacts:
        """What the tree tells now; ``taken`` is the exporter's clock."""
        tree = self._tree
        machine = self._part(self._before.machine, lambda: read_machine(tree))
        before = self._before.process if machine is self._before.machine else None  # a start is counted from the boot
        seen = self._part(before, lambda: read_process(tree, machine.value.host.booted))
        process, folder = seen.value
        if process.sight is not Sight.SEEN and asked.remembered:
            process = Process(process.sight, flags=asked.remembered, remembered=True)
        with ExitStack() as stack:
            ground_tree = tree
            if process.own_mounts:
                tree.trace.is_whole = False  # what is looked at below its root is not taken down
                ground_tree = stack.enter_context(own_root(tree, folder) or ClosedTree(asked.root))
            with tree.trace.part() as looked:
                ground = Ground(ground_tree, self._own, mount_table(tree, folder))
            paths = places.settle(asked.paths, process, ground.tree.is_folder)
            pem_files = PemFiles(ground.tree, self._before.contents)
            files = _Files(ground, pem_files)
            client, store = self._store(ground, paths, files)
            serving = files.serving(paths)
            papers = self._papers(ground, process, files, looked.paths, is_known=seen is before)
            files.named_by_flags(process)
            files.of_store(store)
            self.parts = Parts(machine, seen, papers, pem_files.contents)
            return NodeFacts(
                taken=taken,
                store=store,
                client=client,
                serving=serving,
                host=machine.value.at(taken),
                process=process,
                kubeconfig=papers.value.kubeconfig,
                bootstrap=papers.value.bootstrap,
                config=papers.value.config,
                files=files.others,
                mark=Mark(),
            )

    def _part(self, before: Part[Kept] | None, read: Callable[[], Kept]) -> Part[Kept]:
        if before and self._tree.again(before.paths):
            return before
        with self._tree.trace.part() as looked:
            value = read()
        return Part(value, looked.paths)

    def _papers(
        self, ground: Ground, process: Process, files: _Files, table: tuple[str, ...], *, is_known: bool
    ) -> Part[Papers]:
        """The documents rest on the flags of the process and on the table of mounts as well."""
        before = self._before.papers
        if is_known and before and self._tree.again(before.paths):
            return Part(before.value.with_files(files.other), before.paths)
        with ground.tree.trace.part() as looked:
            papers = Documents(ground, process, files.named).papers
        return Part(papers, tuple(dict.fromkeys((*looked.paths, *table))))

    def _store(self, ground: Ground, paths: Paths, files: _Files) -> tuple[PemFile, StoreFacts]:
        """The client's file and the folder; a moment later again where the kubelet may be between two of its steps."""
        client = files.first(paths.client)
        store = read_store(ground, paths.store, client.link, files.first)
        if client.condition is Condition.MISSING and listing.may_be_between(store):
            self._sleep(_PAUSE)
            ground.tree.look_anew()
            client = files.first(paths.client)
            store = read_store(ground, paths.store, client.link, files.first)
        return client, store


class _Files:
    """The PEM files of one visit: each is read once, and told in one place."""

    def __init__(self, ground: Ground, pem_files: PemFiles) -> None:
        self._ground = ground
        self._pem_files = pem_files
        self._told: dict[str, PemFile] = {}
        self._others: dict[str, PemFile] = {}

    @property
    def others(self) -> tuple[PemFile, ...]:
        """Those that have no other place among the facts."""
        return tuple(self._others.values())

    def first(self, path: str) -> PemFile:
        """A file with a place of its own, as it is now."""
        self._told[path] = self._pem_files.read(path)
        return self._told[path]

    def other(self, path: str) -> PemFile:
        """A file that is read unless it was already."""
        if path not in self._told:
            file = self.first(path)
            if file.condition is Condition.MISSING and not self._ground.knows_absence(path):
                self._told[path] = replace(file, condition=Condition.UNREADABLE)
            self._others[path] = self._told[path]
        return self._told[path]

    def named(self, path: str) -> PemFile:
        """:meth:`other`, and no part of what is being looked at."""
        with self._ground.tree.trace.part():
            return self.other(path)

    def serving(self, paths: Paths) -> PemFile | None:
        """The first of the candidates that is there."""
        for path in paths.serving:
            file = self._pem_files.read(path)
            if file.condition is not Condition.MISSING:
                self._told[path] = file
                return file
        return None

    def named_by_flags(self, process: Process) -> None:
        for path in filter(None, map(process.flag, _PEM_FLAGS)):
            if path.startswith("/"):
                self.other(path)

    def of_store(self, store: StoreFacts) -> None:
        """What the kubelet opens there beside the client's link; what it would make that link when it starts."""
        names = [entry.name for entry in store.entries]
        for current, updated in ((CLIENT_CURRENT, CLIENT_UPDATED), (SERVER_CURRENT, SERVER_UPDATED)):
            if updated in names and self._pem_files.read(posixpath.join(store.path, current)).condition.is_absent:
                self.other(posixpath.join(store.path, updated))
        for name in listing.beside_link(store):
            self.other(posixpath.join(store.path, name))
        for name in _ALWAYS_TOLD:
            self.other(posixpath.join(store.path, name))
