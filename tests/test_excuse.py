"""What excuses a rotation that is past its window: a kubelet that has just started, and one that slept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.settings import Pace, Paths
from exporter.judge import excuse, rotation
from exporter.model.assessment import Assessment, Certificate, Memory, Reading, State, StoreHistory
from exporter.model.facts import DirectoryCondition, NodeClock, NodeFacts, StoreFacts
from exporter.model.files import Condition, PemFile
from exporter.model.host import Host, Process, Sight
from exporter.model.node import LocalAccess, Node
from exporter.model.report import NodeReport, Visit

BEGIN = 1_790_000_000
MINUTE, HOUR, DAY, YEAR = 60, 3600, 86_400, 31_536_000
PACE = Pace()
P = 16 * MINUTE

# A year: the window ends at 28382400, grace half an hour later. A day: at 77760 and 79560.
YEAR_ENDS, DAY_ENDS = BEGIN + 28_382_400, BEGIN + 77_760
GRACE = 1800


def lasting(lifetime: int, begin: int = BEGIN) -> Certificate:
    """A certificate of any length."""
    return Certificate(begin, begin + lifetime, "1", "CN=kubernetes", "CN=system:node:n", "a")


def seen(
    at: float,
    started: float | None = None,
    *,
    sight: Sight = Sight.SEEN,
    ahead: float | None = 0.0,
    awake: float | None = None,
) -> NodeFacts:
    """What a visit at ``at`` saw: a kubelet since ``started``, by a node's clock that is ``ahead`` of the exporter's.

    The machine is up since a hundred days before BEGIN and was ``awake`` for so many seconds; None: not seen.
    """
    clock = None if ahead is None else NodeClock(at + ahead, at, at)
    booted = BEGIN - 100 * DAY
    host = Host(booted=booted, uptime=at - booted, awake=awake)
    store = StoreFacts("/var/lib/kubelet/pki", DirectoryCondition.OK)
    client = PemFile("/var/lib/kubelet/pki/kubelet-client-current.pem", Condition.READ)
    return NodeFacts(at, store, client, None, clock, host=host, process=Process(sight, "kubelet", 1, started))


def slept(at: float, seconds: float) -> float:
    """For how long the machine was awake that slept for so many seconds."""
    return at - (BEGIN - 100 * DAY) - seconds


@pytest.mark.parametrize(
    ("lifetime", "seconds"),
    [
        (YEAR, 960),
        (DAY, 960),
        (8 * HOUR, 960),
        (19_200, 960),  # where half of what is left after the window is sixteen minutes
        (19_000, 950),
        (HOUR, 180),
        (900, 45),
        (60, 3),
        (0, 0),
        (-100, 0),
    ],
)
def test_patience(lifetime: int, seconds: float) -> None:
    """Sixteen minutes, or half of what is left after the window where that is less."""
    assert excuse.patience(lasting(lifetime)) == pytest.approx(seconds)


AT = YEAR_ENDS + DAY  # a year's certificate, a day past its window
JUST = AT - 5 * MINUTE  # the kubelet started five minutes ago


@pytest.mark.parametrize(
    ("facts", "lifetime", "until"),
    [
        pytest.param(seen(AT, JUST), YEAR, JUST + P, id="just started"),
        pytest.param(seen(AT, AT - 30 * DAY), YEAR, AT - 30 * DAY + P, id="started long ago: an excuse that is over"),
        pytest.param(seen(AT, JUST + HOUR, ahead=HOUR), YEAR, JUST + P, id="the node's clock is an hour ahead"),
        pytest.param(seen(AT, JUST - HOUR, ahead=-HOUR), YEAR, JUST + P, id="the node's clock is an hour behind"),
        pytest.param(seen(AT, JUST, ahead=None), YEAR, JUST + P, id="over a mount"),
        pytest.param(seen(AT, AT + DAY), YEAR, AT + P, id="a start to come excuses no longer than one just now"),
        pytest.param(seen(AT, AT - 10, sight=Sight.ABSENT), YEAR, 0, id="down"),
        pytest.param(seen(AT, AT - 10, sight=Sight.HIDDEN), YEAR, 0, id="hidden"),
        pytest.param(seen(AT, None), YEAR, 0, id="its start was not seen"),
        pytest.param(replace(seen(AT), process=None), YEAR, 0, id="nobody looked for a process"),
        pytest.param(seen(BEGIN + 3500, BEGIN + 3400), HOUR, BEGIN + 3400 + 180, id="an hour's certificate"),
        pytest.param(
            seen(AT, BEGIN - DAY, awake=slept(AT, 2 * DAY)), YEAR, YEAR_ENDS + 2 * DAY + P, id="slept for two days"
        ),
        pytest.param(
            replace(seen(AT, BEGIN - DAY, awake=slept(AT, 2 * DAY)), host=None), YEAR, BEGIN - DAY + P, id="no host"
        ),
        pytest.param(
            seen(AT, BEGIN - DAY, awake=slept(AT, 1.9)), YEAR, BEGIN - DAY + P, id="under two seconds is no sleep"
        ),
        pytest.param(
            seen(AT, AT - DAY, awake=slept(AT, 90 * DAY)),
            YEAR,
            YEAR_ENDS + DAY + P,
            id="no longer asleep than the kubelet is old",
        ),
        pytest.param(
            seen(AT, AT - DAY + HOUR, ahead=HOUR, awake=slept(AT, 90 * DAY)),
            YEAR,
            YEAR_ENDS + DAY + P,
            id="how old it is, by the node's clock alone",
        ),
        pytest.param(
            seen(DAY_ENDS + HOUR, BEGIN - 90 * DAY, awake=slept(DAY_ENDS + HOUR, 95 * DAY)),
            DAY,
            DAY_ENDS + (DAY_ENDS + HOUR - BEGIN) + P,
            id="no longer asleep than this certificate is old",
        ),
        pytest.param(
            seen(AT, AT - MINUTE, awake=slept(AT, DAY)), YEAR, AT - MINUTE + P, id="of two excuses the later end"
        ),
        pytest.param(
            seen(AT, BEGIN, sight=Sight.ABSENT, awake=slept(AT, DAY)),
            YEAR,
            0,
            id="a sleep excuses no kubelet that is down",
        ),
    ],
)
def test_until_when_a_visit_excuses(facts: NodeFacts, lifetime: int, until: float) -> None:
    """The later end of two excuses by the exporter's clock; 0 where nothing excuses."""
    assert excuse.until(facts, lasting(lifetime), Memory()) == pytest.approx(until)


