"""A path that a document of the kubelet's names, as the kubelet would open it."""

from __future__ import annotations

import posixpath

from exporter.collect.documents.outline import HIDDEN, Tree

UNSHOWABLE = "?"  # it is not plain text: nobody looks there


def named_path(value: Tree, folder: str) -> str | None:
    """Absolute, from ``folder``; None where none is named. A relative one is cleaned as Go's filepath.Join does."""
    if not isinstance(value, str):
        return None
    if value == HIDDEN:
        return UNSHOWABLE
    return value if value.startswith("/") or not folder else posixpath.normpath(posixpath.join(folder, value))
