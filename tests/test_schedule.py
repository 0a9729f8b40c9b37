"""When a node is due: a table for every rule, and ten thousand lives of certificates visited by these rules."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config.settings import Pace, Paths
from exporter.errors import Reason
from exporter.judge import rotation
from exporter.model.assessment import Assessment, Certificate, Reading, State, StoreHistory
from exporter.model.facts import DirectoryCondition, NodeClock, NodeFacts, StoreFacts
from exporter.model.files import Condition, PemFile
from exporter.model.node import LocalAccess, Node
from exporter.model.report import NodeReport, Visit
from exporter.rounds import schedule
from exporter.rounds.schedule import LEAST_WIDTH, NEAREST_SPREAD, due, first_due, spread

BEGIN = 1_700_006_400  # a multiple of every interval in the tables
DAY, YEAR = 86_400, 31_536_000
HALF = "worker-706170"  # its spread is 0.5: half an interval, three seconds after a boundary
PACE = Pace(3600.0, 60.0)
WIDEST_SPREAD = NEAREST_SPREAD + LEAST_WIDTH  # of a small fleet
NEAR = 0.01  # HALF is 0.5 but for a few ten-millionths


def certificate(lifetime: int, not_before: int = BEGIN) -> Certificate:
    """A certificate of which only the dates matter."""
    return Certificate(not_before, not_before + lifetime, f"{not_before:x}", "CN=ca", "CN=node", f"{not_before:064x}")


def reading(
    lifetime: int, taken: float, *, not_before: int = BEGIN, managed: bool = True, excused_until: float = 0.0
) -> Reading:
    """A certificate as seen at ``taken`` by clocks that agree."""
    return Reading(certificate(lifetime, not_before), taken, taken, taken, managed, excused_until)


def report(
    at: float,
    client: Reading | None = None,
    *,
    serving: Reading | None = None,
    reason: Reason | None = None,
    failures: int = 0,
    name: str = HALF,
) -> NodeReport:
    """What is known of a node whose last visit ended at ``at``."""
    node = Node(name, LocalAccess("/mnt"), Paths())
    return NodeReport(node, reason, last_visit=at, failures=failures, client=client, serving=serving)


def after_success(lifetime: int, at: float, *, managed: bool = True) -> float:
    """How long after the certificate's begin a node is due whose certificate was seen ``at`` after it."""
    seen = BEGIN + at
    return due(report(seen, reading(lifetime, seen, managed=managed)), PACE) - BEGIN


# A certificate of a day: window 60480 to 77760, end of grace 79560; late every 864 s, stalled every 600 s.
ONE_DAY = [
    pytest.param(1000, 1800, id="fresh: the node's slot in the hour"),
    pytest.param(1765, 1800, id="fresh: the slot may be near"),
    pytest.param(1775, 5400, id="fresh: a slot within half of min_interval is too near"),
    pytest.param(-5000, -1800, id="not yet valid: as at rest"),
    pytest.param(-1000, 3, id="not yet valid: notBefore comes before the slot"),
    pytest.param(56000, 59400, id="fresh: the slot comes before the window"),
    pytest.param(59900, 60048, id="fresh: a hundredth of the lifetime before the window its interval begins"),
    pytest.param(60048, 60912, id="fresh: the window's start is no moment to look, its interval counts"),
    pytest.param(60483, 60912, id="in the window every hundredth of the lifetime"),
    pytest.param(60912, 61776, id="in the window again"),
    pytest.param(77500, 77763, id="the window's end comes before the slot"),
    pytest.param(77763, 78192, id="late every hundredth of the lifetime"),
    pytest.param(79100, 79563, id="the end of grace comes before the slot"),
    pytest.param(79563, 80100, id="stalled every ten minutes"),
    pytest.param(86200, 86403, id="notAfter comes before the slot"),
    pytest.param(86403, 86700, id="expired every ten minutes"),
    pytest.param(200000, 200100, id="long expired every ten minutes"),
]


