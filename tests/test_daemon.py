"""The daemon under load and in bad company: tarpits, surprises, a node that rotates or stalls and then dies."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import paramiko
import pytest

from exporter.collect import Engine
from exporter.collect.local.transport import LocalTransport
from exporter.config.settings import Pace, Paths, SshEngine, TransportKind
from exporter.demo.server import DemoServer, Host
from exporter.demo.signer import Authority
from exporter.demo.store import FileStore
from exporter.errors import CollectError, Reason
from exporter.judge import rotation
from exporter.model.assessment import Certificate
from exporter.model.facts import NodeFacts
from exporter.model.host import Flags
from exporter.model.node import LocalAccess, Node, SshAccess
from exporter.rounds.daemon import Daemon
from exporter.rounds.fleet import Fleet
from exporter.rounds.state import FleetState
from tests.engines import ByThreads, Done, Ways, both_ways
from tests.running import Running, by_node, reasons, states
from tests.sshd import run

CONCURRENCY = 16
# besides those of visits: main, schedule, dispatch, keeper, the loop's, renderer, executor, resolver and their like
OTHER_THREADS = 10


class Farm:
    """Nodes behind one embedded SSH server, each with a store of its own, and the configuration that reads them."""

    def __init__(self, directory: Path, names: list[str]) -> None:
        directory.mkdir()
        self.directory = directory
        self.config = directory / "config.yaml"
        login, key = paramiko.ECDSAKey.generate(), paramiko.ECDSAKey.generate()
        login.write_private_key_file(str(directory / "id_ecdsa"))
        hosts = [Host(name, key, partial(self._is_up, name)) for name in names]
        self.server = DemoServer(hosts, login)
        lines = [f"[127.0.0.1]:{port} {key.get_name()} {key.get_base64()}\n" for port in self.server.ports.values()]
        (directory / "known_hosts").write_text("".join(lines))
        self.settings: dict[str, Any] = {
            "ssh": {"known_hosts": "known_hosts", "identities": [{"file": "id_ecdsa"}]},
            "groups": {
                "all": {
                    "nodes": [
                        {
                            "name": name,
                            "address": "127.0.0.1",
                            "port": self.server.ports[name],
                            "paths": {"store": str(self.store(name))},
                        }
                        for name in names
                    ]
                }
            },
        }
        self.authority = Authority()
        self.server.start()

    def store(self, name: str) -> Path:
        return self.directory / name / "pki"

    def off(self, name: str) -> Path:
        """While this file is there, the node refuses connections."""
        return self.directory / f"{name}.off"

    def issue(self, name: str, not_before: float, not_after: float) -> None:
        pair = self.authority.issue(f"system:node:{name}", not_before, not_after)
        FileStore(self.store(name)).update(pair, time.time())

    def _is_up(self, name: str) -> bool:
        return not self.off(name).exists()

    def write(self) -> None:
        self.config.write_text(json.dumps(self.settings))


@pytest.fixture
def tarpit() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listening:
        yield listening.getsockname()[1]


def thread_count(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("Threads:")).split()[1])


def test_tarpits_delay_nobody(ssh_engine: SshEngine, tmp_path: Path, tarpit: int) -> None:
    """With 20 tarpits among 200 nodes and 16 places, 180 are read within one interval, in bounded threads."""
    of_visits = 2 * CONCURRENCY if ssh_engine is SshEngine.THREADS else 0
    farm = Farm(tmp_path / "farm", ["real"])
    try:
        farm.issue("real", time.time(), time.time() + 86400)
        real = farm.settings["groups"]["all"]["nodes"][0]
        nodes = [{**real, "name": f"good-{number:03}"} for number in range(180)]
        nodes += [{"name": f"tarpit-{number:02}", "address": "127.0.0.1", "port": tarpit} for number in range(20)]
        farm.settings["groups"]["all"]["nodes"] = nodes
        farm.settings.update(interval="1m", concurrency=CONCURRENCY, ready_after="1h")
        farm.settings["ssh"]["timeouts"] = {"banner": "3s"}
        farm.write()
        began, most = time.time(), 0
        with Running(farm.config) as exporter:
            while True:
                most = max(most, thread_count(exporter.process.pid))
                text = exporter.scrape()
                fresh = by_node(text, "kubelet_cert_node_last_success_timestamp_seconds")
                if len(fresh) == 180 and sum(reason == "banner_timeout" for reason in reasons(text).values()) == 20:
                    break
                assert time.time() - began < 60, (len(fresh), reasons(text))
                time.sleep(0.1)
            assert all(taken >= began for taken in fresh.values())
            assert (most > OTHER_THREADS) is (ssh_engine is SshEngine.THREADS)
            assert most <= of_visits + OTHER_THREADS
    finally:
        farm.server.stop()


def connections(pid: int, port: int) -> int:
    """How many a process has with this port."""
    return run("ss", "-Htnp", "state", "established", f"dport = :{port}").count(f"pid={pid},")


@pytest.mark.parametrize("engine", ["loop", "threads"])
def test_sigterm_ends_hanging_visits(tmp_path: Path, tarpit: int, engine: str) -> None:
    """SIGTERM ends the process within 5 s while every visit hangs in a tarpit, with no thread left."""
    farm = Farm(tmp_path / "farm", ["unused"])
    farm.server.stop()
    nodes = [{"name": f"tarpit-{number}", "address": "127.0.0.1", "port": tarpit} for number in range(32)]
    farm.settings["groups"]["all"]["nodes"] = nodes
    farm.settings["concurrency"] = CONCURRENCY
    farm.settings["ssh"]["engine"] = engine
    farm.write()
    with Running(farm.config) as exporter:
        exporter.wait_for(lambda: connections(exporter.process.pid, tarpit) == CONCURRENCY)
        assert exporter.stop() < 5
    assert "threads_left" not in exporter.log[-1]


def test_a_stalled_life_is_told_in_time_and_stays_told(tmp_path: Path) -> None:
    """A stall is late, then stalled, within a visit of the computed times, and stays so when its node dies.

    A healthy node that becomes unreachable is unknown once its window is open and its reading is stale, and no other
    state before or after.
    """
    farm = Farm(tmp_path / "farm", ["stalls", "vanishes"])
    try:
        now = time.time()
        farm.issue("stalls", now - 354, now + 46)  # a life of 400 s, 6 s before the end of its window
        farm.issue("vanishes", now - 120, now + 80)  # a life of 200 s, its window opens in 20 s
        farm.settings.update(interval="2s", min_interval="1s")
        farm.write()
        edges = rotation.window(Certificate(int(now - 354), int(now + 46), "", "", "", ""))
        opens = rotation.window(Certificate(int(now - 120), int(now + 80), "", "", "", "")).start
        with Running(farm.config) as exporter:
            exporter.wait_for(lambda: states(exporter.scrape()) == {"stalls": "window", "vanishes": "fresh"})
            farm.off("vanishes").touch()
            late = wait_for_state(exporter, "stalls", "late")
            assert edges.end <= late < edges.end + 9
            seen = follow(exporter, "vanishes", until=lambda: time.time() > opens + 4)
            assert [state for state, _ in seen] == ["fresh", "unknown"]
            assert opens <= seen[1][1] < opens + 4
            assert reasons(exporter.scrape())["vanishes"] == "connection_refused"
            stalled = wait_for_state(exporter, "stalls", "stalled")
            assert edges.grace_end <= stalled < edges.grace_end + 9
            dates = by_node(exporter.scrape(), "kubelet_cert_not_after_timestamp_seconds")["stalls"]
            farm.off("stalls").touch()
            exporter.wait_for(lambda: reasons(exporter.scrape()).get("stalls") == "connection_refused")
            after_death = follow(exporter, "stalls", until=lambda: time.time() > now + 54)
            assert [state for state, _ in after_death] == ["stalled"]
            text = exporter.scrape()
            assert by_node(text, "kubelet_cert_not_after_timestamp_seconds")["stalls"] == dates
            assert time.time() - by_node(text, "kubelet_cert_node_last_success_timestamp_seconds")["stalls"] > 5
            assert by_node(text, "kubelet_cert_node_up")["stalls"] == 0
    finally:
        farm.server.stop()


def wait_for_state(exporter: Running, node: str, state: str) -> float:
    exporter.wait_for(lambda: states(exporter.scrape())[node] == state, patience=60)
    return time.time()


def follow(exporter: Running, node: str, until: Any) -> list[tuple[str, float]]:
    """The states that a node goes through, each with the moment it was first seen."""
    seen: list[tuple[str, float]] = []
    while not until():
        state = states(exporter.scrape())[node]
        if not seen or seen[-1][0] != state:
            seen.append((state, time.time()))
        time.sleep(0.2)
    return seen


class Surprising:
    """A transport with a mistake in it: the test double of a bug of ours."""

    def read(self, node: Node, remembered: Flags = ()) -> NodeFacts:
        raise ZeroDivisionError(node.name)


@both_ways
def test_a_surprise_costs_one_node(ways: Ways, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An exception nobody foresaw is internal for its node, logged once with its traceback; the others go on."""
    store = FileStore(tmp_path / "var/lib/kubelet/pki")
    pair = Authority().issue("system:node:fine", time.time() - 60, time.time() + 86400)
    path = store.update(pair, time.time())
    store.current.unlink()
    store.current.symlink_to(f"/var/lib/kubelet/pki/{path.name}")

    nodes = (Node("odd", SshAccess("x", 22, "root"), Paths()), Node("fine", LocalAccess(str(tmp_path)), Paths()))
    state = FleetState()
    daemon = Daemon(state)
    fleet = ways.fleet(nodes, Surprising(), Pace(0.2, 0.1), 2)
    mounted = {TransportKind.LOCAL: LocalTransport()}
    daemon.start()
    engine = OnlyOverSsh(fleet.engine) if fleet.engine else None
    daemon.apply(replace(fleet, transports={**fleet.transports, **mounted}, engine=engine))
    wait(lambda: dict(daemon.snapshot().counters.failures).get(Reason.INTERNAL, 0) >= 3)
    wait(lambda: daemon.snapshot().counters.successes >= 3)
    assert daemon.stop() == []
    odd, fine = daemon.snapshot().reports
    assert (odd.reason, fine.reason) == (Reason.INTERNAL, None)
    tracebacks = [record for record in caplog.records if record.exc_info]
    assert len(tracebacks) == 1
    assert "ZeroDivisionError" in caplog.text


