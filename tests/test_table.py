"""The table of the fleet: nothing that matters is lost, however narrow the terminal."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from exporter.cli import table
from exporter.cli.table import fleet_table
from exporter.config.settings import Paths
from exporter.errors import Reason
from exporter.model.assessment import Certificate, Reading
from exporter.model.node import Node, SshAccess
from exporter.model.report import NodeReport
from exporter.model.snapshot import FleetSnapshot
from exporter.serve.views import views

DAY = 86400
LONG = "ip-10-250-112-134.eu-central-1.compute.internal"


def report(name: str, age: float | None, reason: Reason | None = None) -> NodeReport:
    """A node whose certificate of 100 days is so many days old; never read where that is None."""
    node = Node(name, SshAccess(name, 22, "root"), Paths())
    if age is None:
        return NodeReport(node, reason=reason)
    certificate = Certificate(int(-age * DAY), int((100 - age) * DAY), "1", "CN=ca", "CN=n", "f")
    return NodeReport(node, reason=reason, client=Reading(certificate, taken=-5.0, witness=-5.0))


def told(width: int, *reports: NodeReport) -> list[str]:
    screen = io.StringIO()
    console = Console(file=screen, width=width, no_color=True)
    console.print(fleet_table(FleetSnapshot(reports), 0.0, width))
    return [line.rstrip() for line in screen.getvalue().splitlines()]


def test_a_short_fleet_has_everything_on_80_columns() -> None:
    """Names of the usual length leave room for the bar at 80 columns."""
    assert told(80, report("worker-1.prod", 10), report("worker-2.prod", None, Reason.HOST_KEY_CHANGED)) == [
        "NODE           STATE    LIFE        EXPIRES     AGE     REASON",
        "worker-1.prod  fresh    ─▲─────━━─  in 90d      5s",
        "worker-2.prod  unknown                                  host_key_changed",
    ]


def test_columns_stay_where_they_are_as_time_goes_on() -> None:
    """A screen of 80 columns that is full keeps its columns, a shorter bar among them, whatever the ages are."""
    (client,) = [report("worker-08.prod", 10).client]
    assert client
    titles, bars = set(), set()
    for taken in (-5.0, -59.0, -3599.0, -86399.0):
        first = replace(report("worker-08.prod", 10), client=replace(client, taken=taken))
        last = report("edge-08.branch", 100 + (5 - taken) / DAY, Reason.HOST_CERTIFICATE_MALFORMED)
        ahead = report("edge-10.branch", -1)
        lines = told(80, first, last, ahead)
        assert max(map(len, lines)) <= 80
        titles.add(lines[0])
        bars.add(lines[1].split()[2])
    assert titles == {"NODE           STATE         LIFE   EXPIRES    AGE    REASON"}
    assert bars == {"▲───━─"}


@pytest.mark.parametrize("width", [80, 100, 140, 500])
def test_long_names_cost_no_state_and_no_reason(width: int) -> None:
    """State and reason are whole beside the long names of a cloud, whatever the width; the name is folded, not cut."""
    lines = told(width, report(LONG, -1), report("w", None, Reason.CERTIFICATE_MALFORMED))
    text = "\n".join(lines)
    assert "not_yet_valid" in text
    assert "certificate_malformed" in text
    assert max(map(len, lines)) <= width
    assert LONG in text or "".join(line[:24].strip() for line in lines[1:-1]).startswith(LONG[:24])


@pytest.mark.parametrize(
    ("age", "bar"),
    [
        (0, "▲──────━━─"),
        (69, "──────▲━━─"),
        (71, "───────▲━─"),
        (89, "───────━▲─"),
        (91, "───────━━▲"),
        (120, "───────━━▲"),
        (-1, "▲──────━━─"),
    ],
)
def test_the_bar_shows_the_window_where_it_is(age: float, bar: str) -> None:
    """The heavy part of the bar is the window, from 70 % to 90 %, and the mark is now."""
    assert bar in told(120, report("w", age))[1]


@pytest.mark.parametrize("age", [0, 35, 69.9, 70.1, 80, 89.9, 90.1, 99, 130])
@pytest.mark.parametrize("length", range(6, 11))
def test_a_short_bar_does_not_lie(length: int, age: float) -> None:
    """The mark is before, in or behind the heavy part as now is before, in or behind the window."""
    (view,) = views(FleetSnapshot((report("w", age),)), 0.0)
    bar = table._life(view, 0.0, length).plain
    assert len(bar) == length
    before, after = bar.split("▲")
    if age < 70:
        assert "━" not in before
        assert "━" in after
    elif age < 90:
        assert not before.strip("─━")
        assert bar.count("━") == round(0.9 * length) - round(0.7 * length) - 1
    else:
        assert "━" in before
        assert "━" not in after


def test_markup_in_a_name_is_only_text() -> None:
    """A name that looks like markup is shown as it is."""
    assert told(80, report("[bold]w", 1))[1].startswith("[bold]w ")
