"""A node script's answer to :class:`NodeFacts`.

The answer is lines between a start and an end mark that carry ``major.minor``; what stands around them (a profile, a
motd) is passed over, and so are lines of the same major that this reader does not know. Anything that holds key
material is refused whole, before it is parsed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from exporter.collect import pem
from exporter.collect.key_material import holds_key_material
from exporter.config.settings import Paths
from exporter.errors import CollectError, Reason
from exporter.model.facts import DirectoryCondition, NodeClock, NodeFacts, StoreEntry, StoreFacts
from exporter.model.files import Condition, FileKind, PemFile

MAJORS_READ = (1,)
LARGEST_ANSWER = 256 * 1024
LONGEST_LINE = 4096

_MARK = re.compile(r"kubelet-cert-exporter answer (\d{1,4})\.(\d{1,4}) (begin|end)")
_END = re.compile(rb"^kubelet-cert-exporter answer \d{1,4}\.\d{1,4} end\r?\n", re.MULTILINE)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_BEGIN_BLOCK, _END_BLOCK = pem.BEGIN.decode("ascii"), pem.END.decode("ascii")
_TYPES = {
    "-": FileKind.REGULAR,
    "l": FileKind.LINK,
    "d": FileKind.DIRECTORY,
    "p": FileKind.FIFO,
    "s": FileKind.SOCKET,
    "c": FileKind.CHARACTER,
    "b": FileKind.BLOCK,
}


@dataclass(slots=True)
class _Draft:
    """The answer while its lines are read."""

    paths: dict[str, list[str]] = field(default_factory=dict)
    time: float | None = None
    uid: int | None = None
    script: str = ""
    directory: DirectoryCondition | None = None
    counts: dict[str, int] = field(default_factory=dict)
    entries: list[StoreEntry] = field(default_factory=list)
    files: list[tuple[str, PemFile]] = field(default_factory=list)
    block: list[bytes] | None = None
    spoilt: bool = False  # a block of this file was none: what follows it does not count

    def file(self, role: str) -> PemFile | None:
        return next((file for its_role, file in self.files if its_role == role), None)


def parse(output: bytes, paths: Paths, asked: float, answered: float) -> NodeFacts:
    """The facts of one answer. ``asked`` and ``answered`` are the exporter's clock around it, epoch seconds.

    Raises CollectError; its detail never holds what the node sent.
    """
    if holds_key_material(output):
        raise CollectError(Reason.KEY_MATERIAL, "the answer held a private key and was dropped")
    version, lines = _between_marks(output)
    draft = _Draft()
    for line in lines:
        try:
            _read(line, draft)
        except (ValueError, IndexError, KeyError, OverflowError) as error:
            raise CollectError(Reason.ANSWER_MALFORMED, f"a line beginning {_word(line)}") from error
    return _facts(draft, version, paths, asked, answered)


def is_whole(output: bytes) -> bool:
    """True once the end mark has arrived: nothing after it is waited for."""
    return _END.search(output[-LONGEST_LINE:]) is not None


def _between_marks(output: bytes) -> tuple[str, list[str]]:
    lines = output.split(b"\n")
    marks = [(number, match) for number, line in enumerate(lines) if (match := _mark(line))]
    begin = next(((number, match) for number, match in marks if match[3] == "begin"), None)
    if begin is None:
        raise CollectError(Reason.ANSWER_MISSING, "no start mark in the output")
    start, found = begin
    if int(found[1]) not in MAJORS_READ:
        raise CollectError(Reason.ANSWER_TOO_NEW, f"version {found[1]}.{found[2]}")
    end = next((number for number, match in marks if match[3] == "end" and number > start), None)
    if end is None:
        raise CollectError(Reason.ANSWER_TRUNCATED, "no end mark in the output")
    if any(len(line) > LONGEST_LINE for line in lines[start:end]):
        raise CollectError(Reason.ANSWER_MALFORMED, "an overlong line")
    try:
        return f"{found[1]}.{found[2]}", [line.decode("ascii").rstrip("\r") for line in lines[start + 1 : end]]
    except UnicodeDecodeError as error:
        raise CollectError(Reason.ANSWER_MALFORMED, "not ASCII") from error


def _mark(line: bytes) -> re.Match[str] | None:
    return _MARK.fullmatch(line.rstrip(b"\r").decode("ascii", "replace")) if len(line) < 80 else None


def _read(line: str, draft: _Draft) -> None:
    if draft.block is not None or line == _BEGIN_BLOCK:
        _read_block(line, draft)
        return
    word, _, rest = line.partition(" ")
    match word:
        case "time" | "uid" | "script":
            _read_fact(word, rest, draft)
        case "path":
            role, _, path = rest.partition(" ")
            draft.paths.setdefault(role, []).append(path)
        case "directory":
            draft.directory = DirectoryCondition(rest)
        case "count":
            role, number = rest.split(" ")
            draft.counts[role] = int(number)
        case "entry":
            draft.entries.append(_entry(rest))
        case "file":
            role, condition, path = rest.split(" ", 2)
            draft.files.append((role, PemFile(path, Condition(condition))))
            draft.spoilt = False
        case "link":
            role, file = draft.files[-1]
            draft.files[-1] = role, replace(file, link=rest)


def _read_fact(word: str, rest: str, draft: _Draft) -> None:
    """One of the facts that an answer tells once."""
    if word == "time":
        draft.time = float(int(rest))
    elif word == "uid":
        draft.uid = int(rest)
    else:
        draft.script = rest if _SHA256.fullmatch(rest) else ""


def _read_block(line: str, draft: _Draft) -> None:
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


def _entry(rest: str) -> StoreEntry:
    mode, uid, gid, size, modified, path = rest.split(" ", 5)
    return StoreEntry(
        name=path.rpartition("/")[2],
        kind=_TYPES[mode[0]],
        mode=_permissions(mode[1:10]),
        uid=int(uid),
        gid=int(gid),
        size=int(size),
        modified=None if modified == "-" else int(modified),
    )


def _permissions(text: str) -> int:
    """``rwsr-xr-t`` to its bits."""
    bits = 0
    for index, letter in enumerate(text):
        if letter in "rwxst":
            bits |= 1 << (8 - index)
        if letter in "sStT":
            bits |= 1 << (11 - index // 3)
    return bits


def _facts(draft: _Draft, version: str, paths: Paths, asked: float, answered: float) -> NodeFacts:
    echoed = {"store": [paths.store], "client": [paths.client], "serving": list(paths.serving)}
    client = draft.file("client")
    if draft.directory is None or draft.time is None or client is None or draft.block is not None:
        raise CollectError(Reason.ANSWER_MALFORMED, "a line that every answer has is missing")
    if any(draft.paths.get(role) != wanted for role, wanted in echoed.items()):
        raise CollectError(
            Reason.ANSWER_OTHER_PATHS, "the installed script reads other paths than the configuration names"
        )
    if any(file.condition is Condition.READ and not file.certificates for _, file in draft.files):
        raise CollectError(Reason.ANSWER_MALFORMED, "a file that was read, without its certificate")
    store = StoreFacts(
        path=paths.store,
        condition=draft.directory,
        entries=tuple(draft.entries),
        dated_client=draft.counts.get("client", 0),
        dated_server=draft.counts.get("server", 0),
        hidden=draft.counts.get("hidden", 0),
        newest=tuple(file for role, file in draft.files if role == "dated"),
    )
    return NodeFacts(
        taken=asked,
        store=store,
        client=client,
        serving=draft.file("serving"),
        clock=NodeClock(draft.time, asked, answered),
        script_version=version,
        script_sha256=draft.script,
        uid=draft.uid,
    )


def _word(line: str) -> str:
    """The first word of a line where it is one of ours to name: nothing of a node's text reaches the log."""
    word = line.partition(" ")[0]
    return (
        repr(word)
        if word in {"time", "uid", "path", "directory", "count", "entry", "file", "link"}
        else "with another word"
    )
