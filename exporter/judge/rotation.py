"""The kubelet's rotation rule, and what may be claimed about it.

The kubelet renews a client certificate at ``notBefore + L·u`` with ``L = notAfter - notBefore`` (the signer's backdate
included) and ``u`` uniform in [0.7, 0.9): ``nextRotationDeadline`` and ``jitteryDuration`` in client-go's
``util/certificate/certificate_manager.go``, unchanged from 1.9 to 1.36. The deadline is drawn anew at every start and
is written nowhere, so from outside only the window ``[notBefore + 0.7 L, notBefore + 0.9 L)`` is known. Grace after it
is a quarter of what is left, at least 75 s (or three quarters of what is left where that is less), at most 30 minutes.

=============  =========================================  =========================================================
state          by time alone                              may be claimed
=============  =========================================  =========================================================
not_yet_valid  before notBefore                           at the scrape
fresh          before the window                          at the scrape, however old the reading
window         in it: normal                              at the scrape, while the reading is not stale
late           past it, within grace, or excused          only with a reading taken after the window's end
stalled        past grace, not excused                    only with a reading taken after the grace and after the
                                                          end of every excuse that this reading shows
expired        past notAfter                              only with a reading taken after notAfter
unmanaged      valid, not the kubelet's to rotate         at the scrape
unknown        never read, or a stale reading that would  at the scrape
               make window, or unmanaged past notAfter
=============  =========================================  =========================================================

Where time alone would say more than the last reading may claim, the highest state that the reading allows holds. So a
confirmed ``late``, ``stalled`` or ``expired`` stays, however old it grows, until a reading says otherwise. A node that
has no client certificate by design is ``unmanaged`` once a visit saw that (:func:`client_state`). What excuses is in
``judge/excuse.py``; :attr:`Reading.excused_until` is when the last of it ends.

Two clocks: ``late`` and ``stalled`` are claimed by :attr:`Reading.witness`, the moment that both the exporter's clock
and the node's had passed. ``expired`` goes by the exporter's clock, and by the node's too while the exporter's is the
suspect.
"""

from __future__ import annotations

import math

from exporter.config.settings import Pace
from exporter.model.assessment import Certificate, Reading, State, Window
from exporter.model.facts import NodeClock
from exporter.model.report import NodeReport

WINDOW_OPENS = 0.7
WINDOW_CLOSES = 0.9
STALE_AFTER_INTERVALS = 3
LONGEST_GRACE = 1800.0
LEAST_GRACE = 75.0
STALLED_INTERVAL = 600.0
SUSPECT_OFFSET = 60.0
SUSPECT_NODES = 5
# Members found by their class: before Python 3.12 each time takes as long as all the rest of a verdict.
_NOT_YET_VALID, _FRESH, _WINDOW, _LATE, _STALLED, _EXPIRED, _UNMANAGED, _UNKNOWN = State


def window(certificate: Certificate) -> Window:
    """The rotation window of a certificate that the kubelet rotates."""
    end = closes(certificate)
    left = certificate.not_after - end
    grace = min(max(left / 4, min(LEAST_GRACE, left * 3 / 4)), LONGEST_GRACE)
    return Window(opens(certificate), end, end + grace)


def opens(certificate: Certificate) -> float:
    """When the window begins."""
    return certificate.not_before + WINDOW_OPENS * certificate.lifetime


def closes(certificate: Certificate) -> float:
    """When the window ends, and grace begins."""
    return certificate.not_before + WINDOW_CLOSES * certificate.lifetime


def by_time_alone(certificate: Certificate, now: float, excused_until: float = 0.0) -> State:
    """The state that a kubelet's certificate would have if it had been looked at just now."""
    if now < certificate.not_before:
        return _NOT_YET_VALID
    if now > certificate.not_after:
        return _EXPIRED
    edges = window(certificate)
    if now < edges.start:
        return _FRESH
    if now < edges.end:
        return _WINDOW
    return _LATE if now < max(edges.grace_end, excused_until) else _STALLED


def regular_interval(state: State, lifetime: float, pace: Pace) -> float:
    """Seconds between two visits of a node whose certificate is in ``state``; three of them make a reading stale."""
    if state is not _WINDOW and not state.is_accusation:
        return pace.interval
    share = min(pace.interval, lifetime / 100)
    if state in (_STALLED, _EXPIRED):
        share = min(share, STALLED_INTERVAL)
    return max(pace.min_interval, share)


def state(reading: Reading | None, now: float, pace: Pace, *, exporter_clock_suspect: bool = False) -> State:
    """The state at ``now`` (exporter's clock, epoch seconds) that the last reading allows."""
    if reading is None:
        return _UNKNOWN
    certificate = reading.certificate
    if now < certificate.not_before:
        return _NOT_YET_VALID
    is_over = now > certificate.not_after
    if is_over and _saw_expiry(reading, exporter_clock_suspect=exporter_clock_suspect):
        return _EXPIRED
    if not reading.managed:
        return _UNKNOWN if is_over and now > _stale_after(reading, _UNMANAGED, pace) else _UNMANAGED
    timely = by_time_alone(certificate, now, reading.excused_until)
    if timely is _FRESH:
        return timely
    edges = window(certificate)
    if timely in (_STALLED, _EXPIRED) and reading.witness >= max(edges.grace_end, reading.excused_until):
        return _STALLED
    if timely.is_accusation and reading.witness >= edges.end:
        return _LATE
    return _UNKNOWN if now > _stale_after(reading, _WINDOW, pace) else _WINDOW


