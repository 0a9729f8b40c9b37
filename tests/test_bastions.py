"""Bastions that are unknown, that refuse, freeze, die or lead elsewhere: each costs its own nodes one reason, once."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import paramiko
import pytest
from paramiko.common import OPEN_FAILED_RESOURCE_SHORTAGE, OPEN_SUCCEEDED

from exporter.collect.ssh import bastion_standing
from exporter.collect.ssh.transport import SshTransport
from exporter.config.settings import Pace, Paths, TransportKind
from exporter.config.ssh import Identity, Ssh, Timeouts
from exporter.demo.signer import Authority
from exporter.demo.store import FileStore
from exporter.errors import Reason
from exporter.model.node import Hop, Node, SshAccess
from exporter.model.report import NodeReport
from exporter.rounds import cut_off
from exporter.rounds.daemon import Daemon
from exporter.rounds.fleet import Fleet
from exporter.rounds.state import FleetState
from tests.hostile import RawPeer, ServerPeer, Session
from tests.sshd import USER, Host, Sshd, address, make_key, needs_sshd, public, run
from tests.visits import PATIENT, failure, reason_of

pytestmark = [needs_sshd, pytest.mark.usefixtures("ssh_engine")]

NODE, OTHER_NODE, EDGE, OTHER_EDGE, CLOSED_EDGE = (address(number) for number in (151, 152, 161, 162, 163))
QUICK = Timeouts().model_copy(update={**dict.fromkeys(Timeouts.model_fields, 20.0), "banner": 1.0, "connect": 1.0})


@dataclass
class Site:
    """One sshd that is nodes and bastions."""

    directory: Path
    sshd: Sshd
    key: Path

    def transport(
        self, *, hosts: str | None = None, key: Path | None = None, timeouts: Timeouts = PATIENT
    ) -> SshTransport:
        known = self.directory / f"known-{time.monotonic_ns()}"
        known.write_text(self.sshd.known_hosts() if hosts is None else hosts)
        identities = (Identity(file=str(key or self.key)),)
        return SshTransport(Ssh(known_hosts=(str(known),), identities=identities, timeouts=timeouts))

    def edge(self, where: str = EDGE, port: int | None = None, name: str = "edge", **access: object) -> Hop:
        reached = SshAccess(where, port or self.sshd.port, USER, name=name)
        return Hop(replace(reached, **access))  # type: ignore[arg-type]  # a test's own settings

    def node(self, via: Hop, where: str = NODE, name: str = "worker-1", port: int | None = None) -> Node:
        return Node(
            name, SshAccess(where, port or self.sshd.port, USER, name=name, via=via), Paths(str(self.directory / "pki"))
        )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """All of it on loopback."""
    directory = tmp_path_factory.mktemp("bastions")
    key = make_key(directory / "id", "ed25519")
    FileStore(directory / "pki").update(Authority().client("worker-1", time.time() - 60, 86400), time.time())
    hosts = [Host(NODE), Host(OTHER_NODE), Host(EDGE), Host(OTHER_EDGE), Host(CLOSED_EDGE, ("AllowTcpForwarding no",))]
    sshd = Sshd(directory, hosts, [key])
    sshd.start()
    try:
        yield Site(directory, sshd, key)
    finally:
        sshd.stop()


@contextlib.contextmanager
def closing(ours: SshTransport) -> Iterator[SshTransport]:
    """Hang up at the end."""
    try:
        yield ours
    finally:
        ours.close()


def test_through_one_and_through_two(site: Site) -> None:
    """A node is read through a bastion, and through one behind another."""
    with closing(site.transport()) as ours:
        edge = site.edge()
        assert reason_of(ours, site.node(edge)) is None
        inner = site.edge(OTHER_EDGE, name="inner", via=edge)
        assert reason_of(ours, site.node(inner)) is None


def test_one_connection_for_all(site: Site) -> None:
    """Thirty visits, ten at a time, are one login to the bastion; each is one to the node."""
    since = site.sshd.log_size()
    with closing(site.transport()) as ours, ThreadPoolExecutor(10) as pool:
        node = site.node(site.edge())
        assert list(pool.map(lambda _: reason_of(ours, node), range(30))) == [None] * 30
    log = site.sshd.log_of_next(since)
    assert log.count("Accepted publickey") == 31


@pytest.mark.parametrize(
    ("hosts", "said"),
    [
        ("[{node}]:{port} {key}", "host_key_unknown"),
        ("[{node}]:{port} {key}\n[{edge}]:{port} {other}", "host_key_changed"),
        ("[{node}]:{port} {key}\n@revoked * {key}\n[{edge}]:{port} {key}", "host_key_revoked"),
        ("[{node}]:{port} {key}\n@cert-authority * {other}", "host_key_needs_ca"),
    ],
)
def test_a_bastion_that_is_not_known(hosts: str, said: str, site: Site, tmp_path: Path) -> None:
    """A bastion is verified like a node, and neither of them is shown a key of ours."""
    other = make_key(tmp_path / "other", "ed25519")
    key = public(site.sshd.host_keys["ed25519"])
    text = hosts.format(node=NODE, edge=EDGE, port=site.sshd.port, key=key, other=public(other))
    since = site.sshd.log_size()
    with closing(site.transport(hosts=f"{text}\n")) as ours:
        error = failure(ours, site.node(site.edge()))
    assert error
    assert error.reason is Reason.BASTION_HOST_KEY
    assert error.detail.startswith(f"edge: {said}")
    assert "userauth-request" not in site.sshd.log_of_next(since)


def test_a_bastion_that_does_not_take_our_key(site: Site, tmp_path: Path) -> None:
    """It is tried once for all of its nodes, and no more within the hour."""
    stranger = make_key(tmp_path / "stranger", "ed25519")
    since = site.sshd.log_size()
    with closing(site.transport(key=stranger)) as ours:
        nodes = [site.node(site.edge(), where) for where in (NODE, OTHER_NODE)] * 5
        assert {reason_of(ours, node) for node in nodes} == {Reason.BASTION_AUTH_FAILED}
    assert site.sshd.log_of_next(since).count("Connection from") == 1


def test_a_bastion_that_forwards_nothing(site: Site) -> None:
    """AllowTcpForwarding no, and its like."""
    with closing(site.transport()) as ours:
        error = failure(ours, site.node(site.edge(CLOSED_EDGE)))
    assert error
    assert error.reason is Reason.BASTION_REFUSED


def test_a_node_that_its_bastion_does_not_reach(site: Site) -> None:
    """That is the node's own reason: the bastion and its other nodes are well."""
    with closing(site.transport()) as ours:
        edge = site.edge()
        assert reason_of(ours, site.node(edge, port=1)) is Reason.CONNECTION_REFUSED
        assert reason_of(ours, site.node(edge, "no-such-name.invalid")) is Reason.NAME_NOT_RESOLVED
        assert reason_of(ours, site.node(edge)) is None


