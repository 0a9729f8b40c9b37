"""The rules of time: the window, the grace after it, and what may be claimed by which reading."""

from __future__ import annotations

import math
from statistics import median
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.settings import Pace, Paths
from exporter.judge import rotation
from exporter.model.assessment import Certificate, Reading, State
from exporter.model.facts import NodeClock
from exporter.model.node import LocalAccess, Node
from exporter.model.report import NodeReport

DAY = 86400
YEAR = 365 * DAY
HOUR = 3600
PACE = Pace()  # an hour, a minute


def lasting(lifetime: int, begin: int = 0, name: str = "a") -> Certificate:
    """A certificate of any length."""
    return Certificate(begin, begin + lifetime, "1", "CN=kubernetes", "CN=system:node:n", name)


def taken_at(
    taken: float,
    certificate: Certificate,
    *,
    witness: float | None = None,
    node_clock: float | None = None,
    managed: bool = True,
) -> Reading:
    """A reading; both clocks agree unless told otherwise."""
    return Reading(certificate, taken, taken if witness is None else witness, node_clock, managed)


# A year: the window is open from 22075200 to 28382400, grace ends 1800 s later, notAfter is 31536000.
OPENS, CLOSES, GRACE, ENDS = 22_075_200, 28_382_400, 28_384_200, 31_536_000
A_YEAR = lasting(YEAR)


@pytest.mark.parametrize(
    ("lifetime", "opens", "closes", "grace"),
    [
        (365 * DAY, 22_075_200, 28_382_400, 1800),  # kube-controller-manager's default
        (45 * DAY, 2_721_600, 3_499_200, 1800),  # EKS serving
        (DAY, 60_480, 77_760, 1800),  # 24 h: 16.7 to 21.5 h after issue at five minutes of age
        (8 * HOUR, 20_160, 25_920, 720),
        (HOUR + 300, 2730, 3510, 97.5),  # a TTL of an hour and the backdate
        (HOUR, 2520, 3240, 90),
        (3000, 2100, 2700, 75),
        (1000, 700, 900, 75),
        (900, 630, 810, 67.5),  # ten minutes and the backdate: three quarters of 90 s
        (420, 294, 378, 31.5),  # two minutes and the backdate
        (60, 42, 54, 4.5),
        (10, 7, 9, 0.75),
        (1, 0.7, 0.9, 0.075),
        (0, 0, 0, 0),
        (72_000, 50_400, 64_800, 1800),  # where a quarter of what is left is 30 minutes
        (71_960, 50_372, 64_764, 1799),
        (72_040, 50_428, 64_836, 1800),
    ],
)
@pytest.mark.parametrize("begin", [0, 1_790_000_000])
def test_the_window_and_the_grace(lifetime: int, opens: float, closes: float, grace: float, begin: int) -> None:
    """70 % and 90 % of the lifetime from notBefore; then a quarter of the rest, within its bounds."""
    edges = rotation.window(lasting(lifetime, begin))
    assert (edges.start, edges.end, edges.grace_end) == pytest.approx(
        (begin + opens, begin + closes, begin + closes + grace), abs=1e-5, rel=0
    )


def test_the_table_of_issue_times_is_the_controllers() -> None:
    """A TTL of 8760 h, 24 h, 1 h, 10 m and 2 m rotates so long after its issue (rotation-truth 1.1)."""
    hours = {8760: (8760 * HOUR, 255.5 * DAY, 328.5 * DAY), 24: (24 * HOUR, 16.8 * HOUR, 21.6 * HOUR)}
    for lifetime, opens, closes in [
        *hours.values(),
        (65 * 60, 45.5 * 60, 58.5 * 60),
        (15 * 60, 630, 810),
        (420, 294, 378),
    ]:
        edges = rotation.window(lasting(lifetime, -300))
        assert (edges.start + 300, edges.end + 300) == pytest.approx((opens, closes))


def test_a_certificate_that_ends_before_it_begins_has_no_length() -> None:
    """Dates the wrong way round make a window without length, not one that runs backwards."""
    backwards = Certificate(1000, 500, "1", "CN=a", "CN=b", "a")
    edges = rotation.window(backwards)
    assert (edges.start, edges.end, backwards.lifetime) == (1000, 1000, 0)
    assert edges.grace_end >= edges.end or rotation.by_time_alone(backwards, 1001) is State.EXPIRED


