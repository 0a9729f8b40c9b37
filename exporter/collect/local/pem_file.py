"""One PEM file under a mounted root: its certificates, and whether a whole key stands there.

A file is read 16 bytes at a time and no further than the BEGIN line of a key that follows certificates. Whether that
key is whole is learnt from the file's end, read backwards in bites of 16 bytes: of a whole key its END line and less
than 16 bytes more are read, of one that was cut one bite. A key that stands first, or alone, does pass through this
process line by line, and is dropped.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from exporter.collect import pem
from exporter.collect.local import listing
from exporter.collect.local.rooted import NotRegularError, RootedTree
from exporter.collect.local.walk import OutsideRootError, Place
from exporter.collect.pem import LARGEST_FILE, PemScanner
from exporter.model.files import Condition, KeyBlock, PemFile

MISSING = (errno.ENOENT, errno.ENOTDIR)
DENIED = (errno.EACCES, errno.EPERM)
_BITE = 16
_MOST_LOOKS = 3
_SHARED = 512
_END = b"-----END "
_KEY = b"PRIVATE KEY-----"  # how the END line of a key ends: one bite
_CERTIFICATE = b"CERTIFICATE-----"
_LONGEST_END = 64
_BODY = re.compile(rb"[A-Za-z0-9+/=\s]*")
_BLANKS = b" \t\r\n"

Contents = tuple[Condition, tuple[bytes, ...], KeyBlock]


class PemFiles:
    """Reads PEM files of one tree. ``earlier`` is what their targets held, by their paths without links."""

    def __init__(self, tree: RootedTree, earlier: Mapping[str, Contents] = MappingProxyType({})) -> None:
        self.contents: dict[str, Contents] = {}  # the same of this visit
        self._tree = tree
        self._earlier = earlier

    def read(self, path: str) -> PemFile:
        """One PEM file; its link is read before and after, and all of it again where it changed meanwhile."""
        place, is_missing = self._itself(path)
        known = self._known(place) if place else None
        if known:
            condition, certificates, key = known
            return PemFile(sys.intern(path), condition, certificates, key=key)
        link = self._link(place)
        condition, certificates, key = _unseen(Condition.MISSING) if is_missing else self._contents(path)
        for _ in range(_MOST_LOOKS - 1):
            before = link, is_missing
            place, is_missing = self._itself(path, anew=True)
            link = self._link(place)
            if before == (link, is_missing):
                break
            condition, certificates, key = self._contents(path)
        if condition is Condition.MISSING and link is not None:
            condition = Condition.DANGLING
        return PemFile(sys.intern(path), condition, certificates, link, key)

    def _itself(self, path: str, *, anew: bool = False) -> tuple[Place | None, bool]:
        """What is there under that very name, and whether it is known that nothing is."""
        try:
            return self._tree.itself(path, anew=anew), False
        except OSError as error:
            return None, error.errno in MISSING

    def _known(self, place: Place) -> Contents | None:
        """What a file holds that is no link, and is as it was."""
        found = self._earlier.get(place.path) if place.is_unchanged and stat.S_ISREG(place.found.st_mode) else None
        if found:
            self.contents[sys.intern(place.path)] = found
        return found

    def _link(self, place: Place | None) -> str | None:
        try:
            text = self._tree.text(place) if place else None
        except OSError:
            return None
        return None if text is None else listing.plain_link(text)

    def _contents(self, path: str) -> Contents:
        try:
            place = self._tree.place(path)
            found = self._earlier.get(place.path) if place.is_unchanged else None
            if found is None:
                with self._tree.opened(place) as descriptor:
                    is_too_large = os.fstat(descriptor).st_size > LARGEST_FILE
                    found = _unseen(Condition.TOO_LARGE) if is_too_large else _scan(descriptor)
            self.contents[sys.intern(place.path)] = found
        except NotRegularError:
            return _unseen(Condition.NOT_REGULAR)
        except OutsideRootError:
            return _unseen(Condition.OUTSIDE_ROOT)
        except OSError as error:
            if error.errno in MISSING:
                return _unseen(Condition.MISSING)
            return _unseen(Condition.DENIED if error.errno in DENIED else Condition.UNREADABLE)
        return found


def embedded(number: int, data: bytes, *, is_key: bool) -> PemFile:
    """What a kubeconfig embeds, decoded. Of a key's data no certificate counts."""
    condition, certificates, key = pem.scan(data) if len(data) <= LARGEST_FILE else _unseen(Condition.TOO_LARGE)
    if is_key and condition is Condition.READ:
        condition, certificates = Condition.KEY_ONLY, ()
    return PemFile(f"#{number}", condition, certificates, key=key)