@pytest.mark.parametrize("behaviour", ["closes_at_once", "http_and_closes", "closes_after_kexinit"])
def test_a_bastion_that_is_down_is_tried_once_for_all(behaviour: str, site: Site) -> None:
    """Thirty nodes behind it get the same reason by one attempt; a node behind another bastion is read."""
    with RawPeer(behaviour) as peer, closing(site.transport()) as ours, ThreadPoolExecutor(10) as pool:
        node = site.node(site.edge("127.0.0.1", peer.port, "down"))
        errors = list(pool.map(lambda _: failure(ours, node), range(30)))
        assert reason_of(ours, site.node(site.edge())) is None
    assert {error.reason for error in errors if error} == {Reason.BASTION_UNREACHABLE}
    assert len([error for error in errors if error]) == 30
    assert peer.record.connections == 1


def test_a_bastion_that_nobody_listens_on(site: Site) -> None:
    """The detail says what became of the connection."""
    with closing(site.transport()) as ours:
        error = failure(ours, site.node(site.edge(port=1)))
    assert error
    assert (error.reason, error.detail) == (Reason.BASTION_UNREACHABLE, f"edge: connection_refused: {EDGE} port 1")


class Forwarding(Session):
    """A bastion whose every channel leads to one place."""

    target = (NODE, 22)
    closes_at: int | None = None

    channels = 0  # of all its connections so far

    def check_channel_direct_tcpip_request(
        self, chanid: int, origin: tuple[str, int], destination: tuple[str, int]
    ) -> int:
        type(self).channels += 1
        if self.channels == self.closes_at:
            self.peer.hang_up()
        threading.Thread(target=self._pump, name="forwarding").start()
        return OPEN_SUCCEEDED

    def _pump(self) -> None:
        channel = None
        while channel is None:  # paramiko wakes one waiter for a channel that another has taken
            channel = self.transport.accept(1)
            if not self.transport.is_active():
                return
        with contextlib.closing(channel), socket.create_connection(self.target) as far:
            back = threading.Thread(target=_copy, args=(far.recv, channel.sendall), name="forwarding-back")
            back.start()
            _copy(channel.recv, far.sendall)
            with contextlib.suppress(OSError):
                far.shutdown(socket.SHUT_RDWR)
            back.join(20)


