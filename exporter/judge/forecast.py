"""How many rotations the coming time holds, from one round of readings.

The kubelet's deadline is uniform over its window, so a certificate before its window is expected to rotate evenly over
it, and one inside it, not yet rotated, evenly over what is left of it. Only each certificate's next rotation counts.
Moments are seconds since the epoch; the calendar is UTC's, and its weeks begin on Monday.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from exporter.judge import rotation
from exporter.model.assessment import Certificate, State, Window

HOUR, DAY, WEEK = 3600, 86400, 7 * 86400
_MONDAY = 4 * DAY  # after the epoch, which was a Thursday
_SHORT_LIFE, _LONG_LIFE = 4 * DAY, 90 * DAY  # up to the one hours are told, from the other weeks
_MOST = {HOUR: 48, DAY: 35, WEEK: 53}  # periods, where nobody asks for more
_LARGER = {HOUR: DAY, DAY: WEEK, WEEK: WEEK}
_MOST_ROWS = 400
_FARTHEST = 3660 * DAY  # no busy week is looked for beyond
_PLANNED = frozenset((State.NOT_YET_VALID, State.FRESH, State.WINDOW))

Held = tuple[Certificate | None, State]


@dataclass(frozen=True, slots=True)
class Period:
    """What an hour, a day or a week holds: windows that open and close, and rotations expected."""

    begins: float
    ends: float
    opens: int = 0
    closes: int = 0
    rotations: float = 0.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """The coming time, period by period, and who is not in it.

    ``planned`` certificates rotate in ``periods`` or ``later``; ``open_now`` of them are in their window. ``apart``
    counts the others by state: late, stalled and expired are overdue, unmanaged and unknown are no rotation to expect.
    """

    step: int  # seconds
    periods: tuple[Period, ...]
    planned: int
    open_now: int
    opens_later: int
    closes_later: int
    later: float  # rotations expected after the last period
    apart: tuple[tuple[State, int], ...]
    busiest: Period | None  # the day or the week in which most rotate, of the next ten years; None: none does


def forecast(held: Sequence[Held], now: float, horizon: float | None = None) -> Forecast:
    """``held`` is each node's client certificate and its state; ``horizon`` is in seconds, None: until all is done."""
    pairs = [(found, _remaining(found, now)) for found, state in held if found and state in _PLANNED]
    planned = [window for _, window in pairs]
    step = _step([found.lifetime for found, _ in pairs], horizon)
    last = max((window.end for window in planned), default=now)
    periods = _periods(planned, now, now + horizon if horizon else min(last, now + _MOST[step] * step), step)
    end = periods[-1].ends
    larger = _periods(planned, now, min(last, now + _FARTHEST), _LARGER[step])
    busiest = max(larger, key=lambda period: period.rotations)
    return Forecast(
        step=step,
        periods=periods,
        planned=len(planned),
        open_now=sum(window.start <= now for window in planned),
        opens_later=sum(window.start >= end for window in planned),
        closes_later=sum(window.end >= end for window in planned),
        later=max(0.0, len(planned) - sum(period.rotations for period in periods)),
        apart=_apart(held),
        busiest=busiest if busiest.rotations else None,
    )


def _remaining(found: Certificate, now: float) -> Window:
    """What is left of a window; of one that has closed unseen, this moment."""
    edges = rotation.window(found)
    return Window(max(edges.start, now), max(edges.end, now), edges.grace_end)


def _step(lives: Sequence[int], horizon: float | None) -> int:
    """By the fleet's usual life; larger where so much time is asked for that nobody would read it."""
    life = statistics.median(lives) if lives else _LONG_LIFE
    step = HOUR if life <= _SHORT_LIFE else DAY if life < _LONG_LIFE else WEEK
    while horizon and horizon / step > _MOST_ROWS and step < WEEK:
        step = _LARGER[step]
    return step


def _periods(planned: Sequence[Window], now: float, ends: float, step: int) -> tuple[Period, ...]:
    """Whole ones of the calendar, from the one that holds ``now`` to the one that holds ``ends``."""
    zero = _MONDAY if step == WEEK else 0

    def number(moment: float) -> int:
        return int((moment - zero) // step)

    first, last = number(now), max(number(now), number(ends))
    opens = Counter(number(window.start) for window in planned if window.start > now)
    closes = Counter(number(window.end) for window in planned)
    rotations = dict.fromkeys(range(first, last + 1), 0.0)
    for window in planned:
        for one in range(number(window.start), min(last, number(window.end)) + 1):
            rotations[one] += _share(window, zero + one * step, zero + (one + 1) * step)
    return tuple(
        Period(zero + one * step, zero + (one + 1) * step, opens[one], closes[one], expected)
        for one, expected in rotations.items()
    )


def _share(window: Window, begins: float, ends: float) -> float:
    """The probability of a rotation between two moments: even over what is left of the window."""
    length = window.end - window.start
    if length <= 0:
        return float(begins <= window.start < ends)
    return max(0.0, min(window.end, ends) - max(window.start, begins)) / length


def _apart(held: Sequence[Held]) -> tuple[tuple[State, int], ...]:
    states = Counter(state if found or state is State.UNMANAGED else State.UNKNOWN for found, state in held)
    return tuple((state, states[state]) for state in State if state not in _PLANNED and states[state])
