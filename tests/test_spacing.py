"""How visits keep apart: after a boundary, a start, a reload; far from the window; and when our own clock steps."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config.settings import Pace
from exporter.errors import Reason
from exporter.judge import rotation
from exporter.model.assessment import Reading, State
from exporter.model.finding import Cause, Finding, Severity
from exporter.model.report import NodeReport
from exporter.model.restart import Restart, RestartReason
from exporter.rounds import schedule
from tests.test_schedule import BEGIN, DAY, HALF, PACE, YEAR, born, certificate, looked, lost, reading, report

HOUR = 3600
STRETCHED = replace(PACE, max_interval=float(DAY))
OPENS = BEGIN + 0.7 * YEAR
SPARE = PACE.min_interval / 2


def names(number: int) -> list[str]:
    return [f"worker-{one:05}" for one in range(number)]


# -- Many at one boundary ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lifetime", "fleet", "width"),
    [
        pytest.param(YEAR, 1, 4.0, id="a few seconds at least"),
        pytest.param(YEAR, 80, 4.0, id="that is what eighty take"),
        pytest.param(YEAR, 2000, 100.0, id="what the fleet takes at twenty logins a second"),
        pytest.param(YEAR, 100_000, 300.0, id="a sixth of half an hour's grace at most"),
        pytest.param(DAY, 100_000, 300.0, id="a day's certificate has the same grace"),
        pytest.param(HOUR, 100_000, 15.0, id="an hour's has a minute and a half"),
        pytest.param(600, 100_000, 45 / 6, id="ten minutes' have less"),
        pytest.param(60, 100_000, 4.0, id="but never less than a few seconds"),
    ],
)
def test_a_boundary_is_looked_at_within_its_spread(lifetime: int, fleet: int, width: float) -> None:
    """Nodes that share a window's end are due over the spread that the fleet and the certificate's grace allow."""
    end = BEGIN + 0.9 * lifetime
    seen = reading(lifetime, end - 0.01)
    pace = replace(PACE, min_interval=10_000.0)  # no slot comes in between
    moments = [
        schedule.due(report(end - 0.01, seen, name=name), replace(pace, interval=10_000.0), fleet) - end
        for name in names(500)
    ]
    assert 1.0 <= min(moments) < 1.0 + width * 0.02
    assert 1.0 + width * 0.98 < max(moments) < 1.0 + width


def test_ten_thousand_nodes_of_one_batch_never_come_in_one_second() -> None:
    """A fleet that was issued in one second is due at its window's end, and at the end of grace, in no crowd."""
    for edge in (0.9 * YEAR, 0.9 * YEAR + 1800):
        at = BEGIN + edge - 1
        moments = [schedule.due(report(at, reading(YEAR, at), name=name), PACE, 10_000) for name in names(10_000)]
        soon = [moment for moment in moments if moment < at + 302]
        crowd = Counter(int(moment) for moment in soon)
        assert max(crowd.values()) < 70  # a share of 33 a second each


def test_a_window_that_opens_for_all_draws_no_crowd() -> None:
    """The start of the window that ten thousand nodes share is no moment to look: all keep their slots, and within
    one of the window's intervals before it each of them has been looked at."""
    for lifetime, interval in ((YEAR, 3600), (DAY, 864), (HOUR, 60)):
        start = BEGIN + 0.7 * lifetime
        seen = []
        for name in names(10_000):
            at = start - 2 * interval
            moment = schedule.due(report(at, reading(lifetime, at), name=name), PACE, 10_000)
            if moment < start - interval:  # the slot at rest
                moment = schedule.due(report(moment, reading(lifetime, moment), name=name), PACE, 10_000)
            seen.append(moment)
        assert start - interval <= min(seen)
        assert max(seen) < start + SPARE
        crowd = Counter(int(moment) for moment in seen)
        assert max(crowd.values()) < 2 * 10_000 / interval + 15


def test_a_reading_is_never_stale_when_the_window_opens() -> None:
    """However rarely a fresh node is visited, the reading that it has when its window opens is none of long ago."""
    for lifetime in (900, HOUR, DAY, 30 * DAY, YEAR):
        for pace in (PACE, STRETCHED, Pace(21_600.0, 60.0), Pace(60.0, 10.0)):
            for name in names(20):
                start = BEGIN + 0.7 * lifetime
                at = start - min(0.4 * lifetime, 5 * DAY, 20 * pace.interval)
                while (after := schedule.due(report(at, reading(lifetime, at), name=name), pace)) < start:
                    at = after
                assert rotation.state(reading(lifetime, at), start + 0.001, pace) is State.WINDOW
                assert rotation.state(reading(lifetime, at), after, pace) is State.WINDOW


