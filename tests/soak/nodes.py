"""The nodes of a soak: machines with real sshds and trees of their own, and a hostile peer of every kind."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import paramiko

from exporter.demo.signer import Authority
from exporter.demo.store import FileStore
from exporter.errors import Reason
from tests.hostile import COMMANDS, RAW, SESSIONS, Peer, RawPeer, ServerPeer
from tests.machines import free_port
from tests.sshd import USER, address, answers, grow_tree, make_key, public, shared_busybox, stock
from tests.test_ssh_hostile import AFTER_THE_KEY_EXCHANGE, BEFORE_LOGIN, OF_THE_COMMAND

YEAR = 365 * 86_400
_PATIENCE = 60.0
_FIRST = 1024  # of the machines' addresses


@dataclass(frozen=True, slots=True)
class Machine:
    """A node that is well, and what it has to say."""

    name: str
    address: str
    not_after: int


@dataclass(frozen=True, slots=True)
class Hostile:
    """A node that is none, and what is to be said of it; None: it answers as a node does, in its own way."""

    name: str
    port: int
    reason: Reason | None


@dataclass(frozen=True, slots=True)
class Site:
    """All that there is to be read."""

    machines: tuple[Machine, ...]
    hostile: tuple[Hostile, ...]
    port: int
    host_key: str
    identity: Path
    store: Path  # of this machine, for peers that run the script here


@contextlib.contextmanager
def site(directory: Path, machines: int, every: int) -> Iterator[Site]:
    """So many machines, and each ``every``-th kind of hostile peer. Needs root, busybox and an OpenSSH server."""
    now = int(time.time())
    key, host_key = make_key(directory / "id", "ed25519"), make_key(directory / "host", "ed25519")
    authority, busybox = Authority(), shared_busybox(directory)
    grown = tuple(_machine(directory, busybox, authority, number, now) for number in range(machines))
    FileStore(directory / "pki").update(authority.client("here", now - 60, YEAR), now)
    port = free_port()
    with _served(directory, port, host_key, key), _hostile(every) as hostile:
        yield Site(grown, hostile, port, public(host_key), key, directory / "pki")


def _machine(directory: Path, busybox: Path, authority: Authority, number: int, now: int) -> Machine:
    """Each has dates of its own, so that a reading tells whose it is."""
    name, where = f"machine-{number:04}", address(_FIRST + number)
    tree = grow_tree(directory / "trees" / where, busybox, user=USER)
    stock(tree, name, authority, now - number, rotations=1)
    return Machine(name, where, int(authority.dates(now - number - 60, YEAR)[1]))


@contextlib.contextmanager
def _served(directory: Path, port: int, host_key: Path, key: Path) -> Iterator[None]:
    authorized, config = directory / "authorized_keys", directory / "sshd_config"
    authorized.write_text(public(key) + "\n")
    config.write_text(
        f"HostKey {host_key}\nAuthorizedKeysFile {authorized}\nUsePAM no\nPidFile none\nStrictModes no\n"
        "LogLevel QUIET\nPermitRootLogin prohibit-password\nPasswordAuthentication no\nUseDNS no\nPrintMotd no\n"
    )
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    arguments = [str(port), str(config), str(directory / "trees")]
    inetd = subprocess.Popen([sys.executable, "-m", "tests.soak.inetd", *arguments])
    try:
        deadline = time.monotonic() + _PATIENCE
        while not answers(address(_FIRST), port):
            assert time.monotonic() < deadline
            assert inetd.poll() is None
            time.sleep(0.05)
        yield
    finally:
        inetd.terminate()
        inetd.wait(_PATIENCE)


@contextlib.contextmanager
def _hostile(every: int) -> Iterator[tuple[Hostile, ...]]:
    host_key = paramiko.ECDSAKey.generate()
    kinds: list[tuple[str, Callable[[], Peer], Reason | None]] = [
        *((name, partial(RawPeer, name), BEFORE_LOGIN[name]) for name in RAW),
        *((name, partial(ServerPeer, SESSIONS[name], key=host_key), AFTER_THE_KEY_EXCHANGE[name]) for name in SESSIONS),
        *((name, partial(ServerPeer, command=COMMANDS[name], key=host_key), OF_THE_COMMAND[name]) for name in COMMANDS),
    ]
    with contextlib.ExitStack() as stack:
        peers = [(name, stack.enter_context(make()), reason) for name, make, reason in kinds[::every]]
        yield tuple(Hostile(f"hostile-{name}", peer.port, reason) for name, peer, reason in peers)
        for _, peer, _ in peers:
            peer.stopping.set()  # all at once, not one after the other
