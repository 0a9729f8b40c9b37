"""How due visits begin: on the engine without a thread, in threads where they block, and within every limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from random import Random

import pytest

from exporter.config.settings import Pace, Paths, TransportKind
from exporter.demo.signer import Authority
from exporter.errors import CollectError, Reason
from exporter.model.facts import DirectoryCondition, NodeClock, NodeFacts, StoreFacts
from exporter.model.files import Condition, PemFile
from exporter.model.host import Flags
from exporter.model.node import Hop, Node, SshAccess
from exporter.model.report import NodeReport, Visit
from exporter.rounds import crew
from exporter.rounds.brake import LEAST, SLACK
from exporter.rounds.crew import Crew
from exporter.rounds.daemon import STOPS_WITHIN, Daemon
from exporter.rounds.fleet import Fleet
from exporter.rounds.state import FleetState
from tests.engines import ByHand, Nobody
from tests.trees import unarmour

FAST = Pace(3600, 60, 100_000)
TIMEOUT = CollectError(Reason.CONNECT_TIMEOUT)


def node(number: int, via: Hop | None = None) -> Node:
    return Node(f"n{number}", SshAccess(f"192.0.2.{number % 250}", 22, "root", via=via), Paths())


def nodes(number: int) -> tuple[Node, ...]:
    return tuple(node(one) for one in range(number))


def by_engine(these: tuple[Node, ...], engine: ByHand, concurrency: int, pace: Pace = FAST) -> Fleet:
    """A fleet of this engine's alone."""
    transports = {TransportKind.SSH: Nobody()}
    return Fleet(these, (), pace, transports, concurrency, engine, close=engine.close, is_idle=engine.is_idle)


@contextmanager
def running(fleet: Fleet) -> Iterator[Daemon]:
    """A daemon that has this fleet, and leaves nothing behind."""
    daemon = Daemon(FleetState())
    daemon.start()
    daemon.apply(fleet)
    try:
        yield daemon
    finally:
        assert daemon.stop() == []


def wait(condition: Callable[[], object], patience: float = 20) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def facts() -> NodeFacts:
    """What a healthy node tells."""
    now = time.time()
    pair = Authority().issue("system:node:n", now - 60, now + 86_400)
    store = StoreFacts("/var/lib/kubelet/pki", DirectoryCondition.OK)
    client = PemFile(f"{store.path}/kubelet-client-current.pem", Condition.READ, (unarmour(pair.certificate),))
    return NodeFacts(now, store, client, None, NodeClock(now, now, now))


def test_hundreds_are_under_way_in_no_thread_of_their_own() -> None:
    """Once logins are seen to be taken, as many are under way as may be; the threads are those of an idle daemon."""
    engine, healthy = ByHand(), facts()
    before = threading.active_count()
    with running(by_engine(nodes(600), engine, 200)) as daemon:
        wait(lambda: len(engine.under_way) == LEAST + SLACK)
        engine.end(healthy, *engine.under_way[:20])
        wait(lambda: len(engine.under_way) == 200)
        assert threading.active_count() == before + 2  # schedule and dispatch
        wait(lambda: daemon.snapshot().counters.overdue == 380)
        engine.answer = lambda _: healthy
        engine.end(healthy)
        wait(lambda: daemon.snapshot().counters.successes == 600)
    assert len(engine.begun) == len(set(engine.begun)) == 600


class Blocking:
    """A transport that holds its visits, each in a thread of the crew's."""

    def __init__(self) -> None:
        self.let_go = threading.Event()

    def read(self, node: Node, remembered: Flags = ()) -> NodeFacts:
        self.let_go.wait(20)
        raise TIMEOUT


def hold(let_go: threading.Event) -> None:
    let_go.wait(20)


def crew_size() -> int:
    return sum(thread.name.startswith("visit-") for thread in threading.enumerate())


def test_only_what_blocks_has_a_thread() -> None:
    """What the engine does not take has as many threads as visits; both count for ``concurrency``."""
    engine, blocking = ByHand(names=lambda name: not name.endswith("0")), Blocking()
    fleet = Fleet(nodes(100), (), FAST, {TransportKind.SSH: blocking}, 30, engine, close=engine.close)
    with running(fleet):
        wait(lambda: len(engine.under_way) + crew_size() == 30)
        time.sleep(0.1)
        assert len(engine.under_way) + crew_size() == 30
        for _ in range(20):
            engine.end(TIMEOUT)
            time.sleep(0.01)
        wait(lambda: crew_size() == 10)
        blocking.let_go.set()
        engine.answer = lambda _: TIMEOUT
        engine.end(TIMEOUT)
        wait(lambda: len(engine.begun) == 90)
    assert crew_size() == 0