@pytest.mark.parametrize(
    ("now", "state"),
    [
        (-1, State.NOT_YET_VALID),
        (-0.001, State.NOT_YET_VALID),
        (0, State.FRESH),
        (OPENS - 0.001, State.FRESH),
        (OPENS, State.WINDOW),
        (CLOSES - 0.001, State.WINDOW),
        (CLOSES, State.LATE),
        (GRACE - 0.001, State.LATE),
        (GRACE, State.STALLED),
        (ENDS, State.STALLED),
        (ENDS + 0.001, State.EXPIRED),
        (10 * ENDS, State.EXPIRED),
    ],
)
def test_by_time_alone(now: float, state: State) -> None:
    """The window is open at its start and closed at its end; a certificate is valid in its last second."""
    assert rotation.by_time_alone(A_YEAR, now) is state


@pytest.mark.parametrize(
    ("position", "state"),
    [
        (0.0, State.FRESH),
        (0.69, State.FRESH),
        (0.70, State.WINDOW),
        (0.845, State.WINDOW),  # kubernetes#138763: forty-five days, called stalled at 0.845, and healthy
        (0.899, State.WINDOW),
        (0.90, State.LATE),
        (0.999, State.STALLED),
        (1.0, State.STALLED),
        (1.001, State.EXPIRED),
    ],
)
@pytest.mark.parametrize("lifetime", [YEAR, 45 * DAY, 10_000])
def test_positions_in_a_life_that_was_just_looked_at(position: float, state: State, lifetime: int) -> None:
    """With a reading of this very moment the state is the one of the position."""
    now = round(position * lifetime)
    assert rotation.state(taken_at(now, lasting(lifetime)), now, PACE) is state


# What may be claimed. Stale in the window: three times an hour, L/100 of a year being more.
STALE = 3 * HOUR
STATES: list[tuple[str, float, float, State]] = [
    ("not yet valid, at the scrape", -100, -50, State.NOT_YET_VALID),
    ("fresh at once", 100, 100, State.FRESH),
    ("fresh however old", 100, OPENS - 1, State.FRESH),
    ("not yet valid when read, fresh now", -100, 5, State.FRESH),
    ("window, just read", OPENS, OPENS, State.WINDOW),
    ("window by a reading before it that is not stale", OPENS - 100, OPENS + 5, State.WINDOW),
    ("window at the edge of stale", OPENS + 10, OPENS + 10 + STALE, State.WINDOW),
    ("window by a stale reading", OPENS + 10, OPENS + 10 + STALE + 0.001, State.UNKNOWN),
    ("window by a reading of long ago", 100, OPENS + 5, State.UNKNOWN),
    ("late is not claimed by a reading before it", CLOSES - 1, CLOSES + 60, State.WINDOW),
    ("nor by a stale one", CLOSES - STALE - 1, CLOSES + 60, State.UNKNOWN),
    ("late, read at the very end of the window", CLOSES, CLOSES, State.LATE),
    ("late, read past it", CLOSES + 1, CLOSES + 60, State.LATE),
    ("stalled is not claimed by a reading in the grace", CLOSES + 1, GRACE + 60, State.LATE),
    ("a confirmed late stays, however old", CLOSES + 1, ENDS - 1, State.LATE),
    ("late stays past notAfter without a look", CLOSES + 1, ENDS + YEAR, State.LATE),
    ("stalled is not claimed by a reading before the window's end", CLOSES - 1, GRACE + 1, State.WINDOW),
    ("stalled, read at the end of the grace", GRACE, GRACE, State.STALLED),
    ("stalled stays, however old", GRACE + 5, ENDS - 1, State.STALLED),
    ("expired by time, only stalled confirmed", GRACE + 5, ENDS + DAY, State.STALLED),
    ("expired needs a look after notAfter", ENDS, ENDS + 60, State.STALLED),
    ("expired, looked at", ENDS + 1, ENDS + 1, State.EXPIRED),
    ("expired stays, however old", ENDS + 1, ENDS + 10 * YEAR, State.EXPIRED),
    ("expired by time, last read when fresh", 100, ENDS + 60, State.UNKNOWN),
    ("expired by time, last read in the window just now", CLOSES - 10, CLOSES + 2000, State.WINDOW),
    ("a clock that stepped back before notBefore", ENDS + 1, -5, State.NOT_YET_VALID),
]


