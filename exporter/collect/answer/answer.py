"""A node script's answer to :class:`NodeFacts`.

The answer is lines between a start and an end mark that carry ``major.minor``; what stands around them (a profile, a
motd) is passed over, and so are lines of the same major that this reader does not know. Anything that holds key
material is refused whole, before it is parsed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from exporter.collect.answer import documents, files, host, words
from exporter.collect.answer.draft import Draft
from exporter.collect.answer.key_material import holds_key_material
from exporter.config.settings import Paths
from exporter.errors import CollectError, Reason
from exporter.model.facts import DirectoryCondition, NodeClock, NodeFacts, StoreFacts
from exporter.model.files import Condition, PemFile
from exporter.model.host import Flags, Sight

MAJORS_READ = (1,)
LARGEST_ANSWER = 256 * 1024
LONGEST_LINE = 4096

_MARK = re.compile(r"kubelet-cert-exporter answer (\d{1,4})\.(\d{1,4}) (begin|end)")
_END = re.compile(rb"^kubelet-cert-exporter answer \d{1,4}\.\d{1,4} end\r?\n", re.MULTILINE)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LARGEST_ID = 2**32 - 1


def parse(output: bytes, paths: Paths, asked: float, answered: float, remembered: Flags = ()) -> NodeFacts:
    """The facts of one answer. ``asked`` and ``answered`` are the exporter's clock around it, epoch seconds.

    ``remembered`` are the kubelet's flags of an earlier visit: its own where this one saw no process.

    Raises CollectError; its detail never holds what the node sent.
    """
    if holds_key_material(output):
        raise CollectError(Reason.KEY_MATERIAL, "the answer held a private key and was dropped")
    version, lines = _between_marks(output)
    draft = Draft()
    for line in lines:
        try:
            _read(line, draft)
        except (ValueError, IndexError, KeyError, OverflowError) as error:
            raise CollectError(Reason.ANSWER_MALFORMED, f"a line beginning {_word(line)}") from error
    facts = _facts(draft, version, paths, asked, answered)
    if facts.process and facts.process.sight is not Sight.SEEN and remembered:
        return replace(facts, process=replace(facts.process, flags=remembered, remembered=True))
    return facts


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


def _read(line: str, draft: Draft) -> None:
    if draft.block is not None or line == files.BEGIN_BLOCK:
        files.read_block(line, draft)
        return
    word, _, rest = line.partition(" ")
    if read := _READERS.get(word):
        read(rest, draft)


def _read_time(rest: str, draft: Draft) -> None:
    draft.time = float(words.number(rest))


def _read_uid(rest: str, draft: Draft) -> None:
    draft.uid = words.number(rest, _LARGEST_ID)


def _read_script(rest: str, draft: Draft) -> None:
    draft.script = rest if _SHA256.fullmatch(rest) else ""


def _read_path(rest: str, draft: Draft) -> None:
    role, _, path = rest.partition(" ")
    draft.paths.setdefault(role, []).append(path)


def _read_at(rest: str, draft: Draft) -> None:
    """``at store DIRECTORY``, where the kubelet's own is another than the configured one."""
    role, path = rest.split(" ")
    if role == "store":
        draft.store = words.path(path)


def _read_directory(rest: str, draft: Draft) -> None:
    draft.directory = DirectoryCondition(rest)


def _read_count(rest: str, draft: Draft) -> None:
    role, number = rest.split(" ")
    draft.counts[role] = words.number(number)


_READERS: dict[str, Callable[[str, Draft], None]] = {
    "time": _read_time,
    "zone": host.read_zone,
    "uid": _read_uid,
    "script": _read_script,
    "host": host.read_host,
    "process": host.read_process,
    "service": host.read_service,
    "path": _read_path,
    "at": _read_at,
    "directory": _read_directory,
    "count": _read_count,
    "entry": files.read_entry,
    "folder": files.read_folder,
    "file": files.read_file,
    "link": files.read_link,
    "key": files.read_key,
    "document": documents.read_document,
    "stat": documents.read_stat,
    "writable": documents.read_writable,
    "line": documents.read_line,
    "pair": files.read_pair,
    "journal": host.read_journal,
}


def _facts(draft: Draft, version: str, paths: Paths, asked: float, answered: float) -> NodeFacts:
    client = draft.file("client")
    if draft.directory is None or draft.time is None or client is None or draft.block is not None:
        raise CollectError(Reason.ANSWER_MALFORMED, "a line that every answer has is missing")
    _check_paths(draft, paths)
    if any(file.condition is Condition.READ and not file.certificates for _, file in draft.files):
        raise CollectError(Reason.ANSWER_MALFORMED, "a file that was read, without its certificate")
    told_more = draft.process is not None  # every answer from 1.2 on
    return NodeFacts(
        taken=asked,
        store=_store(draft, draft.directory, paths),
        client=client,
        serving=draft.file("serving"),
        clock=NodeClock(draft.time, asked, answered),
        script_version=version,
        script_sha256=draft.script,
        uid=draft.uid,
        host=draft.host,
        process=host.process_of(draft),
        service=draft.service,
        kubeconfig=documents.kubeconfig_of(draft, "kubeconfig"),
        bootstrap=documents.kubeconfig_of(draft, "bootstrap"),
        config=documents.config_of(draft) if told_more else None,
        files=tuple(sorted(draft.of_role("pem"), key=_path)),
        pairs=tuple(draft.pairs),
        journal=None if draft.journal is None else tuple(draft.journal),
    )


def _check_paths(draft: Draft, paths: Paths) -> None:
    echoed = {"store": [paths.store], "client": [paths.client], "serving": list(paths.serving)}
    if any(draft.paths.get(role) != wanted for role, wanted in echoed.items()):
        raise CollectError(
            Reason.ANSWER_OTHER_PATHS, "the installed script reads other paths than the configuration names"
        )


def _store(draft: Draft, condition: DirectoryCondition, paths: Paths) -> StoreFacts:
    return StoreFacts(
        path=draft.store or paths.store,
        condition=condition,
        entries=tuple(draft.entries),
        dated_client=draft.counts.get("client", 0),
        dated_server=draft.counts.get("server", 0),
        hidden=draft.counts.get("hidden", 0),
        newest=tuple(sorted(draft.of_role("dated"), key=_path)),
        folder=draft.folder,
    )


def _path(file: PemFile) -> str:
    return file.path


def _word(line: str) -> str:
    """The first word of a line where it is one of ours to name: nothing of a node's text reaches the log."""
    word = line.partition(" ")[0]
    return repr(word) if word in _READERS else "with another word"