@pytest.mark.parametrize(("at", "next_visit"), ONE_DAY)
def test_when_a_node_is_due_after_a_reading(at: float, next_visit: float) -> None:
    """A node whose certificate lives a day is due at rest, in its window, late and stalled as the docstring says."""
    assert after_success(DAY, at) == pytest.approx(next_visit, abs=NEAR)


@pytest.mark.parametrize(
    ("lifetime", "at", "next_visit"),
    [
        pytest.param(900, 631, 690, id="a quarter of an hour: min_interval in the window"),
        pytest.param(900, 811, 870, id="a quarter of an hour: min_interval when late"),
        pytest.param(900, 860, 880.5, id="a quarter of an hour: end of grace at 877.5"),
        pytest.param(900, 2000, 2070, id="a quarter of an hour: min_interval when expired"),
        pytest.param(YEAR, 22_075_204, 22_077_000, id="a year: interval in the window"),
        pytest.param(YEAR, 28_384_180, 28_384_203, id="a year: end of grace half an hour after the window"),
        pytest.param(YEAR, 28_384_300, 28_384_500, id="a year: stalled every ten minutes"),
    ],
)
def test_the_interval_follows_the_lifetime(lifetime: int, at: float, next_visit: float) -> None:
    """A hundredth of the lifetime is never less than min_interval and never more than interval."""
    assert after_success(lifetime, at) == pytest.approx(next_visit, abs=NEAR)


@pytest.mark.parametrize(
    ("at", "next_visit"),
    [
        pytest.param(59900, 63000, id="no window: the slot"),
        pytest.param(77500, 81000, id="no window's end: the slot"),
        pytest.param(86000, 86403, id="notAfter comes before the slot"),
        pytest.param(86403, 86700, id="expired, every ten minutes at least: a repair shows soon"),
    ],
)
def test_a_certificate_that_is_not_the_kubelets(at: float, next_visit: float) -> None:
    """A node whose client certificate the kubelet does not rotate is due every interval, and at notAfter.

    Once expired it is looked at as often as any expired one.
    """
    assert after_success(DAY, at, managed=False) == pytest.approx(next_visit, abs=NEAR)


@pytest.mark.parametrize(
    ("at", "excused", "next_visit"),
    [
        pytest.param(79_930, 80_000, 80_003, id="the end of the excuse comes before the slot"),
        pytest.param(80_003, 80_000, 80_100, id="stalled from then on: every ten minutes"),
        pytest.param(79_700, 82_000, 79_920, id="excused it is late: every hundredth of the lifetime"),
        pytest.param(1000, 1500, 1800, id="while it is fresh an excuse is no reason to look"),
        pytest.param(77_763, 78_000, 78_192, id="nor within the grace"),
    ],
)
def test_the_end_of_an_excuse_is_a_boundary(at: float, excused: float, next_visit: float) -> None:
    """A node whose kubelet is excused is looked at when the excuse ends, so that a stall shows at once."""
    seen = BEGIN + at
    known = report(seen, reading(DAY, seen, excused_until=BEGIN + excused))
    assert due(known, PACE) - BEGIN == pytest.approx(next_visit, abs=NEAR)


def test_a_boundary_that_passes_during_a_visit_is_looked_at_at_once() -> None:
    """A visit that began before the end of grace and ended after it saw nothing of it: the next is a moment later."""
    ended = BEGIN + 79_562
    seen = replace(report(ended, reading(DAY, ended - 4)), duration=4.0)
    assert due(seen, PACE) == pytest.approx(BEGIN + 79_563, abs=NEAR)
    after = replace(report(ended + 4, reading(DAY, ended + 2)), duration=1.0)
    assert due(after, PACE) > BEGIN + 80_000