@pytest.mark.parametrize(("taken", "now", "state"), [row[1:] for row in STATES], ids=[row[0] for row in STATES])
def test_the_state_that_a_reading_allows(taken: float, now: float, state: State) -> None:
    """Each row of the design's table: what time says, held back to what the last reading carries."""
    assert rotation.state(taken_at(taken, A_YEAR), now, PACE) is state


def test_a_node_never_read_is_unknown() -> None:
    """Without a reading there is nothing to claim."""
    assert rotation.state(None, 0, PACE) is State.UNKNOWN


@pytest.mark.parametrize(
    ("known", "now", "state"),
    [
        ({}, 0, State.UNKNOWN),
        ({"no_client_by_design": True}, 0, State.UNMANAGED),
        ({"no_client_by_design": True}, 10 * YEAR, State.UNMANAGED),
        ({"client": taken_at(100, A_YEAR)}, 200, State.FRESH),
        ({"client": taken_at(100, A_YEAR, managed=False)}, 200, State.UNMANAGED),
    ],
)
def test_a_node_without_a_certificate_by_design_is_unmanaged(known: dict[str, Any], now: float, state: State) -> None:
    """What a visit proved to have none is unmanaged, however long ago; what was never read is unknown."""
    report = NodeReport(Node("n", LocalAccess("/mnt"), Paths()), **known)
    assert rotation.client_state(report, now, PACE) is state


@pytest.mark.parametrize(
    ("state", "lifetime", "seconds"),
    [
        (State.FRESH, YEAR, 3600),
        (State.UNMANAGED, YEAR, 3600),
        (State.NOT_YET_VALID, YEAR, 3600),
        (State.UNKNOWN, YEAR, 3600),
        (State.WINDOW, YEAR, 3600),
        (State.WINDOW, DAY, 864),
        (State.LATE, DAY, 864),
        (State.WINDOW, HOUR, 60),
        (State.STALLED, YEAR, 600),
        (State.EXPIRED, YEAR, 600),
        (State.STALLED, 30_000, 300),
        (State.STALLED, HOUR, 60),
        (State.FRESH, HOUR, 3600),
    ],
)
def test_the_regular_interval(state: State, lifetime: int, seconds: float) -> None:
    """At rest an hour, in the window L/100 at most, stalled ten minutes at most, and never under a minute."""
    assert rotation.regular_interval(state, lifetime, PACE) == seconds


def test_a_pace_of_ones_own_moves_what_is_stale() -> None:
    """Stale is three intervals, of whichever interval the user set."""
    reading = taken_at(OPENS, A_YEAR)
    assert rotation.state(reading, OPENS + 90, Pace(interval=30, min_interval=1)) is State.WINDOW
    assert rotation.state(reading, OPENS + 91, Pace(interval=30, min_interval=1)) is State.UNKNOWN


# Two clocks.


@pytest.mark.parametrize(
    ("behind", "now", "state"),
    [
        (0, CLOSES + 5, State.LATE),
        (10, CLOSES + 5, State.WINDOW),
        (10, CLOSES + 10, State.LATE),
        (10, GRACE + 5, State.LATE),
        (3600, GRACE + 5, State.WINDOW),
        (-3600, CLOSES - 5, State.WINDOW),
        (-3600, GRACE - 5, State.LATE),
    ],
)
def test_an_accusation_needs_both_clocks(behind: float, now: float, state: State) -> None:
    """Late and stalled are claimed once the slower of the two clocks has passed their boundary."""
    clock = NodeClock(shown=now - behind, asked=now, answered=now)
    seen = rotation.witness(A_YEAR, now, clock, None)
    reading = taken_at(now, A_YEAR, witness=seen, node_clock=clock.shown)
    assert rotation.state(reading, now, PACE) is state


