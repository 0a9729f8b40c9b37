"""A report as the store's rows: all of it as JSON, and apart from it what moves with every visit.

Most visits find what the one before found, and only their moments are new. So those have columns of their own, of a
hundred bytes, and the JSON is written again only when something else changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from operator import attrgetter

from exporter.config.settings import Paths
from exporter.errors import Reason
from exporter.model.assessment import Reading
from exporter.model.host import Process
from exporter.model.node import LocalAccess, Node, SshAccess
from exporter.model.report import NodeReport
from exporter.rounds.store.codec import Codec, Plain, UnreadableError

OF_REPORT = ("last_visit", "duration", "failures", "last_success", "clock_offset", "met")
OF_READING = ("taken", "witness", "node_clock", "excused_until")
MOMENTS = (
    *OF_REPORT,
    *(f"client_{name}" for name in OF_READING),
    *(f"serving_{name}" for name in OF_READING),
    "process_started",
)

_CODEC = Codec(NodeReport, ("node",), {NodeReport: OF_REPORT, Reading: OF_READING, Process: ("started",)})
_dump = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_dump_any = json.JSONEncoder(separators=(",", ":"), check_circular=False, default=repr).encode
_load = json.JSONDecoder().decode
_APART = ("node", *OF_REPORT, "client", "serving", "process")
_rest = attrgetter(*(field.name for field in fields(NodeReport) if field.name not in _APART))
_rest_of_reading = attrgetter(*(field.name for field in fields(Reading) if field.name not in OF_READING))
_rest_of_process = attrgetter(*(field.name for field in fields(Process) if field.name != "started"))
_of_ssh = attrgetter(*(field.name for field in fields(SshAccess) if field.name != "via"))
_of_paths = attrgetter(*(field.name for field in fields(Paths)))
_moments_of_report = attrgetter(*OF_REPORT)
_moments_of_reading = attrgetter(*OF_READING)
_NO_READING = (None,) * len(OF_READING)


def text(report: NodeReport) -> str:
    """All of it but its node and its moments, as JSON."""
    return _dump(_CODEC.plain(report))


def moments(report: NodeReport) -> tuple[float | None, ...]:
    """The values of :data:`MOMENTS`."""
    client, serving, process = report.client, report.serving, report.process
    return (
        *_moments_of_report(report),
        *(_moments_of_reading(client) if client else _NO_READING),
        *(_moments_of_reading(serving) if serving else _NO_READING),
        process.started if process else None,
    )


def is_moved_only(before: NodeReport, after: NodeReport) -> bool:
    """Whether nothing but moments differs."""
    return bool(
        _rest(before) == _rest(after)
        and _is_same_reading(before.client, after.client)
        and _is_same_reading(before.serving, after.serving)
        and _is_same_process(before.process, after.process)
    )


@dataclass(frozen=True, slots=True)
class Stored:
    """A node's rows: how it was read, its report as JSON, and its moments since."""

    read_as: str
    report: str
    moments: Sequence[float | None]


def restored(node: Node, stored: Stored) -> NodeReport:
    """The report again, of the node as the inventory has it now. Raises UnreadableError.

    Where it is read in another way than it was, no visit has looked there yet; its dates stay.
    """
    try:
        plain = _load(stored.report)
        _move(plain, stored.moments)
    except (ValueError, TypeError, AttributeError) as error:
        raise UnreadableError(str(error)) from error
    report = _CODEC.value(plain, node=node)
    if way(node) == stored.read_as:
        return report
    return replace(report, reason=Reason.NOT_YET_VISITED, detail="", last_visit=None, duration=None, failures=0)


def way(node: Node) -> str:
    """How a node is read, told apart from other ways by 64 bits: see :meth:`Node.is_read_as`."""
    access, paths, *others = node.how_read
    told = _dump_any((_way_of(access), _of_paths(paths), others))
    return hashlib.blake2b(told.encode("ascii"), digest_size=8).hexdigest()


def _way_of(access: object) -> object:
    """As tuples, which JSON can write."""
    if isinstance(access, SshAccess):
        via = access.via
        return _of_ssh(access), None if via is None else _way_of(via.access)
    return access.root if isinstance(access, LocalAccess) else access


def _move(plain: Plain, moved: Sequence[float | None]) -> None:
    """The moments in their places; spelled out, as loops take three times as long."""
    (
        plain["last_visit"],
        plain["duration"],
        plain["failures"],
        plain["last_success"],
        plain["clock_offset"],
        plain["met"],
    ) = moved[:6]
    for name, of_reading in (("client", moved[6:10]), ("serving", moved[10:14])):
        reading = plain.get(name)
        if type(reading) is dict:
            reading["taken"], reading["witness"], reading["node_clock"], reading["excused_until"] = of_reading
    process = plain.get("process")
    if type(process) is dict:
        process["started"] = moved[14]


def _is_same_reading(before: Reading | None, after: Reading | None) -> bool:
    if before is None or after is None:
        return before is after
    return bool(_rest_of_reading(before) == _rest_of_reading(after))


def _is_same_process(before: Process | None, after: Process | None) -> bool:
    if before is None or after is None:
        return before is after
    return bool(_rest_of_process(before) == _rest_of_process(after))
