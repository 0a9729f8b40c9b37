"""A state in words: since when it holds, and what it means for this node."""

from __future__ import annotations

from exporter.cli.timeline import told
from exporter.cli.words import duration, minute
from exporter.judge import rotation
from exporter.model.assessment import Reading, State

_WITHOUT_CERTIFICATE = "This node has no client certificate by design: its kubelet logs in by other means."
_NO_READING = "No certificate was read in this visit: what it would say is not known."


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


def headline(state: State, reading: Reading | None, now: float) -> str:
    """``STALLED for 2d4h``."""
    word = state.replace("_", " ").upper()
    if state is State.NOT_YET_VALID and reading:
        return f"{word} for another {duration(reading.certificate.not_before - now)}"
    began = since(state, reading)
    return word if began is None else f"{word} for {duration(now - began)}"


def sentence(state: State, reading: Reading | None, now: float) -> str:
    """What holds, and what happens next."""
    if reading is None:
        return _WITHOUT_CERTIFICATE if state is State.UNMANAGED else _NO_READING
    found, edges = reading.certificate, rotation.window(reading.certificate)
    opens, closes, ends = (told(moment, found.lifetime) for moment in (edges.start, edges.end, found.not_after))
    patience = minute(max(edges.grace_end, reading.excused_until))
    left, past = duration(found.not_after - now), duration(now - edges.end)
    if state is State.STALLED:
        return (
            f"The kubelet should have renewed this certificate before {closes}, {past} ago: it does not happen by "
            f"itself any more. In {left} the certificate ends, and the node drops out of the cluster."
        )
    return {
        State.FRESH: f"Not due yet. The kubelet asks for its next one at a moment between {opens} and {closes}.",
        State.WINDOW: f"The kubelet may renew the certificate at any moment until {closes}. This is no alarm.",
        State.LATE: f"The kubelet should have renewed this certificate {past} ago. A healthy one may take until "
        f"{patience}; from then on it counts as stalled.",
        State.EXPIRED: f"The certificate ended {duration(now - found.not_after)} ago. The API server refuses the "
        "kubelet, and the node is NotReady.",
        State.NOT_YET_VALID: f"The certificate begins in {duration(found.not_before - now)}; until then the API server "
        "refuses it. It was signed by a clock that is ahead, or this clock is behind.",
        State.UNMANAGED: f"The kubelet does not renew this certificate: its owner must, before {ends} (in {left}).",
    }.get(state, _NO_READING)
