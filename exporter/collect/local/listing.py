"""Which names of a certificate directory matter; the node script chooses by the same rules."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

from exporter.config.settings import CLIENT_CURRENT, CLIENT_UPDATED, SERVER_CURRENT, SERVER_UPDATED, is_dated
from exporter.model.facts import StoreFacts
from exporter.model.files import FileKind

MOST_DATED = 64  # of each kind, the newest by name
NEWEST_READ = 4
NEWEST_SERVER_READ = 2
LONGEST_TEXT = 1024
KNOWN = (
    CLIENT_CURRENT,
    CLIENT_UPDATED,
    "kubelet-client.crt",
    "kubelet-client.key",
    "kubelet-client.key.tmp",
    SERVER_CURRENT,
    SERVER_UPDATED,
    "kubelet-server.crt",
    "kubelet-server.key",
    "kubelet.crt",
    "kubelet.key",
)
OPENED = tuple(name for name in KNOWN if not name.endswith(("-updated.pem", ".tmp")))  # by a kubelet that starts
_PLAIN_NAME = re.compile(r"[A-Za-z0-9._-]+")
_PLAIN_LINK = re.compile(r"[A-Za-z0-9._/@:+=,~%-]+")
_UNSHOWABLE = "?"


@dataclass(frozen=True, slots=True)
class Listing:
    """The names that matter, in order, and how many dated files there are in all."""

    names: tuple[str, ...]
    newest: tuple[str, ...]
    dated_client: int
    dated_server: int
    hidden: int

    def to_read(self, link: str | None) -> tuple[str, ...]:
        """The newest dated client files, less the link's target, which is read anyway."""
        target = posixpath.basename(link) if link else None
        return tuple(name for name in self.newest if name != target)


def choose(names: list[str]) -> Listing:
    """Pick from the sorted names of a directory."""
    ours = [name for name in names if name.startswith("kubelet")]
    plain = [name for name in ours if _PLAIN_NAME.fullmatch(name)]
    client = [name for name in plain if is_dated(name, "kubelet-client-")]
    server = [name for name in plain if is_dated(name, "kubelet-server-")]
    known = [name for name in KNOWN if name in plain]
    return Listing(
        names=(*known, *client[-MOST_DATED:], *server[-MOST_DATED:]),
        newest=tuple(client[-NEWEST_READ:]),
        dated_client=len(client),
        dated_server=len(server),
        hidden=len(ours) - len(plain),
    )


def may_be_between(store: StoreFacts) -> bool:
    """True where a missing ``current`` may be the moment between unlink and rename: others are there."""
    return store.dated_client > 0 or any(
        entry.name == CLIENT_UPDATED and entry.kind is FileKind.LINK for entry in store.entries
    )


def beside_link(store: StoreFacts) -> tuple[str, ...]:
    """The names of a store that hold certificates or keys beside the client's: the newest dated server files first."""
    names = [entry.name for entry in store.entries]
    servers = [name for name in names if is_dated(name, "kubelet-server-")]
    return (*servers[-NEWEST_SERVER_READ:], *(name for name in OPENED if name in names))


def plain_link(text: str) -> str:
    """A link's text where it is plain ASCII, else a mark: it goes to labels, logs and terminals."""
    return plain_or(text, _UNSHOWABLE)


def plain_or(text: str, other: str) -> str:
    """A text of the node's where it is plain and not overlong, else ``other``."""
    return text if len(text) <= LONGEST_TEXT and _PLAIN_LINK.fullmatch(text) else other
