"""A resolver that hangs, for more names than may be asked for at once: nobody waits but who needs it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest

from exporter.collect.ssh.resolving import MOST_LOOKUPS
from exporter.collect.ssh.transport import SshTransport
from exporter.config.settings import HostKeyPolicy, Pace, Paths, SshEngine, TransportKind
from exporter.config.ssh import Identity, Ssh, Timeouts
from exporter.errors import Reason
from exporter.model.node import Node, SshAccess
from exporter.rounds.daemon import Daemon
from exporter.rounds.fleet import Fleet
from exporter.rounds.state import FleetState
from tests.hostile import COMMANDS, ServerPeer
from tests.test_dispatch import wait

NAMES, ADDRESSES = 3 * MOST_LOOKUPS, 20
TIMEOUTS = Timeouts().model_copy(update={**dict.fromkeys(Timeouts.model_fields, 20.0), "connect": 3.0})


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Names below .hangs are not answered for until the event is set; what is no name is an address as ever."""
    real, let_go = socket.getaddrinfo, threading.Event()

    def hang(host: Any, *arguments: Any, **others: Any) -> Any:
        if str(host).endswith(".hangs"):
            let_go.wait(60)
            raise socket.gaierror(socket.EAI_NONAME, "nobody has it")
        return real(host, *arguments, **others)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    yield let_go
    let_go.set()


def node(name: str, address: str, port: int) -> Node:
    return Node(name, SshAccess(address, port, "root", policy=HostKeyPolicy.INSECURE), Paths())


def lookups() -> int:
    return sum(thread.name == "resolve" for thread in threading.enumerate())


@pytest.mark.parametrize("engine", [SshEngine.LOOP, SshEngine.THREADS])
def test_a_resolver_that_hangs_delays_nobody_else(engine: SshEngine, hanging: threading.Event, tmp_path: Path) -> None:
    """Nodes with addresses are read while every lookup hangs; those with names time out, no lookup is one too many."""
    key, known = paramiko.ECDSAKey.generate(), tmp_path / "known_hosts"
    key.write_private_key_file(str(tmp_path / "id"))
    known.touch()
    identities = (Identity(file=str(tmp_path / "id")),)
    settings = Ssh(known_hosts=(str(known),), identities=identities, timeouts=TIMEOUTS, engine=engine)
    with ServerPeer(command=COMMANDS["a_private_key"], key=key) as peer:
        named = tuple(node(f"name-{number}", f"n{number}.hangs", peer.port) for number in range(NAMES))
        addressed = tuple(node(f"address-{number}", "127.0.0.1", peer.port) for number in range(ADDRESSES))
        ours = SshTransport(settings, (*named, *addressed))
        daemon = Daemon(FleetState())
        daemon.start()
        transports, pace = {TransportKind.SSH: ours}, Pace(3600, 60, 1000)
        daemon.apply(Fleet((*named, *addressed), (), pace, transports, 128, ours, close=ours.close))
        try:
            began, most = time.monotonic(), 0
            while not all(one.last_visit for one in daemon.snapshot().reports[NAMES:]):
                most = max(most, lookups())
                assert time.monotonic() - began < 20
                time.sleep(0.01)
            assert {one.reason for one in daemon.snapshot().reports[NAMES:]} == {Reason.KEY_MATERIAL}
            assert not hanging.is_set()
            wait(lambda: all(one.last_visit for one in daemon.snapshot().reports), 60)
            assert {one.reason for one in daemon.snapshot().reports[:NAMES]} == {Reason.NAME_TIMEOUT}
            assert max(most, lookups()) == MOST_LOOKUPS
            hanging.set()
            wait(lambda: lookups() == 0)
        finally:
            assert daemon.stop() == []
