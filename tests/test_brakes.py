"""A wrong key on two hundred nodes: logins pause before accounts are locked; a reload with the right one ends it."""

from __future__ import annotations

import json
import shutil
import signal
import statistics
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from exporter.config.settings import Pace, Paths
from exporter.demo.signer import Authority
from exporter.demo.store import FileStore
from exporter.errors import CollectError, Reason
from exporter.model.facts import NodeFacts
from exporter.model.host import Flags
from exporter.model.node import Node, SshAccess
from exporter.model.report import Visit
from exporter.rounds.brake import LAST, LEAST, PAUSE, SLACK, Brake, Login
from exporter.rounds.daemon import Daemon
from exporter.rounds.state import FleetState
from tests.engines import Ways, both_ways
from tests.running import Running, reasons, samples
from tests.sshd import USER, Host, Sshd, address, make_key, needs_sshd

FLEET = 200
NOW = 1e9
ACCEPTED, REFUSED, UNKNOWN = Login.ACCEPTED, Login.REFUSED, Login.UNKNOWN


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Sshd]:
    """Two hundred addresses, each a node."""
    make_key(tmp_path / "right", "ed25519")
    make_key(tmp_path / "wrong", "ed25519")
    FileStore(tmp_path / "pki").update(Authority().client("worker", time.time() - 60, 86400), time.time())
    sshd = Sshd(tmp_path, [Host(address(256 + number)) for number in range(FLEET)], [tmp_path / "right"])
    sshd.start()
    try:
        yield sshd
    finally:
        sshd.stop()


@needs_sshd
def test_a_wrong_key_on_two_hundred_nodes(farm: Sshd, tmp_path: Path) -> None:
    """Few are tried of all that could be; a gauge, a reason and one log line say so; right key and reload end it."""
    for half in ("", ".pub"):
        shutil.copy(tmp_path / f"wrong{half}", tmp_path / f"id{half}")
    (tmp_path / "known_hosts").write_text(farm.known_hosts())
    document = {
        "concurrency": FLEET,
        "ssh": {"known_hosts": "known_hosts", "identities": [{"file": "id"}], "logins_per_second": 100},
        "defaults": {"user": USER, "port": farm.port, "paths": {"store": str(tmp_path / "pki")}},
        "groups": {"all": {"nodes": [{"name": f"n{n}", "address": address(256 + n)} for n in range(FLEET)]}},
    }
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps(document))
    paused = "kubelet_cert_exporter_logins_paused"
    with Running(config) as exporter:
        exporter.wait_for(lambda: samples(exporter.scrape())[paused][()] == 1)
        exporter.wait_for(lambda: len(reasons(exporter.scrape())) == FLEET and "not_yet_visited" not in said(exporter))
        assert said(exporter) == {Reason.AUTH_FAILED, Reason.LOGINS_PAUSED}
        tried = farm.log.read_text().count("method publickey")
        assert LEAST <= tried < 60
        assert sum("too many logins were refused" in line for line in exporter.log) == 1
        assert not any("reason=logins_paused" in line and "visit failed" in line for line in exporter.log)

        shutil.copy(tmp_path / "right", tmp_path / "id")
        exporter.process.send_signal(signal.SIGHUP)
        exporter.wait_for(lambda: sum(samples(exporter.scrape())["kubelet_cert_node_up"].values()) == FLEET, 60)
        assert samples(exporter.scrape())[paused][()] == 0
    assert farm.log.read_text().count("method publickey") == tried + FLEET


def said(exporter: Running) -> set[str]:
    return set(reasons(exporter.scrape()).values())


def after(*outcomes: Login, brake: Brake | None = None) -> Brake:
    """A brake that saw these."""
    seen = brake or Brake()
    for login in outcomes:
        seen = seen.after(NOW, login)
    return seen


@pytest.mark.parametrize(
    ("refused", "taken", "pauses"),
    [(LEAST, 0, True), (LEAST - 1, 0, False), (LEAST, 79, True), (LEAST, 80, False), (LEAST + 1, 80, True)],
)
def test_when_a_pause_begins(refused: int, taken: int, pauses: bool) -> None:
    """At twenty of the last hundred, where they are more than a fifth."""
    assert after(*[ACCEPTED] * taken, *[REFUSED] * refused).is_on(NOW) is pauses


def test_what_is_long_ago_does_not_count() -> None:
    """Only the last hundred are looked at."""
    assert not after(*[REFUSED] * (LEAST - 1), *[ACCEPTED] * LAST, *[REFUSED] * (LEAST - 1)).is_on(NOW)


def test_a_pause_ends_by_itself() -> None:
    """After a quarter of an hour, and by a clock that was set back; then it takes twenty more to begin another."""
    brake = after(*[REFUSED] * LEAST)
    assert brake.is_on(NOW + PAUSE - 1)
    assert not brake.is_on(NOW + PAUSE)
    assert not brake.is_on(NOW - 1)
    again = brake.after(NOW + PAUSE, REFUSED)
    assert not again.is_on(NOW + PAUSE)


