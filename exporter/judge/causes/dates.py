"""notBefore and notAfter against two clocks: the node's and the exporter's."""

from __future__ import annotations

from exporter.judge.case import UNSEEN, Answer, Case, Unseen
from exporter.judge.causes.wording import span, when

TOLERANCE = 60.0  # seconds by which clocks may differ, beside half the round trip of the visit
_AHEAD, _BEHIND = 1, -1
_THEN = {
    _AHEAD: ": the kubelet goes by it, and takes a certificate for expired that much too early",
    _BEHIND: ": the kubelet goes by it, renews that much too late, and takes what is younger for not yet valid",
}


def not_yet_valid(case: Case) -> Answer:
    """30: the signer's clock was more than its five minutes of backdate ahead (k/k#76714, k/k#97680).

    The kubelet uses the certificate at once, gets 401 until notBefore, and neither asks again nor exits [lab].
    """
    certificate = case.certificate()
    if certificate is None or isinstance(certificate, Unseen):
        return certificate
    if certificate.not_before <= max(case.by_the_node, case.facts.taken) + TOLERANCE:
        return None
    start = when(certificate.not_before, case.facts.taken)
    return (
        f"the client certificate is valid only from {start}: until then the API server answers 401 "
        "to every request, and the kubelet runs on as if nothing were wrong"
    )


def clock_ahead_outside(case: Case) -> Answer:
    """41: by the node's own clock its certificate has ended; it stops using it, and exits five minutes later."""
    return _outside(case, _AHEAD)


def clock_ahead(case: Case) -> Answer:
    """41: the node's clock is ahead; the kubelet judges certificates by it."""
    return _off(case, _AHEAD)


def clock_behind_outside(case: Case) -> Answer:
    """41: by the node's own clock its certificate begins later."""
    return _outside(case, _BEHIND)


def clock_behind(case: Case) -> Answer:
    """41: the node's clock is behind."""
    return _off(case, _BEHIND)


def _off(case: Case, way: int, *, tells: bool = True) -> Answer:
    clock = case.facts.clock
    if clock is None:
        return UNSEEN
    if clock.offset * way <= TOLERANCE + clock.half_round_trip:
        return None
    word = "ahead of" if way == _AHEAD else "behind"
    return f"the node's clock is {span(clock.offset)} {word} the exporter's{_THEN[way] if tells else ''}"


def _outside(case: Case, way: int) -> Answer:
    off, certificate = _off(case, way, tells=False), case.certificate()
    if not isinstance(off, str):
        return off
    if certificate is None or isinstance(certificate, Unseen):
        return certificate
    if not certificate.not_before <= case.facts.taken <= certificate.not_after:
        return None
    if certificate.not_before <= case.by_the_node <= certificate.not_after:
        return None
    verb, date = ("expires", certificate.not_after) if way == _AHEAD else ("begins", certificate.not_before)
    return f"{off}: by its own clock its client certificate, which {verb} on {when(date, date)}, is not valid"