@pytest.mark.parametrize(
    ("managed", "at", "next_visit"),
    [
        pytest.param(True, 59900, 60048, id="its window's interval, one before the window"),
        pytest.param(True, 60483, 60912, id="its interval in the window"),
        pytest.param(True, 79563, 80100, id="its interval when stalled"),
        pytest.param(False, 59900, 63000, id="no boundary where nobody rotates it"),
        pytest.param(False, 60483, 63000, id="no window where nobody rotates it"),
    ],
)
def test_the_serving_certificate_counts_too(managed: bool, at: float, next_visit: float) -> None:
    """The earliest boundary and the shortest interval of both certificates count, where the kubelet rotates both."""
    seen = BEGIN + at
    serving = reading(DAY, seen, managed=managed)
    assert due(report(seen, reading(YEAR, seen), serving=serving), PACE) - BEGIN == pytest.approx(next_visit, abs=NEAR)


@pytest.mark.parametrize(
    ("client", "serving", "moments"),
    [
        (None, None, []),
        (reading(DAY, 0.0, not_before=0), None, [77760, 79560, 86400]),
        (reading(DAY, 0.0, not_before=0, managed=False), None, [86400]),
        (None, reading(1000, 0.0, not_before=0), [900, 975, 1000]),
        (reading(DAY, 0.0, not_before=0, excused_until=80_000.0), None, [77760, 79560, 80000, 86400]),
        (reading(DAY, 0.0, not_before=0, excused_until=79_000.0), None, [77760, 79560, 86400]),
        (reading(DAY, 0.0, not_before=0, excused_until=90_000.0), None, [77760, 79560, 86400]),
        (reading(DAY, 0.0, not_before=0, managed=False, excused_until=80_000.0), None, [86400]),
        (
            reading(DAY, 0.0, not_before=0),
            reading(1000, 0.0, not_before=0),
            [900, 975, 1000, 77760, 79560, 86400],
        ),
    ],
)
def test_boundaries_of_a_node(client: Reading | None, serving: Reading | None, moments: list[float]) -> None:
    """Beside notBefore a rotated certificate has three boundaries, another one one, no reading none.

    The end of an excuse is one where a stall may be claimed from then on.
    """
    begins = [0 for seen in (client, serving) if seen]
    found = schedule.boundaries(report(0.0, client, serving=serving))
    assert sorted(moment for moment, _ in found) == pytest.approx([*begins, *moments])


@pytest.mark.parametrize(
    ("failures", "pause"), [(1, 60), (2, 120), (3, 240), (4, 480), (5, 960), (6, 1920), (7, 3600), (1_000_000, 3600)]
)
def test_a_node_never_read_backs_off_to_the_interval(failures: int, pause: float) -> None:
    """Each failure doubles the pause from a minute to the interval where nothing was ever read."""
    failed = report(BEGIN, reason=Reason.UNREACHABLE, failures=failures)
    assert due(failed, PACE) - BEGIN == pause


@pytest.mark.parametrize(
    ("lifetime", "failures", "pause"),
    [
        (DAY, 1, 60),
        (DAY, 2, 120),
        (DAY, 4, 480),
        (DAY, 5, 864),
        (DAY, 50, 864),
        (900, 1, 60),
        (900, 9, 60),
        (YEAR, 6, 1920),
        (YEAR, 7, 3600),
        (10 * YEAR, 9, 3600),
    ],
)
def test_a_node_once_read_backs_off_to_a_hundredth_of_its_certificate(
    lifetime: int, failures: int, pause: float
) -> None:
    """Where a certificate is known, the pause grows to a hundredth of its life within min_interval and interval."""
    failed = report(BEGIN + 1, reading(lifetime, BEGIN), reason=Reason.CONNECT_TIMEOUT, failures=failures)
    assert due(failed, PACE) - BEGIN - 1 == pause


@pytest.mark.parametrize(
    ("at", "next_visit"),
    [(60000, 60864), (77000, 77763), (79000, 79563), (86000, 86403), (60480, 61344), (90000, 90864)],
)
def test_a_boundary_ahead_shortens_a_back_off(at: float, next_visit: float) -> None:
    """A node that fails is due at the next boundary where that comes before the end of its pause."""
    failed = report(BEGIN + at, reading(DAY, BEGIN), reason=Reason.CONNECTION_LOST, failures=9)
    assert due(failed, PACE) - BEGIN == pytest.approx(next_visit, abs=NEAR)


