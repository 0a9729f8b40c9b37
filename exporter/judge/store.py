"""What the kubelet's certificate store tells by its listing: the last rotation, past ones, and lost attempts.

client-go ``util/certificate/certificate_store.go`` writes ``kubelet-client-<date>.pem``, then moves the link; old files
stay for ever. A dated file newer than the link's target is an attempt that was signed and lost (rotation-truth 0.8).
The date in a name is local time of the kubelet, so mtimes decide where the node tells them.
"""

from __future__ import annotations

import posixpath
from collections import Counter

from exporter.config.settings import is_dated
from exporter.judge.certificate import leaf
from exporter.judge.latest import latest
from exporter.model.assessment import OrphanCondition, StoreHistory
from exporter.model.facts import DirectoryCondition, StoreEntry, StoreFacts
from exporter.model.files import Condition, FileKind, KeyBlock, PemFile


def is_dated_client(name: str) -> bool:
    """True for ``kubelet-client-<date>.pem``."""
    return is_dated(name, "kubelet-client-")


def entry(store: StoreFacts, name: str) -> StoreEntry | None:
    """The listing's line for ``name``."""
    for line in store.entries:
        if line.name == name:
            return line
    return None


def in_use(store: StoreFacts, client: PemFile) -> StoreEntry | None:
    """The listing's line for the file that the kubelet uses: the link's target, or what stands in the link's place."""
    return entry(store, (client.link or client.path).rpartition("/")[2])


def history(store: StoreFacts, client: PemFile, serving: PemFile | None = None) -> StoreHistory | None:
    """The store's history; None where the store was not seen."""
    if store.condition is not DirectoryCondition.OK:
        return None
    return StoreHistory(
        last_rotation=_stored(store, client),
        rotations_on_disk=store.dated_client,
        orphans=tuple(sorted(Counter(condition for _, condition in orphans(store, client)).items())),
        last_serving_rotation=_stored(store, serving) if serving else None,
        serving_rotations_on_disk=store.dated_server,
    )


def _stored(store: StoreFacts, file: PemFile) -> int | None:
    """When the target of a store's link was written."""
    target = in_use(store, file) if file.link else None
    return target.modified if target else None


@latest
def orphans(store: StoreFacts, client: PemFile) -> list[tuple[StoreEntry, OrphanCondition]]:
    """Also where a regular file stands in place of the link: there they pile up (rotation-truth 4, no. 27)."""
    used = in_use(store, client)
    if used is None:
        return []
    read = {posixpath.basename(file.path): file for file in store.newest}
    return [
        (line, _condition(line, read.get(line.name)))
        for line in store.entries
        if is_dated_client(line.name) and line.kind is FileKind.REGULAR and _is_newer(line, used)
    ]


def _is_newer(line: StoreEntry, in_use: StoreEntry) -> bool:
    if line.name == in_use.name:
        return False
    if line.modified is None or in_use.modified is None or line.modified == in_use.modified:
        return line.name > in_use.name
    return line.modified > in_use.modified


def _condition(line: StoreEntry, file: PemFile | None) -> OrphanCondition:
    if line.size == 0:
        return OrphanCondition.EMPTY
    if file is None or file.condition is Condition.DENIED:
        return OrphanCondition.UNREAD
    is_whole = leaf(file) is not None and file.key not in (KeyBlock.CUT, KeyBlock.NONE)
    return OrphanCondition.VALID if is_whole else OrphanCondition.INVALID
