"""When a node is due, as a pure function of what is known of it.

* at rest every ``interval``, in a slot of its own: a stable hash of the name spreads the fleet over it
* at each boundary ahead (notBefore, window start, window end, end of grace, end of an excuse, notAfter) of every
  certificate that the kubelet rotates, plus a few seconds of spread; of another certificate at notBefore and notAfter
* inside the window and late every max(min_interval, min(interval, L/100)), stalled or expired the same but at least
  every 10 minutes, so that a repair shows soon
* after a failure with exponential back-off from a minute to max(min_interval, min(interval, L/100)), to ``interval``
  where nothing was ever read; a boundary ahead shortens it
* after refused authentication or a host-key reason at least an hour, which no boundary shortens

Times are seconds since the epoch, durations seconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from exporter.config.settings import Pace
from exporter.judge import rotation
from exporter.model.assessment import Reading
from exporter.model.report import NodeReport

FIRST_BACK_OFF = 60.0
LONG_BACK_OFF = 3600.0
NEAREST_SPREAD, WIDEST_SPREAD = 1.0, 5.0


def spread(name: str) -> float:
    """A stable number in [0, 1) for a name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64


def first_due(name: str, now: float, fleet: int, pace: Pace) -> float:
    """When a node that was never visited is due: no herd after a start."""
    return now + spread(name) * min(pace.interval, fleet / pace.logins_per_second)


def due(report: NodeReport, pace: Pace) -> float:
    """When a node is due after its last visit; that visit must have ended."""
    last = report.last_visit or 0.0
    began = last - (report.duration or 0.0)  # a boundary that passed during the visit was not seen by it
    ahead = [moment for moment in boundaries(report) if moment > began]
    nearest = (
        min(ahead, default=float("inf")) + NEAREST_SPREAD + spread(report.node.name) * (WIDEST_SPREAD - NEAREST_SPREAD)
    )
    if report.reason is None:
        return min(_slot(report, last, _regular(report, last, pace), pace), nearest)
    pause = last + _back_off(report, pace)
    return pause if report.is_refused else min(pause, nearest)


def urgency(report: NodeReport | None) -> float:
    """By which due visits queue, the least first: the nearest notAfter.

    Before it who was never looked at, last who never gave an answer: one bad node never delays another.
    """
    if report and report.client:
        return report.client.certificate.not_after
    return float("inf") if report and report.failures else 0.0


def boundaries(report: NodeReport) -> Iterator[float]:
    """Every moment at which a certificate of the node changes its state."""
    for reading in (report.client, report.serving):
        if reading and not reading.managed:
            yield from (reading.certificate.not_before, reading.certificate.not_after)
    for reading in _rotated(report):
        edges = rotation.window(reading.certificate)
        yield from (reading.certificate.not_before, edges.start, edges.end, edges.grace_end)
        yield reading.certificate.not_after
        if edges.grace_end < reading.excused_until < reading.certificate.not_after:
            yield reading.excused_until  # any other excuse changes no state


def _rotated(report: NodeReport) -> list[Reading]:
    return [reading for reading in (report.client, report.serving) if reading and reading.managed]


def _regular(report: NodeReport, last: float, pace: Pace) -> float:
    """The client's own interval, be it rotated or not, and that of a serving certificate that is rotated."""
    intervals = [
        rotation.regular_interval(rotation.state(reading, last, pace), reading.certificate.lifetime, pace)
        for reading in (report.client, report.serving)
        if reading and (reading is report.client or reading.managed)
    ]
    return min(intervals, default=pace.interval)


def _slot(report: NodeReport, last: float, interval: float, pace: Pace) -> float:
    """The node's own moment in each interval, the first that is not right after the last visit."""
    earliest = last + pace.min_interval / 2
    return earliest + (spread(report.node.name) * interval - earliest) % interval


def _back_off(report: NodeReport, pace: Pace) -> float:
    longest = pace.interval
    if report.client:
        longest = max(pace.min_interval, min(pace.interval, report.client.certificate.lifetime / 100))
    pause = max(pace.min_interval, min(FIRST_BACK_OFF * 2.0 ** min(max(0, report.failures - 1), 30), longest))
    return max(pause, LONG_BACK_OFF) if report.is_refused else pause
