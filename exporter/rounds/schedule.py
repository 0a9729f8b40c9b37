"""When a node is due, as a pure function of what is known of it. docs/scheduling.md has the delays that follow.

* at rest every ``interval``, in a slot of its own: a stable hash of the name spreads the fleet over it; far from the
  window a healthy node may wait longer, up to ``max_interval``
* inside the window and late every max(min_interval, min(interval, L/100)), stalled or expired the same but at least
  every 10 minutes, so that a repair shows soon
* the window's interval begins one such interval before the window does, so that no reading is stale when it opens; the
  window's start itself accuses nobody and is no moment to look, so those who share it never come in one crowd
* at each boundary ahead (notBefore, window end, end of grace, end of an excuse, notAfter) of every certificate that the
  kubelet rotates, by both clocks, plus a spread; of another certificate at notBefore and notAfter
* after a failure with exponential back-off from a minute to max(min_interval, min(interval, L/100)), to ``interval``
  where nothing was ever read; a boundary ahead shortens it
* after refused authentication or a host-key reason at least an hour, which no boundary shortens

The spread after a boundary is as long as the whole fleet needs at its limit of logins a second, for all of it may share
the boundary (a batch install); but a few seconds at least, for clocks are not exact, and a sixth of the grace at most:
minutes where a year's certificate ends, seconds where an hour's does.

Times are seconds since the epoch, durations seconds; ``fleet`` is the number of nodes.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator

from exporter.config.settings import Pace
from exporter.judge import rotation
from exporter.model.assessment import Certificate, Reading, State
from exporter.model.report import NodeReport

FIRST_BACK_OFF = 60.0
LONG_BACK_OFF = 3600.0
NEAREST_SPREAD, LEAST_WIDTH = 1.0, 4.0
SPREAD_SHARE_OF_GRACE = 1 / 6
STRETCH_SHARE_OF_WAIT = 1 / 4  # of the time until the window: a look that fails leaves time for more


def spread(name: str) -> float:
    """A stable number in [0, 1) for a name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64


def first_due(name: str, now: float, fleet: int, pace: Pace, *, per_second: float = math.inf) -> float:
    """When a node is due that is to be visited soon: no herd after a start.

    ``fleet`` is how many such nodes there are, ``per_second`` how many the way to them takes beside what ``pace`` says.
    """
    return now + spread(name) * min(pace.interval, fleet / min(pace.logins_per_second, per_second))


def next_due(report: NodeReport, now: float, fleet: int, pace: Pace) -> float:
    """As :func:`due` says, and no later than any rule allows: the clock may have been set back during the visit."""
    return min(due(report, pace, fleet), now + longest(pace))


def resumed(report: NodeReport, now: float, fleet: int, pace: Pace) -> float:
    """When a node is due of which something is known from earlier: after a reload, or out of the store.

    As :func:`due` says; those that should have been visited meanwhile are spread as after a start. So are those whose
    last visit is ahead of the clock, which has been set back since; after a refusal not before its back-off, all anew.
    """
    moment, first = due(report, pace, fleet), first_due(report.node.name, now, fleet, pace)
    if now < moment <= now + longest(pace):
        return moment
    return first + _back_off(report, pace) if moment > now and report.is_refused else first


def longest(pace: Pace) -> float:
    """No node is ever further from its next visit, in seconds."""
    return max(pace.interval, pace.max_interval or 0.0, LONG_BACK_OFF) + pace.min_interval


def due(report: NodeReport, pace: Pace, fleet: int = 1) -> float:
    """When a node is due after its last visit; that visit must have ended."""
    last = report.last_visit or 0.0
    began = last - (report.duration or 0.0)  # a boundary that passed during the visit was not seen by it
    share = spread(report.node.name)
    nearest = min(
        (moment + _delay(share, grace, pace, fleet) for moment, grace in boundaries(report) if moment > began),
        default=math.inf,
    )
    if report.reason is None:
        return min(_at_rest(report, last, share, pace), _before_a_window(report, last, share, pace), nearest)
    pause = last + _back_off(report, pace)
    return pause if report.is_refused else min(pause, nearest)


