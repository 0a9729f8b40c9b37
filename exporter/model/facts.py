"""What a visit saw on one node, typed; "not seen" is told apart from "absent"."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from exporter.model.files import FileKind, PemFile
from exporter.model.host import Host, JournalLine, Process, Service
from exporter.model.kubelet_files import ConfigFile, Kubeconfig


class DirectoryCondition(StrEnum):
    """Whether the certificate directory could be looked into."""

    OK = "ok"
    MISSING = "missing"
    DENIED = "denied"
    NOT_A_DIRECTORY = "not_a_directory"
    OUTSIDE_ROOT = "outside_root"
    UNREADABLE = "unreadable"  # its mount hangs


@dataclass(frozen=True, slots=True)
class StoreEntry:
    """One name in the certificate directory, as a listing shows it."""

    name: str
    kind: FileKind
    mode: int  # permission bits
    uid: int
    gid: int
    size: int  # bytes
    modified: int | None  # seconds since the epoch; None where the node has no stat(1)


@dataclass(frozen=True, slots=True)
class Folder:
    """The certificate directory itself. None is "not seen"."""

    mode: int | None = None  # permission bits
    uid: int | None = None
    gid: int | None = None
    writable: bool | None = None  # for root: neither a read-only mount nor immutable; only root knows
    bytes_free: int | None = None
    files_free: int | None = None
    filesystem: str = ""  # ext4, tmpfs, ...
    read_only: bool | None = None  # mounted so
    label: str = ""  # its security context

    def with_room(self, bytes_free: int, files_free: int | None) -> Folder:
        """The same folder with so much room."""
        if bytes_free == self.bytes_free and files_free == self.files_free:
            return self
        return replace(self, bytes_free=bytes_free, files_free=files_free)


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """The kubelet's certificate directory: listing, dated files and how many of them there are.

    ``entries`` holds the names that matter, at most a few hundred of the newest; ``dated_client`` counts all.
    ``hidden`` counts names that are not plain ASCII and are therefore not shown.
    """

    path: str
    condition: DirectoryCondition
    entries: tuple[StoreEntry, ...] = ()
    dated_client: int = 0
    dated_server: int = 0
    hidden: int = 0
    newest: tuple[PemFile, ...] = ()  # the newest dated client files, read
    folder: Folder | None = None  # None: not looked at


@dataclass(frozen=True, slots=True)
class NodeClock:
    """The node's clock in one visit: what it showed between two moments of the exporter's clock (epoch seconds)."""

    shown: float
    asked: float
    answered: float

    @property
    def offset(self) -> float:
        """Node minus exporter, in seconds; uncertain by half the round trip."""
        return self.shown - (self.asked + self.answered) / 2

    @property
    def half_round_trip(self) -> float:
        return max(0.0, self.answered - self.asked) / 2


class Handshake(StrEnum):
    """How a handshake with the kubelet's own port ended."""

    SERVED = "served"  # it showed its certificate
    REFUSED = "refused"  # nothing listens there
    NO_ANSWER = "no_answer"  # no connection, or no whole handshake in time
    NO_CERTIFICATE = "no_certificate"  # something else than a TLS server, or one that shows none
    UNREACHABLE = "unreachable"  # no way there: no route, no name, or a bastion that does not forward to that port


class Mark:
    """Readings that carry the same one (not an equal one) differ in nothing but their moment and the folder's room."""

    __slots__ = ("__weakref__",)


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """All that one visit saw. ``taken`` is the exporter's clock just before the files were read.

    From ``host`` on, None is "not looked at": an installed script of version 1.1 tells nothing of it.
    """

    taken: float
    store: StoreFacts
    client: PemFile  # what the configured path, or the store's link, leads to
    serving: PemFile | None  # None: the node has no serving certificate file
    clock: NodeClock | None = None  # None over a mount: there is no node clock to see
    script_version: str = ""
    script_sha256: str = ""  # of an installed script, as it says itself
    uid: int | None = None  # who read; None over a mount
    host: Host | None = None
    process: Process | None = None
    service: Service | None = None
    kubeconfig: Kubeconfig | None = None
    bootstrap: Kubeconfig | None = None  # the bootstrap kubeconfig
    config: tuple[ConfigFile, ...] | None = None  # KubeletConfiguration, then its drop-ins in their order
    files: tuple[PemFile, ...] = ()  # every other PEM file that the kubelet would open, by its path
    pairs: tuple[tuple[str, str, bool], ...] = ()  # paths of certificate and key, and whether they are of one key
    journal: tuple[JournalLine, ...] | None = None
    handshake: Handshake | None = None  # None: not configured
    live: PemFile | None = None  # what the kubelet's port showed; ``path`` is host and port
    mark: Mark | None = field(default=None, compare=False, repr=False)  # None: nobody knows what it may share
    has_logged_in: bool = True  # False: over a connection that an earlier visit had logged in by

    @property
    def by_the_node(self) -> float:
        """The moment of the visit by the node's clock, by the exporter's where there is none to see. Epoch seconds."""
        return self.clock.shown if self.clock else self.taken

    def again(self, taken: float, host: Host | None, store: StoreFacts, mark: Mark | None) -> NodeFacts:
        """The same but for these: what ``replace`` gives, at a third of its cost."""
        return NodeFacts(
            taken,
            store,
            self.client,
            self.serving,
            self.clock,
            self.script_version,
            self.script_sha256,
            self.uid,
            host,
            self.process,
            self.service,
            self.kubeconfig,
            self.bootstrap,
            self.config,
            self.files,
            self.pairs,
            self.journal,
            self.handshake,
            self.live,
            mark,
            self.has_logged_in,
        )

    def pem(self, path: str) -> PemFile | None:
        """What was read at ``path``; None where nobody looked."""
        read = (self.client, *([self.serving] if self.serving else []), *self.store.newest, *self.files)
        return next((file for file in read if file.path == path), None)

    def is_pair(self, certificate: str, key: str) -> bool | None:
        """Whether two paths hold the halves of one key; None where that was not compared."""
        return next((same for *paths, same in self.pairs if paths == [certificate, key]), None)