@pytest.mark.parametrize(
    ("shown", "asked", "answered", "witness"),
    [
        (1000, 1000, 1000, 1000),
        (1001, 1000, 1002, 999),  # the same clock, uncertain by half of two seconds
        (1005, 1000, 1002, 1000),  # a node ahead: the exporter's clock counts
        (990, 1000, 1002, 988),
        (1000, 1000, 1060, 940),
    ],
)
def test_the_witness_is_the_slower_clock_less_half_the_round_trip(
    shown: float, asked: float, answered: float, witness: float
) -> None:
    """A node's clock counts as measured, less half the round trip, and never beyond the exporter's."""
    assert rotation.witness(A_YEAR, 1000, NodeClock(shown, asked, answered), None) == witness


def test_a_mount_has_one_clock() -> None:
    """Without a node clock the exporter's stands alone."""
    assert rotation.witness(A_YEAR, 1234.5, None, None) == 1234.5


def test_a_clock_that_steps_back_withdraws_no_accusation() -> None:
    """What was witnessed stays witnessed though the node's clock has since stepped back a day."""
    first = taken_at(
        GRACE + 10,
        A_YEAR,
        witness=rotation.witness(A_YEAR, GRACE + 10, NodeClock(GRACE + 10, GRACE + 10, GRACE + 10), None),
    )
    now = GRACE + 100
    seen = rotation.witness(A_YEAR, now, NodeClock(now - DAY, now, now), first)
    assert seen == GRACE + 10
    assert rotation.state(taken_at(now, A_YEAR, witness=seen), now, PACE) is State.STALLED


def test_a_corrected_exporter_clock_withdraws_its_accusation() -> None:
    """What our own fast clock witnessed is taken back once that clock was set right."""
    first = taken_at(GRACE + 10, A_YEAR)
    now = OPENS + 10
    seen = rotation.witness(A_YEAR, now, None, first)
    assert seen == now
    assert rotation.state(taken_at(now, A_YEAR, witness=seen), now, PACE) is State.WINDOW


def test_a_new_certificate_starts_without_a_witness() -> None:
    """What was witnessed of the old certificate says nothing of the new one."""
    first = taken_at(GRACE + 10, A_YEAR)
    renewed = lasting(YEAR, GRACE, "b")
    now = GRACE + 100
    seen = rotation.witness(renewed, now, NodeClock(now - DAY, now, now), first)
    assert seen == now - DAY
    assert rotation.state(taken_at(now, renewed, witness=seen), now, PACE) is State.FRESH


# Not the kubelet's to rotate.


@pytest.mark.parametrize(
    ("taken", "now", "state"),
    [
        (-10, -5, State.NOT_YET_VALID),
        (10, 20, State.UNMANAGED),
        (10, OPENS + 10, State.UNMANAGED),
        (10, ENDS, State.UNMANAGED),
        (GRACE + 10, GRACE + 20, State.UNMANAGED),
        (ENDS - 10, ENDS + 10, State.UNMANAGED),
        (ENDS - 10, ENDS - 10 + STALE, State.UNMANAGED),
        (ENDS - 10, ENDS - 10 + STALE + 1, State.UNKNOWN),
        (ENDS + 1, ENDS + 1, State.EXPIRED),
        (ENDS + 1, ENDS + YEAR, State.EXPIRED),
    ],
)
def test_what_the_kubelet_does_not_rotate(taken: float, now: float, state: State) -> None:
    """It is unmanaged while valid, never late or stalled; past notAfter it is expired once that was seen."""
    assert rotation.state(taken_at(taken, A_YEAR, managed=False), now, PACE) is state


# The exporter's own clock.


@pytest.mark.parametrize(
    ("offsets", "suspect"),
    [
        ([], False),
        ([100.0] * 4, False),
        ([100.0] * 5, True),
        ([-100.0] * 5, True),
        ([60.0] * 5, False),
        ([60.1] * 5, True),
        ([0.0, 0.0, 0.0, 900.0, 900.0], False),
        ([0.0, 0.0, 900.0, 900.0, 900.0], True),
        ([0.0, 0.0, 0.0, 130.0, 130.0, 130.0], True),  # the median is 65
        ([0.0, 0.0, 0.0, 110.0, 110.0, 110.0], False),
        ([-900.0, -900.0, 0.0, 900.0, 900.0], False),
    ],
)
def test_when_the_exporters_clock_is_the_suspect(offsets: list[float], suspect: bool) -> None:
    """The median of five nodes or more beyond a minute says that ours is the wrong clock."""
    assert rotation.is_exporter_clock_suspect(offsets) is suspect
    assert rotation.is_exporter_clock_suspect(offsets[::-1]) is suspect


