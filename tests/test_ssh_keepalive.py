"""`ssh.keepalive`: nodes that are visited often are logged in to once for many visits, and it costs no visit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import paramiko
import pytest
from paramiko.message import Message

from exporter.collect.ssh.loop import conversation, kept
from exporter.collect.ssh.loop.kept import KeptLogins
from exporter.collect.ssh.loop.reactor import Loop
from exporter.collect.ssh.transport import SshTransport
from exporter.config.settings import Pace, Paths
from exporter.config.ssh import Ssh
from exporter.demo.signer import Authority
from exporter.demo.store import FileStore
from exporter.errors import Reason
from exporter.model.files import Condition
from exporter.model.node import Hop, Node, SshAccess
from exporter.model.report import Visit
from exporter.rounds.state import FleetState
from tests.alertmanagers import wait_for
from tests.hostile import Command, ServerPeer, string
from tests.sshd import USER, Host, Sshd, address, make_key, needs_sshd, place_for_trees
from tests.test_ssh import ORIGINAL, shell
from tests.visits import PATIENT, reason_of

pytestmark = needs_sshd
HOSTS = {
    "plain": Host(address(231)),
    "another": Host(address(232)),
    "third": Host(address(233)),
    "one_session": Host(address(234), ("MaxSessions 1",)),
    "no_end": Host(address(235), (shell(f"{ORIGINAL}; sleep 0.3; yes"),)),
    "mute": Host(address(236), (shell("true"),)),
    "alive": Host(address(237), ("ClientAliveInterval 1", "ClientAliveCountMax 3")),
}
LOGIN = "Accepted publickey"
PATIENCE = 20.0


@dataclass(frozen=True)
class Site:
    """sshd for nodes that are this very machine, and whoever may log in."""

    sshd: Sshd
    directory: Path
    key: Path

    @contextmanager
    def transport(self, keepalive: str | None = "10m", **more: object) -> Iterator[SshTransport]:
        """One with that setting; at its end it is closed."""
        known_hosts = self.directory / "known_hosts"
        known_hosts.write_text(self.sshd.known_hosts())
        settings = {
            "known_hosts": str(known_hosts),
            "identities": [{"file": str(self.key)}],
            "timeouts": PATIENT,
            "engine": "loop",
            **more,
        }
        ours = SshTransport(Ssh.model_validate(settings if keepalive is None else {**settings, "keepalive": keepalive}))
        try:
            yield ours
        finally:
            ours.close()

    def node(self, name: str = "plain") -> Node:
        access = SshAccess(HOSTS[name].address, self.sshd.port, USER, name="worker-1")
        return Node("worker-1", access, Paths(store=str(self.directory / "pki")))

    def log(self, since: int = 0) -> str:
        return self.sshd.log.read_bytes()[since:].decode("utf-8", "replace")

    def wait_for(self, words: str, since: int) -> None:
        """Until sshd has logged that."""
        wait_for(lambda: words in self.log(since), f"not logged: {words}", PATIENCE)

    def wait_until_nobody(self) -> None:
        """Until sshd has no connection any more."""
        wait_for(lambda: not self.sessions(), "a connection is open", PATIENCE)

    def sessions(self) -> set[int]:
        """The processes that sshd has for its connections, theirs included."""
        found: set[int] = set()
        parents = [server.pid for server in self.sshd._servers]
        while parents:
            parent = parents.pop()
            try:
                children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
            except OSError:  # it has just ended
                continue
            found |= set(map(int, children))
            parents += map(int, children)
        return found

    def signal(self, number: signal.Signals) -> None:
        for process in self.sessions():
            try:
                os.kill(process, number)
            except ProcessLookupError:
                continue


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A store on this machine, and sshd."""
    with running() as found:
        yield found


