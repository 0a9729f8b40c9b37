"""A tree of the corpus as a machine: its files as the root, its kubelet as a real process, read through each transport.

A machine has its own mounts, processes and host name; the tree is the lower layer of an overlay, so nothing is written
to it. What needs a kubelet that is older than a test is read from the tree's own static /proc instead.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from exporter.demo.proc import Process
from tests.corpus.tree import Tree
from tests.sshd import IS_ROOT

SHELLS = {name: path for name in ("dash", "bash", "busybox") if (path := shutil.which(name))}
NOBODY = "65534"
_WORDS = {"busybox": ("busybox", "sh")}
_PATIENCE = 60.0
_ROOT = "/mnt/root"
_FURNISH = """
set -eu
read -r outer _ </proc/self/stat
exec 9<&0
mount -t tmpfs -o mode=755 corpus /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay -o "lowerdir={tree},upperdir=/mnt/upper,workdir=/mnt/work" corpus /mnt/root
cd /mnt/root
mkdir -p usr dev proc opt/corpus
mount --rbind /usr usr
mount --rbind /dev dev
mount -t proc proc proc
for one in bin sbin lib lib32 lib64; do
    if [ -L "/$one" ]; then
        ln -s "$(readlink "/$one")" "$one"
    elif [ -d "/$one" ]; then
        mkdir "$one"
        mount --rbind "/$one" "$one"
    fi
done
hostname {name}
{more}
echo "$outer"
exec sleep infinity
"""
# A shell that waits: its name is the file's, its flags are its own.
_START = """
printf '#!/bin/sh\\nread -r _\\n' >"opt/corpus/{name}"
chmod 755 "opt/corpus/{name}"
{zone}{mounts} "/opt/corpus/{name}" {words} <&9 &
until [ "$(cat "proc/$!/comm")" = {name} ]; do sleep 0.01; done
"""
_OWN_MOUNTS = """
for one in *; do
    [ -e "{root}/$one" ] && continue
    if [ -L "$one" ]; then
        cp -P "$one" "{root}"
    else
        mkdir "{root}/$one"
        mount --rbind "$one" "{root}/$one"
    fi
done
cd {root}
exec chroot . "$@"
"""
_READ_ONLY = """
mount --bind {path} {path}
mount -o remount,bind,ro {path}
"""
_TMPFS = """
mount -t tmpfs tmpfs {path}
cp -a "{tree}/{path}/." {path}
"""
_FULL = """
mkdir /mnt/full
mount -t tmpfs -o size=64k full /mnt/full
mkdir /mnt/full/upper /mnt/full/work
mount -t overlay -o "lowerdir={tree}/{path},upperdir=/mnt/full/upper,workdir=/mnt/full/work" full {path}
cat /dev/zero >/mnt/full/upper/filler 2>/mnt/why || grep -q 'No space' /mnt/why
"""


@cache
def why_no_machines() -> str:
    """Why machines cannot be had here; nothing where they can."""
    if not IS_ROOT:
        return "machines of their own need root (mount and process namespaces)"
    script = "mkdir /mnt/a /mnt/b /mnt/c && mount -t overlay -o lowerdir=/etc,upperdir=/mnt/a,workdir=/mnt/b x /mnt/c"
    command = ["unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child", "sh", "-c"]
    tried = subprocess.run(
        [*command, f"mount -t tmpfs x /mnt && {script}"], capture_output=True, text=True, timeout=30, check=False
    )
    return "" if tried.returncode == 0 else f"no namespaces with overlays here: {tried.stderr.strip()}"


@dataclass(frozen=True, slots=True)
class CorpusMachine:
    """One such machine while it is up; ``pid`` is that of its first process, seen from here."""

    pid: int

    @property
    def root(self) -> str:
        """Its root, seen from here."""
        return f"/proc/{self.pid}/root{_ROOT}"

    @property
    def entering(self) -> list[str]:
        """The command that runs another within."""
        return ["nsenter", "--target", str(self.pid), "--mount", "--uts", "--pid", "--root", "--", "chroot", _ROOT]


@contextlib.contextmanager
def machine(tree: Tree) -> Iterator[CorpusMachine]:
    """A machine with this tree for as long as the block lasts."""
    parts = [
        *(_start(process) for process in tree.processes),
        *(_TMPFS.format(tree=tree.root, path=shlex.quote(path.lstrip("/"))) for path in tree.tmpfs),
        *(_FULL.format(tree=tree.root, path=shlex.quote(path.lstrip("/"))) for path in tree.full),
        *(_READ_ONLY.format(path=shlex.quote(path.lstrip("/"))) for path in tree.read_only),
    ]
    script = _FURNISH.format(tree=tree.root, name=shlex.quote(tree.name), more="".join(parts))
    keeper = subprocess.Popen(
        ["unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child", "sh", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert keeper.stdout
        told = keeper.stdout.readline()
        assert told.strip().isdigit(), f"the machine did not come up: {told!r}"
        yield CorpusMachine(int(told))
    finally:
        keeper.kill()
        keeper.communicate(timeout=_PATIENCE)


def _start(process: Process) -> str:
    words = " ".join(shlex.quote(word) for word in process.command[1:])
    zone = f"TZ={shlex.quote(process.zone)} " if process.zone else ""
    mounts = "chroot ."
    if process.root:
        within = _OWN_MOUNTS.format(root=shlex.quote(f"./{process.root.lstrip('/')}"))
        mounts = f"unshare --mount sh -euc {shlex.quote(within)} sh"
    return _START.format(name=process.name, zone=zone, mounts=mounts, words=words)


def answers(script: str, within: CorpusMachine | None = None) -> dict[str, bytes]:
    """What the node script answers in each shell, within a machine or in this one; all shells at once."""
    enter = within.entering if within else []
    running = {shell: _run([*enter, *_WORDS.get(shell, (shell,)), "-s"]) for shell in SHELLS}
    return {shell: one.communicate(script.encode("ascii"), timeout=_PATIENCE)[0] for shell, one in running.items()}


def answer_to_nobody(script: str, within: CorpusMachine) -> bytes:
    """What the script answers to an ordinary user."""
    become = ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]
    return _run([*within.entering, *become, "sh", "-s"]).communicate(script.encode("ascii"), timeout=_PATIENCE)[0]


def _run(command: list[str]) -> subprocess.Popen[bytes]:
    environment = {"PATH": os.environ["PATH"]}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/", env=environment)


def is_readable_in_place(tree: Tree) -> bool:
    """Whether the tree says everything without a machine: nothing has to be mounted for it."""
    return not (tree.read_only or tree.full or tree.tmpfs)
