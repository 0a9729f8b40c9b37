"""An answer's lines on the machine and the process; words that this reader does not know are passed over."""

from __future__ import annotations

import re
from dataclasses import replace

from exporter.collect.answer import words
from exporter.collect.answer.draft import Draft
from exporter.model.host import Host, JournalLine, JournalSign, Process, Service, Sight

# The kubelet's flags that are ever told; `rotate-*` are booleans, the others paths and a name.
FLAGS = frozenset(
    (
        *("kubeconfig", "bootstrap-kubeconfig", "config", "config-dir", "cert-dir", "root-dir", "hostname-override"),
        *("tls-cert-file", "tls-private-key-file", "client-ca-file"),
        *("rotate-certificates", "rotate-server-certificates"),
    )
)
MOST_FLAGS = 64
_SIGHTS = {str(sight): sight for sight in Sight}
_SIGNS = {str(sign): sign for sign in JournalSign}
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MOST_TICKS = 10_000
_LARGEST_ID = 2**32 - 1


def read_zone(rest: str, draft: Draft) -> None:
    draft.host = replace(draft.host or Host(), zone=words.zone(rest))


def read_host(rest: str, draft: Draft) -> None:
    """``host WORD VALUE``."""
    word, _, value = rest.partition(" ")
    host = draft.host or Host()
    match word:
        case "name":
            host = replace(host, name=_shown(value))
        case "system":
            host = replace(host, system=_shown(value))
        case "machine":
            host = replace(host, machine=value if _SHA256.fullmatch(value) else "")
        case "boot":
            host = replace(host, boot=_shown(value))
        case "booted":
            host = replace(host, booted=words.number(value))
        case "uptime":
            host = replace(host, uptime=words.decimal(value))
        case "awake":
            host = replace(host, awake=words.number(value) / 1e9)
    draft.host = host


def read_process(rest: str, draft: Draft) -> None:
    """``process seen NAME COUNT`` or another sight; then what is known of it, a word a line."""
    word, _, value = rest.partition(" ")
    if sight := _SIGHTS.get(word):
        name, count = value.split(" ") if sight is Sight.SEEN else ("", "0")
        draft.process = Process(sight, name and words.plain(name), words.number(count, _LARGEST_ID))
        return
    process = draft.process
    if process is None:
        raise ValueError("no process yet")
    match word:
        case "started":
            ticks, per_second = value.split(" ")
            draft.started = words.number(ticks), max(1, words.number(per_second, _MOST_TICKS))
        case "uid":
            process = replace(process, uid=words.number(value, _LARGEST_ID))
        case "zone":
            process = replace(process, zone=_shown(value) or None)
        case "label":
            process = replace(process, label=_shown(value) or None)
        case "mounts":
            process = replace(process, own_mounts={"own": True, "shared": False}[value])
        case "flag":
            process = _with_flag(process, value)
    draft.process = process


def _with_flag(process: Process, text: str) -> Process:
    name, value = text.split(" ")
    if name not in FLAGS:
        return process
    if len(process.flags) == MOST_FLAGS:
        raise ValueError("too many flags")
    return replace(process, flags=(*process.flags, (name, _flag_value(value))))


def _flag_value(value: str) -> str:
    """``-`` stands for an empty one; all else with a dash before it is another flag, and dropped."""
    if value.startswith("-"):
        return "" if value == words.UNKNOWN else words.UNSHOWABLE
    return words.plain(value)


def read_service(rest: str, draft: Draft) -> None:
    """``service UNIT ACTIVE SUB RESTARTS STATUS``."""
    unit, active, sub, restarts, status = rest.split(" ")
    draft.service = Service(
        unit=words.unit(unit),
        active=_known(active),
        sub=_known(sub),
        restarts=words.optional(restarts),
        status=words.optional(status),
    )


def read_journal(rest: str, draft: Draft) -> None:
    """``journal SIGN COUNT``; ``none`` stands where the journal was read, whatever it held."""
    sign, count = rest.split(" ")
    draft.journal = draft.journal or []
    if known := _SIGNS.get(sign):
        draft.journal.append(JournalLine(known, words.number(count)))


def process_of(draft: Draft) -> Process | None:
    """The process with its start by the node's clock: boot and ticks since."""
    booted = draft.host.booted if draft.host else None
    if draft.process is None or draft.started is None or booted is None:
        return draft.process
    ticks, per_second = draft.started
    return replace(draft.process, started=booted + ticks / per_second)


def _shown(text: str) -> str:
    return "" if words.plain(text) == words.UNSHOWABLE else text


def _known(text: str) -> str:
    return "" if text == words.UNKNOWN else words.plain(text)