LONG = (
    Reason.AUTH_FAILED,
    Reason.AUTH_NO_PUBLICKEY,
    Reason.AUTH_SECOND_FACTOR,
    Reason.BASTION_AUTH_FAILED,
    Reason.BASTION_HOST_KEY,
    Reason.HOST_CERTIFICATE_CRITICAL_OPTION,
    Reason.HOST_CERTIFICATE_EXPIRED,
    Reason.HOST_CERTIFICATE_MALFORMED,
    Reason.HOST_CERTIFICATE_NOT_YET_VALID,
    Reason.HOST_CERTIFICATE_OTHER_HOST,
    Reason.HOST_CERTIFICATE_UNKNOWN_CA,
    Reason.HOST_CERTIFICATE_WRONG_TYPE,
    Reason.HOST_KEY_UNKNOWN,
    Reason.HOST_KEY_CHANGED,
    Reason.HOST_KEY_REVOKED,
    Reason.HOST_KEY_NEEDS_CA,
    Reason.LOGIN_DISABLED,
    Reason.PASSWORD_EXPIRED,
    Reason.SUDO_DENIED,
    Reason.SUDO_PASSWORD,
    Reason.SUDO_TTY,
)


def test_which_reasons_back_off_long() -> None:
    """Refused logins, refused sudo and host-key reasons back off long, and no other reason does."""
    assert {reason for reason in Reason if reason.backs_off_long} == set(LONG)


@pytest.mark.parametrize("reason", LONG)
@pytest.mark.parametrize("at", [0, 59900, 77700, 79500, 86300, 90000])
@pytest.mark.parametrize("failures", [1, 9])
def test_a_refused_login_waits_an_hour(reason: Reason, at: float, failures: int) -> None:
    """After a refused login or a host-key reason a node is left alone for an hour, which no boundary shortens."""
    failed = report(BEGIN + at, reading(DAY, BEGIN), reason=reason, failures=failures)
    assert due(failed, PACE) - BEGIN == at + 3600


@pytest.mark.parametrize(
    ("pace", "failures", "pause"),
    [
        (Pace(600.0, 60.0), 1, 3600),
        (Pace(600.0, 60.0), 50, 3600),
        (Pace(7200.0, 60.0), 1, 3600),
        (Pace(7200.0, 60.0), 7, 3840),
        (Pace(7200.0, 60.0), 8, 7200),
    ],
)
def test_a_refused_login_waits_an_hour_at_least(pace: Pace, failures: int, pause: float) -> None:
    """An hour is the least after a refused login, whatever the interval; an interval that is longer is the most."""
    assert due(report(BEGIN, reason=Reason.AUTH_FAILED, failures=failures), pace) - BEGIN == pause


def test_a_failure_is_not_retried_more_often_than_min_interval() -> None:
    """The first pause after a failure is min_interval where that is longer than a minute."""
    failed = report(BEGIN, reason=Reason.UNREACHABLE, failures=1)
    assert due(failed, Pace(3600.0, 600.0)) - BEGIN >= 300


@pytest.mark.parametrize(
    ("name", "share"),
    [("worker-1", 0.07425878162377357), ("worker-2", 0.11294521377363313), (HALF, 0.5000002814651074)],
)
def test_a_spread_is_stable(name: str, share: float) -> None:
    """A name's spread never changes: restarts and other machines find every node in the slot that it had."""
    assert spread(name) == pytest.approx(share, abs=1e-12)


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8")))
def test_a_spread_is_within_one_interval(name: str) -> None:
    """A spread is at least 0 and less than 1."""
    assert 0 <= spread(name) < 1


def test_names_spread_evenly() -> None:
    """Names that differ by a number are spread over the whole interval."""
    tenths = Counter(int(spread(f"worker-{number:04d}") * 10) for number in range(5000))
    assert sorted(tenths) == list(range(10))
    assert all(400 < number < 600 for number in tenths.values())


