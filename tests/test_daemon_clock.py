"""A wall clock that steps by a day or a year while visits run: nobody waits until it has caught up."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from exporter.config.settings import Pace, TransportKind
from exporter.errors import CollectError, Reason
from exporter.model.facts import NodeFacts
from exporter.model.node import Node
from exporter.rounds.brake import LEAST, PAUSE
from exporter.rounds.daemon import Daemon
from exporter.rounds.fleet import Fleet
from exporter.rounds.state import FleetState
from tests.engines import ByHand, Nobody
from tests.test_dispatch import facts, nodes, wait

DAY, YEAR = 86_400.0, 365 * 86_400.0
PACE = Pace(1.0, 0.5, 1000)
STEPS = [DAY, -DAY, YEAR, -YEAR]

REFUSED = CollectError(Reason.AUTH_FAILED)
TIMEOUT = CollectError(Reason.CONNECT_TIMEOUT)


class Stepped:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.by = 0.0

    def __call__(self) -> float:
        return time.time() + self.by


TRANSPORTS = {TransportKind.SSH: Nobody()}


def fleet(engine: ByHand, number: int, pace: Pace) -> Fleet:
    return Fleet(nodes(number), (), pace, TRANSPORTS, 16, engine, close=engine.close, is_idle=engine.is_idle)


@contextmanager
def running(clock: Stepped, engine: ByHand, number: int, pace: Pace = PACE) -> Iterator[Daemon]:
    daemon = Daemon(FleetState(), clock)
    daemon.start()
    daemon.apply(fleet(engine, number, pace))
    try:
        yield daemon
    finally:
        assert daemon.stop() == []


def visits(engine: ByHand) -> Counter[str]:
    return Counter(engine.begun)


def everybody_came_twice(engine: ByHand, since: Counter[str]) -> bool:
    return all(count >= since[name] + 2 for name, count in visits(engine).items())


@pytest.mark.parametrize("outcome", [None, TIMEOUT], ids=["healthy", "unreachable"])
@pytest.mark.parametrize("step", STEPS, ids=["day", "day back", "year", "year back"])
def test_everybody_is_looked_at_as_before(
    step: float, outcome: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There and back again: each time every node is visited soon, once at a time, and no later than ever."""
    monkeypatch.setattr("exporter.rounds.schedule.FIRST_BACK_OFF", 0.5)
    clock, healthy = Stepped(), facts()

    def answer(_: Node) -> NodeFacts | Exception:
        return outcome or healthy

    engine = ByHand(answer=answer)
    with running(clock, engine, 30) as daemon:
        wait(lambda: len(visits(engine)) == 30)
        for moved in (step, 0.0):
            clock.by = moved
            wait(partial(everybody_came_twice, engine, visits(engine)))
            assert all(abs((report.last_visit or 0) - clock()) < 60 for report in daemon.snapshot().reports)
    assert engine.twice == []


@pytest.mark.parametrize("step", STEPS, ids=["day", "day back", "year", "year back"])
def test_a_visit_under_way_ends_as_any_other(step: float) -> None:
    """Its node is due by the clock that there is when it ends, and what it tells is not lost."""
    clock, healthy, engine = Stepped(), facts(), ByHand()
    with running(clock, engine, 3) as daemon:
        wait(lambda: len(engine.under_way) == 3)
        clock.by = step
        engine.answer = lambda _: healthy
        engine.end(healthy)
        wait(lambda: all(count >= 3 for count in visits(engine).values()))
        assert daemon.snapshot().counters.successes >= 6
    assert engine.twice == []


@pytest.mark.parametrize("step", STEPS, ids=["day", "day back", "year", "year back"])
def test_a_pause_of_logins_is_not_longer(step: float) -> None:
    """A step out of its quarter of an hour ends it: who comes now is logged in to, who was put off waits no longer."""
    clock, pace = Stepped(), Pace(2.0, 1.0, 1000)
    engine = ByHand(answer=lambda _: REFUSED)
    with running(clock, engine, LEAST + 10, pace) as daemon:
        wait(lambda: daemon.snapshot().counters.logins_paused)
        wait(lambda: all(report.last_visit for report in daemon.snapshot().reports))
        put_off = [one.node.name for one in daemon.snapshot().reports if one.reason is Reason.LOGINS_PAUSED]
        assert put_off
        engine.answer = lambda _: TIMEOUT
        assert abs(step) > PAUSE
        clock.by = step
        assert not daemon.snapshot().counters.logins_paused
        daemon.apply(fleet(engine, LEAST + 11, pace))
        wait(lambda: visits(engine)[f"n{LEAST + 10}"] > 0)
        if step > 0:
            wait(lambda: all(visits(engine)[name] > 0 for name in put_off))
