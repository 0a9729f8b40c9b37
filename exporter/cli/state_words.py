"""A state in words: since when it holds, and what it means for this node."""

from __future__ import annotations

from exporter.cli.standing import Standing
from exporter.cli.timeline import SHORT_LIFE
from exporter.cli.words import day, duration, utc
from exporter.judge import rotation
from exporter.model.assessment import Reading, State
from exporter.model.finding import Cause, Severity

_NEAR = 2 * 86400  # seconds: a moment that near is told to the minute
_WITHOUT_CERTIFICATE = "This node has no client certificate by design: its kubelet logs in by other means."
_NO_READING = "No certificate was read in this visit: what it would say is not known."
_VALID = (State.FRESH, State.WINDOW, State.LATE, State.STALLED, State.UNMANAGED)

# What a cause makes of a certificate that is still valid; the states that it holds for.
_BY_CAUSE: dict[Cause, tuple[tuple[State, ...], str]] = {
    Cause.KUBELET_DOWN: (
        _VALID,
        "The kubelet is not running: the node is NotReady and nothing renews. The certificate is valid until {ends}.",
    ),
    Cause.KUBELET_CRASH_LOOP: (_VALID, "The certificate is not why the kubelet exits: it is valid until {ends}."),
    Cause.CA_EXPIRED: (
        _VALID,
        "The certificate itself is valid until {ends}, but its CA has expired: since then the API server refuses it.",
    ),
    Cause.ISSUER_NOT_TRUSTED: (
        (State.FRESH, State.WINDOW),
        "By its dates the certificate is valid until {ends}. Whether the API server accepts it, no file tells.",
    ),
    Cause.NODE_NAME_DIFFERS: (
        (State.FRESH, State.WINDOW),
        "The certificate is valid until {ends}. A kubelet that has started under the present name does not renew it.",
    ),
    Cause.ROTATION_STORM: (
        (State.FRESH, State.WINDOW),
        "The certificate is valid until {ends}, but the kubelet replaces it again and again.",
    ),
    Cause.ROTATION_DISABLED: ((State.UNMANAGED,), "Nobody renews this certificate. It expires on {ends}."),
}
# What makes a renewal fail, and where a running kubelet tries again and again, then succeeds without a restart: what it
# was given and could not store, what it asked for and did not get, and what lies in its way.
_LOST = (Cause.ORPHAN_EMPTY, Cause.ORPHAN_INVALID, Cause.ORPHAN_VALID, Cause.STORE_LINK_REGULAR_FILE)
_ASKED = (
    Cause.API_UNREACHABLE,
    Cause.CSR_FORBIDDEN,
    Cause.CSR_DENIED,
    Cause.ROTATION_NOT_SIGNED,
)
_RETRIED = frozenset(
    (
        *_LOST,
        *_ASKED,
        Cause.STORE_UPDATED_LEFTOVER,
        Cause.STORE_FULL,
        Cause.STORE_NOT_WRITABLE,
        Cause.ROTATION_NOT_STORED,
    )
)
# What makes a renewal fail where it is critical, and is read anew by a restart alone.
_ENDED = frozenset(
    (
        Cause.KUBECONFIG_EMBEDDED,
        Cause.KUBECONFIG_DATED_FILE,
        Cause.KUBECONFIG_LEGACY_PAIR,
        Cause.KUBECONFIG_OTHER_FILE,
        Cause.STORE_ELSEWHERE,
    )
)
# The certificate that the kubelet runs with is another than the file's.
FILE_ALONE = (Cause.REPLACED_BY_HAND, Cause.STORE_WENT_BACK, Cause.OWNER_RESTART_NEEDED)


def since(state: State, reading: Reading | None) -> float | None:
    """When the state began, seconds since the epoch; None where it has no beginning."""
    if reading is None:
        return None
    found, edges = reading.certificate, rotation.window(reading.certificate)
    return {
        State.FRESH: float(found.not_before),
        State.WINDOW: edges.start,
        State.LATE: edges.end,
        State.STALLED: max(edges.grace_end, reading.excused_until),
        State.EXPIRED: float(found.not_after),
    }.get(state)


def headline(it: Standing) -> str:
    """``STALLED for 2d4h``."""
    word = it.state.replace("_", " ").upper()
    if it.state is State.NOT_YET_VALID and it.reading:
        return f"{word} for another {duration(it.reading.certificate.not_before - it.now)}"
    began = since(it.state, it.reading)
    return word if began is None else f"{word} for {duration(it.now - began)}"