def test_no_herd_after_a_start() -> None:
    """Five thousand nodes are first visited over 250 seconds, twenty a second and no crowd in any ten of them."""
    moments = [first_due(f"worker-{number:04d}", BEGIN, 5000, PACE) - BEGIN for number in range(5000)]
    assert 0 <= min(moments) < 1
    assert 249 < max(moments) < 250
    crowd = Counter(int(moment / 10) for moment in moments)
    assert sorted(crowd) == list(range(25))
    assert all(140 < number < 260 for number in crowd.values())


@pytest.mark.parametrize(
    ("fleet", "pace", "wait"),
    [(1, PACE, 0.025), (20, PACE, 0.5), (5000, PACE, 125), (1_000_000, PACE, 1800), (5000, Pace(60.0, 60.0), 30)],
)
def test_the_first_visit_waits_for_no_longer_than_the_interval(fleet: int, pace: Pace, wait: float) -> None:
    """A node's first visit is its spread's share of what the fleet takes, or of the interval where that is less."""
    assert first_due(HALF, BEGIN, fleet, pace) - BEGIN == pytest.approx(wait, abs=NEAR)


@pytest.mark.parametrize(
    ("lifetime", "begin", "interval"),
    [(YEAR, 1000, 3600), (DAY, 61_000, 864), (30 * DAY, 2_000_000, 3600), (1_000_000, 910_000, 600)],
)
@pytest.mark.parametrize("name", [f"worker-{number}" for number in range(12)])
@pytest.mark.parametrize("lasting", [0.2, 2.0, 20.0])
def test_a_steady_node_is_visited_once_an_interval(
    lifetime: int, begin: int, interval: float, name: str, lasting: float
) -> None:
    """Visits that succeed settle at once to exactly one an interval, however long they take."""
    at, began = BEGIN + begin + 0.5, []
    for _ in range(12):
        at = due(report(at, reading(lifetime, at), name=name), PACE)
        began.append(at)
        at += lasting
    gaps = [later - earlier for earlier, later in pairwise(began)]
    assert gaps == pytest.approx([interval] * 11, abs=NEAR)