@pytest.mark.parametrize(
    ("node_clock", "suspect", "state"),
    [
        (ENDS - 100.0, False, State.EXPIRED),
        (ENDS - 100.0, True, State.STALLED),
        (float(ENDS), True, State.STALLED),
        (ENDS + 1.0, True, State.EXPIRED),
        (None, True, State.EXPIRED),
    ],
)
def test_a_suspect_clock_alone_expires_nothing(node_clock: float | None, suspect: bool, state: State) -> None:
    """While our clock is the suspect the node's must have passed notAfter too, where there is one to see."""
    reading = taken_at(ENDS + 100, A_YEAR, witness=ENDS - 50, node_clock=node_clock)
    assert rotation.state(reading, ENDS + 100, PACE, exporter_clock_suspect=suspect) is state


@pytest.mark.parametrize(("suspect", "state"), [(False, State.EXPIRED), (True, State.UNMANAGED)])
def test_a_suspect_clock_expires_no_unmanaged_certificate(suspect: bool, state: State) -> None:
    """The same holds for a certificate that is not the kubelet's to rotate."""
    reading = taken_at(ENDS + 100, A_YEAR, node_clock=ENDS - 100.0, managed=False)
    assert rotation.state(reading, ENDS + 100, PACE, exporter_clock_suspect=suspect) is state


# Whatever comes.

MOMENTS = st.one_of(st.integers(-10, 50_000).map(float), st.floats(-10, 50_000))
LIVES = st.integers(0, 40_000).map(lasting)
PACES = st.builds(
    Pace, interval=st.sampled_from([1.0, 60.0, 3600.0, 86400.0]), min_interval=st.sampled_from([1.0, 60.0])
)
RANK = {State.LATE: 1, State.STALLED: 2, State.EXPIRED: 3}


@st.composite
def readings(draw: st.DrawFn) -> Reading:
    """A reading as a visit makes it: perhaps with a node clock, perhaps after an earlier one."""
    certificate = draw(LIVES)
    previous = None
    for taken in draw(st.lists(MOMENTS, min_size=1, max_size=3)):
        asked = draw(st.booleans())
        clock = (
            NodeClock(taken + draw(st.floats(-5000, 5000)), taken, taken + draw(st.floats(0, 20))) if asked else None
        )
        seen = rotation.witness(certificate, taken, clock, previous)
        excused = draw(st.one_of(st.just(0.0), MOMENTS))
        previous = Reading(certificate, taken, seen, clock.shown if clock else None, draw(st.booleans()), excused)
    assert previous is not None
    return previous


@given(readings(), MOMENTS, PACES, st.booleans())
def test_an_accusation_rests_on_a_reading_past_its_boundary(
    reading: Reading, now: float, pace: Pace, suspect: bool
) -> None:
    """Whatever the clocks did, who is accused was looked at after the moment that the accusation claims."""
    edges = rotation.window(reading.certificate)
    match rotation.state(reading, now, pace, exporter_clock_suspect=suspect):
        case State.LATE:
            assert min(reading.taken, reading.witness, now) >= edges.end
            assert reading.managed
        case State.STALLED:
            assert min(reading.taken, reading.witness, now) >= max(edges.grace_end, reading.excused_until)
            assert reading.managed
        case State.EXPIRED:
            assert min(reading.taken, now) > reading.certificate.not_after
            assert not suspect or reading.node_clock is None or reading.node_clock > reading.certificate.not_after
        case State.WINDOW | State.UNKNOWN:
            assert now >= edges.start
        case State.FRESH:
            assert reading.certificate.not_before <= now < edges.start


@given(readings(), MOMENTS, st.floats(0, 100_000), PACES, st.booleans())
def test_time_alone_ends_no_accusation(reading: Reading, now: float, later: float, pace: Pace, suspect: bool) -> None:
    """With the same reading an accusation stays, and never becomes a lesser one."""
    before = rotation.state(reading, now, pace, exporter_clock_suspect=suspect)
    after = rotation.state(reading, now + later, pace, exporter_clock_suspect=suspect)
    assert RANK.get(after, 0) >= RANK.get(before, 0)


