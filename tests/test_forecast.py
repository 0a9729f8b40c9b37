"""``forecast``: windows that open and close, rotations to be expected, and nobody counted twice."""

from __future__ import annotations

import io
import json
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from exporter.cli.forecast import plain, tell
from exporter.cli.glyphs import ASCII, UNICODE, Glyphs
from exporter.cli.main import main
from exporter.cli.page import Page
from exporter.demo.signer import Authority
from exporter.demo.store import FileStore
from exporter.judge import rotation
from exporter.judge.forecast import DAY, HOUR, WEEK, Forecast, Held, forecast
from exporter.model.assessment import Certificate, State

ROOT = Path(__file__).parent.parent
MONDAY = 1_789_948_800  # 2026-09-21 00:00 UTC
PLANNED = (State.NOT_YET_VALID, State.FRESH, State.WINDOW)


def held(age: float, life: float, state: State | None = None, now: float = MONDAY) -> Held:
    """A certificate of that age; its state by time alone unless one is given."""
    certificate = Certificate(int(now - age), int(now - age + life), "1", "CN=ca", "CN=n", "f")
    return certificate, state or rotation.by_time_alone(certificate, now)


def expected(coming: Forecast) -> list[float]:
    return [round(period.rotations, 3) for period in coming.periods]


@pytest.mark.parametrize(
    ("age", "days"),
    [
        (6.75, [0.375, 0.5, 0.125]),  # the window begins in a quarter of a day
        (7, [0.5, 0.5, 0.0]),
        (7.5, [0.667, 0.333]),  # what is gone of the window brought no rotation: all of it is in the rest
        (8.5, [1.0]),
        (8.9, [1.0]),
    ],
)
def test_a_rotation_is_expected_evenly_over_what_is_left_of_its_window(age: float, days: list[float]) -> None:
    """A life of 10 days has its window from day 7 to 9."""
    coming = forecast([held(age * DAY, 10 * DAY)], MONDAY)
    assert (coming.step, coming.planned, coming.open_now) == (DAY, 1, int(age >= 7))
    assert expected(coming) == days


def test_expectations_add_up_over_the_fleet() -> None:
    """Two certificates of one window are twice as many rotations."""
    one, two = (forecast([held(69 * DAY, 100 * DAY)] * number, MONDAY) for number in (1, 2))
    assert expected(one) == [0.3, 0.35, 0.35, 0.0]
    assert expected(two) == [0.6, 0.7, 0.7, 0.0]


@pytest.mark.parametrize(
    ("life", "step"),
    [(HOUR, HOUR), (4 * DAY, HOUR), (4 * DAY + 10, DAY), (89 * DAY, DAY), (90 * DAY, WEEK), (3650 * DAY, WEEK)],
)
def test_periods_are_as_long_as_lives_ask_for(life: float, step: int) -> None:
    """Hours where lives are short, weeks where they are long."""
    assert forecast([held(0.1 * life, life)], MONDAY).step == step


def test_periods_are_those_of_the_calendar() -> None:
    """Weeks begin on Monday, days at midnight, UTC, whatever the time is now."""
    now = MONDAY + 3 * DAY + 5000
    weeks = forecast([held(0, 365 * DAY, now=now)], now, 20 * DAY)
    assert [period.begins - MONDAY for period in weeks.periods] == [0, WEEK, 2 * WEEK, 3 * WEEK]
    days = forecast([held(0, 30 * DAY, now=now)], now, DAY)
    assert [period.begins - MONDAY for period in days.periods] == [3 * DAY, 4 * DAY]


def test_windows_are_counted_where_they_open_and_close() -> None:
    """In the period that holds the moment; before now nothing opens, after the last period is later."""
    fleet = [held(20 * DAY, 30 * DAY), held(22 * DAY, 30 * DAY), held(0, 30 * DAY)]
    coming = forecast(fleet, MONDAY, 7 * DAY - 1)
    assert [(period.opens, period.closes) for period in coming.periods] == [
        (0, 0),
        (1, 0),
        (0, 0),
        (0, 0),
        (0, 0),
        (0, 1),
        (0, 0),
    ]
    assert (coming.open_now, coming.opens_later, coming.closes_later) == (1, 1, 2)


def test_a_window_that_opens_as_the_last_period_ends_is_later() -> None:
    """Periods begin where the one before ends: no moment is in two of them, or in none."""
    coming = forecast([held(20 * DAY, 30 * DAY)], MONDAY, DAY - 1)
    assert [(period.begins, period.opens) for period in coming.periods] == [(MONDAY, 0)]
    assert (coming.opens_later, coming.later) == (1, 1)


def test_the_busiest_time_is_a_larger_period() -> None:
    """The week of a fleet that is told by days, the day of one that is told by hours."""
    coming = forecast([held(age * DAY, 30 * DAY) for age in (0, 1, 2, 20)], MONDAY)
    assert coming.busiest
    assert (coming.busiest.begins, coming.busiest.ends) == (MONDAY + 3 * WEEK, MONDAY + 4 * WEEK)
    hours = forecast([held(0, DAY)], MONDAY)
    assert hours.busiest
    assert hours.busiest.ends - hours.busiest.begins == DAY
    assert forecast([], MONDAY).busiest is None