@contextmanager
def running(*options: str) -> Iterator[Site]:
    with place_for_trees() as directory:
        store, authority, now = FileStore(directory / "pki"), Authority(), time.time()
        store.update(authority.client("worker-1", now - 60, 365 * 86400), now - 60)
        key = make_key(directory / "id_ed25519", "ed25519")
        sshd = Sshd(directory, list(HOSTS.values()), [key], options)
        try:
            sshd.start()
            yield Site(sshd, directory, key)
        finally:
            sshd.stop()


@pytest.fixture(autouse=True)
def _nobody_is_left(site: Site) -> Iterator[None]:
    """A transport that was closed has no connection any more."""
    yield
    site.wait_until_nobody()


def is_read(ours: SshTransport, node: Node) -> bool:
    return ours.read(node).client.condition is Condition.READ


def logins(site: Site, ours: SshTransport, *nodes: Node) -> list[int]:
    """How often sshd was logged in to for each of these visits, which all bring facts."""
    found = []
    for node in nodes:
        since = site.sshd.log_size()
        assert is_read(ours, node)
        found.append(site.log(since).count(LOGIN))
    return found


def test_the_second_visits_connection_serves_those_after_it(site: Site, tmp_path: Path) -> None:
    """Once it is clear that the node is visited often; the audit says which visits needed no login."""
    audit = tmp_path / "audit.json"
    with site.transport(audit=str(audit)) as ours:
        assert logins(site, ours, *[site.node()] * 5) == [1, 1, 0, 0, 0]
    entries = [json.loads(line) for line in audit.read_text().splitlines()]
    assert [entry["kept"] for entry in entries] == [False, False, True, True, True]
    assert all(entry["outcome"] == "read" and entry["identity"] and entry["host_key"] for entry in entries)
    first, *others = (entry["bytes"] for entry in entries)
    assert all(0 < one < first for one in others[1:])


def test_each_visit_has_a_login_of_its_own_unless_told_otherwise(site: Site) -> None:
    """Nothing is kept by default."""
    with site.transport(None) as ours:
        assert logins(site, ours, *[site.node()] * 3) == [1, 1, 1]


def test_a_sshd_that_allows_one_session(site: Site) -> None:
    """The one before it is over by then; where it is not, there is a new login."""
    with site.transport() as ours:
        assert logins(site, ours, site.node("one_session")) == [1]
        for expected in (1, 0, 0):
            since = site.sshd.log_size()
            assert logins(site, ours, site.node("one_session")) == [expected]
            site.wait_for("Close session", since)


def test_a_sshd_that_asks_whether_we_are_there(site: Site) -> None:
    """It is answered while nobody visits, and what it asked is not taken for more than may come."""
    with site.transport() as ours:
        node = site.node("alive")
        assert logins(site, ours, node, node) == [1, 1]
        time.sleep(5.0)  # three questions without an answer would have ended it
        assert logins(site, ours, node) == [0]


def test_a_sshd_that_asks_for_new_keys() -> None:
    """In the next visit, as it says nothing meanwhile: the visit waits for them, and goes on."""
    with running("RekeyLimit default 2s") as site, site.transport() as ours:
        node = site.node()
        assert logins(site, ours, node, node) == [1, 1]
        since = site.sshd.log_size()
        for _ in range(2):
            time.sleep(2.5)
            assert logins(site, ours, node) == [0]
        assert site.log(since).count("SSH2_MSG_KEXINIT sent")


def test_a_visit_without_a_login_is_none_to_the_brake(site: Site) -> None:
    """It says nothing of our key: neither is a pause put off by it, nor are more logins begun at once."""
    with site.transport() as ours:
        node, state, untouched = site.node(), FleetState(), FleetState()
        for one in (state, untouched):
            one.settle((node,), (), Pace())
        facts = [ours.read(node) for _ in range(4)]
        assert [one.has_logged_in for one in facts] == [True, True, False, False]
        for kept_one in facts[2:] * 50:
            state.brake(Visit(node, 1000.0, 0.5, facts=kept_one), 0)
        assert state.login_room == untouched.login_room
        refused = Visit(node, 1000.0, 0.5, Reason.AUTH_FAILED)
        assert [state.brake(refused, 0) for _ in range(20)] == [False] * 19 + [True]


