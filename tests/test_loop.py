"""The event loop: one thread for all, every cipher, nobody waits for another, and an end for each visit."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from exporter.collect.answer import answer
from exporter.collect.ssh import paramiko_known
from exporter.collect.ssh import transport as transport_module
from exporter.collect.ssh.loop.conversation import LoopConversation
from exporter.collect.ssh.loop.reactor import Loop, Task
from exporter.collect.ssh.transport import SshTransport
from exporter.config.settings import HostKeyPolicy, Paths, SshEngine, TransportKind
from exporter.config.ssh import Identity, Ssh
from exporter.demo.signer import Authority
from exporter.demo.store import FileStore
from exporter.errors import CollectError, ConfigurationError, Reason
from exporter.model.facts import NodeFacts
from exporter.model.node import Hop, LocalAccess, Node, SshAccess
from exporter.model.report import NodeReport
from exporter.rounds.visit import visit
from tests.conftest import HAS_LOOP
from tests.hostile import RawPeer
from tests.sshd import USER, Host, Sshd, address, make_key, needs_sshd
from tests.visits import PATIENT, reason_of

LOOP = SshEngine.LOOP
PATIENCE = 30.0
# What a node may insist on; the loop prefers the first, and cannot see the length of a packet under the last four.
CIPHERS = {
    "gcm-128": ("aes128-gcm@openssh.com", "hmac-sha1"),
    "gcm-256": ("aes256-gcm@openssh.com", "hmac-sha1"),
    "ctr-etm": ("aes128-ctr", "hmac-sha2-256-etm@openssh.com"),
    "cbc-etm": ("aes256-cbc", "hmac-sha2-512-etm@openssh.com"),
    "ctr": ("aes192-ctr", "hmac-sha2-256"),
    "ctr-sha1": ("aes256-ctr", "hmac-sha1"),
    "cbc": ("aes128-cbc", "hmac-sha2-512"),
    "3des": ("3des-cbc", "hmac-sha1"),
}


@dataclass
class Site:
    """A running sshd, and our side."""

    directory: Path
    sshd: Sshd
    key: Path

    def transport(self, **settings: object) -> SshTransport:
        known = self.directory / f"known-{time.monotonic_ns()}"
        known.write_text(self.sshd.known_hosts())
        given = {"known_hosts": str(known), "timeouts": PATIENT, "engine": LOOP, **settings}
        return SshTransport(Ssh.model_validate({**given, "identities": (Identity(file=str(self.key)),)}))

    def node(self, where: str | None = None, port: int | None = None, **access: object) -> Node:
        reached = SshAccess(where or address(231), port or self.sshd.port, USER, name="worker-1")
        return Node("worker-1", replace(reached, **access), Paths(str(self.directory / "pki")))  # type: ignore[arg-type]  # a test's own settings


@contextlib.contextmanager
def site_with(directory: Path, *options: str) -> Iterator[Site]:
    """sshd with these lines in its configuration, and a store to read."""
    key = make_key(directory / "id", "ed25519")
    FileStore(directory / "pki").update(Authority().client("worker-1", time.time() - 60, 86400), time.time())
    sshd = Sshd(directory, [Host(address(231))], [key], options)
    sshd.start()
    try:
        yield Site(directory, sshd, key)
    finally:
        sshd.stop()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One that has everything."""
    with site_with(tmp_path_factory.mktemp("loop")) as found:
        yield found


class Told:
    """What visits came to, and on which threads that was told."""

    def __init__(self) -> None:
        self.outcomes: list[NodeFacts | Exception] = []
        self.threads: set[str] = set()

    def done(self, outcome: NodeFacts | Exception) -> None:
        self.outcomes.append(outcome)
        self.threads.add(threading.current_thread().name)

    def reasons(self) -> set[Reason | None]:
        return {outcome.reason if isinstance(outcome, CollectError) else None for outcome in self.outcomes}

    def wait(self, count: int) -> None:
        wait(lambda: len(self.outcomes) >= count)


def wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextlib.contextmanager
def drip(target: tuple[str, int], sizes: tuple[int, ...]) -> Iterator[int]:
    """A port that leads to ``target``; what comes back comes in pieces of these sizes, over and over."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            ours, _ = listening.accept()
            with ours, socket.create_connection(target) as far:
                ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                there = threading.Thread(target=_copy, args=(ours, far, (65536,)))
                there.start()
                _copy(far, ours, sizes)
                with contextlib.suppress(OSError):
                    ours.shutdown(socket.SHUT_RDWR)
                there.join()

        thread = threading.Thread(target=serve)
        thread.start()
        yield int(listening.getsockname()[1])
        thread.join()


def _copy(source: socket.socket, sink: socket.socket, sizes: tuple[int, ...]) -> None:
    turn = 0
    with contextlib.suppress(OSError):
        while data := source.recv(sizes[turn % len(sizes)]):
            sink.sendall(data)
            turn += 1
    with contextlib.suppress(OSError):  # also where the source was reset: else the far end waits for ever
        sink.shutdown(socket.SHUT_WR)


def test_an_answer_that_is_there_at_once_has_its_moment() -> None:
    """A busy loop may find all of it where it first looks: without a moment the node's clock would seem to be ahead."""
    conversation = LoopConversation.__new__(LoopConversation)
    conversation._means = SimpleNamespace(clock=lambda: 7.0)  # type: ignore[assignment] # its clock alone is asked
    channel = SimpleNamespace(output=bytearray(b"kubelet-cert-exporter answer 1.2 end\n"))
    with pytest.raises(StopIteration) as ended:
        conversation._read(channel).send(None)  # type: ignore[arg-type] # what a session has read
    assert ended.value.value == (bytes(channel.output), 7.0)


# Ciphers and packets.


@needs_sshd
@pytest.mark.parametrize("name", CIPHERS)
def test_whatever_a_node_insists_on(name: str, tmp_path: Path) -> None:
    """Each kind of cipher is read in the loop, by one login, whole or in pieces of any size."""
    cipher, mac = CIPHERS[name]
    with site_with(tmp_path, f"Ciphers {cipher}", f"MACs {mac}") as found:
        since = found.sshd.log_size()
        assert reason_of(found.transport(), found.node()) is None
        assert found.sshd.log_of_next(since).count("Connection from") == 1
        with drip((address(231), found.sshd.port), (1, 7, 16, 3, 5000, 17)) as port:
            near = found.node("127.0.0.1", port, policy=HostKeyPolicy.INSECURE)
            assert reason_of(found.transport(), near) is None


@needs_sshd
@pytest.mark.parametrize("cipher", ["aes128-gcm@openssh.com", "aes128-ctr"])
def test_new_keys_within_a_visit(cipher: str, tmp_path: Path) -> None:
    """A node that wants new keys every few kilobytes gets them while the script is sent."""
    with site_with(tmp_path, f"Ciphers {cipher}", "RekeyLimit 16K") as found:
        since = found.sshd.log_size()
        assert reason_of(found.transport(), found.node()) is None
        assert found.sshd.log_of_next(since).count("SSH2_MSG_NEWKEYS received") >= 2


# One thread.


def test_hundreds_hang_in_one_thread(tmp_path: Path) -> None:
    """Visits to a tarpit take no thread each, have each their reason once, and end when the transport does."""
    told, before = Told(), threading.active_count()
    key = make_key(tmp_path / "id", "ed25519")
    with socket.create_server(("127.0.0.1", 0), backlog=512) as tarpit:
        ssh = Ssh(known_hosts=(), identities=(Identity(file=str(key)),), timeouts=PATIENT, engine=LOOP)
        ours = SshTransport(ssh)
        access = SshAccess("127.0.0.1", tarpit.getsockname()[1], policy=HostKeyPolicy.INSECURE)
        for number in range(300):
            ours.begin(Node(f"worker-{number}", access, Paths()), (), told.done)
        wait(lambda: not ours.is_idle())
        assert threading.active_count() == before + 1
        ours.close()
        told.wait(300)
        ours.begin(Node("one-more", access, Paths()), (), told.done)
        told.wait(301)
    wait(lambda: threading.active_count() == before)
    assert (len(told.outcomes), told.reasons(), told.threads) == (301, {Reason.VISIT_TIMEOUT}, {"ssh-loop"})
    assert ours.is_idle()