def next_change(reading: Reading | None, now: float, pace: Pace, *, exporter_clock_suspect: bool = False) -> float:
    """The first moment after ``now`` at which :func:`state` says something else, if nothing is read until then.

    Infinity where it never does.
    """
    if reading is None:
        return math.inf
    certificate = reading.certificate
    if now < certificate.not_before:
        return certificate.not_before
    ended = math.nextafter(certificate.not_after, math.inf)
    expires = ended if _saw_expiry(reading, exporter_clock_suspect=exporter_clock_suspect) else math.inf
    if not reading.managed:
        goes_stale = math.nextafter(_stale_after(reading, _UNMANAGED, pace), math.inf)
        change = min(expires, max(ended, goes_stale))
        return change if change > now else math.inf
    edges = window(certificate)
    if now < edges.start:
        return edges.start
    forgiven = max(edges.grace_end, reading.excused_until)
    late = edges.end if reading.witness >= edges.end else math.inf
    stalls = min(forgiven, ended) if reading.witness >= forgiven else math.inf
    changes = [late, stalls, expires]  # in this order, where any is claimed
    if now < min(changes):
        changes.append(math.nextafter(_stale_after(reading, _WINDOW, pace), math.inf))
    return min((change for change in changes if change > now), default=math.inf)


def outlook(
    reading: Reading | None, now: float, pace: Pace, *, exporter_clock_suspect: bool = False
) -> tuple[State, float]:
    """:func:`state` and :func:`next_change` at once, and quickly for what nearly all of a healthy fleet is."""
    if reading is None:
        return _UNKNOWN, math.inf
    certificate = reading.certificate
    if certificate.not_before <= now <= certificate.not_after and reading.taken <= certificate.not_after:
        if not reading.managed:
            stale_after = _stale_after(reading, _UNMANAGED, pace)
            return _UNMANAGED, math.nextafter(max(certificate.not_after, stale_after), math.inf)
        if now < (opening := opens(certificate)):
            return _FRESH, opening
        if now < (closing := closes(certificate)) and reading.witness < closing:  # it can claim nothing
            stale_after = _stale_after(reading, _WINDOW, pace)
            return (_WINDOW, math.nextafter(stale_after, math.inf)) if now <= stale_after else (_UNKNOWN, math.inf)
    return (
        state(reading, now, pace, exporter_clock_suspect=exporter_clock_suspect),
        next_change(reading, now, pace, exporter_clock_suspect=exporter_clock_suspect),
    )


def client_state(report: NodeReport, now: float, pace: Pace, *, exporter_clock_suspect: bool = False) -> State:
    """The state of a node's client certificate at ``now``, where it has none by design as well."""
    if report.client is None and report.no_client_by_design:
        return _UNMANAGED
    return state(report.client, now, pace, exporter_clock_suspect=exporter_clock_suspect)


def witness(certificate: Certificate, taken: float, clock: NodeClock | None, previous: Reading | None) -> float:
    """The latest moment at which both clocks agree that ``certificate`` was still in use.

    The node's clock counts as measured, less half the round trip; a mount has none, so the exporter's stands alone.
    What an earlier reading of the same certificate witnessed stays witnessed though the node's clock has since
    stepped back: time does not make a certificate younger. The exporter's own clock, corrected, takes it back.
    """
    seen = taken if clock is None else min(taken, taken + clock.offset - clock.half_round_trip)
    if previous is not None and previous.certificate.fingerprint == certificate.fingerprint:
        return max(seen, min(previous.witness, taken))
    return seen


def is_exporter_clock_suspect(offsets: list[float]) -> bool:
    """True where the median offset of at least five nodes is beyond 60 s: then ours is the wrong clock."""
    if len(offsets) < SUSPECT_NODES:
        return False
    beyond = sum(1 for offset in offsets if abs(offset) > SUSPECT_OFFSET)
    if beyond * 2 < len(offsets):  # the middle is not among them: no need to sort
        return False
    ordered = sorted(offsets)
    middle = len(ordered) // 2
    median = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    return abs(median) > SUSPECT_OFFSET


def _saw_expiry(reading: Reading, *, exporter_clock_suspect: bool) -> bool:
    if reading.taken <= reading.certificate.not_after:
        return False
    if not exporter_clock_suspect or reading.node_clock is None:
        return True
    return reading.node_clock > reading.certificate.not_after


def _stale_after(reading: Reading, state_of_reading: State, pace: Pace) -> float:
    interval = regular_interval(state_of_reading, reading.certificate.lifetime, pace)
    return reading.taken + STALE_AFTER_INTERVALS * interval