def test_a_clock_that_lags_puts_the_look_off() -> None:
    """Where a node's clock lags, the looks that may accuse it come once that clock has passed the boundary as well."""
    at = BEGIN + 0.9 * YEAR - 10
    known = replace(report(at, reading(YEAR, at)), clock_offset=-25.0)
    moments = sorted(moment - BEGIN for moment, _ in schedule.boundaries(known))
    assert moments == pytest.approx([0, 0.9 * YEAR + 25, 0.9 * YEAR + 1825, YEAR])
    ahead = replace(known, clock_offset=25.0)
    assert sorted(moment - BEGIN for moment, _ in schedule.boundaries(ahead))[1] == pytest.approx(0.9 * YEAR)


def test_the_end_of_any_certificate_is_a_boundary() -> None:
    """kubelet.conf's certificate, the CA and one seen in a handshake: their end is looked at as well."""
    known = replace(
        report(BEGIN, reading(YEAR, BEGIN)),
        kubeconfig=certificate(1000),
        authority=certificate(2000),
        serving_live=certificate(3000),
    )
    moments = {round(moment - BEGIN) for moment, _ in schedule.boundaries(known)}
    assert {1000, 2000, 3000} <= moments


# -- After a start and a reload ----------------------------------------------------------------------------------------


def test_what_is_known_keeps_its_slot_over_a_restart() -> None:
    """A node out of the store is due as if the exporter had never stopped."""
    at = BEGIN + 1000.0
    for name in names(50):
        known = report(at, reading(YEAR, at), name=name)
        moment = schedule.due(known, PACE, 50)
        assert schedule.resumed(known, moment - 1, 50, PACE) == moment


def test_what_was_missed_is_spread_as_after_a_start() -> None:
    """Ten thousand nodes whose visits fell into a long stop are due over what the fleet takes, in no crowd."""
    at, now = BEGIN + 1000.0, BEGIN + 10 * DAY
    known = [report(at, reading(YEAR, at), name=name) for name in names(10_000)]
    moments = [schedule.resumed(one, now, 10_000, PACE) - now for one in known]
    assert min(moments) >= 0
    assert 495 < max(moments) <= 500
    assert max(Counter(int(moment) for moment in moments).values()) < 50


@pytest.mark.parametrize("ahead", [DAY, YEAR])
def test_visits_ahead_of_the_clock_leave_nobody_asleep(ahead: int) -> None:
    """A clock that was set back while the exporter was down: who was last visited in the future is due soon, spread as
    after a start; who refused a login then is left alone for an hour."""
    now = float(BEGIN)
    known = [report(now + ahead, reading(YEAR, now + ahead), name=name) for name in names(2000)]
    moments = [schedule.resumed(one, now, 2000, PACE) - now for one in known]
    assert max(Counter(int(moment) for moment in moments).values()) < 50
    assert max(moments) < 100
    refused = report(now + ahead, reason=Reason.AUTH_FAILED, failures=3)
    assert schedule.resumed(refused, now, 2000, PACE) - now == pytest.approx(3600 + 50, abs=0.1)


def test_a_slow_bastion_sets_the_pace_of_those_behind_it() -> None:
    """Nodes that are within reach again are spread over what the way to them takes, not over what the fleet takes."""
    moments = [schedule.first_due(name, 0.0, 1000, PACE, per_second=2.0) for name in names(1000)]
    assert 495 < max(moments) < 500
    assert schedule.first_due(HALF, 0.0, 1000, PACE, per_second=1e9) == pytest.approx(25, abs=0.1)


# -- Far from the window -----------------------------------------------------------------------------------------------


def is_in_slot(known: NodeReport, pace: Pace, interval: float) -> bool:
    """Whether a node whose spread is 0.5 is next due in the middle of an interval, the first that is not too near."""
    at = known.last_visit or 0.0
    ahead = schedule.due(known, pace) - at - SPARE
    return 0 <= ahead <= interval and abs((at + SPARE + ahead) % interval - interval / 2) < 1.0


