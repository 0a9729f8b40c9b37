"""Late or stalled: what explains it, in the journal's words where it may be read, and what is left when nothing does.

A certificate inside its window is never looked at here.
"""

from __future__ import annotations

from exporter.config.settings import Rotation
from exporter.judge.case import UNSEEN, Answer, Case, Unseen
from exporter.judge.causes.names import SIGNED_BY
from exporter.judge.causes.wording import span, when
from exporter.judge.rotation import window
from exporter.model.assessment import State
from exporter.model.facts import DirectoryCondition
from exporter.model.files import Condition
from exporter.model.host import JournalSign, Sight
from exporter.model.kubelet import Credential

PATIENCE = 960.0  # seconds: a try waits 15 minutes for its signature, then there is another


def timer_suspended(case: Case) -> Answer:
    """7: the deadline is a timer on CLOCK_MONOTONIC, which stands still while a machine sleeps (golang/go#24595).

    It is late by as long as the machine slept, and no longer.
    """
    if case.client_state not in (State.LATE, State.STALLED):
        return None
    certificate = case.certificate()
    if certificate is None or isinstance(certificate, Unseen):
        return certificate
    asleep = case.facts.host.suspended if case.facts.host else None
    if asleep is None:
        return UNSEEN
    end = window(certificate).end
    if not asleep or case.certainly >= end + asleep + PATIENCE:
        return None
    return (
        f"the machine slept {span(asleep)} since its boot, and the kubelet's timer with it: "
        f"the rotation that was due by {when(end, case.facts.taken)} comes up to that much later"
    )


def api_ca_unknown(case: Case) -> Answer:
    """12: the API server's CA was changed, kubelet.conf has the old one (rancher#25125, kubeadm#2080)."""
    return _in_the_journal(
        case, JournalSign.UNKNOWN_AUTHORITY, "the API server's certificate is signed by an unknown authority"
    )


def api_unreachable(case: Case) -> Answer:
    """11: the API endpoint cannot be reached, or has moved."""
    return _in_the_journal(case, JournalSign.UNREACHABLE, "the API server cannot be reached")


def csr_unauthorized(case: Case) -> Answer:
    """13: 401 on the request itself; the API server does not trust what kubelet.conf holds any more."""
    return _in_the_journal(case, JournalSign.UNAUTHORIZED, "the request for a new certificate gets 401")


def csr_forbidden(case: Case) -> Answer:
    """15, 14: an admission policy or webhook, or NodeRestriction, refuses the request itself: 403."""
    return _in_the_journal(case, JournalSign.FORBIDDEN, "the request for a new certificate gets 403")


def csr_denied(case: Case) -> Answer:
    """19: an approver denied it."""
    return _in_the_journal(case, JournalSign.DENIED, "the request for a new certificate is denied")


def _in_the_journal(case: Case, sign: JournalSign, what: str) -> Answer:
    overdue = is_overdue(case)
    if overdue is not True:
        return UNSEEN if overdue is UNSEEN else None
    if case.facts.journal is None:
        return UNSEEN
    count = sum(line.count for line in case.facts.journal if line.sign is sign)
    where = f" ({case.facts.kubeconfig.server})" if case.facts.kubeconfig and case.facts.kubeconfig.server else ""
    return f"the kubelet's journal says {count} times in the last hour: {what}{where}" if count else None


def not_signed(case: Case) -> Answer:
    """7, 17, 20, 21, 23, 24: it asked and got nothing, as far as can be told from a node. The table asks this row only
    where nothing above explains the stall, and nothing that might was unseen.
    """
    overdue, ran = is_overdue(case), _had_time(case)
    if overdue is not True or ran is not True:
        return UNSEEN if UNSEEN in (overdue, ran) and False not in (overdue, ran) else None
    certificate = case.certificate()
    what = "the kubelet has no client certificate yet"
    if certificate and not isinstance(certificate, Unseen):
        end, now = window(certificate).end, case.facts.taken
        what = f"the rotation was due by {when(end, now)}"
    return (
        f"{what}, the kubelet runs, and nothing on the node stands in its way: "
        "its request is not approved, not signed, or not answered"
    )


def is_overdue(case: Case) -> bool | Unseen:
    """Whether the kubelet's certificate should have come: late or worse, or none yet and 16 minutes up."""
    if case.kubelet.distribution.renews_itself or case.kubelet.rotates is False or case.owner is not Rotation.KUBELET:
        return False
    if case.client_state.is_accusation:
        return True if case.kubelet.rotates else UNSEEN
    return _waits_for_its_first(case)


def _waits_for_its_first(case: Case) -> bool | Unseen:
    facts = case.facts
    if facts.client.condition is not Condition.MISSING or facts.store.dated_client or case.client is not None:
        return False if facts.client.condition.is_seen else UNSEEN
    age = case.process_age()
    if facts.store.condition in (DirectoryCondition.DENIED, DirectoryCondition.OUTSIDE_ROOT) or age is None:
        return UNSEEN
    if case.kubelet.rotates is None or case.kubelet.credential is Credential.UNKNOWN:
        return UNSEEN
    return case.kubelet.credential in (Credential.LINK, Credential.NONE) and age > SIGNED_BY


def _had_time(case: Case) -> bool | Unseen:
    """Stalled or expired, not merely late; or no certificate yet."""
    if case.client_state in (State.LATE, State.WINDOW, State.FRESH):
        return False
    process = case.facts.process
    if process is None or process.sight is Sight.HIDDEN:
        return UNSEEN
    return process.sight is Sight.SEEN