def _unseen(condition: Condition) -> Contents:
    return condition, (), KeyBlock.UNSEEN


def _scan(descriptor: int) -> Contents:
    scanner = PemScanner()
    offset, is_over = _read_on(descriptor, scanner)
    if not is_over:
        return *_told(scanner), scanner.key
    while scanner.is_in_begin_line and (data := os.read(descriptor, 1)):
        offset += 1
        scanner.feed(data)
    condition, certificates = _told(scanner)
    key = scanner.key
    if key is not KeyBlock.WHOLE:
        ending = _Ending(descriptor, offset)
        if ending.closes_key(scanner.awaited):
            key = KeyBlock.WHOLE
        elif not (scanner.awaited and ending.is_within_key(scanner.awaited)):
            key = KeyBlock.UNSEEN  # other text stands there, or another block: a key may stand before it
    return condition, certificates, key


def _told(scanner: PemScanner) -> tuple[Condition, tuple[bytes, ...]]:
    condition, certificates = scanner.result()
    return condition, tuple(map(_shared, certificates))


@lru_cache(maxsize=_SHARED)
def _shared(certificate: bytes) -> bytes:
    """The same bytes, once for all nodes: of a cluster they have its CA in common."""
    return certificate


def _read_on(descriptor: int, scanner: PemScanner) -> tuple[int, bool]:
    """Read until the scanner has enough; how many bytes that were, and whether it has.

    Within a line of base64 there is nothing to stop at: bites without a dash are fed together.
    """
    offset, held, least = 0, b"", 0
    while offset <= LARGEST_FILE and (data := os.read(descriptor, _BITE)):
        offset += len(data)
        held += data
        if b"-" not in data and len(held) <= least:
            continue
        if scanner.feed(held):
            return offset, True
        held, least = b"", scanner.indifferent
    return offset, bool(held) and scanner.feed(held)


class _Ending:
    """The end of a file, as far as it was read backwards, and never before ``floor``."""

    def __init__(self, descriptor: int, floor: int) -> None:
        self._descriptor = descriptor
        self._floor = floor
        self._at = os.fstat(descriptor).st_size
        self._text = b""

    def closes_key(self, awaited: bytes | None) -> bool:
        """Whether the END line of a key, the awaited one or any, is the last but for blanks and certificates."""
        while True:
            self._text = self._text.rstrip(_BLANKS)
            seen = self._text[-_BITE:]
            if seen == _KEY:
                return self._is_end(awaited)
            if seen == _CERTIFICATE:
                self._drop_certificate()
            elif not (_KEY.endswith(seen) or _CERTIFICATE.endswith(seen)) or not self._more():
                return False

    def is_within_key(self, awaited: bytes) -> bool:
        """Whether what was read last is of a key's body, or of the END line that was cut."""
        seen = self._text[-_BITE:]
        cuts = (awaited[:size] for size in range(len(awaited)))
        return any(seen.endswith(cut[-_BITE:]) and _BODY.fullmatch(seen[: -len(cut) or _BITE]) for cut in cuts)

    def _is_end(self, awaited: bytes | None) -> bool:
        while _END not in self._text:
            if len(self._text) > _LONGEST_END or not self._more():
                return False
        before, _, label = self._text.rpartition(_END)
        if awaited not in (None, _END + label):
            return False
        return before.endswith(b"\n") or (not before and self._more(1) and self._text.startswith(b"\n"))

    def _drop_certificate(self) -> None:
        while pem.BEGIN not in self._text and self._more():
            pass
        self._text = self._text.rpartition(pem.BEGIN)[0]

    def _more(self, size: int = _BITE) -> bool:
        size = min(size, self._at - self._floor)
        if size <= 0:
            return False
        self._at -= size
        self._text = os.pread(self._descriptor, size, self._at) + self._text
        return True
