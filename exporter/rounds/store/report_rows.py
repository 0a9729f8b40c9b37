"""A report as the store's rows: JSON, and apart from it what moves with every visit, and what many nodes have alike.

Most visits find what the one before found, and only their moments are new. So those have columns of their own, of a
hundred bytes, and the JSON is written again only when something else changed.

The kubelets of a fleet are alike, and so are their CA and how they would come back: each of these :data:`PARTS` is JSON
of its own, and read once for all nodes that have the same, which then share the object.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any, NamedTuple

from exporter.config.settings import Paths
from exporter.model.assessment import Certificate, Reading
from exporter.model.host import Process
from exporter.model.kubelet import Kubelet
from exporter.model.node import LocalAccess, Node, SshAccess
from exporter.model.report import NodeReport
from exporter.model.restart import Restart
from exporter.rounds.store.codec import Codec, Plain, UnreadableError, changing

_NAME = "node_name"  # of the kubelet
OF_REPORT = ("last_visit", "duration", "failures", "last_success", "clock_offset", "met")
OF_READING = ("taken", "witness", "node_clock", "excused_until")
MOMENTS = (
    *OF_REPORT,
    *(f"client_{name}" for name in OF_READING),
    *(f"serving_{name}" for name in OF_READING),
    "process_started",
)

PARTS = ("kubelet", "restart", "process", "authority")

_CODEC = Codec(NodeReport, ("node", *PARTS), {NodeReport: OF_REPORT, Reading: OF_READING})
# what is a node's own even there stands elsewhere: among the moments, and in the report
_OF_PARTS: tuple[Codec[Any], ...] = (
    Codec(Kubelet, apart={Kubelet: (_NAME,)}),
    Codec(Restart),
    Codec(Process, apart={Process: ("started",)}),
    Codec(Certificate),
)
_named, _started = changing(Kubelet, _NAME), changing(Process, "started")
_parts = attrgetter(*PARTS)
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


def texts(report: NodeReport) -> tuple[str | None, ...]:
    """All but its node and its moments, as JSON: the report, then each of :data:`PARTS`, None where it has none."""
    plain = _CODEC.plain(report)
    if report.kubelet and report.kubelet.node_name is not None:
        plain[_NAME] = report.kubelet.node_name
    pairs = zip(_OF_PARTS, _parts(report), strict=True)
    return _dump(plain), *(None if part is None else _dump(codec.plain(part)) for codec, part in pairs)


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


class Stored(NamedTuple):
    """A node's rows: how it was read, its report and parts as JSON, and its moments since."""

    read_as: str
    texts: Sequence[str | None]
    moments: Sequence[float | None]


class Restoring:
    """Reports again, as long as it is used: what is alike is one object."""

    def __init__(self) -> None:
        self._seen: tuple[dict[str, Any], ...] = tuple({} for _ in PARTS)

    def report(self, node: Node, stored: Stored) -> NodeReport:
        """Of the node as the inventory has it now. Raises UnreadableError.

        Where it is read in another way than it was, no visit has looked there yet; its dates stay.
        """
        own, *parts = stored.texts
        try:
            plain = _load(own or "")
            _move(plain, stored.moments)
            name = plain.get(_NAME)
        except (ValueError, TypeError, AttributeError) as error:
            raise UnreadableError(str(error)) from error
        kubelet, restart, process, authority = (
            None if text is None else self._part(place, text) for place, text in enumerate(parts)
        )
        if kubelet and type(name) is str:
            kubelet = _named(kubelet, name)
        started = stored.moments[-1]
        if process and started is not None:
            process = _started(process, started)
        report = _CODEC.value(plain, node=node, kubelet=kubelet, restart=restart, process=process, authority=authority)
        return report.read_alike(node) if way(node) == stored.read_as else report.read_elsewhere(node)

    def _part(self, place: int, text: str) -> Any:
        """None where it cannot be read."""
        seen = self._seen[place]
        if text not in seen:
            try:
                seen[text] = _OF_PARTS[place].value(_load(text))
            except ValueError:  # no JSON, or UnreadableError
                seen[text] = None
        return seen[text]


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


def _is_same_reading(before: Reading | None, after: Reading | None) -> bool:
    if before is None or after is None:
        return before is after
    return bool(_rest_of_reading(before) == _rest_of_reading(after))


def _is_same_process(before: Process | None, after: Process | None) -> bool:
    if before is None or after is None:
        return before is after
    return bool(_rest_of_process(before) == _rest_of_process(after))