def test_a_daemon_that_never_got_a_fleet_stops(caplog: pytest.LogCaptureFixture) -> None:
    """A daemon stops at once where it was never given a fleet."""
    daemon = Daemon(FleetState())
    daemon.start()
    assert daemon.stop() == []
    assert caplog.records == []


def wait(condition: Any, patience: float = 20) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_clock_set_back_wakes_the_fleet(tmp_path: Path) -> None:
    """A wall clock that is set back by a day does not leave the fleet asleep for a day."""
    shift = [0.0]

    node = Node("n", LocalAccess(str(tmp_path)), Paths())
    daemon = Daemon(FleetState(), clock=lambda: time.time() + shift[0])
    daemon.start()
    daemon.apply(Fleet((node,), (), Pace(1.0, 0.5), {TransportKind.LOCAL: LocalTransport()}, 1, close=lambda: None))
    wait(lambda: daemon.snapshot().reports and daemon.snapshot().reports[0].failures >= 1)
    shift[0] = -86400.0
    before = daemon.snapshot().reports[0].failures
    wait(lambda: daemon.snapshot().reports[0].failures >= before + 2)
    assert daemon.stop() == []


def test_a_schedule_that_ended_shows_in_health() -> None:
    """A daemon is alive while its schedule runs, and not before or after: /-/healthy says so."""
    daemon = Daemon(FleetState())
    assert not daemon.is_alive()
    daemon.start()
    assert daemon.is_alive()
    assert daemon.stop() == []
    assert not daemon.is_alive()