def _copy(receive: Callable[[int], bytes], send: Callable[[bytes], object]) -> None:
    with contextlib.suppress(OSError, EOFError):
        while data := receive(32768):
            send(data)


class ForwardingPeer(ServerPeer):
    """Serves channels until the connection ends."""

    def serve(self, connection: socket.socket) -> None:
        transport = paramiko.Transport(connection)
        try:
            transport.add_server_key(self.key)
            transport.start_server(server=self._session(self, transport))
            while transport.is_active() and not self.stopping.wait(0.05):
                pass
        finally:
            transport.close()


def forwarding(site: Site, closes_at: int | None = None) -> type[Session]:
    return type("ToOneNode", (Forwarding,), {"target": (NODE, site.sshd.port), "closes_at": closes_at})


def test_a_bastion_that_leads_elsewhere(site: Site, tmp_path: Path) -> None:
    """The host behind a bastion is verified end to end: one that leads to another host gains nothing."""
    peer = ForwardingPeer(forwarding(site))
    with peer:
        key, own = make_key(tmp_path / "own", "ed25519"), peer.key
        known = f"[127.0.0.1]:{peer.port} {own.get_name()} {own.get_base64()}\n"
        known += f"[{OTHER_NODE}]:{site.sshd.port} {public(key)}\n{site.sshd.known_hosts().splitlines()[0]}\n"
        with closing(site.transport(hosts=known)) as ours:
            edge = site.edge("127.0.0.1", peer.port)
            assert reason_of(ours, site.node(edge)) is None
            since = site.sshd.log_size()
            assert reason_of(ours, site.node(edge, OTHER_NODE, "worker-2")) is Reason.HOST_KEY_CHANGED
            assert "userauth-request" not in site.sshd.log_of_next(since)


