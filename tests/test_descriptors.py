"""Few file descriptors: fewer visits at once, told once, and no node's fault."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import paramiko
import pytest

from exporter.collect.ssh.transport import SshTransport
from exporter.config.settings import HostKeyPolicy, Pace, Paths, SshEngine, TransportKind
from exporter.config.ssh import Identity, Ssh
from exporter.errors import Reason
from exporter.model.node import Hop, LocalAccess, Node, SshAccess
from exporter.rounds.descriptors import A_VISIT, OWN, Descriptors, places
from exporter.rounds.fleet import Fleet
from exporter.rounds.visit import Transports
from tests.hostile import RawPeer
from tests.running import Running, by_node, reasons
from tests.test_daemon import Farm
from tests.test_dispatch import wait
from tests.visits import PATIENT, reason_of

LIMITED = (
    "import os, sys; from resource import *; setrlimit(RLIMIT_NOFILE, ({}, {})); os.execv(sys.argv[1], sys.argv[1:])"
)
EDGE = Hop(SshAccess("192.0.2.1", name="edge"))
SSH = Node("a", SshAccess("192.0.2.2"), Paths())
BEHIND = Node("b", SshAccess("192.0.2.3", via=EDGE), Paths())
MOUNTED = Node("c", LocalAccess("/mnt"), Paths())


def limited(soft: int, hard: int) -> list[str]:
    """A wrapper that has a command run with these limits."""
    return [sys.executable, "-c", LIMITED.format(soft, hard)]


@pytest.mark.parametrize(
    ("free", "nodes", "found"),
    [
        (100, (SSH,), 50),
        (100, (SSH, BEHIND), 49),
        (100, (SSH, MOUNTED), 4),
        (1, (SSH,), 1),
        (-500, (SSH,), 1),
        (0, (), 1),
    ],
)
def test_places(free: int, nodes: tuple[Node, ...], found: int) -> None:
    """By the dearest kind of visit, less what bastions take; one at least."""
    assert places(free, nodes) == found


def test_what_is_lowered_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """A reload that changes nothing repeats nothing; nothing is said where there are enough."""

    def fleet(concurrency: int) -> Fleet:
        transports: Transports = {}
        return Fleet((SSH,), (), Pace(), transports, concurrency)

    few = Descriptors(OWN + 10 + 64, 10)
    assert [few.most(fleet(number)) for number in (8, 200, 200, 32)] == [8, 32, 32, 32]
    assert Descriptors().most(fleet(1024)) == 1024
    assert [record.__dict__["visits"] for record in caplog.records] == [32]


def test_the_limit_is_raised_as_far_as_it_may_be() -> None:
    """The soft limit becomes the hard one."""
    told = "from exporter.rounds.descriptors import raised_limit; print(raised_limit())"
    done = subprocess.run([*limited(256, 900), sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout == "900\n"


def test_what_a_mounted_tree_takes(tmp_path: Path) -> None:
    """A reading of this machine's own tree never has more open at once than is counted for it."""
    program = """
import os, sys
from exporter.collect.local.transport import LocalTransport
from exporter.config.settings import Paths
from exporter.model.node import LocalAccess, Node
def now(): return len(os.listdir("/proc/self/fd"))
most = before = now()
def look(frame, event, argument):
    global most
    if event.endswith("return"): most = max(most, now())
sys.setprofile(look)
LocalTransport().read(Node("n", LocalAccess("/"), Paths()))
sys.setprofile(None)
print(most - before)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert 2 <= int(done.stdout) <= A_VISIT[TransportKind.LOCAL]


def test_few_descriptors_are_no_nodes_fault(tmp_path: Path) -> None:
    """More silent nodes than descriptors, and as many visits asked for at once: each node has its own reason."""
    farm = Farm(tmp_path / "farm", ["real"])
    try:
        farm.issue("real", time.time(), time.time() + 86400)
        real = farm.settings["groups"]["all"]["nodes"][0]
        with RawPeer("silent") as peer:
            nodes = [{**real, "name": f"good-{number:02}"} for number in range(20)]
            nodes += [
                {"name": f"tarpit-{number:03}", "address": "127.0.0.1", "port": peer.port} for number in range(300)
            ]
            farm.settings["groups"]["all"]["nodes"] = nodes
            farm.settings["concurrency"] = 1024
            farm.settings["ssh"].update(timeouts={"banner": "2s"}, logins_per_second=1000)
            farm.write()
            with Running(farm.config, "--web.max-connections=16", wrapper=limited(100, 256)) as exporter:
                exporter.wait_for(
                    lambda: fresh(exporter) == 20 and "not_yet_visited" not in reasons(exporter.scrape()).values(), 120
                )
                seen = reasons(exporter.scrape())
            told = [line for line in exporter.log if "too few file descriptors" in line]
    finally:
        farm.server.stop()
    assert set(seen.values()) == {Reason.BANNER_TIMEOUT}
    assert len(told) == 1
    assert all(word in told[0] for word in ("visits=56", "concurrency=1024", "descriptors=256"))


@pytest.mark.parametrize("engine", [SshEngine.LOOP, SshEngine.THREADS])
def test_none_is_left_all_the_same(engine: SshEngine, tmp_path: Path) -> None:
    """Where the sum was wrong, the reason is one of ours; who was connected to before has a reason of its own."""
    paramiko.ECDSAKey.generate().write_private_key_file(str(tmp_path / "id"))
    (tmp_path / "known_hosts").touch()
    identities, timeouts = (Identity(file=str(tmp_path / "id")),), PATIENT.model_copy(update={"banner": 3.0})
    known = (str(tmp_path / "known_hosts"),)
    ours = SshTransport(Ssh(known_hosts=known, identities=identities, timeouts=timeouts, engine=engine))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with RawPeer("silent") as peer, ThreadPoolExecutor(1) as pool:
        node = Node("n", SshAccess("127.0.0.1", peer.port, policy=HostKeyPolicy.INSECURE), Paths())
        before = pool.submit(reason_of, ours, node)
        wait(lambda: peer.record.connections == 1)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
        try:
            assert reason_of(ours, node) is Reason.INTERNAL
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert before.result(20) is Reason.BANNER_TIMEOUT


def fresh(exporter: Any) -> int:
    return len(by_node(exporter.scrape(), "kubelet_cert_node_last_success_timestamp_seconds"))