class OnlyOverSsh(ByThreads):
    """An engine that leaves mounted nodes to their transport."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def takes(self, node: Node) -> bool:
        return node.transport is TransportKind.SSH

    def begin(self, node: Node, remembered: Flags, done: Done) -> None:
        self._engine.begin(node, remembered, done)


class Recording:
    """A transport that notes whom it was asked for, and refuses its login."""

    def __init__(self, reason: Reason = Reason.AUTH_FAILED) -> None:
        self.asked: list[str] = []
        self._reason = reason

    def read(self, node: Node, remembered: Flags = ()) -> NodeFacts:
        self.asked.append(node.name)
        raise CollectError(self._reason)


class Holding:
    """A transport that holds each visit until it is told to let go."""

    reason = Reason.CONNECT_TIMEOUT

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.under_way = self.still = 0
        self._lock = threading.Lock()

    def read(self, node: Node, remembered: Flags = ()) -> NodeFacts:
        with self._lock:
            self.under_way += 1
            self.still += 1
        self.let_go.wait(20)
        with self._lock:
            self.still -= 1
        raise CollectError(self.reason, node.name)


class SlowRefusal(Holding):
    """A transport that is refused in the end."""

    reason = Reason.AUTH_FAILED


def ssh_node(name: str, address: str = "192.0.2.1", origin: str = "", label: str = "") -> Node:
    return Node(name, SshAccess(address, 22, "root"), Paths(), labels=(("site", label),), origin=origin)


@both_ways
def test_places_come_back_after_busy_ones_were_taken_away(ways: Ways) -> None:
    """Fewer at once while all are busy, then more again: none is lost, however often the fleet is applied."""
    holding = Holding()
    nodes = tuple(ssh_node(f"n{number}") for number in range(40))
    pace = Pace(0.4, 0.2, 1000)
    daemon = Daemon(FleetState())
    daemon.start()
    daemon.apply(ways.fleet(nodes, holding, pace, 8))
    wait(lambda: holding.under_way == 8)
    for concurrency in (2, 2, 8, 2):
        daemon.apply(ways.fleet(nodes, holding, pace, concurrency))
    holding.let_go.set()
    wait(lambda: holding.under_way >= 30)
    holding.let_go.clear()
    wait(lambda: holding.still == 2)
    time.sleep(0.3)
    assert holding.still == 2
    daemon.apply(ways.fleet(nodes, holding, pace, 8))
    wait(lambda: holding.still == 8)
    holding.let_go.set()
    assert daemon.stop() == []


@both_ways
def test_an_edited_inventory_wakes_only_whom_it_changed(ways: Ways) -> None:
    """A node whose line moved or whose label changed is not logged in to again; one with another address is."""
    recording = Recording()
    daemon = Daemon(FleetState())
    daemon.start()
    nodes = tuple(ssh_node(f"n{number}", origin=f"line {number}") for number in range(10))
    daemon.apply(ways.fleet(nodes, recording, labels=("site",)))
    wait(lambda: len(recording.asked) == 10)
    moved = tuple(ssh_node(f"n{number}", origin=f"line {number + 1}", label="north") for number in range(9))
    changed = (ssh_node("new"), *moved, ssh_node("n9", "192.0.2.9"))
    daemon.apply(ways.fleet(changed, recording, labels=("site",)))
    wait(lambda: len(recording.asked) >= 12)
    time.sleep(0.5)
    assert sorted(recording.asked[10:]) == ["n9", "new"]
    assert daemon.stop() == []


@both_ways
def test_a_clock_set_back_a_little_logs_in_nowhere(ways: Ways) -> None:
    """A clock that is set back by seconds moves the waits along: refused logins are not tried again."""
    shift = [0.0]
    recording = Recording()
    daemon = Daemon(FleetState(), clock=lambda: time.time() + shift[0])
    daemon.start()
    nodes = tuple(ssh_node(f"n{number}") for number in range(10))
    daemon.apply(ways.fleet(nodes, recording))
    wait(lambda: len(recording.asked) == 10)
    shift[0] = -7.0
    time.sleep(2.5)
    assert len(recording.asked) == 10
    assert daemon.stop() == []


@both_ways
def test_a_visit_of_the_old_definition_is_not_counted_for_the_new(ways: Ways) -> None:
    """Where a node's address changes during its visit, that visit is nobody's, and the node is looked at again."""
    holding, recording = Holding(), Recording(Reason.CONNECTION_REFUSED)
    daemon = Daemon(FleetState())
    daemon.start()
    daemon.apply(ways.fleet((ssh_node("n", "192.0.2.1"),), holding, concurrency=1))
    wait(lambda: holding.under_way == 1)
    daemon.apply(ways.fleet((ssh_node("n", "192.0.2.2"),), recording, concurrency=1))
    holding.let_go.set()
    wait(lambda: recording.asked == ["n"])
    wait(lambda: daemon.snapshot().reports[0].reason is Reason.CONNECTION_REFUSED)
    assert daemon.snapshot().reports[0].failures == 1
    assert daemon.stop() == []


@both_ways
def test_a_surprise_in_the_schedule_is_told_and_survived(ways: Ways, caplog: pytest.LogCaptureFixture) -> None:
    """A mistake of ours in the schedule is logged with its traceback, and the fleet is visited all the same."""
    recording = Recording()
    broken = iter([True])

    def clock() -> float:
        if threading.current_thread().name == "schedule" and next(broken, False):
            raise ZeroDivisionError
        return time.time()

    daemon = Daemon(FleetState(), clock=clock)
    daemon.start()
    daemon.apply(ways.fleet((ssh_node("n"),), recording, concurrency=1))
    wait(lambda: recording.asked == ["n"])
    assert "ZeroDivisionError" in caplog.text
    assert daemon.stop() == []


@both_ways
def test_what_a_change_brought_forward_stays_so(ways: Ways) -> None:
    """Inventory changes one after the other do not postpone the visit of a node whose address changed."""
    recording = Recording(Reason.CONNECTION_REFUSED)
    daemon = Daemon(FleetState())
    daemon.start()
    daemon.apply(ways.fleet((ssh_node("n"),), recording, concurrency=1))
    wait(lambda: len(recording.asked) == 1)
    others = tuple(ssh_node(f"other-{number}") for number in range(400))
    for number in range(5):  # among 400 the first visit may be twenty seconds ahead
        nodes = (ssh_node("n", "192.0.2.9"), *others[: 400 - number])
        daemon.apply(ways.fleet(nodes, recording, concurrency=1))
        time.sleep(0.1)
    wait(lambda: recording.asked.count("n") == 2, 40)
    assert daemon.stop() == []


@both_ways
def test_a_right_key_counts_though_the_wrong_one_was_under_way(ways: Ways) -> None:
    """A reload during a visit that is then refused has the node looked at again at once, with the new key."""
    slow, right = SlowRefusal(), Recording(Reason.CONNECTION_REFUSED)
    daemon = Daemon(FleetState())
    daemon.start()
    daemon.apply(ways.fleet((ssh_node("n"),), slow, concurrency=1))
    wait(lambda: slow.under_way == 1)
    daemon.apply(ways.fleet((ssh_node("n"),), right, concurrency=1))
    time.sleep(0.2)
    slow.let_go.set()
    wait(lambda: right.asked == ["n"])
    assert daemon.stop() == []
