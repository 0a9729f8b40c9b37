"""A file on a node as a reader found it; of a PEM file its certificates, and of a key whether it stands there."""

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
    UNREADABLE = "unreadable"  # an input/output error, or a node without the tool that decodes it

    @property
    def is_absent(self) -> bool:
        """Whether the file is known not to be there: ``stat`` follows links, as the kubelet does."""
        return self in (Condition.MISSING, Condition.DANGLING)

    @property
    def is_seen(self) -> bool:
        """Whether what the file holds is known: read to the end, or known not to be there."""
        return self not in (Condition.DENIED, Condition.OUTSIDE_ROOT, Condition.UNREADABLE, Condition.TOO_LARGE)


class KeyBlock(StrEnum):
    """Whether a whole private key block, BEGIN line to END line, stands in a PEM file. Never a byte of it."""

    WHOLE = "whole"
    CUT = "cut"  # a BEGIN line without its END line
    NONE = "none"
    UNSEEN = "unseen"  # not looked for, or not to be seen


@dataclass(frozen=True, slots=True)
class PemFile:
    """A PEM file as read: its certificates in DER, never anything else of it.

    ``path`` is as the kubelet would name it; ``#1``, ``#2`` and so on for base64 data that a kubeconfig embeds.
    """

    path: str
    condition: Condition
    certificates: tuple[bytes, ...] = ()
    link: str | None = None  # the link's text where the path itself is a symbolic link
    key: KeyBlock = KeyBlock.UNSEEN

    @property
    def is_embedded(self) -> bool:
        return self.path.startswith("#")