@given(readings(), MOMENTS, PACES)
def test_the_state_is_never_more_than_time_says(reading: Reading, now: float, pace: Pace) -> None:
    """No reading makes a certificate later than it is."""
    timely = rotation.by_time_alone(reading.certificate, now)
    assert RANK.get(rotation.state(reading, now, pace), 0) <= RANK.get(timely, 0)


@given(LIVES, MOMENTS)
def test_a_look_just_now_is_what_time_says(certificate: Certificate, now: float) -> None:
    """With a reading of this very moment nothing is held back."""
    assert rotation.state(taken_at(now, certificate), now, PACE) is rotation.by_time_alone(certificate, now)


@given(LIVES)
def test_the_edges_stand_in_order(certificate: Certificate) -> None:
    """The window opens, closes, and grace ends before the certificate does."""
    edges = rotation.window(certificate)
    order = [certificate.not_before, edges.start, edges.end, edges.grace_end]
    assert order == sorted(order)
    assert edges.grace_end <= certificate.not_after + 1e-6


# Moments around which anything may change: whole seconds, and the next thing after and before each.
BEGINNINGS, SHORT_LIVES = st.integers(0, 1000), st.integers(-5, 2000)
ANY_MOMENT = st.one_of(st.integers(0, 6000).map(float), st.floats(0, 6000, allow_nan=False))
ANY_PACE = st.sampled_from([Pace(), Pace(100.0, 10.0), Pace(7.3, 1.1), Pace(1.0, 1.0)])


@st.composite
def any_reading(draw: st.DrawFn) -> Reading:
    """A reading of a short life, taken, witnessed and excused at any time, often right on an edge."""
    certificate = lasting(draw(SHORT_LIVES), draw(BEGINNINGS))
    edges = rotation.window(certificate)
    moment = st.one_of(
        ANY_MOMENT,
        st.sampled_from([edges.start, edges.end, edges.grace_end, float(certificate.not_after)]).flatmap(
            lambda edge: st.sampled_from([edge, math.nextafter(edge, math.inf), math.nextafter(edge, -math.inf)])
        ),
    )
    node_clock = draw(st.one_of(st.none(), moment))
    return Reading(certificate, draw(moment), draw(moment), node_clock, draw(st.booleans()), draw(moment))


@given(any_reading(), ANY_MOMENT, ANY_PACE, st.booleans(), st.lists(st.floats(0, 1), max_size=5))
def test_the_next_change_is_the_next_change(
    reading: Reading,
    now: float,
    pace: Pace,
    suspect: bool,
    shares: list[float],
) -> None:
    """Between now and it the state is one and the same to the last moment, and at it another; and so to the end."""
    moments = 0
    while now < math.inf:
        held = rotation.state(reading, now, pace, exporter_clock_suspect=suspect)
        change = rotation.next_change(reading, now, pace, exporter_clock_suspect=suspect)
        assert change > now
        assert rotation.outlook(reading, now, pace, exporter_clock_suspect=suspect) == (held, change)
        until = min(change, 1e9)
        for moment in (math.nextafter(until, -math.inf), *(now + share * (until - now) for share in shares)):
            if now <= moment < until:
                assert rotation.state(reading, moment, pace, exporter_clock_suspect=suspect) is held
        if change < math.inf:
            assert rotation.state(reading, change, pace, exporter_clock_suspect=suspect) is not held
        now, moments = change, moments + 1
    assert moments <= len(State)


def test_a_node_that_was_never_read_never_changes_by_time_alone() -> None:
    """It is unknown, or unmanaged by design, until somebody looks."""
    assert rotation.next_change(None, 1.0, PACE) == math.inf
    assert rotation.outlook(None, 1.0, PACE) == (State.UNKNOWN, math.inf)


@given(st.lists(st.floats(-200, 200) | st.sampled_from([60.0, -60.0, 60.5, -60.5, 0.0]), max_size=12))
def test_the_clock_is_suspect_where_the_median_says_so(offsets: list[float]) -> None:
    """Whatever is left out for speed: it is the median that counts."""
    expected = len(offsets) >= 5 and abs(median(offsets)) > 60
    assert rotation.is_exporter_clock_suspect(offsets) is expected