def beside_a_cause(it: Standing) -> str:
    """``certificate fresh, 19d23h left``."""
    if it.reading is None:
        return "no client certificate" if it.state is State.UNMANAGED else "certificate unknown"
    found = it.reading.certificate
    word = "in its window" if it.state is State.WINDOW else it.state.replace("_", " ")
    if it.state is State.EXPIRED:
        return f"certificate expired {duration(it.now - found.not_after)} ago"
    if it.state is State.NOT_YET_VALID:
        return f"certificate {word}, begins in {duration(found.not_before - it.now)}"
    return f"certificate {word}, {duration(found.not_after - it.now)} left"


def when(moment: float, lifetime: float, now: float) -> str:
    """A date in a sentence; with its time and zone where it is near, or the life short."""
    return utc(moment) if lifetime < SHORT_LIFE or abs(moment - now) < _NEAR else day(moment)


def sentence(it: Standing) -> str:
    """What holds, and what happens next."""
    if it.reading is None:
        return _WITHOUT_CERTIFICATE if it.state is State.UNMANAGED else _NO_READING
    words = _of_cause(it, it.reading) or _generic(it, it.reading)
    if it.first in FILE_ALONE and it.runs:
        words += " That is what the file says; the running kubelet keeps its certificate in memory."
    return words


def _of_cause(it: Standing, reading: Reading) -> str | None:
    """Where the first finding changes what the state means."""
    found = reading.certificate
    ends = when(found.not_after, found.lifetime, it.now)
    states, words = _BY_CAUSE.get(it.first, ((), "")) if it.first else ((), "")
    is_safe = bool(it.restart and it.restart.safe)
    if it.state in states and (is_safe or it.first is not Cause.KUBELET_CRASH_LOOP):
        told_of_it = words.format(ends=ends)
        can_start = is_safe and it.first is Cause.KUBELET_DOWN
        return told_of_it.removesuffix(".") + ": a start works until then." if can_start else told_of_it
    if it.first in _LOST and it.tried_since is not None and it.state in (State.WINDOW, State.LATE, State.STALLED):
        tried = when(it.tried_since, found.lifetime, it.now)
        return (
            f"The kubelet has tried to renew since {tried} and fails to store what it gets. {_trying(it)}"
            f"The certificate in use expires on {ends}."
        )
    return None


def _generic(it: Standing, reading: Reading) -> str:
    """What a state means by itself, and with something in its way."""
    found, edges = reading.certificate, rotation.window(reading.certificate)
    opens, closes, ends, begins, patience = (
        when(moment, found.lifetime, it.now)
        for moment in (
            edges.start,
            edges.end,
            found.not_after,
            found.not_before,
            max(edges.grace_end, reading.excused_until),
        )
    )
    overdue = f"The kubelet should have renewed this certificate before {closes}."
    is_hindered = _is_hindered(it)
    return {
        State.FRESH: f"Not due yet, but the next renewal, between {opens} and {closes}, fails unless this is mended."
        if is_hindered
        else f"Not due yet. The kubelet asks for its next one at a moment between {opens} and {closes}.",
        State.WINDOW: f"The kubelet may renew the certificate at any moment until {closes}"
        + (", and fails until this is mended." if is_hindered else "." if it.first else ". This is no alarm."),
        State.LATE: f"{overdue} A healthy one may take until {patience}; from then on it counts as stalled.",
        State.STALLED: f"{overdue} {_trying(it)}The certificate expires on {ends}, and then the node drops out of the "
        "cluster.",
        State.EXPIRED: f"The certificate expired on {ends}. The API server refuses it: the node is NotReady.",
        State.NOT_YET_VALID: f"The certificate is valid from {begins} on; until then the API server refuses it. The "
        "clock of the machine that signed it was ahead, or the clock that it is read by is behind.",
        State.UNMANAGED: f"The kubelet does not renew this certificate: its owner must, before {ends}.",
    }.get(it.state, _NO_READING)


def _is_hindered(it: Standing) -> bool:
    """Whether the first finding keeps the next certificate from being kept, or from being asked for."""
    if not it.findings:
        return False
    first = it.findings[0]
    return first.cause in _RETRIED or (first.cause in _ENDED and first.severity is Severity.CRITICAL)


def _trying(it: Standing) -> str:
    """What an overdue kubelet does meanwhile (client-go's backoff ends at 32 s, a request waits for 15 min)."""
    if it.first is None or not it.runs:
        return ""
    if it.first in _RETRIED:
        soon = "within a minute" + (", or 15 where a request is waiting" if it.first in _ASKED else "")
        return f"It keeps trying every half minute; once the cause is removed it renews {soon}, without a restart. "
    return "It will not before the cause is removed. "