@pytest.mark.parametrize(
    ("starts", "now", "restarting"),
    [
        ((), 100.0, False),
        ((100.0, 200.0), 300.0, False),  # two new ones; of the first nobody knows
        ((100.0, 200.0, 300.0), 400.0, True),
        ((100.0, 200.0, 300.0), None, False),  # down now: no excuse in any case
        ((100.0, 200.0, 300.0, 400.0), None, True),
        ((100.0, 200.0, 200.0, 300.0), 400.0, False),  # one visit in the row saw the same
        ((100.0, 200.0, 202.0, 300.0), 400.0, False),  # the same, as the boot's moment moved
        ((100.0, 200.0, 300.0), 301.0, False),
        ((1.0, 1.0, 1.0, 100.0, 200.0), 300.0, True),
        ((100.0, None, 200.0, None, 300.0, None), 400.0, True),
        ((None, None, 200.0), 300.0, False),
        ((100.0, 200.0, 300.0, 400.0, 400.0), 400.0, False),  # it has come to rest
        ((100.0, 90.0, 80.0), 70.0, True),  # a clock that is set back at each start
    ],
)
def test_when_a_kubelet_is_restarting(starts: tuple[float | None, ...], now: float | None, restarting: bool) -> None:
    """Three visits in a row saw a new start, those that saw no kubelet left out."""
    facts = seen(AT, now, sight=Sight.ABSENT if now is None else Sight.SEEN)
    assert excuse.is_restarting(facts, Memory(starts=starts)) is restarting


