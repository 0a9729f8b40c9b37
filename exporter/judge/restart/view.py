"""A node's files as a starting kubelet would meet them; where nobody looked, that is said instead."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from exporter.judge import store
from exporter.model.facts import DirectoryCondition, Folder, NodeFacts, StoreEntry, StoreFacts
from exporter.model.files import Condition, PemFile
from exporter.model.kubelet import Kubelet
from exporter.model.kubelet_files import Kubeconfig

CLIENT, SERVER, SELF_SIGNED = "kubelet-client", "kubelet-server", "kubelet"
_ALWAYS_LISTED = frozenset(
    [f"{prefix}-{which}.pem" for prefix in (CLIENT, SERVER) for which in ("current", "updated")]
    + [f"{prefix}.{half}" for prefix in (CLIENT, SERVER, SELF_SIGNED) for half in ("crt", "key")]
)


@dataclass(frozen=True, slots=True)
class View:
    """Facts, and what they mean for the kubelet; ``healed`` is a store's link once it was recovered."""

    facts: NodeFacts
    kubelet: Kubelet
    now: float  # seconds since the epoch, by the node's clock
    healed: PemFile | None = None

    @property
    def kubeconfig(self) -> Kubeconfig | None:
        """The file that --kubeconfig names, None where nobody looked at that one."""
        return _at(self.facts.kubeconfig, self.kubelet.kubeconfig)

    @property
    def bootstrap(self) -> Kubeconfig | None:
        """The same for --bootstrap-kubeconfig."""
        return _at(self.facts.bootstrap, self.kubelet.bootstrap)

    @property
    def store(self) -> StoreFacts | None:
        """The certificate folder, None where another one was looked at."""
        own = posixpath.normpath(self.facts.store.path) == self.kubelet.store
        return self.facts.store if own else None

    @property
    def folder(self) -> Folder:
        return (self.store.folder if self.store else None) or Folder()

    @property
    def is_writable(self) -> bool | None:
        """Whether the kubelet can store anything in the folder."""
        return False if self.folder.read_only else self.folder.writable

    def path(self, file_name: str) -> str:
        return posixpath.join(self.kubelet.store, file_name)

    def listed(self, file_name: str) -> StoreEntry | None:
        """The folder's line for a name."""
        return store.entry(self.store, file_name) if self.store else None

    @property
    def is_listed(self) -> bool:
        """Whether a name that has no line is known not to be there."""
        return self.store is not None and self.store.condition in (DirectoryCondition.OK, DirectoryCondition.MISSING)

    def file(self, path: str) -> PemFile:
        """What was read at ``path``; ``unreadable`` where nobody looked."""
        if self.healed and self.healed.path == path:
            return self.healed
        read = self.facts.pem(path)
        if read is not None:
            return read
        folder, file_name = posixpath.split(path)
        is_missing = self.is_listed and self.listed(file_name) is None
        known = folder == self.kubelet.store and file_name in _ALWAYS_LISTED and is_missing
        return PemFile(path, Condition.MISSING if known else Condition.UNREADABLE)

    def named(self, file: PemFile) -> PemFile:
        """A kubeconfig's file, as recovery of the store leaves it."""
        return self.healed if self.healed and self.healed.path == file.path else file


def _at(kubeconfig: Kubeconfig | None, path: str | None) -> Kubeconfig | None:
    return kubeconfig if kubeconfig and kubeconfig.document.path == path else None
