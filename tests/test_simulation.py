"""Fleets under the schedule for a month, in seconds: nothing is seen later than docs/scheduling.md says."""

from __future__ import annotations

import re

import pytest

from bench import schedule
from bench.simulation import page
from bench.simulation.delays import Kind, worst
from bench.simulation.fleet_clock import FleetClock
from bench.simulation.fleets import BEGIN, DAY, HOUR, YEAR, Fleet, batch, behind, mixed, named
from bench.simulation.life import LONGEST_VISIT, Span, Troubles
from bench.simulation.tally import Tally
from exporter.config.settings import Pace
from exporter.errors import Reason

SIMULATED = [kind for kind in Kind if kind is not Kind.STEPPED]


def fleet(lifetime: int, length: float) -> Fleet:
    """A small one in which everything happens within ``length``; ten live behind a bastion."""
    away = Span(BEGIN + 0.3 * length, BEGIN + 0.4 * length, Reason.BASTION_UNREACHABLE)
    unsigned = Troubles(unsigned=(Span(BEGIN, BEGIN + 0.97 * lifetime),))
    return {
        **mixed(named("mixed", 30), lifetime, length),
        **batch(named("batch", 10), lifetime, BEGIN - 600, 60, unsigned),
        **behind(named("behind", 10), lifetime, away),
    }


def lived(lifetime: int, length: float, *, leaps: bool, pace: Pace | None = None) -> Tally:
    """That fleet after all incidents."""
    clock = FleetClock(fleet(lifetime, length), pace or Pace(), float(BEGIN), leaps=leaps)
    clock.until(BEGIN + 0.5 * length)
    clock.restart(with_store=False)
    clock.until(BEGIN + 0.6 * length)
    clock.restart(with_store=True)
    clock.until(BEGIN + 0.7 * length)
    clock.readdress()
    clock.until(BEGIN + length)
    return clock.end()


@pytest.mark.parametrize(
    ("lifetime", "length", "pace"),
    [
        pytest.param(HOUR, 2.5 * HOUR, Pace(), id="certificates of an hour"),
        pytest.param(DAY, 1.5 * DAY, Pace(), id="certificates of a day"),
        pytest.param(10 * DAY, 2 * DAY, Pace(max_interval=4.0 * HOUR), id="stretched intervals"),
    ],
)
def test_what_is_left_out_changes_nothing(lifetime: int, length: float, pace: Pace) -> None:
    """A simulation that leaps over uneventful visits counts the same visits and sees each event at the same moment as
    one that makes them all; but for one that is under way while the exporter is stopped."""
    leapt, walked = (lived(lifetime, length, leaps=leaps, pace=pace) for leaps in (True, False))
    assert abs(leapt.visits - walked.visits) <= 3
    assert leapt.delays.keys() == walked.delays.keys()
    for key, seen in walked.delays.items():
        assert abs(leapt.delays[key].number - seen.number) <= 1, key
        assert leapt.delays[key].longest == pytest.approx(seen.longest, abs=LONGEST_VISIT), key


def lateness(past: schedule.Past) -> list[tuple[Kind, int, float, float]]:
    """What was seen later than it may be."""
    found = []
    for (kind, lifetime), seen in past.tally.delays.items():
        allowed = worst(kind, lifetime, past.tally.pace, past.nodes) + 2 * LONGEST_VISIT
        if seen.longest > allowed:
            found.append((kind, lifetime, seen.longest, allowed))
    return found


def test_a_month_of_three_hundred_nodes() -> None:
    """Through rotations, stalls, repairs, outages, restarts and a reload no event is seen later than the page says, no
    second begins more logins than allowed, and each kind of event happened."""
    month, hours = schedule.year(300, 30.0), schedule.hourly(40, 6.0)
    assert (lateness(month), lateness(hours)) == ([], [])
    assert month.tally.most_logins <= 20
    assert hours.tally.most_logins <= 20
    seen = {kind for past in (month, hours) for kind, _ in past.tally.delays}
    assert [kind for kind in SIMULATED if kind not in seen] == []
    assert 24 < month.logins_a_day < 27  # an hour's interval is 24


def test_the_promises_are_no_more_than_what_it_takes() -> None:
    """The delays that intervals and back-offs make are met within a tenth: the page's figures are no idle ones."""
    past = schedule.year(300, 30.0)
    for kind in (Kind.REPAIRED, Kind.ROTATED, Kind.BACK, Kind.LOST_AT_REST):
        shares = [
            seen.longest / worst(kind, of, Pace(), 300) for (one, of), seen in past.tally.delays.items() if one is kind
        ]
        assert max(shares) > 0.9, kind


def test_a_longest_interval_saves_nine_logins_of_ten() -> None:
    """With max_interval a day, healthy nodes whose window is far are logged in to a few times a day, nothing is later
    than that allows, and no reading is stale when a window opens."""
    past = schedule.stretched(100, 60.0, float(DAY))
    assert lateness(past) == []
    assert past.logins_a_day < 24 / 4
    assert past.tally.delays[Kind.OPENED, YEAR].longest == 0.0


def test_the_page_has_the_figures_of_the_rules() -> None:
    """The table of docs/scheduling.md is what the rules come to at default settings."""
    assert f"-->\n\n{page.allowed(Pace())}\n\n<!-- end -->" in page.PAGE.read_text()


def test_the_page_has_what_the_simulation_saw() -> None:
    """Every kind that the simulation knows has a row of what was seen, and none is above what is allowed."""
    text = page.PAGE.read_text().split("<!-- bench: seen -->")[1]
    rows = [line.split(" | ") for line in re.findall(r"^\| (.*) \|$", text, re.MULTILINE)]
    assert [row[0] for row in rows[2:]] == SIMULATED


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "at once"), (4.2, "5 s"), (90, "1 min 30 s"), (3630, "1 h 30 s"), (7200, "2 h"), (894, "14 min 54 s")],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    """Durations are told in hours, minutes and seconds, rounded up: a promise is not cut."""
    assert page.words(seconds) == words


@pytest.mark.long
def test_a_year_of_ten_thousand_nodes() -> None:
    """As the month, for the fleet and the time that docs/scheduling.md tells of."""
    past = schedule.year()
    assert lateness(past) == []
    assert past.tally.most_logins <= 20
    assert {kind for kind, _ in past.tally.delays} == set(SIMULATED)
    assert past.logins_a_day < 26
