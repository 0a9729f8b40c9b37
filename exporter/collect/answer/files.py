"""An answer's lines on the store and on PEM files."""

from __future__ import annotations

from dataclasses import replace

from exporter.collect import pem
from exporter.collect.answer import words
from exporter.collect.answer.draft import Draft
from exporter.model.facts import Folder, StoreEntry
from exporter.model.files import Condition, FileKind, KeyBlock, PemFile

BEGIN_BLOCK, _END_BLOCK = pem.BEGIN.decode("ascii"), pem.END.decode("ascii")
_TYPES = {
    "-": FileKind.REGULAR,
    "l": FileKind.LINK,
    "d": FileKind.DIRECTORY,
    "p": FileKind.FIFO,
    "s": FileKind.SOCKET,
    "c": FileKind.CHARACTER,
    "b": FileKind.BLOCK,
}
# Whose paths are the configuration's, which may hold anything; all others are the node's.
_CONFIGURED = ("client", "dated", "serving")
_MOST_FILES = 256
_LARGEST_ID = 2**32 - 1


def read_entry(rest: str, draft: Draft) -> None:
    """``entry MODE UID GID SIZE MTIME PATH``."""
    mode, uid, gid, size, modified, path = rest.split(" ", 5)
    letter, bits = words.mode(mode)
    draft.entries.append(
        StoreEntry(
            name=words.name(path.rpartition("/")[2]),
            kind=_TYPES[letter],
            mode=bits,
            uid=words.number(uid, _LARGEST_ID),
            gid=words.number(gid, _LARGEST_ID),
            size=words.number(size),
            modified=None if modified == words.UNKNOWN else words.signed(modified),
        )
    )


def read_folder(rest: str, draft: Draft) -> None:
    """``folder WORD VALUE...``; a word that this reader does not know is passed over."""
    word, _, value = rest.partition(" ")
    values = value.split(" ")
    folder = draft.folder or Folder()
    match word:
        case "stat":
            mode, uid, gid = values
            owner, group = words.number(uid, _LARGEST_ID), words.number(gid, _LARGEST_ID)
            folder = replace(folder, mode=words.mode(mode)[1], uid=owner, gid=group)
        case "writable":
            folder = replace(folder, writable=words.yes(value))
        case "free":
            kilobytes, files = (words.optional(one) for one in values)
            folder = replace(folder, bytes_free=None if kilobytes is None else kilobytes * 1024, files_free=files)
        case "mount":
            filesystem, access = values
            folder = replace(folder, filesystem=words.plain(filesystem), read_only={"ro": True, "rw": False}[access])
        case "label":
            folder = replace(folder, label=words.plain(value))
    draft.folder = folder


def read_file(rest: str, draft: Draft) -> None:
    """``file ROLE CONDITION PATH``."""
    role, condition, path = rest.split(" ", 2)
    if len(draft.files) == _MOST_FILES:
        raise ValueError("too many files")
    if role == "data":
        words.datum(path)
    elif role not in _CONFIGURED and not _is_in_store(path, draft):
        path = words.path(path)
    draft.files.append((role, PemFile(path, Condition(condition))))
    draft.spoilt = False


def _is_in_store(path: str, draft: Draft) -> bool:
    """Whether a path is a name in the configured folder, which may be called anything."""
    folder, _, name = path.rpartition("/")
    return [folder] == draft.paths.get("store") and bool(words.name(name))


def read_link(rest: str, draft: Draft) -> None:
    role, file = draft.files[-1]
    draft.files[-1] = role, replace(file, link=words.plain(rest))


def read_key(rest: str, draft: Draft) -> None:
    """``key whole|cut|none``, of the last file."""
    role, file = draft.files[-1]
    draft.files[-1] = role, replace(file, key=KeyBlock(rest))


def read_pair(rest: str, draft: Draft) -> None:
    """``pair yes|no CERTIFICATE KEY``: paths, or the numbers of data."""
    same, certificate, key = rest.split(" ")
    ends = (words.datum(path) if path.startswith("#") else words.plain(path) for path in (certificate, key))
    draft.pairs.append((*ends, words.yes(same)))  # type: ignore[arg-type]  # two paths


def read_block(line: str, draft: Draft) -> None:
    """A line of a certificate block, its BEGIN and END lines among them."""
    if draft.block is None:
        draft.block = []
    elif line == _END_BLOCK:
        role, file = draft.files[-1]
        certificate = pem.decode(draft.block)
        draft.block = None
        draft.spoilt = draft.spoilt or certificate is None
        if certificate is None and not file.certificates:
            draft.files[-1] = role, replace(file, condition=Condition.MALFORMED)
        elif certificate is not None and file.condition is Condition.READ and not draft.spoilt:
            draft.files[-1] = role, replace(file, certificates=(*file.certificates, certificate))
    else:
        draft.block.append(line.encode("ascii"))
