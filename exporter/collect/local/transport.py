"""The same facts as the node script gives, read under a mounted root, in Python and without a shell.

What a PEM file gives away to this process is said in ``pem_file``; of a kubeconfig or a configuration its outline
alone is kept, and of a command line the flags of a short list.
"""

from __future__ import annotations

import posixpath
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

from exporter.collect.local import listing, places
from exporter.collect.local.documents import Documents
from exporter.collect.local.folder import Ground
from exporter.collect.local.host import read_host
from exporter.collect.local.pem_file import pem_file
from exporter.collect.local.process import mount_table, own_root, read_process
from exporter.collect.local.rooted import ClosedTree, RootedTree
from exporter.collect.local.store import read_store
from exporter.config.settings import CLIENT_CURRENT, CLIENT_UPDATED, SERVER_CURRENT, SERVER_UPDATED, Paths
from exporter.errors import CollectError, Reason
from exporter.model.facts import NodeFacts, StoreFacts
from exporter.model.files import Condition, PemFile
from exporter.model.host import Flags, Process, Sight
from exporter.model.node import LocalAccess, Node

_PAUSE = 1.0
_ALWAYS_TOLD = ("kubelet.crt", "kubelet.key")  # missing or not: the kubelet makes them
_PEM_FLAGS = ("tls-cert-file", "tls-private-key-file", "client-ca-file")


class LocalTransport:
    """Reads nodes whose root is mounted here."""

    def __init__(self, clock: Callable[[], float] = time.time, sleep: Callable[[float], None] = time.sleep) -> None:
        self._clock = clock
        self._sleep = sleep

    def read(self, node: Node, remembered: Flags = ()) -> NodeFacts:
        """One visit of a mounted root. Raises CollectError where the root itself is not there.

        ``remembered`` are the flags of an earlier visit: they count where no process is seen.
        """
        if not isinstance(node.access, LocalAccess):
            raise TypeError(f"{node.name} is not read from a mount")
        try:
            tree = RootedTree(node.access.root)
        except OSError as error:
            raise CollectError(Reason.ROOT_MISSING, f"{node.access.root}: {error.strerror}") from error
        with tree:
            return self._facts(tree, node.access.root, node.paths, remembered)

    def _facts(self, tree: RootedTree, root: str, named: Paths, remembered: Flags) -> NodeFacts:
        taken = self._clock()
        host = read_host(tree, taken)
        process, folder = read_process(tree, host.booted)
        if process.sight is not Sight.SEEN and remembered:
            process = Process(process.sight, flags=remembered, remembered=True)
        with ExitStack() as stack:
            own = (own_root(tree, folder) or ClosedTree(root)) if process.own_mounts else None
            ground = Ground(stack.enter_context(own) if own else tree, mount_table(tree, folder))
            paths = places.settle(named, process, ground.tree.is_folder)
            files = _Files(ground)
            client, store = self._store(ground, paths, files)
            serving = files.serving(paths)
            documents = Documents(ground, process, files.other)
            kubeconfig, bootstrap, config = documents.kubeconfig(), documents.bootstrap(), documents.config()
            files.named_by_flags(process)
            files.of_store(store)
            return NodeFacts(
                taken=taken,
                store=store,
                client=client,
                serving=serving,
                host=host,
                process=process,
                kubeconfig=kubeconfig,
                bootstrap=bootstrap,
                config=config,
                files=files.others,
            )

    def _store(self, ground: Ground, paths: Paths, files: _Files) -> tuple[PemFile, StoreFacts]:
        """The client's file and the folder; a moment later again where the kubelet may be between two of its steps."""
        client = files.first(paths.client)
        store = read_store(ground, paths.store, client.link, files.first)
        if client.condition is Condition.MISSING and listing.may_be_between(store):
            self._sleep(_PAUSE)
            client = files.first(paths.client)
            store = read_store(ground, paths.store, client.link, files.first)
        return client, store


class _Files:
    """The PEM files of one visit: each is read once, and told in one place."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._tree = ground.tree
        self._told: dict[str, PemFile] = {}
        self._others: dict[str, PemFile] = {}

    @property
    def others(self) -> tuple[PemFile, ...]:
        """Those that have no other place among the facts."""
        return tuple(self._others.values())

    def first(self, path: str) -> PemFile:
        """A file with a place of its own, as it is now."""
        self._told[path] = pem_file(self._tree, path)
        return self._told[path]

    def other(self, path: str) -> PemFile:
        """A file that is read unless it was already."""
        if path not in self._told:
            file = self.first(path)
            if file.condition is Condition.MISSING and not self._ground.knows_absence(path):
                self._told[path] = replace(file, condition=Condition.UNREADABLE)
            self._others[path] = self._told[path]
        return self._told[path]

    def serving(self, paths: Paths) -> PemFile | None:
        """The first of the candidates that is there."""
        for path in paths.serving:
            file = pem_file(self._tree, path)
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
            if updated in names and pem_file(self._tree, posixpath.join(store.path, current)).condition.is_absent:
                self.other(posixpath.join(store.path, updated))
        for name in listing.beside_link(store):
            self.other(posixpath.join(store.path, name))
        for name in _ALWAYS_TOLD:
            self.other(posixpath.join(store.path, name))