def test_a_crash_loop_voids_the_start_and_not_the_sleep() -> None:
    """A third new start in a row excuses no more; that the machine slept still does."""
    starts = Memory(starts=(AT - 3000, AT - 2000, AT - 1000))
    assert excuse.until(seen(AT, AT - 10), lasting(YEAR), starts) == 0
    asleep = seen(AT, AT - 10, awake=slept(AT, DAY))
    assert excuse.until(asleep, lasting(YEAR), starts) == pytest.approx(YEAR_ENDS + 10 + P)


# What an excuse does to a state. A day's certificate: the window ends at 77760, grace at 79560.


def told(taken: float, excused_until: float, *, witness: float | None = None, lifetime: int = DAY) -> Reading:
    """A reading at ``taken`` seconds of a life, excused until such a second of it."""
    moment = BEGIN + taken
    seen_by_both = moment if witness is None else BEGIN + witness
    return Reading(lasting(lifetime), moment, seen_by_both, excused_until=BEGIN + excused_until)


@pytest.mark.parametrize(
    ("reading", "now", "state"),
    [
        pytest.param(told(80_000, 80_600), 80_000, State.LATE, id="past grace and excused"),
        pytest.param(told(80_000, 80_000), 80_000, State.STALLED, id="the excuse ends with the reading"),
        pytest.param(told(80_000, 79_999), 80_000, State.STALLED, id="the excuse is over"),
        pytest.param(told(80_000, 80_600), 81_000, State.LATE, id="nobody looked after the end of the excuse"),
        pytest.param(told(80_601, 80_600), 81_000, State.STALLED, id="looked at after it"),
        pytest.param(told(80_700, 80_600, witness=80_500), 81_000, State.LATE, id="one clock has not passed it"),
        pytest.param(told(78_000, 78_500), 78_000, State.LATE, id="in grace anyway"),
        pytest.param(told(79_600, 78_500), 79_600, State.STALLED, id="an excuse that ends within the grace"),
        pytest.param(told(70_000, 75_000), 70_000, State.WINDOW, id="in the window nothing is to be excused"),
        pytest.param(told(1000, 2000), 1500, State.FRESH, id="fresh"),
        pytest.param(told(86_401, 90_000), 86_401, State.EXPIRED, id="nothing excuses expired"),
        pytest.param(told(86_000, 90_000), 86_401, State.LATE, id="expired by time, excused when last read"),
    ],
)
def test_an_excuse_holds_a_stall_back(reading: Reading, now: float, state: State) -> None:
    """Stalled is claimed only with a reading past the grace and past the end of every excuse that it shows."""
    assert rotation.state(reading, BEGIN + now, PACE) is state


@given(
    st.floats(0, 90_000),
    st.floats(-3000, 3000),
    st.floats(0, 90_000),
    st.floats(0, 90_000),
    st.floats(0, 90_000),
)
def test_an_excuse_never_makes_a_state_worse(
    taken: float, behind: float, until: float, now: float, later: float
) -> None:
    """An excuse turns a stall into late and changes no other state; what is claimed stays claimed."""
    rank = {State.LATE: 1, State.STALLED: 2, State.EXPIRED: 3}
    excused = told(taken, until, witness=taken - max(0.0, behind))
    plain = replace(excused, excused_until=0.0)
    with_it, without = rotation.state(excused, BEGIN + now, PACE), rotation.state(plain, BEGIN + now, PACE)
    assert with_it is without or (with_it, without) == (State.LATE, State.STALLED)
    if with_it is State.STALLED:
        assert min(excused.witness, BEGIN + now) >= excused.excused_until
    after = rotation.state(excused, BEGIN + now + later, PACE)
    assert rank.get(after, 0) >= rank.get(with_it, 0)


