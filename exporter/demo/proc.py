"""A process as Linux shows it below /proc: a snapshot in plain files, for readers that look at a mounted root."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

HERTZ = 100  # CLK_TCK on every Linux of today
DAY = 86400
_INIT = 1
_FIRST = 742
_ROOT_MOUNT = "25 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw"
_RUN_MOUNT = "27 25 0:24 / /run rw,nosuid,nodev shared:5 - tmpfs tmpfs rw,size=812844k,mode=755"


@dataclass(frozen=True, slots=True)
class Process:
    """One process: its name (``comm``), its whole command line, and how long ago it started, in seconds.

    ``root`` is where its own mount namespace has its root, as the node sees it; None: it lives in the node's.
    """

    name: str
    command: tuple[str, ...]
    age: float
    root: str | None = None
    zone: str | None = None  # TZ
    uid: int = 0
    secret: str = ""  # in its environment


@dataclass(frozen=True, slots=True)
class Machine:
    """What /proc tells of the machine: how long it has been up and how much of that it slept, in seconds."""

    up: float = 400 * DAY
    slept: float = 0.0


def write(proc: Path, now: int, name: str, machine: Machine, processes: list[Process]) -> None:
    """Fill ``proc``, the /proc of a machine called ``name``, as it was at ``now``."""
    booted = now - int(machine.up)
    awake = int((machine.up - machine.slept) * 1e9)
    _put(proc / "stat", f"cpu  80161 211 50318 9120518 1911 0 911 0 0 0\nbtime {booted}\nprocesses 118230\n")
    _put(proc / "uptime", f"{machine.up:.2f} {machine.up * 1.9:.2f}\n")
    _put(proc / "timer_list", f"Timer List Version: v0.10\n\nnow at {awake} nsecs\n\ncpu: 0\n")
    _put(proc / "sys/kernel/hostname", f"{name}\n")
    _put(proc / "sys/kernel/random/boot_id", f"{uuid.uuid5(uuid.NAMESPACE_DNS, f'{name} {booted}')}\n")
    init = Process("systemd", ("/sbin/init",), machine.up)
    for pid, process in [(_INIT, init), *enumerate(processes, _FIRST)]:
        _process(proc / str(pid), pid, process, booted, now)
    _put(proc / "self/mountinfo", f"{_ROOT_MOUNT}\n{_RUN_MOUNT}\n")


def start_again(proc: Path, now: float, up: float) -> None:
    """The first process after init is a new one, ``up`` seconds old."""
    folder = proc / str(_FIRST)
    booted = float((proc / "stat").read_text().partition("btime ")[2].split()[0])
    name = (folder / "comm").read_text().rstrip()
    new = folder / "stat.new"
    _put(new, _stat(_FIRST, name, now - up - booted))
    new.rename(folder / "stat")


def _stat(pid: int, name: str, since_boot: float) -> str:
    """proc_pid_stat(5): field 22 is the start, in ticks since the boot."""
    parent = 0 if pid == _INIT else _INIT
    before = f"{pid} ({name}) S {parent} {pid} {pid} 0 -1 4194560 2101 0 12 0 911 402 0 0 20 0 14 0"
    return f"{before} {int(since_boot * HERTZ)} 1935273984 25571 18446744073709551615 {' '.join(['0'] * 27)}\n"


def _process(folder: Path, pid: int, process: Process, booted: int, now: int) -> None:
    parent = 0 if pid == _INIT else _INIT
    _put(folder / "stat", _stat(pid, process.name, now - process.age - booted))
    _put(folder / "comm", f"{process.name}\n")
    _put(folder / "cmdline", "".join(f"{word}\0" for word in process.command))
    _put(
        folder / "status",
        f"Name:\t{process.name}\nState:\tS (sleeping)\nPid:\t{pid}\nPPid:\t{parent}\n"
        f"Uid:\t{process.uid}\t{process.uid}\t{process.uid}\t{process.uid}\nGid:\t0\t0\t0\t0\n",
    )
    zone = [f"TZ={process.zone}"] if process.zone else []
    secret = [f"SECRET={process.secret}"] if process.secret else []
    _put(folder / "environ", "".join(f"{word}\0" for word in ("PATH=/usr/bin:/bin", *secret, *zone)), 0o400)
    _put(folder / "mountinfo", f"{_ROOT_MOUNT}\n{_RUN_MOUNT}\n")
    (folder / "ns").mkdir()
    (folder / "ns/mnt").symlink_to("mnt:[4026531841]" if process.root is None else f"mnt:[40265327{pid:02}]")
    (folder / "root").symlink_to(process.root or "/")


def _put(path: Path, content: str, mode: int = 0o444) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    path.chmod(mode)