def test_a_bastion_has_its_places_on_the_engine_too() -> None:
    """No more channels than its setting through one bastion, while the others go on."""
    edge = Hop(SshAccess("192.0.2.254", name="edge"), channels=3, logins_per_second=10_000)
    behind = tuple(node(number, edge) for number in range(20))
    direct = tuple(node(number) for number in range(20, 30))
    engine = ByHand()
    with running(by_engine((*behind, *direct), engine, 100)):
        wait(lambda: len(engine.under_way) == 13)
        time.sleep(0.1)
        assert len(engine.under_way) == 13
        engine.end(TIMEOUT, *(name for name in engine.under_way if int(name[1:]) < 20))
        wait(lambda: len(engine.under_way) == 13)


def behind(number: int, channels: int) -> tuple[Node, ...]:
    """Nodes behind a bastion with so many places."""
    edge = Hop(SshAccess("192.0.2.254", name="edge"), channels=channels, logins_per_second=10_000)
    return tuple(node(one, edge) for one in range(number))


def test_who_is_asked_for_goes_before_what_waits() -> None:
    """Also where its own visit is due and waits already."""
    engine, these = ByHand(), behind(8, channels=1)
    with running(by_engine(these, engine, 100)) as daemon:
        wait(lambda: daemon.snapshot().counters.overdue == 7)
        for turn in range(1, 4):
            asked = [one for one in these if one.name not in engine.begun][-1]
            daemon.look(asked, lambda: None)
            heard = threading.Event()
            daemon.look(node(99), heard.set)  # of no inventory: it is told at once, after the one before
            assert heard.wait(20)
            engine.end(TIMEOUT)
            wait(partial(lambda most: len(engine.begun) == most, turn + 1))
            assert engine.begun[turn] == asked.name


def test_what_waits_has_the_limits_of_now() -> None:
    """After a reload a visit that was queued before has the places that its bastion has now; who left has none."""
    engine, told = ByHand(), threading.Event()
    with running(by_engine(behind(8, channels=1), engine, 100)) as daemon:
        wait(lambda: daemon.snapshot().counters.overdue == 7)
        daemon.apply(by_engine(behind(8, channels=4), engine, 100))
        wait(lambda: len(engine.under_way) == 5)
        left = next(one for one in behind(8, channels=4) if one.name not in engine.begun)
        daemon.look(left, told.set)
        stay = tuple(one for one in behind(8, channels=4) if one.name in engine.begun)
        daemon.apply(by_engine(stay, engine, 100))
        assert told.wait(20)
        wait(lambda: daemon.snapshot().counters.overdue == 0)
        assert len(engine.begun) == 5


def test_logins_a_second_hold_on_the_engine_too() -> None:
    """Visits that end at once begin at the pace of ``logins_per_second``."""
    engine = ByHand(answer=lambda _: TIMEOUT)
    began = time.monotonic()
    with running(by_engine(nodes(21), engine, 100, Pace(3600, 60, 20))):
        wait(lambda: len(engine.begun) == 21)
    assert time.monotonic() - began >= 1.0


def test_logins_that_hang_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes that say nothing hold up a fleet that nothing is known of for seconds, not until each has timed out."""
    monkeypatch.setattr("exporter.rounds.lanes.ANSWERS_WITHIN", 0.3)
    engine = ByHand()
    with running(by_engine(nodes(200), engine, 150)):
        wait(lambda: len(engine.under_way) == LEAST + SLACK)
        wait(lambda: len(engine.under_way) == 150)
    assert len(engine.begun) == 150


class Broken(ByHand):
    """An engine with a mistake in it."""

    def begin(self, node: Node, remembered: Flags, done: Callable[[NodeFacts | Exception], None]) -> None:
        if node.name == "n1":
            raise ZeroDivisionError
        super().begin(node, remembered, done)


def test_a_surprise_in_the_engine_costs_one_node(caplog: pytest.LogCaptureFixture) -> None:
    """It is internal for that node, and the others are read."""
    engine = Broken(answer=lambda _: TIMEOUT)
    with running(by_engine(nodes(3), engine, 1)) as daemon:
        wait(lambda: all(report.last_visit for report in daemon.snapshot().reports))
        seen = [report.reason for report in daemon.snapshot().reports]
    assert seen == [Reason.CONNECT_TIMEOUT, Reason.INTERNAL, Reason.CONNECT_TIMEOUT]
    assert "ZeroDivisionError" in caplog.text


def test_a_stop_ends_what_is_under_way_on_the_engine() -> None:
    """The engine is told to close, its visits are recorded for nobody, and nothing begins after it."""
    engine = ByHand()
    with running(by_engine(nodes(40), engine, 16)) as daemon:
        wait(lambda: len(engine.under_way) == 16)
    assert engine.under_way == []
    assert len(engine.begun) == 16
    assert all(report.last_visit is None for report in daemon.snapshot().reports)


def test_an_engine_that_does_not_end_is_told() -> None:
    """A stop waits for it no longer than for a thread, and says what is left."""
    engine = ByHand()
    daemon = Daemon(FleetState())
    daemon.start()
    daemon.apply(Fleet(nodes(1), (), FAST, {TransportKind.SSH: Nobody()}, 4, engine))
    wait(lambda: engine.under_way)
    began = time.monotonic()
    assert daemon.stop() == ["engine"]
    assert time.monotonic() - began < STOPS_WITHIN + 1.5


def test_a_retired_fleet_is_closed_once_its_last_visit_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a reload the old engine keeps what it has begun, and is closed when that is over."""
    monkeypatch.setattr("exporter.rounds.daemon.LET_GO_AFTER", 0.1)
    older, newer, closed = ByHand(), ByHand(), threading.Event()
    old = Fleet(nodes(1), (), FAST, {TransportKind.SSH: Nobody()}, 4, older, close=closed.set, is_idle=older.is_idle)
    with running(old) as daemon:
        wait(lambda: older.under_way)
        daemon.apply(by_engine(nodes(2), newer, 4))
        wait(lambda: newer.under_way == ["n1"])
        time.sleep(0.3)
        assert not closed.is_set()
        older.end(TIMEOUT)
        assert closed.wait(20)
        assert daemon.snapshot().reports[0].reason is Reason.CONNECT_TIMEOUT