def fresh(ahead: float, **more: object) -> NodeReport:
    """A node of a year's certificate that was visited so long before its window."""
    known = report(OPENS - ahead, reading(YEAR, OPENS - ahead))
    return replace(known, **more)  # type: ignore[arg-type] # fields of it


@pytest.mark.parametrize(
    ("ahead", "interval"),
    [
        pytest.param(200 * DAY, DAY, id="max_interval, far from the window"),
        pytest.param(4.1 * DAY, DAY, id="a quarter of the time is a little more"),
        pytest.param(3.9 * DAY, 16 * HOUR, id="a quarter of the time is less: doubled four times"),
        pytest.param(40 * HOUR, 8 * HOUR, id="doubled three times"),
        pytest.param(7.9 * HOUR, HOUR, id="the interval, within its fourfold"),
    ],
)
def test_a_healthy_node_waits_longer_while_its_window_is_far(ahead: float, interval: float) -> None:
    """With max_interval the interval is doubled as often as a quarter of the time until the window has room for."""
    assert is_in_slot(fresh(ahead), STRETCHED, interval)
    assert is_in_slot(fresh(ahead), PACE, HOUR)


@pytest.mark.parametrize("limit", [HOUR, 1.5 * HOUR, 5 * HOUR, 7 * DAY])
def test_a_longest_interval_need_not_be_a_power_of_two(limit: float) -> None:
    """Far enough from the window the interval is max_interval, whatever that is."""
    assert is_in_slot(fresh(250 * DAY), replace(PACE, max_interval=limit), limit)


WARNING = Finding(Cause.ORPHAN_EMPTY, Severity.WARNING)


@pytest.mark.parametrize(
    "known",
    [
        pytest.param({"findings": (WARNING,)}, id="a warning is something to repair"),
        pytest.param(
            {"restart": Restart(safe=False, reason=RestartReason.KUBECONFIG_BROKEN, words="")},
            id="it would not come back",
        ),
        pytest.param({"client": replace(reading(YEAR, OPENS - 90 * DAY), managed=False)}, id="not the kubelet's"),
        pytest.param({"client": None, "no_client_by_design": True}, id="no certificate by design"),
    ],
)
def test_who_is_not_healthy_waits_no_longer(known: dict[str, object]) -> None:
    """A node with anything to repair, or whose certificate somebody else renews, is visited every interval."""
    assert not is_in_slot(fresh(90 * DAY, **known), STRETCHED, DAY)
    assert is_in_slot(fresh(90 * DAY, **known), STRETCHED, HOUR)


def test_a_serving_certificate_in_its_window_shortens_the_wait() -> None:
    """Where the kubelet rotates both certificates, the one that is nearer to its window counts."""
    at = BEGIN + 0.5 * DAY
    known = report(at, reading(YEAR, at), serving=reading(DAY, at))
    assert schedule.due(known, STRETCHED) - at <= HOUR + SPARE


