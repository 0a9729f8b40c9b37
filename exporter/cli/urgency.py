"""How urgent a node is: now, before a moment, or that it can wait for daylight."""

from __future__ import annotations

import math
from collections.abc import Iterator

from exporter.cli.restart_words import forbidden
from exporter.cli.standing import Standing
from exporter.cli.state_words import FILE_ALONE, when
from exporter.judge import rotation
from exporter.model.assessment import Certificate, State
from exporter.model.finding import Cause, Finding, Severity

_SOON = 86400  # seconds: what strikes within a day is a matter of now
_REFUSED = (Cause.CLOCK_AHEAD, Cause.CLOCK_BEHIND)  # where they are critical
_NOW = {
    Cause.KUBELET_DOWN: "the node is NotReady",
    Cause.KUBELET_CRASH_LOOP: "the node is NotReady, again and again",
    Cause.CA_EXPIRED: "the API server refuses the node",
    Cause.ISSUER_NOT_TRUSTED: "the API server may refuse the node",
}
_OF_KUBECONFIG = (
    Cause.KUBECONFIG_EMBEDDED,
    Cause.KUBECONFIG_DATED_FILE,
    Cause.KUBECONFIG_LEGACY_PAIR,
    Cause.KUBECONFIG_OTHER_FILE,
    Cause.STORE_ELSEWHERE,
)
_OF_RENEWAL = (
    Cause.STORE_LINK_REGULAR_FILE,
    Cause.STORE_UPDATED_LEFTOVER,
    Cause.STORE_LINK_GAP,
    Cause.ORPHAN_EMPTY,
    Cause.ORPHAN_INVALID,
    Cause.ORPHAN_VALID,
    Cause.STORE_FULL,
    Cause.STORE_NOT_WRITABLE,
    Cause.ROTATION_NOT_STORED,
    Cause.NODE_NAME_DIFFERS,
    Cause.ROTATION_DISABLED,
    Cause.OWNER_RENEWAL_DUE,
    Cause.TIMER_SUSPENDED,
)
_OF_SERVING = (Cause.SERVING_NOT_RENEWED, Cause.SERVING_SELF_SIGNED_ENDING)

Limit = tuple[float, str]  # epoch seconds, and what happens then


def urgency(it: Standing) -> str | None:
    """One line for who was woken; None where nothing is wrong, or nothing of the node was seen."""
    limits = [*_of_state(it), *(limit for finding in it.findings for limit in _of(it, finding))]
    no = forbidden(it)
    if it.assessment is None or not (limits or it.findings or no):
        return None
    if it.state is State.NOT_YET_VALID and it.reading:
        return f"now, or wait: it heals by itself at {_told(it, it.reading.certificate.not_before)}"
    moment, what = min(limits, default=(math.inf, ""))
    if moment <= it.now:
        return f"now: {what}"
    if _is_blind(it):
        return f"in daylight, and no later: when its certificate expires was not seen{no and f'; no {no} until then'}"
    if moment == math.inf:
        return f"can wait for daylight{no and f'; no {no} until then'}"
    if moment < it.now + _SOON:
        return f"now: {what} at {_told(it, moment)}"
    return f"before {_told(it, moment)}, when {what}{no and f'; no {no} until it is mended'}"


def _of_state(it: Standing) -> Iterator[Limit]:
    if it.reading is None:
        return
    if it.state is State.EXPIRED:
        yield -math.inf, "the API server refuses the node"
    elif it.state in (State.LATE, State.STALLED):
        yield it.reading.certificate.not_after, "the certificate expires"


def _of(it: Standing, finding: Finding) -> Iterator[Limit]:
    """When a finding strikes; nothing where only the next start shows it, or no time is known."""
    is_critical = finding.severity is Severity.CRITICAL
    if finding.cause in _NOW or (finding.cause in _REFUSED and is_critical):
        yield -math.inf, _NOW.get(finding.cause, "the API server refuses the node")
    elif finding.cause in _OF_KUBECONFIG and not is_critical:
        yield from _of_kubeconfig(it)
    elif finding.cause in _OF_RENEWAL or finding.cause in _OF_KUBECONFIG:
        yield from _of_renewal(it)
    elif finding.cause is Cause.CA_CAPS_LEAF and it.assessment and it.assessment.authority:
        yield it.assessment.authority.not_after, "the CA expires"
    elif finding.cause in _OF_SERVING and it.serving and it.serving.not_after > it.now:
        yield it.serving.not_after, "the serving certificate expires"


def _of_renewal(it: Standing) -> Iterator[Limit]:
    """What hinders the next renewal is to be gone before it is due; later before the certificate expires."""
    if it.reading is None:
        return
    if it.state is State.FRESH and it.reading.managed:
        yield rotation.window(it.reading.certificate).start, "the next renewal may begin"
    elif it.state is not State.EXPIRED:
        yield it.reading.certificate.not_after, "the certificate expires"


def _of_kubeconfig(it: Standing) -> Iterator[Limit]:
    """Where it names the certificate of the store, that one is never renewed for it either."""
    found: Certificate | None = it.assessment.kubeconfig if it.assessment else None
    if found is None and it.reading:
        found = it.reading.certificate
    if found is not None and found.not_after > it.now:
        yield found.not_after, "the certificate in kubelet.conf expires"


def _is_blind(it: Standing) -> bool:
    """Whether a kubelet runs with a certificate that nobody saw."""
    is_unread = it.reading is None and it.state is not State.UNMANAGED
    return it.runs is not False and (is_unread or not it.causes.isdisjoint(FILE_ALONE))


def _told(it: Standing, moment: float) -> str:
    lifetime = it.reading.certificate.lifetime if it.reading else math.inf
    return when(moment, lifetime, it.now)