def test_what_began_before_a_reload_does_not_count() -> None:
    """Visits that were under way with the old key when the right one came begin no pause."""
    state, node = FleetState(), Node("n", SshAccess("192.0.2.1"), Paths())
    began = state.brake_releases
    state.release_brake()
    refused = Visit(node, NOW, 0.0, Reason.AUTH_FAILED)
    assert not any(state.brake(refused, began) for _ in range(LAST))
    assert [state.brake(refused, state.brake_releases) for _ in range(LEAST)] == [*[False] * (LEAST - 1), True]


def test_guests_stop_none_but_guests() -> None:
    """However many of their logins are refused, the fleet is logged in to; a pause of the fleet's is theirs as well."""
    state, node = FleetState(), Node("n", SshAccess("192.0.2.1"), Paths())
    guest = replace(node, name="g@m", is_guest=True)
    assert [state.brake(Visit(guest, NOW, 0.0, Reason.AUTH_FAILED), 0) for _ in range(LEAST)][-1]
    assert state.logins_paused_until(NOW) is None
    assert state.logins_paused_until(NOW, of_guests=True) == NOW + PAUSE
    assert not state.snapshot(NOW).counters.logins_paused
    state.release_brake()
    assert state.logins_paused_until(NOW, of_guests=True) is None
    assert [state.brake(Visit(node, NOW, 0.0, Reason.AUTH_FAILED), 1) for _ in range(LEAST)][-1]
    assert state.logins_paused_until(NOW, of_guests=True) == NOW + PAUSE


@pytest.mark.parametrize(
    ("seen", "room"),
    [
        ((), LEAST + SLACK),
        ([UNKNOWN] * LAST, LEAST + SLACK),
        ([REFUSED] * 5, LEAST + SLACK - 5),
        ([REFUSED] * (LEAST - 1), SLACK + 1),
        ([ACCEPTED] * 7, 106),
        ([ACCEPTED] * LAST, 1098),
        ([*[ACCEPTED] * 95, *[REFUSED] * 5], 347),
        ([*[ACCEPTED] * 50, *[REFUSED] * 20, *[UNKNOWN] * 30], 38),
    ],
)
def test_how_many_logins_may_be_under_way(seen: list[Login], room: int) -> None:
    """Few while nothing is known or much is refused; more than anybody asks for where logins are taken."""
    brake = Brake(seen=tuple(seen))
    assert brake.room == room


@pytest.mark.parametrize(("share", "dead"), [(0.25, 0.0), (0.5, 0.0), (1.0, 0.0), (1.0, 0.6)])
def test_what_is_under_way_when_a_pause_begins(share: float, dead: float) -> None:
    """However many may be under way and however they are mixed, few more are refused than a pause takes."""
    all_refused = []
    for seed in range(50):
        random, brake, under_way, refused = Random(seed), Brake(), 0, 0
        while not brake.is_on(NOW):
            under_way = max(under_way, min(1024, brake.room))
            under_way -= 1
            login = UNKNOWN if random.random() < dead else REFUSED if random.random() < share else ACCEPTED
            refused += login is REFUSED
            brake = brake.after(NOW, login)
        all_refused.append(refused + round(under_way * share * (1 - dead)))
    assert statistics.median(all_refused) <= LEAST + SLACK + 5
    assert max(all_refused) <= LAST


@both_ways
@pytest.mark.parametrize("concurrency", [200, 1024])
def test_a_wrong_key_with_hundreds_at_once(ways: Ways, concurrency: int) -> None:
    """No more than LEAST and SLACK nodes are shown it, though all of them could be at once."""
    refusing = Refusing()
    nodes = tuple(Node(f"n{number}", SshAccess("192.0.2.1"), Paths()) for number in range(FLEET))
    state = FleetState()
    daemon = Daemon(state)
    daemon.start()
    daemon.apply(ways.fleet(nodes, refusing, Pace(3600, 60, 10_000), concurrency))
    try:
        deadline = time.monotonic() + 20
        while not daemon.snapshot().counters.logins_paused or any(
            report.reason is Reason.NOT_YET_VISITED for report in daemon.snapshot().reports
        ):
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        assert daemon.stop() == []
    assert LEAST <= refusing.asked <= LEAST + SLACK


class Refusing:
    """A transport whose every login is refused, after a while."""

    def __init__(self) -> None:
        self.asked = 0
        self._lock = threading.Lock()

    def read(self, node: Node, remembered: Flags = ()) -> NodeFacts:
        with self._lock:
            self.asked += 1
        time.sleep(0.2)
        raise CollectError(Reason.AUTH_FAILED)
