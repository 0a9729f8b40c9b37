"""The table of the fleet: nothing that matters is lost, however narrow the terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from exporter.cli.table import fleet_table
from exporter.config.settings import Paths
from exporter.errors import Reason
from exporter.model.assessment import Certificate, Reading
from exporter.model.node import Node, SshAccess
from exporter.model.report import FleetSnapshot, NodeReport

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
        "NODE           STATE    LIFE        EXPIRES  AGE  REASON",
        "worker-1.prod  fresh    ─▲─────━━─  in 90d   5s",
        "worker-2.prod  unknown                            host_key_changed",
    ]


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


def test_markup_in_a_name_is_only_text() -> None:
    """A name that looks like markup is shown as it is."""
    assert told(80, report("[bold]w", 1))[1].startswith("[bold]w ")
