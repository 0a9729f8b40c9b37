"""An answer's lines on the kubelet's own files, and what they come to."""

from __future__ import annotations

from dataclasses import replace

from exporter.collect.answer import words
from exporter.collect.answer.draft import DocumentDraft, Draft
from exporter.collect.documents import kubeconfig, kubelet_config
from exporter.collect.documents.outline import DATA, EMPTY, HIDDEN, KEYS, MOST_LINES, OTHER, VALUES, Line
from exporter.model.kubelet_files import ConfigFile, Document, DocumentCondition, Kubeconfig

_MOST_DOCUMENTS = 64
_WIDEST = 4096  # columns
_LARGEST_ID = 2**32 - 1


def read_document(rest: str, draft: Draft) -> None:
    """``document ROLE CONDITION PATH``."""
    role, condition, path = rest.split(" ")
    if len(draft.documents) == _MOST_DOCUMENTS:
        raise ValueError("too many documents")
    draft.documents.append(DocumentDraft(role, Document(words.path(path), DocumentCondition(condition))))


def read_stat(rest: str, draft: Draft) -> None:
    """``stat MODE UID GID SIZE MTIME``, of the last document."""
    mode, uid, gid, size, modified = rest.split(" ")
    last = draft.documents[-1]
    last.document = replace(
        last.document,
        mode=words.mode(mode)[1],
        uid=words.number(uid, _LARGEST_ID),
        gid=words.number(gid, _LARGEST_ID),
        size=words.number(size),
        modified=None if modified == words.UNKNOWN else words.signed(modified),
    )


def read_writable(rest: str, draft: Draft) -> None:
    last = draft.documents[-1]
    last.document = replace(last.document, writable=words.yes(rest))


def read_line(rest: str, draft: Draft) -> None:
    """``line INDENT DASH KEY VALUE``, of the last document.

    A value may stand only behind a key whose values are told; of a key that this reader does not know it is dropped.
    """
    indent, dash, key, value = rest.split(" ")
    last = draft.documents[-1]
    if len(last.lines) == MOST_LINES:
        raise ValueError("too many lines")
    if key not in KEYS and key != OTHER:
        words.plain(key)
        key, value = OTHER, EMPTY if value == EMPTY else HIDDEN
    if value.startswith("#") and key in DATA:
        words.datum(value)
    elif value not in (EMPTY, HIDDEN):
        if key not in VALUES or value == words.UNSHOWABLE:
            raise ValueError("a value that is never told")
        words.plain(value)
    last.lines.append(Line(words.number(indent, _WIDEST), {"-": True, ".": False}[dash], key, value))


def kubeconfig_of(draft: Draft, role: str) -> Kubeconfig | None:
    """What the kubeconfig of a role comes to; None where there is none."""
    found = next((one for one in draft.documents if one.role == role), None)
    return kubeconfig.parse(found.document, found.lines, draft.find) if found else None


def config_of(draft: Draft) -> tuple[ConfigFile, ...]:
    """The configuration, then its drop-ins in the order of Go's filepath.WalkDir, whatever order they were told in."""
    configs = [one for one in draft.documents if one.role == "config"]
    drop_ins = sorted(
        (one for one in draft.documents if one.role == "drop_in"), key=lambda one: one.document.path.split("/")
    )
    return (
        *(kubelet_config.parse(one.document, one.lines) for one in configs),
        *(kubelet_config.parse(one.document, one.lines, is_drop_in=True) for one in drop_ins),
    )