def test_a_stretched_fleet_keeps_apart() -> None:
    """Nodes of one batch that wait longer and longer less are never a crowd on their way to the window."""
    crowd: Counter[int] = Counter()
    for name in names(1000):
        at = OPENS - 6 * DAY + schedule.spread(name)
        while at < OPENS:
            at = schedule.due(report(at, reading(YEAR, at), name=name), STRETCHED, 1000)
            crowd[int(at // 60)] += 1
    assert max(crowd.values()) < 60  # a thousand an hour are seventeen a minute


# -- Our own clock steps -----------------------------------------------------------------------------------------------

PACES = st.sampled_from([PACE, STRETCHED, Pace(60.0, 60.0), Pace(600.0, 10.0), Pace(86_400.0, 120.0)])
SKEWS = st.sampled_from([0.0, 10.0, -10.0, DAY, -DAY, YEAR, -YEAR])


@settings(deadline=None)
@given(
    pace=PACES,
    lifetime=st.integers(600, 2 * YEAR),
    share=st.floats(-0.1, 1.5),
    skew=SKEWS,
    reason=st.sampled_from([None, Reason.UNREACHABLE, Reason.AUTH_FAILED]),
    failures=st.integers(1, 40),
    fleet=st.sampled_from([1, 100, 10_000]),
)
def test_nobody_sleeps_longer_than_the_longest_rule(
    *, pace: Pace, lifetime: int, share: float, skew: float, reason: Reason | None, failures: int, fleet: int
) -> None:
    """Wherever the clock was at the last visit, a node is due no further ahead than the longest of all rules."""
    at = BEGIN + share * lifetime
    known = report(
        at + skew, reading(lifetime, at + skew), reason=reason, failures=failures if reason else 0, name="worker"
    )
    assert schedule.next_due(known, at, fleet, pace) <= at + schedule.longest(pace)
    again = schedule.resumed(known, at, fleet, pace)
    assert at <= again <= at + schedule.longest(pace) + min(pace.interval, fleet / pace.logins_per_second)


@pytest.mark.parametrize("step", [DAY, -DAY, YEAR, -YEAR])
@pytest.mark.parametrize("seed", range(5))
def test_a_clock_that_steps_makes_no_tight_loop(step: int, seed: int) -> None:
    """A node is visited while our clock steps and steps back again: never more often than the rules allow in the time
    that has really passed, but once for each step and each boundary that one brings up again."""
    dice = random.Random(seed)
    life = replace(born(dice, seed, rotates=False), offset=0.0)
    for beginning in (0.4, 0.75, 0.91, 1.2):
        now, elapsed = life.old.not_before + beginning * life.old.lifetime, 0.0
        known, visits, steps = NodeReport(life.node), 0, 0
        while visits < 60:
            known = known.after(looked(replace(life, offset=-step if steps % 2 else 0.0), known, now, dice))
            visits += 1
            if visits % 10 == 0:
                now, steps = now + (-step if steps % 2 else step), steps + 1
            moment = max(now + life.lasting, schedule.next_due(known, now + life.lasting, 1, PACE))
            elapsed, now = elapsed + moment - now, moment
        shortest = min(SPARE, PACE.min_interval)
        assert visits <= elapsed / shortest + 1 + steps + 6 * (steps + 1)


@pytest.mark.parametrize("step", [DAY, -DAY, YEAR, -YEAR])
def test_a_step_of_our_clock_accuses_nobody(step: int) -> None:
    """Nodes whose clocks are right rotate by their rule while ours steps for a time, to where it was wrong for all of
    them: none is late or stalled of it, and none is expired while our own clock is known to be the suspect."""
    dice = random.Random(step)
    for number in range(60):
        life = born(dice, number, rotates=True, loss=0.1)
        life = replace(life, offset=0.0)
        away_from = life.old.not_before + dice.uniform(0.1, 0.8) * life.old.lifetime
        away_for = dice.uniform(0.0, 0.3) * life.old.lifetime
        true = life.old.not_before + 0.05 * life.old.lifetime
        known = NodeReport(life.node)
        while true < min(life.rotated, life.edges[1]):
            ours = true + (step if away_from <= true < away_from + away_for else 0.0)
            there = replace(life, offset=true - ours, rotated=life.rotated + ours - true)
            known = known.after(lost(there, ours, dice) if dice.random() < 0.1 else looked(there, known, ours, dice))
            state = rotation.state(known.client, ours + life.lasting, PACE, exporter_clock_suspect=ours != true)
            assert not state.is_accusation, (life, true, state)
            ended = ours + life.lasting
            true += max(schedule.next_due(known, ended, 1, PACE) - ours, life.lasting) + life.old.lifetime / 300


def test_slots_are_stable_over_a_step() -> None:
    """A clock that comes back after a step finds every node in the slot that it had."""
    at = BEGIN + 1000.0
    for name in names(20):
        slots = []
        for now in (at, at + YEAR, at + 3 * HOUR):
            moment = schedule.next_due(report(now, reading(10 * YEAR, now), name=name), now, 1, PACE)
            slots.append(moment % HOUR)
        assert all(abs(one - other) < 0.01 for one, other in pairwise(slots))


def test_the_word_of_a_mount_ends_with_the_next_reading() -> None:
    """A tree that was read while our clock was a year ahead is a stall; read again by the right clock it is none."""
    now = BEGIN + 0.5 * YEAR
    wrong = Reading(certificate(YEAR), now + YEAR, now + YEAR)
    assert rotation.state(wrong, now + YEAR, PACE) is State.EXPIRED
    assert rotation.state(wrong, now, PACE) is State.FRESH
    right = Reading(certificate(YEAR), now, rotation.witness(certificate(YEAR), now, None, wrong))
    assert rotation.state(right, BEGIN + 0.95 * YEAR, PACE) is State.UNKNOWN