def test_who_is_not_planned_is_told_apart() -> None:
    """Overdue, unmanaged and unknown certificates are counted by their state and expected nowhere."""
    fleet = [
        held(95, 100, State.STALLED),
        held(110, 100, State.EXPIRED),
        held(50, 100, State.UNMANAGED),
        (None, State.UNMANAGED),
        (None, State.UNKNOWN),
        held(80, 100, State.UNKNOWN),
    ]
    coming = forecast(fleet, MONDAY)
    assert dict(coming.apart) == {State.STALLED: 1, State.EXPIRED: 1, State.UNMANAGED: 2, State.UNKNOWN: 2}
    assert (coming.planned, sum(expected(coming)), coming.later) == (0, 0, 0)


def test_a_window_that_closed_unseen_is_due_now() -> None:
    """Where the reading does not allow to call it late, the rotation is expected at once."""
    coming = forecast([held(92 * DAY, 100 * DAY, State.WINDOW)], MONDAY)
    assert expected(coming) == [1.0]


def test_dates_of_ten_thousand_years_end_soon() -> None:
    """A certificate of a nonsensical life costs no time, and ten years is the farthest that is looked at."""
    fleet = [held(0, 7000 * 365 * DAY) for _ in range(2000)]
    began = time.monotonic()
    coming = forecast(fleet, MONDAY)
    assert time.monotonic() - began < 5
    assert coming.busiest is None
    assert (len(coming.periods), coming.opens_later, coming.later) == (54, 2000, 2000)


def test_a_horizon_beyond_reading_has_larger_periods() -> None:
    """Ten years of hours would be 87,600 rows."""
    coming = forecast([held(0, DAY)], MONDAY, 3660 * DAY)
    assert coming.step == WEEK


moments = st.floats(-2000 * DAY, 2000 * DAY)
lives = st.one_of(st.just(0.0), st.floats(1, 4000 * DAY))
fleets = st.lists(
    st.one_of(
        st.builds(held, moments, lives),
        st.builds(held, moments, lives, st.sampled_from(State)),
        st.tuples(st.none(), st.sampled_from([State.UNKNOWN, State.UNMANAGED])),
    ),
    max_size=30,
)


@given(fleets, st.one_of(st.none(), st.integers(1, 3660).map(lambda days: days * DAY)))
def test_every_certificate_is_counted_once(fleet: list[Held], horizon: float | None) -> None:
    """Whatever the fleet and the horizon: windows, rotations and states add up to it; the order does not matter."""
    coming = forecast(fleet, MONDAY, horizon)
    assert coming.planned == sum(found is not None and state in PLANNED for found, state in fleet)
    assert coming.planned + sum(number for _, number in coming.apart) == len(fleet)
    assert coming.open_now + sum(period.opens for period in coming.periods) + coming.opens_later == coming.planned
    assert sum(period.closes for period in coming.periods) + coming.closes_later == coming.planned
    assert sum(period.rotations for period in coming.periods) + coming.later == pytest.approx(coming.planned)
    assert all(period.rotations >= 0 for period in coming.periods)
    assert all(before.ends == after.begins for before, after in zip(coming.periods, coming.periods[1:], strict=False))
    backwards = forecast(fleet[::-1], MONDAY, horizon)
    assert replace(backwards, periods=(), later=0, busiest=None) == replace(coming, periods=(), later=0, busiest=None)
    assert expected(backwards) == pytest.approx(expected(coming), abs=0.002)


def page(coming: Forecast, width: int = 80, signs: Glyphs = UNICODE) -> list[str]:
    screen = io.StringIO()
    sheet = Page(Console(file=screen, width=width, color_system=None))
    tell(coming, sheet, signs)
    sheet.print()
    return screen.getvalue().splitlines()


FLEET = [
    *(held(age * DAY, 30 * DAY) for age in (20.5, 20.5, 22)),
    held(28 * DAY, 30 * DAY),
    held(31 * DAY, 30 * DAY),
    (None, State.UNKNOWN),
]


PAGE = """\
4 of 7 certificates are to be renewed; in their window now: 1.
Overdue: 1 stalled, 1 expired.
Not in the forecast: 1 unknown.

DAY FROM     OPEN  CLOSE  ROTATIONS
2026-09-21      2      0        0.4  ███████████████████████▍
2026-09-22      0      0        0.5  ██████████████████████████████████
2026-09-23      0      0        0.5  ██████████████████████████████████
2026-09-24      0      0        0.5  ██████████████████████████████████
2026-09-25      0      0        0.5  ██████████████████████████████████
2026-09-26      0      1        0.3  █████████████████████▎
2026-09-27      0      2        0.2  ██████████▋
2026-09-28                           9 days without any
2026-10-07      1      0        0.2  ██████████▋
2026-10-08      0      0        0.2  ██████████▋
2026-10-09      0      0        0.2  ██████████▋
2026-10-10      0      0        0.2  ██████████▋
2026-10-11      0      0        0.2  ██████████▋
2026-10-12      0      0        0.2  ██████████▋
2026-10-13      0      1        0.0

Most rotate in the week from 2026-09-21: 3.0 of 4 expected.
"""


