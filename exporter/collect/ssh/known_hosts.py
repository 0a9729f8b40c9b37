"""known_hosts files, read once into a dictionary.

sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT": plain names, hashed names, patterns with ``*``, ``?`` and ``!``,
``[host]:port``, the markers ``@revoked`` and ``@cert-authority``. A host on another port than 22 that is not listed as
``[host]:port`` is looked for without its port, as ssh(1) does.
"""

from __future__ import annotations

import base64
import fnmatch
import hmac
import sys
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass

from exporter.errors import Reason

DEFAULT_PORT = 22
_REVOKED, _AUTHORITY = "@revoked", "@cert-authority"


@dataclass(frozen=True, slots=True)
class Line:
    """One usable line: whom it is about, its marker ("" for a plain key), and the key."""

    hosts: str
    marker: str
    kind: str
    key: bytes


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one host: its keys, revoked ones, and the CAs that may vouch for others."""

    keys: frozenset[tuple[str, bytes]] = frozenset()
    revoked: frozenset[bytes] = frozenset()
    authorities: frozenset[bytes] = frozenset()
    of_another_port: bool = False  # known without a port: a key that matches counts, another one says nothing

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset(kind for kind, _ in self.keys)

    def refusal(self, kind: str, key: bytes) -> Reason | None:
        """Why this key must not be trusted; None where it is one of the host's own."""
        if key in self.revoked:
            return Reason.HOST_KEY_REVOKED
        if (kind, key) in self.keys:
            return None
        if kind in self.kinds and not self.of_another_port:
            return Reason.HOST_KEY_CHANGED
        if self.authorities and not self.keys:
            return Reason.HOST_KEY_NEEDS_CA
        return Reason.HOST_KEY_UNKNOWN


def parse(text: str) -> Iterator[Line]:
    """The usable lines of a known_hosts file; ssh(1) passes over what it cannot read, and so does this."""
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        marker = words.pop(0) if words[0].startswith("@") else ""
        if len(words) < 3 or marker not in ("", _REVOKED, _AUTHORITY):
            continue
        try:
            yield Line(words[0], marker, sys.intern(words[1]), base64.b64decode(words[2], validate=True))
        except ValueError:
            continue


_NO_KEYS: frozenset[tuple[str, bytes]] = frozenset()
_NONE: frozenset[bytes] = frozenset()


class KnownHosts:
    """All known_hosts files at once. Safe to share between threads: it only remembers what it found."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._plain: dict[str, tuple[Line, ...]] = {}
        self._hashed: list[tuple[bytes, bytes, Line]] = []
        self._patterns: list[Line] = []
        self._looked_up: dict[tuple[tuple[str, ...], int], Known] = {}
        for line in lines:
            self._add(line)

    def lookup(self, names: Iterable[str], port: int) -> Known:
        """What is known of a host that goes by any of ``names``."""
        asked = (tuple(names), port)
        known = self._looked_up.get(asked)
        if known is None:
            known = self._looked_up[asked] = self._look_up(*asked)
        return known

    def _look_up(self, names: tuple[str, ...], port: int) -> Known:
        hosts = [name.lower() for name in names]
        plain = self._of(hosts)
        if port == DEFAULT_PORT:
            return plain
        with_port = self._of([f"[{host}]:{port}" for host in hosts])
        found = bool(with_port.keys or with_port.authorities)
        nearest = with_port if found else plain
        return _known(nearest.keys, with_port.revoked | plain.revoked, nearest.authorities, of_another_port=not found)

    def _add(self, line: Line) -> None:
        if line.hosts.startswith("|1|"):
            try:
                salt, digest = (base64.b64decode(part, validate=True) for part in line.hosts[3:].split("|"))
            except ValueError:
                return
            self._hashed.append((salt, digest, line))
        elif any(sign in line.hosts for sign in "*?!"):
            self._patterns.append(line)
        else:
            for name in line.hosts.lower().split(","):
                self._plain[name] = (*self._plain.get(name, ()), line)

    def _of(self, hosts: list[str]) -> Known:
        lines = [line for host in hosts for line in self._find(host)]
        return _known(
            {(line.kind, line.key) for line in lines if not line.marker},
            {line.key for line in lines if line.marker == _REVOKED},
            {line.key for line in lines if line.marker == _AUTHORITY},
        )

    def _find(self, host: str) -> Iterator[Line]:
        encoded = host.encode("utf-8", "surrogateescape")
        yield from self._plain.get(host, ())
        yield from (line for salt, digest, line in self._hashed if hmac.digest(salt, encoded, "sha1") == digest)
        yield from (line for line in self._patterns if _matches(line.hosts, host))


def _known(
    keys: Set[tuple[str, bytes]], revoked: Set[bytes], authorities: Set[bytes], *, of_another_port: bool = False
) -> Known:
    """One for each of ten thousand hosts: what is empty takes no room of its own."""
    return Known(
        frozenset(keys) if keys else _NO_KEYS,
        frozenset(revoked) if revoked else _NONE,
        frozenset(authorities) if authorities else _NONE,
        of_another_port,
    )


def _matches(patterns: str, host: str) -> bool:
    """A list of patterns matches where one does and no negated one does."""
    matched = False
    for pattern in patterns.lower().split(","):
        negated, plain = pattern.startswith("!"), pattern.removeprefix("!").replace("[", "[[]")
        if fnmatch.fnmatchcase(host, plain):
            if negated:
                return False
            matched = True
    return matched