# Whole lives: visits in a row, each judged by what those before it left.


def visited(looks: Iterable[tuple[float, float | None]], lifetime: int) -> list[State]:
    """The state after each look at (moment in the certificate's life, start of the kubelet); None: it is down."""
    report, states = NodeReport(Node("n", LocalAccess("/mnt"), Paths())), []
    certificate = lasting(lifetime)
    for moment, started in looks:
        at = BEGIN + moment
        up = None if started is None else BEGIN + started
        facts = seen(at, up, sight=Sight.ABSENT if up is None else Sight.SEEN)
        reading = Reading(
            certificate,
            at,
            rotation.witness(certificate, at, facts.clock, report.client),
            at,
            excused_until=excuse.until(facts, certificate, report.memory),
        )
        assessment = Assessment(None, reading, None, True, StoreHistory(), ())
        report = report.after(Visit(report.node, at, 1.0, None, "", facts, assessment))
        states.append(rotation.client_state(report, at, PACE))
    return states


@pytest.mark.parametrize("moved", [lambda n: 10.0 * (n % 2), lambda n: 6.0 * n, lambda n: -400.0 * n])
@pytest.mark.parametrize("has_clock", [True, False])
def test_a_clock_that_moves_starts_no_kubelet(moved: Callable[[int], float], has_clock: bool) -> None:
    """A start is counted from the boot, whose moment moves with the clock: the same kubelet at each visit."""
    report = NodeReport(Node("n", LocalAccess("/mnt"), Paths()))
    for number in range(8):
        shift = moved(number)
        at = BEGIN + DAY + HOUR * number + (0.0 if has_clock else shift)
        facts = seen(at, BEGIN + shift, ahead=shift if has_clock else None)
        assert not any(excuse.new_starts(facts, report.memory))
        report = report.after(
            Visit(report.node, at, 1.0, None, "", facts, Assessment(None, None, None, True, None, ()))
        )


S, L = State.STALLED, State.LATE


@pytest.mark.parametrize("lifetime", [DAY, 45 * DAY, YEAR])
def test_a_kubelet_that_has_just_started_is_excused(lifetime: int) -> None:
    """Started five minutes ago past 0.9 it is late, and stalled once sixteen minutes have brought no rotation."""
    start = lifetime * 0.95
    looks = [(start + MINUTE * after, start) for after in (5, 10, 15.9, 16, 17, 60)]
    assert visited(looks, lifetime) == [L, L, L, S, S, S]


@pytest.mark.parametrize(
    ("looks", "states"),
    [
        pytest.param([(82_000 + 60 * n, 81_990 + 60 * n) for n in range(5)], [L, L, L, S, S], id="a crash loop"),
        pytest.param(
            [(82_000 + 60 * n, None if n % 2 else 81_990 + 60 * n) for n in range(9)],
            [L, S, L, S, L, S, S, S, S],
            id="a crash loop that is down between",
        ),
        pytest.param([(82_000 + 60 * n, None) for n in range(3)], [S, S, S], id="down"),
        pytest.param([(78_000, None), (79_600, None)], [L, S], id="down, from its grace on"),
        pytest.param(
            [(82_000, None), (82_060, 82_050), (83_000, 82_050)], [S, L, L], id="somebody has started it again"
        ),
        pytest.param(
            [(82_000, 1000), (82_060, 82_050), (83_050, 82_050)], [S, L, S], id="restarted once: excused once"
        ),
    ],
)
def test_a_kubelet_that_is_down_or_does_not_stay_up_is_not_excused(
    looks: list[tuple[float, float | None]], states: list[State]
) -> None:
    """Past its grace, a third new start in a row excuses nothing, and a kubelet that is down has no excuse."""
    assert visited(looks, DAY) == states