def test_the_page_at_80_columns() -> None:
    """Totals, a row for each day with its bar, long quiet stretches as one row, and the busiest week."""
    assert page(forecast([*FLEET, held(5 * DAY, 30 * DAY)], MONDAY)) == PAGE.splitlines()


@pytest.mark.parametrize("width", [60, 80, 140])
def test_the_page_fits_its_terminal(width: int) -> None:
    """No line is wider than the terminal; without UTF-8 the bars are ASCII."""
    coming = forecast(FLEET, MONDAY)
    assert max(map(len, page(coming, width))) <= width
    assert all(line.isascii() for line in page(coming, width, ASCII))
    assert any(line.endswith("#") for line in page(coming, width, ASCII))


@pytest.mark.parametrize(
    ("share", "bar"), [(0, ""), (0.001, "▏"), (0.0625, "▌"), (0.125, "█"), (0.5, "████"), (1, "████████")]
)
def test_bars(share: float, bar: str) -> None:
    """A bar is as long as its share, to an eighth of a cell; what is more than nothing shows."""
    assert UNICODE.bar(share, 8) == bar
    assert ASCII.bar(share, 8).count("#") == round(share * 8)


def mounted(root: Path, age: float, life: float) -> Path:
    """A mounted tree with one client certificate of that age."""
    store = FileStore(root / "var/lib/kubelet/pki")
    path = store.update(Authority().issue("system:node:w", time.time() - age, time.time() - age + life), time.time())
    store.current.unlink()
    store.current.symlink_to(f"/var/lib/kubelet/pki/{path.name}")
    return root


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """The configuration of a fleet of mounted trees: fresh, in the window, stalled, somebody else's, gone."""
    ages = {"fresh": 3, "window": 8, "stalled": 9.5, "manual": 3}
    nodes = [f"{{name: {name}, root: {mounted(tmp_path / name, age * DAY, 10 * DAY)}}}" for name, age in ages.items()]
    gone = f"{{name: gone, root: {tmp_path}/no}}"
    config = tmp_path / "c.yaml"
    config.write_text(
        f"groups:\n  kubelet: {{transport: local, nodes: [{', '.join(nodes[:3])}, {gone}]}}\n"
        f"  manual: {{transport: local, rotation: manual, nodes: [{nodes[3]}]}}\n"
    )
    return config


def test_a_fleet_of_real_trees(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One round of visits gives the counts, as a page and as data."""
    assert main(["forecast", "--config.file", str(fleet)]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "2 of 5 certificates are to be renewed; in their window now: 1." in text
    assert "Overdue: 1 stalled." in text
    assert "Not in the forecast: 1 unmanaged, 1 unknown." in text
    assert main(["forecast", "--config.file", str(fleet), "--format=json", "--days=2"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["planned"], data["in_window_now"], data["period"]) == (2, 1, "day")
    assert sum(period["rotations"] for period in data["periods"]) == pytest.approx(1, abs=0.01)
    assert data["later"] == {"windows_open": 1, "windows_close": 1, "rotations": pytest.approx(1, abs=0.01)}


def test_nothing_that_can_be_read(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit status is 2 where no node could be read, and tells who was asked for wrongly."""
    assert main(["forecast", "--config.file", str(fleet), "gone"]) == 2
    assert "0 of 1 certificates" in capsys.readouterr().out
    assert main(["forecast", "--config.file", str(fleet), "frehs"]) == 2
    assert capsys.readouterr().err == "frehs: not a node of the inventory; did you mean fresh?\n"


@pytest.mark.parametrize("days", ["0", "-1", "x", "3661", ""])
def test_days_are_bounded(days: str, capsys: pytest.CaptureFixture[str]) -> None:
    """From one day to ten years."""
    with pytest.raises(SystemExit) as ended:
        main(["forecast", f"--days={days}"])
    assert ended.value.code == 2
    assert "a number from 1 to 3660 is needed" in capsys.readouterr().err


def keys(data: object, path: str = "") -> set[str]:
    """Every leaf's path, as docs/commands.md writes them."""
    if isinstance(data, dict):
        return set().union(*(keys(value, f"{path}.{key}" if path else key) for key, value in data.items()))
    if isinstance(data, list):
        return set().union(*(keys(value, f"{path}[]") for value in data))
    return {path}


def test_the_keys_of_json_are_documented() -> None:
    """docs/commands.md lists every key of ``forecast --format json``, and no other."""
    section = (ROOT / "docs/commands.md").read_text().partition("## forecast")[2].partition("\n## ")[0]
    rows = [line.split(" | ")[0] for line in section.splitlines() if line.startswith("| `")]
    assert keys(plain(forecast(FLEET, MONDAY), MONDAY)) == set(re.findall(r"`([^`]+)`", " ".join(rows)))