class Interrupted(FleetState):
    """A state that has something done right after a visit was recorded."""

    then: Callable[[], None] | None = None

    def record(self, visit: Visit) -> tuple[NodeReport, NodeReport] | None:
        recorded = super().record(visit)
        then, self.then = self.then, None
        if then:
            then()
        return recorded


def test_an_address_that_changes_as_a_visit_ends() -> None:
    """Between what a visit tells and its end a reload gives the node another address: it is looked at again at once."""
    engine, state = ByHand(answer=lambda _: TIMEOUT), Interrupted()
    daemon = Daemon(state)
    older, newer = (Node("n", SshAccess(where), Paths()) for where in ("192.0.2.1", "192.0.2.2"))
    same = by_engine((older,), engine, 1)
    state.then = lambda: daemon.apply(replace(same, nodes=(newer,)))
    daemon.start()
    daemon.apply(same)
    try:
        wait(lambda: len(engine.begun) == 2)
    finally:
        assert daemon.stop() == []


def test_two_thousand_come_and_go_while_visits_run() -> None:
    """Reload after reload: nobody is visited twice at once or lost, and the threads stay as many as they were."""
    random, answers = Random(1), Random(2)
    engine = ByHand()
    pool = [node(number) for number in range(4000)]
    pace = Pace(1.0, 0.5, 1e6)
    daemon = Daemon(FleetState())
    before = threading.active_count()
    daemon.start()
    daemon.apply(by_engine(tuple(pool[:2000]), engine, 300, pace))
    healthy, stop = facts(), threading.Event()

    def answer() -> None:
        while not stop.is_set():
            for name in engine.under_way:
                if answers.random() < 0.7:
                    engine.end(healthy if answers.random() < 0.9 else TIMEOUT, name)
            time.sleep(0.002)

    answering = threading.Thread(target=answer)
    answering.start()
    try:
        for _ in range(20):
            random.shuffle(pool)
            kept = tuple(pool[: random.choice((1, 2000, 2000))])
            daemon.apply(by_engine(kept, engine, random.choice((1, 50, 300)), pace))
            time.sleep(0.05)
            assert threading.active_count() <= before + 3
        last = tuple(pool[:2000])
        daemon.apply(by_engine(last, engine, 300, pace))
        since = time.time()
        wait(lambda: all((report.last_visit or 0) > since for report in daemon.snapshot().reports), 60)
        assert [report.node.name for report in daemon.snapshot().reports] == [one.name for one in last]
    finally:
        stop.set()
        answering.join()
        assert daemon.stop() == []
    assert engine.twice == []


def test_a_crew_is_as_large_as_its_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread serves works that come one after the other; those that come at once have one each; idle ones leave."""
    monkeypatch.setattr(crew, "IDLE", 0.3)
    workers, let_go, done = Crew(), threading.Event(), threading.Semaphore(0)
    for _ in range(20):
        workers.hand_over(done.release)
        assert done.acquire(timeout=20)
        wait(lambda: workers._idle == 1)
    assert crew_size() == 1
    for _ in range(5):
        workers.hand_over(partial(hold, let_go))
    assert crew_size() == 5
    let_go.set()
    wait(lambda: crew_size() == 0)
    workers.hand_over(done.release)
    assert done.acquire(timeout=20)
    workers.interrupt()
    assert workers.join(time.monotonic() + 20) == []


def test_a_process_without_threads_to_spare(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Works wait for the threads there are; it is told once; more are begun as soon as they can be."""
    start, is_full = threading.Thread.start, threading.Event()

    def refuse(thread: threading.Thread) -> None:
        if is_full.is_set():
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    workers, let_go, done = Crew(), threading.Event(), threading.Semaphore(0)
    workers.hand_over(partial(hold, let_go))
    wait(lambda: workers.waiting == 0)
    is_full.set()
    for _ in range(3):
        workers.hand_over(done.release)
    assert workers.waiting == 3
    assert [record.getMessage() for record in caplog.records] == ["fewer workers than there is work for"]
    is_full.clear()
    workers.mend()
    for _ in range(3):
        assert done.acquire(timeout=20)
    let_go.set()
    workers.interrupt()
    assert workers.join(time.monotonic() + 20) == []