def test_a_fleet_at_rest_is_spread_over_the_interval() -> None:
    """Nodes that were all visited in one moment are not visited in one moment again."""
    at = BEGIN + 1000.0
    moments = [due(report(at, reading(YEAR, at), name=f"worker-{number}"), PACE) - at for number in range(3600)]
    crowd = Counter(int(moment // 60) for moment in moments)
    assert max(crowd.values()) < 110
    assert 3500 < max(moments) <= 3630


PACES = st.sampled_from([PACE, Pace(60.0, 60.0), Pace(600.0, 10.0), Pace(86400.0, 120.0), Pace(30.0, 5.0)])
SHARES = st.floats(-0.1, 1.5)


@settings(deadline=None)
@given(
    pace=PACES,
    lifetime=st.integers(600, 2 * YEAR),
    share=SHARES,
    reason=st.sampled_from([None, Reason.UNREACHABLE, Reason.LINK_MISSING, Reason.AUTH_FAILED]),
    failures=st.integers(1, 40),
    managed=st.booleans(),
    name=st.text("abc-0123456789", max_size=8),
)
def test_two_visits_are_never_close_but_at_a_boundary(
    *, pace: Pace, lifetime: int, share: float, reason: Reason | None, failures: int, managed: bool, name: str
) -> None:
    """The next visit is at least half of min_interval away and at most a pause, unless it is right after a boundary."""
    at = BEGIN + share * lifetime
    known = report(
        at,
        reading(lifetime, at, managed=managed),
        reason=reason,
        failures=0 if reason is None else failures,
        name=name,
    )
    moment = due(known, pace)
    # the schedule counts in seconds since the epoch: a microsecond is its grain
    after_a_boundary = any(1 - 1e-5 <= moment - edge <= WIDEST_SPREAD + 1e-5 for edge, _ in schedule.boundaries(known))
    assert after_a_boundary or moment - at >= pace.min_interval / 2 - 1e-5
    assert at < moment <= at + max(pace.interval, 3600.0 if reason is Reason.AUTH_FAILED else 0.0) + pace.min_interval


# ── Ten thousand lives ─────────────────────────────────────────────────────────────────────────────────────────────

SHORTEST, LONGEST = 900, YEAR
SKIP_OVER, SKIP_TO = 10, 8  # of the uneventful middle of a long life only the last eight intervals are visited
LOST = (Reason.CONNECTION_REFUSED, Reason.CONNECT_TIMEOUT, Reason.VISIT_TIMEOUT, Reason.CONNECTION_LOST)
STORE = StoreFacts("/var/lib/kubelet/pki", DirectoryCondition.OK)
CLIENT = PemFile("/var/lib/kubelet/pki/kubelet-client-current.pem", Condition.READ)
HISTORY = StoreHistory()
ACCUSED = (State.STALLED, State.EXPIRED)


@dataclass(frozen=True, slots=True)
class Life:
    """One certificate on one node, and how the world treats it. All moments are the exporter's clock."""

    node: Node
    old: Certificate
    rotated: float  # when the new certificate is there; inf where it never is
    new: Certificate
    approval: float
    offset: float  # the node's clock minus the exporter's
    loss: float  # the share of visits that fail
    round_trip: float
    lasting: float  # how long a visit takes

    @property
    def late_interval(self) -> float:
        return max(PACE.min_interval, min(PACE.interval, self.old.lifetime / 100))

    @property
    def edges(self) -> tuple[float, float, float, float]:
        window = rotation.window(self.old)
        return window.start, window.end, window.grace_end, self.old.not_after

    def events(self) -> list[float]:
        """What happens in this life, by either clock, in order."""
        moments = [*self.edges, *(edge - self.offset for edge in self.edges), self.rotated]
        return sorted(moment for moment in moments if moment < math.inf)

    def certificate_at(self, moment: float) -> Certificate:
        return self.new if moment >= self.rotated else self.old


def born(dice: random.Random, number: int, *, rotates: bool, loss: float | None = None) -> Life:
    """A life out of the dice, rotated by the kubelet's rule: at notBefore + L·u by the node's clock."""
    lifetime = round(math.exp(dice.uniform(math.log(SHORTEST), math.log(LONGEST))))
    not_before = BEGIN + dice.randrange(10 * YEAR)
    offset, approval = dice.uniform(-300, 300), dice.uniform(0, 60)
    deadline = not_before + lifetime * dice.uniform(0.7, 0.9)
    rotated = deadline - offset + approval if rotates else math.inf
    return Life(
        node=Node(f"node-{number}", LocalAccess("/mnt"), Paths()),
        old=certificate(lifetime, not_before),
        rotated=rotated,
        new=certificate(lifetime, int(rotated) - 300 if rotates else 0),
        approval=approval,
        offset=offset,
        loss=dice.uniform(0, 0.3) if loss is None else loss,
        round_trip=dice.uniform(0.001, 0.5),
        lasting=dice.uniform(0.5, 3.0),
    )


def looked(life: Life, known: NodeReport, at: float, dice: random.Random) -> Visit:
    """A visit that succeeds: the node's clock and files are read between question and answer."""
    read = at + life.round_trip * dice.random()
    clock = NodeClock(read + life.offset, at, at + life.round_trip)
    found = life.certificate_at(read)
    witness = rotation.witness(found, at, clock, known.client)
    assessment = Assessment(None, Reading(found, at, witness, clock.shown), None, True, HISTORY, ())
    return Visit(life.node, at, life.lasting, None, "", NodeFacts(at, STORE, CLIENT, None, clock), assessment)


def lost(life: Life, at: float, dice: random.Random) -> Visit:
    """A visit without an answer."""
    return Visit(life.node, at, life.lasting, dice.choice(LOST))


@dataclass(frozen=True, slots=True)
class Step:
    """What is known from one visit's end to the next one's."""

    known: NodeReport
    since: float
    until: float

    def state(self, moment: float) -> State:
        return rotation.state(self.known.client, moment, PACE)

    def moments(self, events: list[float]) -> Iterator[float]:
        """Just after it begins, just before it ends, and just around each event between."""
        yield self.since + 0.001
        for event in events:
            for moment in (event - 0.001, event + 0.001):
                if self.since < moment < self.until:
                    yield moment
        yield self.until - 0.001


def uneventful(life: Life, events: list[float], at: float) -> float:
    """``at``, or a moment shortly before the next event where nothing happens for long: the exporter was down."""
    if at > min(life.edges[2], life.rotated):
        return at
    behind = max((event for event in events if event <= at), default=-math.inf)
    ahead = min(event for event in events if event > at)
    quiet = at - behind > 3 * life.late_interval and ahead - at > SKIP_OVER * life.late_interval
    return ahead - SKIP_TO * life.late_interval if quiet else at


def visited(life: Life, dice: random.Random, unanswered: Callable[[float], bool] | None = None) -> Iterator[Step]:
    """The life from 0.65 L on, as the schedule visits it; without end."""
    events = life.events()
    known = NodeReport(life.node)
    at = first_due(life.node.name, life.old.not_before + 0.65 * life.old.lifetime, 1, PACE)
    while True:
        at = uneventful(life, events, at)
        at += dice.random()  # the daemon's own latency
        silent = dice.random() < life.loss if unanswered is None else unanswered(at)
        known = known.after(lost(life, at, dice) if silent else looked(life, known, at, dice))
        ended, at = at + life.lasting, due(known, PACE)
        yield Step(known, ended, at + life.lasting)


def healthy_life(life: Life, dice: random.Random) -> Counter[State]:
    """Live until the new certificate has been seen twice; every state on the way is checked and counted."""
    _, end, _, not_after = life.edges
    events, states, next_window = life.events(), Counter[State](), rotation.window(life.new).start
    may_expire = abs(life.offset) + life.approval >= life.old.lifetime / 10
    finished_late = life.rotated >= end and life.rotated + life.offset >= end
    seen: list[Certificate] = []  # as of the visit before
    for step in visited(life, dice):
        for moment in step.moments(events):
            if moment >= next_window:
                return states  # here the kubelet would rotate again
            state = step.state(moment)
            states[state] += 1
            assert state is not State.STALLED, life
            assert state is not State.EXPIRED or (may_expire and life.rotated > not_after), life
            assert state is not State.LATE or finished_late, life
            assert state is not State.UNKNOWN or is_unread_or_stale(life, step.known, moment), life
        if life.new in seen and step.known.up:
            return states
        seen = [step.known.client.certificate] if step.known.client else []
    raise AssertionError


def is_unread_or_stale(life: Life, known: NodeReport, moment: float) -> bool:
    """Whether nothing can be said: no reading yet, or the window is open and the reading older than three intervals."""
    if known.client is None:
        return True
    opened = moment >= rotation.window(known.client.certificate).start
    return opened and moment - known.client.taken > 3 * life.late_interval


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_no_healthy_life_is_accused(seed: int) -> None:
    """Through 10,000 lives of a quarter of an hour to a year, with clocks apart and visits lost, no certificate that
    the kubelet rotates by its rule is ever stalled; none is expired where a tenth of its life is longer than offset
    and approval, and only one whose rotation ended after the window by both clocks is ever late."""
    dice = random.Random(seed)
    states = Counter[State]()
    for number in range(2500):
        states += healthy_life(born(dice, number, rotates=True), dice)
    # the lives were eventful enough for the assertions above to mean something
    assert all(states[state] > 1000 for state in (State.FRESH, State.WINDOW, State.UNKNOWN))
    assert all(0 < states[state] < 1000 for state in (State.LATE, State.EXPIRED))


def claimed(life: Life, dice: random.Random) -> NodeReport:
    """Live until the stall is claimed; the claim comes with the first visit that may make it, and that in time."""
    grace_end = life.edges[2]
    ready = grace_end + max(0.0, -life.offset) + life.round_trip  # both clocks have passed the grace
    unheard, ever_read = 0, False
    for step in visited(life, dice):
        began = (step.known.last_visit or 0.0) - life.lasting
        heard = step.known.reason is None
        if step.state(step.since + 0.001) in ACCUSED:
            slowest = 2 * life.late_interval * (unheard + 1) + (life.lasting + 1) * (unheard + 2)
            slowest += 0 if ever_read else PACE.interval  # the back-off of a node that was never read reaches that far
            assert began <= ready + WIDEST_SPREAD + slowest, life
            assert began > grace_end, life
            return step.known
        assert not (heard and began >= ready), life
        unheard += not heard and began >= ready - 2 * life.late_interval
        ever_read = ever_read or heard
        assert not any(step.state(moment) in ACCUSED for moment in step.moments(life.events())), life
    raise AssertionError


def dies(life: Life, known: NodeReport, dice: random.Random) -> Iterator[tuple[NodeReport, float]]:
    """The node right after the claim is never heard of again: moments of its failing visits, and long after."""
    for _ in range(5):
        at = due(known, PACE)
        yield known, at - 0.001
        known = known.after(lost(life, at, dice))
        yield known, at + life.lasting + 0.001
    for edge in (life.old.not_after, life.old.not_after + 30 * DAY, life.old.not_after + YEAR):
        for moment in (edge - 1.0, edge + 1.0, edge + 5 * DAY):
            if moment > (known.last_visit or 0.0):
                known = known.after(lost(life, moment - life.lasting, dice))
                yield known, moment + 0.001


@pytest.mark.parametrize("loss", [0.0, None], ids=["every visit heard", "visits lost"])
@pytest.mark.parametrize("seed", [5, 6])
def test_every_stall_is_claimed_in_time_and_for_good(loss: float | None, seed: int) -> None:
    """A rotation that never comes is claimed as stalled or expired by the first visit that both clocks allow, which
    begins no later than WIDEST_SPREAD and twice the late interval after the end of grace (and after the node's clock
    has caught up with it); the back-off reaches no further than the late interval, so each visit lost on the way adds
    at most that much again (where nothing was ever read it reaches the interval); once claimed it is stalled or
    expired for ever, though the node dies at that moment."""
    dice = random.Random(seed)
    for number in range(1000):
        life = born(dice, number, rotates=False, loss=loss)
        last = claimed(life, dice)
        for known, moment in dies(life, last, dice):
            assert rotation.state(known.client, moment, PACE) in ACCUSED, (life, moment)


def test_an_unreachable_node_is_unknown_and_nothing_else() -> None:
    """A healthy node that is heard of no more stays fresh until its window opens, is window while its reading is not
    stale, and unknown from then on, for ever."""
    dice = random.Random(7)
    for number in range(400):
        life = replace(born(dice, number, rotates=False), loss=0.0)
        start, end, _, not_after = life.edges
        dead_from = dice.uniform(life.old.not_before + 0.66 * life.old.lifetime, end)
        last = NodeReport(life.node)
        for step in visited(life, dice, lambda at, dead_from=dead_from: at > dead_from):  # type: ignore[misc]
            last = step.known
            if last.failures == 6:
                break
            for moment in step.moments(life.events()):
                assert step.state(moment) is unreachable(life, last, moment), life
        for moment in (start - 1, start + 1, end - 1, end + 1, not_after + 1, not_after + 30 * DAY, not_after + YEAR):
            if moment > (last.last_visit or 0.0):
                assert rotation.state(last.client, moment, PACE) is unreachable(life, last, moment), life
        assert rotation.state(last.client, not_after + 40 * DAY, PACE) is State.UNKNOWN


def unreachable(life: Life, known: NodeReport, moment: float) -> State:
    """What may be said of a node that was healthy when it was last read."""
    if known.client is None:
        return State.UNKNOWN
    if moment < life.edges[0]:
        return State.FRESH
    return State.UNKNOWN if moment - known.client.taken > 3 * life.late_interval else State.WINDOW
