"""A certificate store as it is opened: recovery first, then the pair that it gives.

client-go ``util/certificate/certificate_store.go``, ``recover`` and ``Current``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from exporter.judge.restart.outcome import dies, unseen
from exporter.judge.restart.pem import Pair, every, exists
from exporter.judge.restart.view import View
from exporter.model.files import Condition, FileKind, PemFile
from exporter.model.restart import Restart, RestartReason


def recovery(view: View, prefix: str) -> Iterator[Restart]:
    """What recovery fails of; only a ``current`` that is absent or dangles is recovered."""
    current, updated = view.path(f"{prefix}-current.pem"), view.path(f"{prefix}-updated.pem")
    is_there = exists(view.file(current))
    if is_there or (view.is_listed and view.listed(f"{prefix}-updated.pem") is None):
        return
    if not view.is_listed or is_there is None:
        yield unseen(current if view.is_listed else f"the files in {view.kubelet.store}")
    elif not _is_link(view, prefix):
        yield dies(
            RestartReason.UPDATED_REGULAR_FILE,
            f"{current} is not there, and {updated} is a regular file instead of a link: the store cannot be opened.",
        )
    elif view.is_writable is False:
        yield dies(
            RestartReason.STORE_NOT_WRITABLE,
            f"{current} is not there, and {updated} cannot take its place: {view.kubelet.store} is not writable.",
        )
    elif view.is_writable is None:
        yield unseen(f"whether {view.kubelet.store} can be written")


def recovered(view: View, prefix: str) -> View:
    """The node once the store was opened: where ``current`` was not there, ``updated`` has become it.

    Where that was not seen, what ``current`` holds is not known, whoever else tells of it.
    """
    current = view.path(f"{prefix}-current.pem")
    is_there = exists(view.file(current))
    if is_there:
        return view
    if is_there is None or not view.is_listed:
        return replace(view, healed=PemFile(current, Condition.UNREADABLE))
    if not _is_link(view, prefix):
        return view
    return replace(view, healed=replace(view.file(view.path(f"{prefix}-updated.pem")), path=current))


@dataclass(frozen=True, slots=True)
class Found:
    """The store's pair; ``unseen`` is the path that would have told it."""

    pair: Pair | None
    unseen: str = ""


def pair_of(view: View, prefix: str, named: Pair | None) -> Found:
    """The first pair that exists: ``current``, the two files ``named`` elsewhere, the two of fixed names."""
    current = view.file(view.path(f"{prefix}-current.pem"))
    fixed = Pair(view.file(view.path(f"{prefix}.crt")), view.file(view.path(f"{prefix}.key")))
    for pair in (Pair(current, current), named, fixed):
        if pair is None:
            continue
        is_there = every([exists(pair.certificate), exists(pair.key)])
        if is_there is None:
            return Found(None, (pair.certificate if exists(pair.certificate) is None else pair.key).path)
        if is_there:
            return Found(pair)
    return Found(None)


def is_current(view: View, prefix: str, pair: Pair) -> bool:
    """Whether a pair is what the store's link leads to."""
    return pair.certificate.path == view.path(f"{prefix}-current.pem")


def _is_link(view: View, prefix: str) -> bool:
    entry = view.listed(f"{prefix}-updated.pem")
    return entry is not None and entry.kind is FileKind.LINK
