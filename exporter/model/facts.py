"""What a visit saw on one node, typed; "not seen" is told apart from "absent"."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FileKind(StrEnum):
    """The type of a file, as ``lstat`` tells it."""

    REGULAR = "regular"
    LINK = "link"
    DIRECTORY = "directory"
    FIFO = "fifo"
    SOCKET = "socket"
    CHARACTER = "character"
    BLOCK = "block"


class Condition(StrEnum):
    """What reading a PEM file for certificates brought. The words are those of the node's answer."""

    READ = "read"  # one whole certificate block or more, the leaf first
    EMPTY = "empty"
    TRUNCATED = "truncated"  # a certificate block lost its END line
    MALFORMED = "malformed"  # a certificate block holds something else
    KEY_ONLY = "key_only"
    NO_CERTIFICATE = "no_certificate"
    MISSING = "missing"
    DANGLING = "dangling"  # a link whose target is not there
    DENIED = "denied"
    NOT_REGULAR = "not_regular"
    TOO_LARGE = "too_large"
    OUTSIDE_ROOT = "outside_root"  # leads out of the mounted root, or in circles
    UNREADABLE = "unreadable"  # an input/output error


class DirectoryCondition(StrEnum):
    """Whether the certificate directory could be looked into."""

    OK = "ok"
    MISSING = "missing"
    DENIED = "denied"
    NOT_A_DIRECTORY = "not_a_directory"
    OUTSIDE_ROOT = "outside_root"


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
class PemFile:
    """A PEM file as read: its certificates in DER, never anything else of it."""

    path: str
    condition: Condition
    certificates: tuple[bytes, ...] = ()
    link: str | None = None  # the link's text where the path itself is a symbolic link


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


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """All that one visit saw. ``taken`` is the exporter's clock just before the files were read."""

    taken: float
    store: StoreFacts
    client: PemFile
    serving: PemFile | None  # None: the node has no serving certificate file
    clock: NodeClock | None = None  # None over a mount: there is no node clock to see
    script_version: str = ""
    script_sha256: str = ""  # of an installed script, as it says itself
    uid: int | None = None  # who read; None over a mount
