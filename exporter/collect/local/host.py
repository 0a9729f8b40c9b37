"""The machine below a mounted root: its names, its boot, its sleep, its zone."""

from __future__ import annotations

import hashlib
import io
import re
import struct
import zoneinfo
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache

from exporter.collect.local import listing
from exporter.collect.local.rooted import RootedTree
from exporter.model.host import Host

_LARGEST = 64 * 1024
_HEAD = 512  # of timer_list, which goes on for every processor
_NANOSECONDS = 1e9
_ZONES = 256
_RULE = re.compile(rb"\n[A-Za-z0-9<>+,./:-]{4,64}\n\Z")
_NO_TABLE = struct.pack(">4sc15x6l", b"TZif", b"2", 0, 0, 0, 0, 1, 1) + bytes(7)  # header, and a type of local time


@dataclass(frozen=True, slots=True)
class Machine:
    """What does not change while nothing is written: all but ``zone``, and the rule by which that goes."""

    host: Host
    rule: bytes | None

    def at(self, now: float) -> Host:
        """The machine at ``now`` (epoch seconds)."""
        zone = None if self.rule is None else _offset(self.rule, now)
        return self.host if zone == self.host.zone else replace(self.host, zone=zone)


def read_host(tree: RootedTree, now: float) -> Host:
    """What is not there, not to be read or not plain text is left out. ``now``: when a zone's offset is asked for."""
    return read_machine(tree).at(now)


def read_machine(tree: RootedTree) -> Machine:
    """The same, at any moment."""
    stat = _lines(tree, "proc/stat")
    uptime = _word(tree, "proc/uptime")
    machine = _read(tree, "etc/machine-id", _LARGEST)
    host = Host(
        name=_word(tree, "etc/hostname") or _kernels_name(tree),
        system=_system(tree),
        machine=hashlib.sha256(machine).hexdigest() if machine else "",
        boot=_word(tree, "proc/sys/kernel/random/boot_id"),
        booted=next((int(line[6:]) for line in stat if line.startswith("btime ") and line[6:].isdecimal()), None),
        uptime=_seconds(uptime),
        awake=_awake(tree),
    )
    found = _RULE.search(_read(tree, "etc/localtime", _LARGEST))
    return Machine(host, found[0] if found else None)


def _read(tree: RootedTree, path: str, limit: int) -> bytes:
    try:
        return tree.read(path, limit)
    except OSError:
        return b""


def _lines(tree: RootedTree, path: str, limit: int = _LARGEST) -> list[str]:
    return _read(tree, path, limit).decode("ascii", "replace").split("\n")


def _word(tree: RootedTree, path: str) -> str:
    """The first word of a file's first line, where it is plain."""
    words = _lines(tree, path)[0].split()
    return listing.plain_or(words[0], "") if words else ""


def _kernels_name(tree: RootedTree) -> str:
    """The kernel tells each reader the name of its own UTS namespace: it counts where that is the node's."""
    try:
        is_ours = tree.readlink("proc/1/ns/uts") == tree.readlink("proc/self/ns/uts")
    except FileNotFoundError:  # no live /proc: a copy
        is_ours = True
    except OSError:
        is_ours = False
    return _word(tree, "proc/sys/kernel/hostname") if is_ours else ""


def _system(tree: RootedTree) -> str:
    for path in ("etc/os-release", "usr/lib/os-release"):
        for line in _lines(tree, path):
            if line.startswith("ID="):
                return listing.plain_or(line[3:].strip().strip("\"'"), "")
    return ""


def _seconds(text: str) -> float | None:
    whole, _, part = text.partition(".")
    return float(text) if whole.isdecimal() and (not part or part.isdecimal()) else None


def _awake(tree: RootedTree) -> float | None:
    """CLOCK_MONOTONIC of ``now at N nsecs``."""
    for line in _lines(tree, "proc/timer_list", _HEAD)[:4]:
        words = line.split(" ")
        if words[:2] == ["now", "at"] and words[3:] == ["nsecs"] and words[2].isdecimal():
            return int(words[2]) / _NANOSECONDS
    return None


@lru_cache(maxsize=_ZONES)
def _of_rule(rule: bytes) -> zoneinfo.ZoneInfo | None:
    """By the rule at the end of the node's own copy of its zone (tzfile(5)).

    That rule alone: the library reads for ever over tables that were made to hurt it.
    """
    try:
        return zoneinfo.ZoneInfo.from_file(io.BytesIO(2 * _NO_TABLE + rule))
    except (ValueError, OverflowError):
        return None


def _offset(rule: bytes, now: float) -> int | None:
    """Seconds east of UTC."""
    zone = _of_rule(rule)
    try:
        offset = datetime.fromtimestamp(now, UTC).astimezone(zone).utcoffset() if zone else None
    except (ValueError, OverflowError):
        return None
    return None if offset is None else int(offset.total_seconds())
