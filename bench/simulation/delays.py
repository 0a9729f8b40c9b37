"""How late each kind of event is seen at worst, as docs/scheduling.md states it.

A figure is the time from the event to the moment at which the visit that sees it is due. What that visit takes, and the
one before it that was under way at the event, come on top; so does the queue, where more is due than
``logins_per_second`` takes. Seconds throughout; ``lifetime`` is the client certificate's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum

from exporter.collect.ssh.bastion_standing import LONGEST_PAUSE
from exporter.config.settings import Pace
from exporter.judge import rotation
from exporter.model.assessment import Certificate, State
from exporter.rounds import schedule
from exporter.rounds.cut_off import LONGEST_SCOUT
from exporter.rounds.daemon import LONGEST_WAIT

BASTION_LOGINS = 10.0  # a second through one bastion, unless configured otherwise


class Kind(StrEnum):
    """What happens, in the words of the page."""

    ROTATED = "the kubelet rotates, inside its window or late"
    REPLACED = "another certificate or file, before the window"
    OPENED = "the window opens"
    LATE = "the window ends, and nothing was rotated: `late`"
    STALLED = "grace or an excuse ends as well: `stalled`"
    EXPIRED = "it ends in use: `expired`"
    REPAIRED = "rotated at last, `stalled` or `expired`"
    LOST_AT_REST = "the node falls silent, before the window"
    LOST = "the node falls silent, inside the window or late"
    BACK = "the node answers again"
    REFUSED = "a refused login, or a host key, is mended"
    CHANGED = "another address, user or path is loaded"
    RESTARTED = "the exporter starts with an empty store"
    BASTION = "a bastion is back, and the whole fleet behind it"
    STEPPED = "the exporter's clock steps"


FORMULA: Mapping[Kind, str] = {
    Kind.ROTATED: "*w* + `min_interval` / 2",
    Kind.REPLACED: "the longer of `interval` and `max_interval`, + `min_interval` / 2",
    Kind.OPENED: "none: the calendar tells it",
    Kind.LATE: "1 s + the spread",
    Kind.STALLED: "1 s + the spread",
    Kind.EXPIRED: "1 s + the spread",
    Kind.REPAIRED: "*s* + `min_interval` / 2",
    Kind.LOST_AT_REST: "as for another certificate",
    Kind.LOST: "*w* + `min_interval` / 2",
    Kind.BACK: "*w*; `interval` where it was never read",
    Kind.REFUSED: "the longer of 1 h and `interval`",
    Kind.CHANGED: "*N* / `logins_per_second`, at most `interval`",
    Kind.RESTARTED: "*N* / `logins_per_second`, at most `interval`",
    Kind.BASTION: "20 min + *N* / the bastion's `logins_per_second`, at most 20 min + `interval`",
    Kind.STEPPED: "1 s + *N* / `logins_per_second`, at most `interval`, for those that it made overdue",
}

Worst = Callable[[float, Pace, int], float]


def worst(kind: Kind, lifetime: float, pace: Pace, fleet: int) -> float:
    """The longest delay of an event, in seconds."""
    return _WORST[kind](lifetime, pace, fleet)


def _interval(*states: State) -> Worst:
    def longest(lifetime: float, pace: Pace, _fleet: int) -> float:
        intervals = [rotation.regular_interval(state, lifetime, pace) for state in states]
        return max(intervals) + pace.min_interval / 2

    return longest


def _at_rest(_lifetime: float, pace: Pace, _fleet: int) -> float:
    return max(pace.interval, pace.max_interval or 0.0) + pace.min_interval / 2


def _boundary(lifetime: float, pace: Pace, fleet: int) -> float:
    edges = rotation.window(Certificate(0, round(lifetime), "", "", "", ""))
    width = min(fleet / pace.logins_per_second, (edges.grace_end - edges.end) * schedule.SPREAD_SHARE_OF_GRACE)
    return schedule.NEAREST_SPREAD + max(schedule.LEAST_WIDTH, width)


def _back(lifetime: float, pace: Pace, _fleet: int) -> float:
    return max(pace.min_interval, min(pace.interval, lifetime / 100))


def _refused(_lifetime: float, pace: Pace, _fleet: int) -> float:
    return max(schedule.LONG_BACK_OFF, pace.interval)


def _soon(_lifetime: float, pace: Pace, fleet: int) -> float:
    return min(pace.interval, fleet / pace.logins_per_second)


def _bastion(_lifetime: float, pace: Pace, fleet: int) -> float:
    rate = min(pace.logins_per_second, BASTION_LOGINS)
    return LONGEST_SCOUT + LONGEST_PAUSE + min(pace.interval, fleet / rate)


_WORST: Mapping[Kind, Worst] = {
    Kind.ROTATED: _interval(State.WINDOW, State.LATE),
    Kind.REPLACED: _at_rest,
    Kind.OPENED: lambda *_: 0.0,
    Kind.LATE: _boundary,
    Kind.STALLED: _boundary,
    Kind.EXPIRED: _boundary,
    Kind.REPAIRED: _interval(State.STALLED, State.EXPIRED),
    Kind.LOST_AT_REST: _at_rest,
    Kind.LOST: _interval(State.WINDOW, State.LATE),
    Kind.BACK: _back,
    Kind.REFUSED: _refused,
    Kind.CHANGED: _soon,
    Kind.RESTARTED: _soon,
    Kind.BASTION: _bastion,
    Kind.STEPPED: lambda lifetime, pace, fleet: LONGEST_WAIT + _soon(lifetime, pace, fleet),
}