@needs_sshd
def test_a_hundred_visits_at_once(site: Site) -> None:
    """Nodes that answer are all read, one beside the other."""
    told, ours = Told(), site.transport()
    for _ in range(100):
        ours.begin(site.node(), (), told.done)
    told.wait(100)
    assert told.reasons() == {None}


@needs_sshd
def test_nobody_waits_for_a_name(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the resolver hangs for one node another is read."""
    looked, let_go, look = threading.Event(), threading.Event(), socket.getaddrinfo

    def hang(host: str, *args: object, **kwargs: object) -> object:
        if host == "slow.example.org":
            looked.set()
            let_go.wait(PATIENCE)
            raise socket.gaierror
        return look(host, *args, **kwargs)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    told, ours = Told(), site.transport()
    ours.begin(site.node("slow.example.org"), (), told.done)
    assert looked.wait(PATIENCE)
    assert reason_of(ours, site.node()) is None
    assert not told.outcomes
    let_go.set()
    told.wait(1)
    assert told.reasons() == {Reason.NAME_NOT_RESOLVED}


@needs_sshd
def test_nobody_waits_for_a_first_key(site: Site, tmp_path: Path) -> None:
    """While somebody else has the file of first keys another node is read."""
    kept = tmp_path / "accepted"
    kept.touch()
    told, ours = Told(), site.transport(known_hosts=(), accepted_host_keys=str(kept))
    with kept.open("a") as locked:
        fcntl.flock(locked, fcntl.LOCK_EX)
        ours.begin(site.node(policy=HostKeyPolicy.ACCEPT_NEW), (), told.done)
        wait(lambda: any(thread.name == "ssh-aside" for thread in threading.enumerate()))
        assert reason_of(ours, site.node(policy=HostKeyPolicy.INSECURE)) is None
        assert not told.outcomes
    told.wait(1)
    assert told.reasons() == {None}
    assert kept.read_text().count("ssh-ed25519") == 1


# Whom it takes.


def test_whom_the_loop_takes(tmp_path: Path) -> None:
    """Every node over SSH, but where an agent is asked on the way; none where threads are wanted."""
    key = make_key(tmp_path / "id", "ed25519")
    identities = (Identity(file=str(key)),)
    paths = Paths()
    direct, behind = SshAccess("192.0.2.1"), SshAccess("192.0.2.1", via=Hop(SshAccess("192.0.2.2", agent=True)))
    loop = SshTransport(Ssh(known_hosts=(), identities=identities, engine=LOOP))
    assert loop.takes(Node("n", direct, paths))
    assert not loop.takes(Node("n", replace(direct, agent=True), paths))
    assert not loop.takes(Node("n", behind, paths))
    assert not loop.takes(Node("n", LocalAccess("/host"), paths))
    with_agent = SshTransport(Ssh(known_hosts=(), identities=identities, agent=True, engine=LOOP))
    assert not with_agent.takes(Node("n", direct, paths))
    assert with_agent.takes(Node("n", replace(direct, agent=False), paths))
    threads = SshTransport(Ssh(known_hosts=(), identities=identities, engine=SshEngine.THREADS))
    assert not threads.takes(Node("n", direct, paths))


def test_a_paramiko_that_is_not_known(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """``auto`` says so once and takes threads; ``loop`` is then a mistake that names what is missing."""
    monkeypatch.setattr(paramiko_known, "missing", lambda: ("Transport._gone",))
    monkeypatch.setattr(transport_module, "_has_loop", HAS_LOOP)
    transport_module._tell.cache_clear()
    node = Node("n", SshAccess("192.0.2.1"), Paths())
    with caplog.at_level(logging.WARNING):
        assert not [one for _ in range(2) if (one := SshTransport(Ssh(known_hosts=())).takes(node))]
    assert [record.missing for record in caplog.records if hasattr(record, "missing")] == ["Transport._gone"]
    with pytest.raises(ConfigurationError, match=r"Transport\._gone"):
        SshTransport(Ssh(known_hosts=(), engine=LOOP))


# Ends.


@needs_sshd
def test_a_mistake_of_ours_is_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody has thought of is the visit's outcome, and the loop goes on."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    ours = site.transport()
    with monkeypatch.context() as patch:
        patch.setattr(answer, "parse", fail)
        with pytest.raises(ZeroDivisionError):
            ours.read(site.node())
    assert reason_of(ours, site.node()) is None


def test_visits_of_many_threads(tmp_path: Path) -> None:
    """``read`` may come from any number of threads at once."""
    key = make_key(tmp_path / "id", "ed25519")
    with RawPeer("closes_at_once") as peer, ThreadPoolExecutor(32) as pool:
        ours = SshTransport(Ssh(known_hosts=(), identities=(Identity(file=str(key)),), engine=LOOP))
        node = Node("n", SshAccess("127.0.0.1", peer.port, policy=HostKeyPolicy.INSECURE), Paths())
        assert set(pool.map(lambda _: reason_of(ours, node), range(200))) == {Reason.CONNECTION_LOST}
    assert peer.record.connections == 200


def test_a_task_is_woken_in_time_and_no_later() -> None:
    """A pause ends when its task is woken, or else when its time is over, however often the time moves."""
    loop, log = Loop(), []

    async def waits(task: Task) -> None:
        tasks.append(task)
        await task.pause(time.monotonic() + PATIENCE)
        log.append("woken")
        began = time.monotonic()
        with contextlib.suppress(TimeoutError):
            while True:
                await task.pause(began + 0.05)
        log.append("late" if time.monotonic() < began + 0.05 else "over")

    tasks: list[Task] = []
    loop.start(waits)
    wait(lambda: bool(tasks))
    loop.soon(tasks[0].wake)
    wait(lambda: len(log) == 2)
    assert log == ["woken", "over"]
    wait(lambda: not loop.is_running)


def test_a_task_that_fails_costs_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    """A task's mistake is told in the log, and the others go on."""
    loop, ended = Loop(), threading.Event()

    async def fails(_: Task) -> None:
        raise ZeroDivisionError

    async def goes_on(_: Task) -> None:
        ended.set()

    loop.start(fails)
    loop.start(goes_on)
    assert ended.wait(PATIENCE)
    wait(lambda: not loop.is_running)
    assert "the loop's task failed" in caplog.text


def test_a_loop_that_cannot_begin_begins_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a descriptor for the loop who asks is told so, nothing is kept, and the next one is served."""
    loop, ended = Loop(), threading.Event()

    def fail() -> None:
        raise OSError(errno.EMFILE, "too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(socket, "socketpair", fail)
        with pytest.raises(OSError, match="too many"):
            loop.soon(ended.set)
    assert not loop.is_running
    loop.soon(lambda: None)
    wait(lambda: not loop.is_running)
    assert not ended.is_set()


@needs_sshd
@pytest.mark.parametrize("missing", ["socket.socketpair", "selectors.DefaultSelector", "threading.Thread.start"])
def test_a_visit_without_a_loop_is_ours(site: Site, missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without descriptors or threads for the loop a visit fails as a fault of ours, and the next one is served."""
    transport, node = site.transport(), site.node()

    def fail(*_: object) -> None:
        raise OSError(errno.EMFILE, "too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(missing, fail)
        for _ in range(2):
            assert visit(node, NodeReport(node), {TransportKind.SSH: transport}).reason is Reason.INTERNAL
    assert transport.is_idle()
    assert visit(node, NodeReport(node), {TransportKind.SSH: transport}).reason is None
    transport.close()
