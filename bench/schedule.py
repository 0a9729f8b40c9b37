"""The schedule: years of fleets of 10,000 nodes, by the exporter's own rules (``python -m bench schedule``).

What is proved: no second begins more logins than ``logins_per_second``, and nothing is seen later than
docs/scheduling.md says. What is told: crowds, waits, and logins a day against a fixed interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from bench.measure import Cost, Row, alternated, measured
from bench.simulation.delays import Kind, worst
from bench.simulation.fleet_clock import FleetClock
from bench.simulation.fleets import BEGIN, DAY, HOUR, YEAR, Fleet, batch, behind, mixed, named
from bench.simulation.life import LONGEST_VISIT, Span, Troubles
from bench.simulation.tally import Tally
from exporter.config.settings import Pace
from exporter.errors import Reason
from exporter.model.report import NodeReport
from exporter.rounds import schedule
from exporter.rounds.agenda import Agenda

PACE = Pace()
VISIT = 2 * LONGEST_VISIT  # the one that sees an event, and one that was under way when it happened
A_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Past:
    """What came of one simulation."""

    name: str
    nodes: int
    days: float
    tally: Tally

    @property
    def logins_a_day(self) -> float:
        """Of one node."""
        return self.tally.visits / self.nodes / self.days

    @property
    def latest(self) -> dict[int, tuple[float, Kind]]:
        """By lifetime: the kind that was seen the latest, as a share of what docs/scheduling.md allows."""
        found: dict[int, tuple[float, Kind]] = {}
        for (kind, lifetime), seen in self.tally.delays.items():
            share = seen.longest / (worst(kind, lifetime, self.tally.pace, self.nodes) + VISIT)
            found[lifetime] = max(found.get(lifetime, (0.0, kind)), (share, kind))
        return found


def simulated(name: str, fleet: Fleet, days: float, pace: Pace = PACE, *, incidents: bool = False) -> Past:
    """Lets the days pass. With ``incidents`` the exporter is restarted, with and without a store, and reloaded."""
    clock = FleetClock(fleet, pace, float(BEGIN))
    if incidents:
        clock.until(BEGIN + 0.4 * days * DAY)
        clock.restart(with_store=False)
        clock.until(BEGIN + 0.5 * days * DAY)
        clock.restart(with_store=True)
        clock.until(BEGIN + 0.6 * days * DAY)
        clock.readdress()
    clock.until(BEGIN + days * DAY)
    return Past(name, len(fleet), days, clock.end())


def year(nodes: int = 10_000, days: float = 365.0) -> Past:
    """Certificates of a year, and a hundredth of a day's; docs/scheduling.md tells what happens to them."""
    length, tenth = days * DAY, nodes // 10
    away = Span(BEGIN + 0.3 * length, BEGIN + 0.3 * length + 5 * HOUR, Reason.BASTION_UNREACHABLE)
    unsigned = Span(BEGIN + 0.55 * length, BEGIN + 0.96 * length)
    stalls = YEAR if days > 300 else int(1.03 * length)  # so that a shorter time sees its window close, too
    fleet = {
        **mixed(named("mixed", nodes - 4 * tenth - nodes // 100), YEAR, length),
        **mixed(named("day", nodes // 100), DAY, length),
        **batch(named("hour", 2 * tenth), YEAR, BEGIN - HOUR, HOUR),
        **batch(named("second", tenth), stalls, BEGIN - 600, 0, Troubles(unsigned=(unsigned,))),
        **behind(named("behind", tenth), YEAR, away),
    }
    return simulated(f"{nodes:,} nodes, {days:.0f} days", fleet, days, incidents=True)


def hourly(nodes: int = 100, hours: float = 12.0) -> Past:
    """Certificates of an hour, for some hours; half of them are of one batch."""
    length, half = hours * HOUR, nodes // 2
    fleet = {
        **mixed(named("mixed", nodes - half), HOUR, length),
        **batch(named("batch", half), HOUR, BEGIN - 600, 0, Troubles(unsigned=(Span(BEGIN, BEGIN + 3300),))),
    }
    return simulated(f"{nodes:,} nodes with certificates of an hour, {hours:.0f} hours", fleet, hours * HOUR / DAY)


def stretched(nodes: int, days: float, max_interval: float) -> Past:
    """Healthy certificates of a year, and of any age, visited as far apart as ``max_interval``."""
    fleet = mixed(named("mixed", nodes), YEAR, days * DAY)
    return simulated(f"max_interval {max_interval / HOUR:.0f} h", fleet, days, Pace(max_interval=max_interval))


def turn(nodes: int, turns: int = 20_000) -> Cost:
    """What the schedule does for one visit in a fleet of that size: take the node that is due, and put it back."""
    fleet = batch(named("node", min(nodes, 1000)), YEAR, BEGIN - HOUR, HOUR)
    known = [NodeReport(life.node).after(life.visited(NodeReport(life.node), float(BEGIN))) for life in fleet.values()]
    agenda = Agenda((f"{number}", schedule.first_due(f"{number}", BEGIN, nodes, PACE)) for number in range(nodes))

    def go() -> None:
        for number in range(turns):
            name = agenda.take(math.inf)
            assert name is not None
            agenda.put(name, schedule.next_due(known[number % len(known)], BEGIN, nodes, PACE) + number)

    return measured(go) / turns


def rows(*, small: bool = False) -> list[Row]:
    pasts: list[Past] = []

    def take(make: Callable[[], Past]) -> float:
        return measured(lambda: pasts.append(make())).cpu

    cost = take(lambda: year(300, 30.0) if small else year())
    take(lambda: hourly(20, 4.0) if small else hourly())
    whole, hour = pasts
    found = [Row.limited(f"{whole.name}: simulated, CPU", cost, A_MINUTE, "s")]
    for past in pasts:
        limit = past.tally.pace.logins_per_second
        more = f"{past.tally.busiest} due in the same second, at most {past.tally.longest_wait:.0f} s in the queue"
        found.append(
            Row.limited(f"{past.name}: logins in the busiest second", past.tally.most_logins, limit, "a second", more)
        )
    found += _late(pasts)
    found.append(_growth(*((100, 1000) if small else (1000, 100_000))))
    found += _logins(whole, hour, stretched(100 if small else 1000, 30.0 if small else 365.0, DAY))
    return found


def _growth(few: int, many: int) -> Row:
    """A turn's cost in a large fleet, to that in a small one: a heap grows with the logarithm, a scan with all."""
    small, large = alternated({f"{size:,} nodes": partial(turn, size) for size in (few, many)}, 3).values()
    return Row.compared(f"one turn of the schedule, {many:,} nodes to {few:,}", large, small, reach=2.0)


def _late(pasts: Iterable[Past]) -> list[Row]:
    found = []
    for past in pasts:
        for lifetime, (share, kind) in sorted(past.latest.items(), reverse=True):
            number = sum(seen.number for (_, of), seen in past.tally.delays.items() if of == lifetime)
            measure = f"lifetime {lifetime / HOUR:,.0f} h, {number:,} events: the latest, to what the docs allow"
            found.append(Row.limited(measure, share, 1.0, "of it", kind))
    return found


def _logins(whole: Past, hour: Past, far: Past) -> list[Row]:
    """Logins a day of one node; a fixed interval has to be a minute to be as early as ours when it matters."""
    found = []
    for past in (whole, hour, far):
        for interval, word in ((HOUR, "an hour"), (60, "a minute")):
            fixed = DAY / interval
            measure = f"{past.name}: logins a day and node"
            ours = f"{past.logins_a_day:.4g}"
            found.append(Row(measure, ours, f"fixed interval of {word}: {fixed:,.0f}", past.logins_a_day / fixed))
    return found
