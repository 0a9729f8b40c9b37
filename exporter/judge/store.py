"""What the kubelet's certificate store tells by its listing: the last rotation, past ones, and lost attempts.

client-go ``util/certificate/certificate_store.go`` writes ``kubelet-client-<date>.pem``, then moves the link; old files
stay for ever. A dated file newer than the link's target is an attempt that was signed and lost (rotation-truth 0.8).
The date in a name is local time of the kubelet, so mtimes decide where the node tells them.
"""

from __future__ import annotations

import posixpath
from collections import Counter

from exporter.judge.certificate import NotACertificate, parse
from exporter.model.assessment import OrphanCondition, StoreHistory
from exporter.model.facts import Condition, DirectoryCondition, FileKind, PemFile, StoreEntry, StoreFacts

CURRENT = "kubelet-client-current.pem"
UPDATED = "kubelet-client-updated.pem"
_NOT_DATED = (CURRENT, UPDATED)


def is_dated_client(name: str) -> bool:
    """True for ``kubelet-client-<date>.pem``."""
    return name.startswith("kubelet-client-") and name.endswith(".pem") and name not in _NOT_DATED


def entry(store: StoreFacts, name: str) -> StoreEntry | None:
    """The listing's line for ``name``."""
    return next((line for line in store.entries if line.name == name), None)


def history(store: StoreFacts, client: PemFile) -> StoreHistory | None:
    """The store's history; None where the store was not seen."""
    if store.condition is not DirectoryCondition.OK:
        return None
    target = entry(store, posixpath.basename(client.link)) if client.link else None
    return StoreHistory(
        last_rotation=target.modified if target else None,
        rotations_on_disk=store.dated_client,
        orphans=tuple(sorted(Counter(_orphans(store, target)).items())),
    )


def _orphans(store: StoreFacts, target: StoreEntry | None) -> list[OrphanCondition]:
    if target is None:
        return []
    read = {posixpath.basename(file.path): file for file in store.newest}
    return [
        _condition(line, read.get(line.name))
        for line in store.entries
        if is_dated_client(line.name) and line.kind is FileKind.REGULAR and _is_newer(line, target)
    ]


def _is_newer(line: StoreEntry, target: StoreEntry) -> bool:
    if line.name == target.name:
        return False
    if line.modified is None or target.modified is None or line.modified == target.modified:
        return line.name > target.name
    return line.modified > target.modified


def _condition(line: StoreEntry, file: PemFile | None) -> OrphanCondition:
    if line.size == 0:
        return OrphanCondition.EMPTY
    if file is None or file.condition is Condition.DENIED:
        return OrphanCondition.UNREAD
    if not file.certificates:
        return OrphanCondition.INVALID
    try:
        parse(file.certificates[0])
    except NotACertificate:
        return OrphanCondition.INVALID
    return OrphanCondition.VALID