def test_a_connection_that_its_node_has_ended(site: Site) -> None:
    """As at a reboot: a new login, and the visit is as any other."""
    with site.transport() as ours:
        assert logins(site, ours, site.node(), site.node()) == [1, 1]
        site.signal(signal.SIGKILL)
        assert logins(site, ours, site.node(), site.node()) == [1, 0]


def test_a_connection_that_was_cut_off_on_the_way(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing comes any more, and nothing says so: it is given up soon, and the visit goes on with a new login."""
    monkeypatch.setattr(conversation, "_KEPT_ANSWERS_WITHIN", 0.3)
    with site.transport() as ours:
        assert logins(site, ours, site.node(), site.node()) == [1, 1]
        stuck = site.sessions()
        site.signal(signal.SIGSTOP)
        assert logins(site, ours, site.node(), site.node()) == [1, 0]
        for process in stuck:
            os.kill(process, signal.SIGCONT)


def test_a_login_counts_for_so_long_and_no_longer(site: Site) -> None:
    """However often it is used: an account that was closed since is noticed by then."""
    with site.transport("3s") as ours:
        assert logins(site, ours, site.node(), site.node()) == [1, 1]
        visits, deadline = 0, time.monotonic() + 20.0
        while logins(site, ours, site.node()) == [0]:
            assert time.monotonic() < deadline
            visits += 1
            time.sleep(0.2)
        assert visits
        site.wait_until_nobody()  # it ends by itself, with no visit to see it


def test_who_is_visited_seldom_is_not_kept(site: Site) -> None:
    """A connection that nobody would use before it is too old."""
    with site.transport("1s") as ours:
        assert logins(site, ours, site.node()) == [1]
        time.sleep(1.1)
        assert logins(site, ours, site.node()) == [1]
        site.wait_until_nobody()


def test_what_comes_after_the_answer_is_bounded(site: Site) -> None:
    """A command that never stops printing costs its connection, and no visit."""
    with site.transport() as ours:
        found = logins(site, ours, *[site.node("no_end")] * 4)
        assert all(found[:2])
        assert is_read(ours, site.node("no_end"))


def test_a_visit_that_failed_keeps_nothing(site: Site) -> None:
    """Its node is logged in to anew."""
    with site.transport() as ours:
        since = site.sshd.log_size()
        for _ in range(3):
            assert reason_of(ours, site.node("mute")) is Reason.ANSWER_EMPTY
        assert site.log(since).count(LOGIN) == 3
        site.wait_until_nobody()


def test_two_visits_at_once(site: Site) -> None:
    """As of a probe while the node is due: one of them has the connection, the other logs in."""
    with site.transport() as ours, ThreadPoolExecutor(4) as pool:
        assert logins(site, ours, site.node(), site.node()) == [1, 1]
        assert all(pool.map(lambda _: is_read(ours, site.node()), range(12)))
        assert logins(site, ours, site.node()) == [0]


def test_so_many_are_kept_and_no_more(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """One node more costs that one its place, and not each of them its own in turn."""
    monkeypatch.setattr(kept, "MOST", 2)
    nodes = [site.node(name) for name in ("plain", "another", "third")]
    with site.transport() as ours:
        assert logins(site, ours, *nodes, *nodes) == [1] * 6
        assert logins(site, ours, *nodes, *nodes) == [0, 0, 1] * 2


def test_a_node_that_is_told_another_way_to_log_in(site: Site) -> None:
    """Another user, port or key is another login."""
    with site.transport() as ours:
        assert logins(site, ours, site.node(), site.node()) == [1, 1]
        node = site.node()
        assert isinstance(node.access, SshAccess)
        other = replace(node, access=replace(node.access, host_key_alias=HOSTS["plain"].address + "x"))
        assert reason_of(ours, other) is Reason.HOST_KEY_UNKNOWN


def test_nodes_behind_a_bastion_are_not_kept() -> None:
    """Each would keep a channel of the bastion's connection, of which it has few."""
    logins = KeptLogins(Loop(), 600.0)
    direct = SshAccess("10.0.0.1")
    behind = replace(direct, via=Hop(SshAccess("10.0.0.9"), 10, 10.0))
    assert [logins.is_wanted(direct) for _ in range(3)] == [False, True, True]
    assert [logins.is_wanted(behind) for _ in range(3)] == [False] * 3


def test_who_was_visited_is_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all who are probed in a day nothing is left."""
    now = 0.0
    monkeypatch.setattr(kept, "time", SimpleNamespace(monotonic=lambda: now))
    logins = KeptLogins(Loop(), 60.0)
    for number in range(1000):
        now += 1.0
        assert not logins.is_wanted(SshAccess(f"n{number}"))
    assert len(logins._visited) <= 60
    assert logins.is_wanted(SshAccess("n999"))


# Peers that answer well, and then misbehave on a connection that is kept.


def _answers(peer: ServerPeer, channel: paramiko.Channel, script: bytes) -> None:
    """And a while later the visit is over."""
    done = subprocess.run(["/bin/sh"], input=script, capture_output=True, check=True, env={"HOME": "/nonexistent"})
    channel.sendall(done.stdout)
    channel.send_exit_status(0)
    channel.close()
    peer.stopping.wait(0.2)


def _say(channel: paramiko.Channel, *parts: bytes) -> None:
    message = Message()
    for part in parts:
        message.add_bytes(part)
    channel.get_transport()._send_message(message)  # type: ignore[attr-defined]  # not in the stubs


def floods(peer: ServerPeer, channel: paramiko.Channel, script: bytes) -> None:
    """More than a kept connection may bring."""
    _answers(peer, channel, script)
    for _ in range(8):
        _say(channel, b"\x02", string(bytes(16 * 1024)))
    peer.stopping.wait(5.0)


def speaks_of_no_channel(peer: ServerPeer, channel: paramiko.Channel, script: bytes) -> None:
    """A message for a channel that never was."""
    _answers(peer, channel, script)
    _say(channel, b"\x60", bytes([0, 0, 0, 77]))
    peer.stopping.wait(5.0)


def goes_on_printing(peer: ServerPeer, channel: paramiko.Channel, script: bytes) -> None:
    """On the channel that is closed."""
    _answers(peer, channel, script)
    _say(channel, b"\x5e", bytes(4), string(b"more\n"))
    peer.stopping.wait(5.0)


def says_goodbye(peer: ServerPeer, channel: paramiko.Channel, script: bytes) -> None:
    """In the same breath as its answer, and hangs up much later."""
    done = subprocess.run(["/bin/sh"], input=script, capture_output=True, check=True, env={"HOME": "/nonexistent"})
    channel.sendall(done.stdout)
    _say(channel, b"\x01", bytes([0, 0, 0, 11]), string(b"bye"), string(b""))
    peer.stopping.wait(5.0)


@pytest.mark.parametrize("command", [floods, speaks_of_no_channel, goes_on_printing, says_goodbye])
def test_a_peer_that_misbehaves_afterwards(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    """Costs itself the connection, and no visit: the next one logs in anew."""
    monkeypatch.setattr(conversation, "_KEPT_ANSWERS_WITHIN", 0.3)
    peer = ServerPeer(command=command)
    with peer:
        known_hosts = tmp_path / "known_hosts"
        known_hosts.write_text(f"[127.0.0.1]:{peer.port} {peer.key.get_name()} {peer.key.get_base64()}\n")
        node = replace(site.node(), access=SshAccess("127.0.0.1", peer.port, USER, name="worker-1"))
        with site.transport(known_hosts=str(known_hosts)) as ours:
            for visits in range(1, 5):
                assert is_read(ours, node)
                assert peer.record.connections == visits
                wait_for(lambda: not ours._loop._kept._kept, "it has not misbehaved", PATIENCE)