def urgency(report: NodeReport | None) -> float:
    """By which due visits queue, the least first: the nearest notAfter.

    Before it who was never looked at, last who never gave an answer: one bad node never delays another.
    """
    if report and report.client:
        return report.client.certificate.not_after
    return float("inf") if report and report.failures else 0.0


def boundaries(report: NodeReport) -> Iterator[tuple[float, float]]:
    """Every moment from which on a look at the node may say something new of a certificate, with that one's grace.

    ``late`` and ``stalled`` are claimed once both clocks have passed their moment: the node's may lag behind.
    """
    lag = max(0.0, -(report.clock_offset or 0.0))
    for reading in (report.client, report.serving):
        if reading is None:
            continue
        certificate, edges = reading.certificate, rotation.window(reading.certificate)
        grace = edges.grace_end - edges.end
        yield certificate.not_before, grace
        if reading.managed:
            yield edges.end + lag, grace
            yield edges.grace_end + lag, grace
            if edges.grace_end < reading.excused_until < certificate.not_after:
                yield reading.excused_until + lag, grace  # any other excuse changes no state
        yield certificate.not_after, grace
    for other in (report.kubeconfig, report.authority, report.serving_live):
        if other is not None:
            yield other.not_after, _grace(other)


def _grace(certificate: Certificate) -> float:
    edges = rotation.window(certificate)
    return edges.grace_end - edges.end


def _delay(share: float, grace: float, pace: Pace, fleet: int) -> float:
    """How long after a boundary a node is looked at."""
    width = min(fleet / pace.logins_per_second, grace * SPREAD_SHARE_OF_GRACE)
    return NEAREST_SPREAD + share * max(LEAST_WIDTH, width)


def _rotated(report: NodeReport) -> list[Reading]:
    return [reading for reading in (report.client, report.serving) if reading and reading.managed]


def _at_rest(report: NodeReport, last: float, share: float, pace: Pace) -> float:
    """The node's slot in the interval of its client, be it rotated or not, and of a serving certificate that is."""
    intervals = [
        _regular(report, reading, last, pace)
        for reading in (report.client, report.serving)
        if reading and (reading is report.client or reading.managed)
    ]
    return _slot(last + pace.min_interval / 2, min(intervals, default=pace.interval), share)


def _regular(report: NodeReport, reading: Reading, last: float, pace: Pace) -> float:
    state = rotation.state(reading, last, pace)
    if state is State.FRESH and pace.max_interval and _is_calm(report):
        return _stretched(rotation.window(reading.certificate).start - last, pace.interval, pace.max_interval)
    return rotation.regular_interval(state, reading.certificate.lifetime, pace)


def _is_calm(report: NodeReport) -> bool:
    """Whether nothing on the node waits for a repair that should show soon."""
    return not report.findings and (report.restart is None or report.restart.safe is not False)


def _stretched(ahead: float, interval: float, longest_interval: float) -> float:
    """``interval``, doubled as often as fits: in few steps, as a slot is stable only while the interval stays."""
    most = min(longest_interval, ahead * STRETCH_SHARE_OF_WAIT)
    if most == longest_interval:
        return most
    return interval * 2.0 ** max(0, math.floor(math.log2(max(1.0, most / interval))))


def _before_a_window(report: NodeReport, last: float, share: float, pace: Pace) -> float:
    """The first slot of the window's interval that is no more than one such interval before the window."""
    moments = []
    for reading in _rotated(report):
        start, lifetime = rotation.window(reading.certificate).start, reading.certificate.lifetime
        if last < start:
            interval = rotation.regular_interval(State.WINDOW, lifetime, pace)
            moments.append(_slot(max(last + pace.min_interval / 2, start - interval), interval, share))
    return min(moments, default=math.inf)


def _slot(earliest: float, interval: float, share: float) -> float:
    """The node's own moment in each interval, the first that is not before ``earliest``."""
    return earliest + (share * interval - earliest) % interval


def _back_off(report: NodeReport, pace: Pace) -> float:
    longest_pause = pace.interval
    if report.client:
        longest_pause = max(pace.min_interval, min(pace.interval, report.client.certificate.lifetime / 100))
    pause = max(pace.min_interval, min(FIRST_BACK_OFF * 2.0 ** min(max(0, report.failures - 1), 30), longest_pause))
    return max(pause, LONG_BACK_OFF) if report.is_refused else pause