def test_a_bastion_that_closes_at_the_eleventh(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its nodes get its reason, not one of their own, and are looked at again as soon as it is back."""
    monkeypatch.setattr(bastion_standing, "FIRST_PAUSE", 0.5)
    monkeypatch.setattr(cut_off, "LONGEST_SCOUT", 1.0)
    peer = ForwardingPeer(forwarding(site, closes_at=11))
    with peer:
        own = peer.key
        known = f"[127.0.0.1]:{peer.port} {own.get_name()} {own.get_base64()}\n{site.sshd.known_hosts()}"
        edge = replace(site.edge("127.0.0.1", peer.port), channels=40, logins_per_second=1000)
        behind = tuple(site.node(edge, name=f"worker-{number}") for number in range(25))
        other = site.node(site.edge(OTHER_EDGE, name="other"), name="elsewhere")
        with closing(site.transport(hosts=known)) as ours, visiting((*behind, other), ours) as daemon:
            wait(lambda: all(report.last_visit for report in daemon.snapshot().reports))
            seen = {report.reason for report in daemon.snapshot().reports}
            wait(lambda: all(report.up for report in daemon.snapshot().reports))
            failures = dict(daemon.snapshot().counters.failures)
    assert seen <= {None, Reason.BASTION_UNREACHABLE}
    assert set(failures) == {Reason.BASTION_UNREACHABLE}
    assert peer.record.connections >= 2


class Crowded(Forwarding):
    """A bastion that has ten channels at once, and no more."""

    under_way = 0
    refused = 0
    lock = threading.Lock()

    def check_channel_direct_tcpip_request(
        self, chanid: int, origin: tuple[str, int], destination: tuple[str, int]
    ) -> int:
        kind = type(self)
        with self.lock:
            if kind.under_way == 10:
                kind.refused += 1
                return OPEN_FAILED_RESOURCE_SHORTAGE
            kind.under_way += 1
        return super().check_channel_direct_tcpip_request(chanid, origin, destination)

    def _pump(self) -> None:
        try:
            super()._pump()
        finally:
            with self.lock:
                type(self).under_way -= 1


@pytest.mark.parametrize("channels", [5, 40])
def test_a_bastion_that_refuses_the_eleventh_channel(channels: int, site: Site) -> None:
    """Below its limit nobody is refused. Above it those who are have its reason, and are read when there is room."""

    class ToOneNode(Crowded):
        target = (NODE, site.sshd.port)

    peer = ForwardingPeer(ToOneNode)
    with peer:
        own = peer.key
        known = f"[127.0.0.1]:{peer.port} {own.get_name()} {own.get_base64()}\n{site.sshd.known_hosts()}"
        edge = replace(site.edge("127.0.0.1", peer.port), channels=channels, logins_per_second=1000)
        behind = tuple(site.node(edge, name=f"worker-{number}") for number in range(25))
        with closing(site.transport(hosts=known)) as ours, visiting(behind, ours) as daemon:
            wait(lambda: all(report.up for report in daemon.snapshot().reports))
            failures = dict(daemon.snapshot().counters.failures)
    assert peer.record.connections == 1
    assert set(failures) == ({Reason.BASTION_REFUSED} if ToOneNode.refused else set())
    assert bool(ToOneNode.refused) is (channels > 10)


@contextlib.contextmanager
def visiting(nodes: tuple[Node, ...], ours: SshTransport) -> Iterator[Daemon]:
    """A daemon over these nodes, each due at once; a minute's pause after a failure unless something ends it."""
    daemon = Daemon(FleetState())
    daemon.start()
    daemon.apply(Fleet(nodes, (), Pace(3600, 30, 1000), {TransportKind.SSH: ours}, 32, ours, close=ours.close))
    try:
        yield daemon
    finally:
        assert daemon.stop() == []


def wait(condition: Callable[[], bool], patience: float = 30) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def serving(where: str, port: int) -> set[int]:
    """The processes that serve connections to a host of ours now."""
    shown = run("ss", "-Htnp", "state", "established", f"src {where} and sport = :{port}")
    return {int(number) for number in re.findall(r"pid=(\d+)", shown)}


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGSTOP], ids=["dies", "freezes"])
def test_a_bastion_that_is_gone_amid_a_visit(sign: signal.Signals, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The visit ends with the bastion's reason within its own time, and the next one connects anew."""
    monkeypatch.setattr(bastion_standing, "ANSWERS_WITHIN", 0.5)
    with RawPeer("silent") as silent, closing(site.transport(timeouts=QUICK)) as ours, ThreadPoolExecutor(1) as pool:
        edge = site.edge()
        assert reason_of(ours, site.node(edge)) is None
        at_work = serving(EDGE, site.sshd.port)
        assert at_work
        visit = pool.submit(failure, ours, site.node(edge, "127.0.0.1", port=silent.port))
        wait(lambda: silent.record.connections == 1)
        run("kill", f"-{sign.value}", *map(str, at_work))
        error = visit.result(timeout=20)
        assert error
        assert error.reason is Reason.BASTION_UNREACHABLE
        assert reason_of(ours, site.node(edge)) is None
        if sign is signal.SIGSTOP:
            run("kill", f"-{signal.SIGKILL.value}", *map(str, at_work))


def test_a_silent_node_behind_a_bastion_that_is_well(site: Site) -> None:
    """A node that says nothing has its own reason: its bastion was asked, and answers."""
    with RawPeer("silent") as silent, closing(site.transport(timeouts=QUICK)) as ours:
        assert reason_of(ours, site.node(site.edge(), "127.0.0.1", port=silent.port)) is Reason.BANNER_TIMEOUT


def test_a_bastion_that_comes_back(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes behind a dead bastion are read once it is back, long before their own pause is over."""
    monkeypatch.setattr(bastion_standing, "FIRST_PAUSE", 0.3)
    monkeypatch.setattr(bastion_standing, "LONGEST_PAUSE", 0.3)
    monkeypatch.setattr(cut_off, "LONGEST_SCOUT", 1.0)
    late = Sshd(tmp_path, [Host(address(164))], [site.key])
    known = site.sshd.known_hosts() + late.known_hosts()
    edge = site.edge(address(164), late.port)
    nodes = tuple(site.node(edge, name=f"worker-{number}") for number in range(20))
    with closing(site.transport(hosts=known)) as ours, visiting(nodes, ours) as daemon:
        wait(lambda: all(report.last_visit for report in daemon.snapshot().reports))
        assert {report.reason for report in daemon.snapshot().reports} == {Reason.BASTION_UNREACHABLE}
        late.start()
        try:
            wait(lambda: all(report.up for report in daemon.snapshot().reports), 60)
        finally:
            late.stop()


def test_a_certificate_of_ours_that_is_renewed(site: Site, tmp_path: Path) -> None:
    """Our own end is not held against a bastion: once there is a new certificate its nodes are read at once."""
    make_key(tmp_path / "ca", "ed25519")
    key = make_key(tmp_path / "id", "ed25519")

    def sign(validity: str) -> None:
        run("ssh-keygen", "-q", "-s", str(tmp_path / "ca"), "-I", "us", "-n", USER, "-V", validity, f"{key}.pub")

    authorized = site.directory / "authorized_keys"
    before = authorized.read_text()
    authorized.write_text(f"{before}cert-authority {public(tmp_path / 'ca')}\n")
    sign("-2h:-1h")
    since = site.sshd.log_size()
    try:
        with closing(site.transport(key=key)) as ours:
            assert reason_of(ours, site.node(site.edge())) is Reason.SSH_CREDENTIAL_EXPIRED
            assert "Connection from" not in site.sshd.log.read_bytes()[since:].decode()
            sign("-1m:+10m")
            assert reason_of(ours, site.node(site.edge())) is None
    finally:
        authorized.write_text(before)


def test_what_says_that_a_bastion_is_back() -> None:
    """A visit that was not tried says nothing of the bastion; one that reached its node does."""
    hop = Hop(SshAccess("192.0.2.1", name="edge"))
    nodes = [Node(f"n{number}", SshAccess("192.0.2.2", via=hop), Paths()) for number in range(3)]
    reports = [NodeReport(node, Reason.BASTION_UNREACHABLE, last_visit=1000.0) for node in nodes]
    seen = cut_off.CutOff()
    assert [seen.after(report) for report in reports] == [(), (), ()]
    assert [seen.due(report, 9999.0) for report in reports] == [1000.0 + cut_off.LONGEST_SCOUT, 9999.0, 9999.0]
    assert seen.after(replace(reports[0], reason=Reason.SSH_CREDENTIAL_EXPIRED)) == ()
    seen.settle(nodes[1:])
    assert seen.due(reports[1], 9999.0) == 1000.0 + cut_off.LONGEST_SCOUT
    assert seen.after(replace(reports[2], reason=Reason.CONNECTION_REFUSED)) == ("n1",)
    assert seen.after(replace(reports[2], reason=None)) == ()
