"""Causes as one table, in the order of judgement: the first row that holds is the cause, the others stay as findings.

What ends a kubelet at every start stands before the process that is down because of it; then the process itself, then
kubelet.conf, the link, dates and clocks, lost attempts, names and issuers, the past, late and stalled, whose it is to
rotate, and the serving side. A cause that is a warning now and critical later has two rows, the critical one first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from exporter.judge.advice import api, cluster, kubelet, requests, signer, steps, store
from exporter.judge.advice import folder as room
from exporter.judge.advice import serving as served
from exporter.judge.case import UNSEEN, Answer, Case, Unseen
from exporter.judge.causes import (
    bootstrap,
    dates,
    folder,
    history,
    issuers,
    kubeconfig,
    link,
    names,
    orphans,
    owner,
    process,
    rotation,
    serving,
    serving_pair,
    settings,
)
from exporter.model.finding import Cause, Finding, Severity, Step
from exporter.model.kubelet import Distribution

WARNING, CRITICAL = Severity.WARNING, Severity.CRITICAL


@dataclass(frozen=True, slots=True)
class Row:
    """One cause. ``explains``: it alone keeps a client certificate from being renewed.

    ``resolves``: causes that its steps deal with as well; below it these keep their evidence, and need no steps.
    ``is_rest``: asked only where no row before it explains anything, and none that is not ``optional`` was unseen.
    """

    cause: Cause
    severity: Severity
    holds: Callable[[Case], Answer]
    advice: steps.Advice
    explains: bool = True
    optional: bool = False  # what it rests on is often not to be seen: a clock, the journal
    is_rest: bool = False
    resolves: tuple[Cause, ...] = ()


_STARTED = (Cause.KUBELET_CRASH_LOOP, Cause.KUBELET_DOWN)
_LET_IN = (Cause.BOOTSTRAP_FILE_MISSING, *_STARTED)
_LINKED = (Cause.ORPHAN_VALID, *_LET_IN)

TABLE = (
    # The kubelet ends at each start.
    Row(Cause.CONFIG_BROKEN, CRITICAL, settings.config_broken, kubelet.config, explains=False, resolves=_STARTED),
    Row(Cause.SERVING_GATE_OFF, CRITICAL, settings.serving_gate_off, kubelet.gate, explains=False, resolves=_STARTED),
    Row(
        Cause.CLIENT_CA_BROKEN,
        CRITICAL,
        settings.client_ca_broken,
        kubelet.client_ca,
        explains=False,
        resolves=_STARTED,
    ),
    Row(Cause.CLOCK_AHEAD, CRITICAL, dates.clock_ahead_outside, cluster.clock, optional=True),
    Row(Cause.CLOCK_BEHIND, CRITICAL, dates.clock_behind_outside, cluster.clock, optional=True),
    Row(Cause.KUBECONFIG_BROKEN, CRITICAL, bootstrap.broken, kubelet.kubeconfig, explains=False, resolves=_LET_IN),
    Row(Cause.KUBECONFIG_EMBEDDED, CRITICAL, kubeconfig.embedded_ended, kubelet.point_at_link, resolves=_LET_IN),
    Row(Cause.KUBECONFIG_DATED_FILE, CRITICAL, kubeconfig.dated_file_ended, kubelet.point_at_link, resolves=_LET_IN),
    Row(Cause.KUBECONFIG_LEGACY_PAIR, CRITICAL, kubeconfig.legacy_pair_ended, kubelet.point_at_link, resolves=_LET_IN),
    Row(Cause.KUBECONFIG_OTHER_FILE, CRITICAL, kubeconfig.other_file_ended, kubelet.point_at_link, resolves=_LET_IN),
    Row(Cause.STORE_ELSEWHERE, CRITICAL, kubeconfig.elsewhere_ended, kubelet.elsewhere, resolves=_LET_IN),
    Row(Cause.STORE_LINK_GAP, CRITICAL, link.gap_for_good, store.gap, explains=False, resolves=_LINKED),
    Row(Cause.STORE_LINK_MISSING, CRITICAL, link.missing, store.relink, explains=False, resolves=_LINKED),
    Row(Cause.STORE_LINK_DANGLING, CRITICAL, link.dangling, store.relink, explains=False, resolves=_LINKED),
    Row(Cause.STORE_TARGET_BROKEN, CRITICAL, link.target_broken, store.relink, explains=False, resolves=_LINKED),
    Row(Cause.SERVING_PAIR_BROKEN, CRITICAL, serving_pair.pair_broken, served.pair, explains=False, resolves=_STARTED),
    Row(Cause.SERVING_PAIR_HALF, CRITICAL, serving_pair.pair_half, served.pair, explains=False, resolves=_STARTED),
    Row(
        Cause.BOOTSTRAP_FILE_MISSING,
        CRITICAL,
        bootstrap.file_missing,
        kubelet.point_at_link,
        resolves=(Cause.ROTATION_DISABLED, *_STARTED),
    ),
    # The process.
    Row(Cause.KUBELET_CRASH_LOOP, CRITICAL, process.crash_looping, kubelet.loop),
    Row(Cause.KUBELET_DOWN, CRITICAL, process.down, kubelet.down),
    # kubelet.conf names or embeds what is still good and is never renewed.
    Row(Cause.KUBECONFIG_EMBEDDED, WARNING, kubeconfig.embedded, kubelet.point_at_link, explains=False),
    Row(Cause.KUBECONFIG_DATED_FILE, WARNING, kubeconfig.dated_file, kubelet.point_at_link, explains=False),
    Row(Cause.KUBECONFIG_LEGACY_PAIR, WARNING, kubeconfig.legacy_pair, kubelet.point_at_link, explains=False),
    Row(Cause.KUBECONFIG_OTHER_FILE, WARNING, kubeconfig.other_file, kubelet.point_at_link, explains=False),
    Row(Cause.STORE_ELSEWHERE, WARNING, kubeconfig.elsewhere, kubelet.elsewhere, explains=False),
    Row(Cause.KUBECONFIG_BROKEN, WARNING, bootstrap.broken_with_bootstrap, kubelet.bootstraps, explains=False),
    # The link.
    Row(Cause.STORE_LINK_GAP, WARNING, link.gap, store.gap, explains=False),
    Row(Cause.STORE_LINK_REGULAR_FILE, CRITICAL, link.regular_file, store.regular_file, resolves=(Cause.ORPHAN_VALID,)),
    Row(Cause.STORE_UPDATED_LEFTOVER, CRITICAL, link.updated_leftover, store.updated, resolves=(Cause.ORPHAN_VALID,)),
    # Dates and clocks.
    Row(Cause.NOT_YET_VALID, CRITICAL, dates.not_yet_valid, signer.not_yet_valid),
    Row(Cause.CLOCK_AHEAD, WARNING, dates.clock_ahead, cluster.clock, explains=False),
    Row(Cause.CLOCK_BEHIND, WARNING, dates.clock_behind, cluster.clock, explains=False),
    # Attempts that were lost, and why.
    Row(Cause.ORPHAN_EMPTY, WARNING, orphans.empty, room.full, resolves=(Cause.STORE_FULL,)),
    Row(Cause.ORPHAN_INVALID, WARNING, orphans.invalid, store.invalid),
    Row(Cause.ORPHAN_VALID, WARNING, orphans.valid, store.valid),
    # Names and issuers.
    Row(Cause.NODE_NAME_DIFFERS, WARNING, names.node_name_differs, cluster.name),
    Row(Cause.CA_EXPIRED, CRITICAL, issuers.ca_expired, signer.authority),
    Row(Cause.ISSUER_NOT_TRUSTED, CRITICAL, issuers.issuer_not_trusted, signer.trust),
    Row(Cause.CA_CAPS_LEAF, WARNING, issuers.ca_caps_leaf, signer.authority, explains=False),
    # The past.
    Row(Cause.STORE_WENT_BACK, WARNING, history.went_back, cluster.went_back, explains=False),
    Row(Cause.REPLACED_BY_HAND, WARNING, history.replaced_by_hand, cluster.by_hand),
    Row(Cause.ROTATION_STORM, WARNING, history.storm, cluster.storm, explains=False),
    # Nobody rotates it, or somebody else does.
    Row(Cause.ROTATION_DISABLED, CRITICAL, settings.rotation_disabled_late, kubelet.rotation_off),
    Row(Cause.ROTATION_DISABLED, WARNING, settings.rotation_disabled, kubelet.rotation_off),
    Row(Cause.OWNER_RENEWAL_DUE, CRITICAL, owner.renewal_ended, cluster.renew),
    Row(Cause.OWNER_RENEWAL_DUE, WARNING, owner.renewal_due, cluster.renew),
    Row(Cause.OWNER_RESTART_NEEDED, WARNING, owner.restart_needed, cluster.renewed),
    # The folder.
    Row(Cause.STORE_NOT_WRITABLE, CRITICAL, folder.not_writable, room.not_writable),
    Row(Cause.ROTATION_NOT_STORED, CRITICAL, folder.not_stored, room.not_stored, optional=True),
    Row(Cause.STORE_FULL, WARNING, folder.full, room.full),
    Row(Cause.STORE_ON_TMPFS, WARNING, folder.on_tmpfs, room.tmpfs, explains=False),
    # Late or stalled.
    Row(Cause.TIMER_SUSPENDED, WARNING, rotation.timer_suspended, cluster.asleep),
    Row(Cause.API_CA_UNKNOWN, CRITICAL, rotation.api_ca_unknown, api.authority, optional=True),
    Row(Cause.CSR_FORBIDDEN, CRITICAL, rotation.csr_forbidden, requests.forbidden, optional=True),
    Row(Cause.CSR_DENIED, CRITICAL, rotation.csr_denied, requests.denied, optional=True),
    Row(Cause.CSR_UNAUTHORIZED, CRITICAL, rotation.csr_unauthorized, api.unauthorized, optional=True),
    Row(Cause.API_UNREACHABLE, CRITICAL, rotation.api_unreachable, api.reached, optional=True),
    Row(Cause.ROTATION_NOT_SIGNED, CRITICAL, rotation.not_signed, requests.client, is_rest=True),
    # The serving side.
    Row(Cause.SERVING_TLS_INCOMPLETE, WARNING, serving.tls_incomplete, served.incomplete, explains=False),
    Row(Cause.SERVING_NEVER_ISSUED, WARNING, serving.never_issued, requests.serving, explains=False),
    Row(
        Cause.SERVING_NOT_RENEWED,
        WARNING,
        serving.not_renewed,
        requests.serving,
        explains=False,
        resolves=(Cause.SERVING_EXPIRED,),
    ),
    Row(Cause.SERVING_EXPIRED, WARNING, serving.expired, served.file, explains=False),
    Row(Cause.SERVING_SELF_SIGNED_ENDING, WARNING, serving.self_signed_ending, served.self_signed, explains=False),
    Row(Cause.SERVING_LIVE_DIFFERS, WARNING, serving.live_differs, served.differs, explains=False),
)


def findings(case: Case) -> tuple[Finding, ...]:
    """Every cause that holds, in the order of the table; one that cannot be told stays as the last visit left it."""
    remembered = {finding.cause: finding for finding in case.memory.findings}
    found: dict[Cause, Finding] = {}
    resolved: tuple[Cause, ...] = ()
    is_explained = is_open = False
    for row in TABLE:
        if row.cause in found or (row.is_rest and is_explained):
            continue
        answer = UNSEEN if row.is_rest and is_open else row.holds(case)
        if answer is None:
            continue
        finding = _finding(row, case, answer, remembered.get(row.cause))
        if finding:
            found[row.cause] = finding
            resolved = row.resolves if len(found) == 1 else resolved
            is_explained = is_explained or row.explains
        elif answer is UNSEEN and row.explains and not row.optional:
            is_open = True
    return tuple(replace(it, steps=()) if it.cause in resolved else it for it in found.values())


def _finding(row: Row, case: Case, answer: str | Unseen, earlier: Finding | None) -> Finding | None:
    if answer is UNSEEN:
        # what was known and cannot be told any more stays, at the latest with the cause's warning row, its last
        return earlier if earlier and row.severity in (earlier.severity, WARNING) else None
    first = answer.split(" ", 1)[0]
    is_word = first.isalpha() and first.islower()  # paths, units and settings keep their own spelling
    sentence = answer[0].upper() + answer[1:] if is_word else answer
    return Finding(row.cause, row.severity, f"{sentence}.", _advice(row, case))


def _advice(row: Row, case: Case) -> tuple[Step, ...]:
    """Talos has neither a shell nor systemd: there its own API is all that there is."""
    if case.kubelet.distribution is Distribution.TALOS:
        return (Step("talosctl logs kubelet", "what it says of it"), steps.restart(case))
    return row.advice(case)
