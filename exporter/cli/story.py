"""One visit of one node as a page: what is wrong, what happens next, what to type, and what could not be seen."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from rich.text import Text

from exporter.cli import kubelet_words, listing
from exporter.cli.glyphs import Glyphs
from exporter.cli.page import Page
from exporter.cli.reasons import MEANINGS
from exporter.cli.state_words import headline, sentence
from exporter.cli.timeline import timeline, told
from exporter.cli.words import STYLES, day, duration, minute, size
from exporter.config.settings import TransportKind
from exporter.errors import Reason
from exporter.model.assessment import Assessment, Certificate, CertificateRole, State
from exporter.model.facts import DirectoryCondition, NodeFacts
from exporter.model.finding import Finding, Severity
from exporter.model.report import Visit
from exporter.serve.samples import NodeView

_MOST_NAMES = 20  # of the store; JSON has all
_FEW_FILES = 10_000  # free on a file system: more of them are not worth a word
_SHORT_DATES = 76  # cells: with less, the store's files have a day and no time
_TITLES = ("CERTIFICATE", "ISSUED", "EXPIRES", "", "SUBJECT")
_SEVERITIES = {Severity.CRITICAL: "bold red", Severity.WARNING: "yellow"}
_DENIED = (Reason.STORE_DENIED, Reason.CERTIFICATE_DENIED)
_NOT_KNOWN = (
    "Nothing of the node was seen in this visit: neither whether its certificate is due, nor whether its kubelet "
    "would survive a restart. A running exporter keeps the dates of the last reading, and their age."
)


def tell(visit: Visit, view: NodeView, now: float, page: Page, glyphs: Glyphs) -> None:
    """The whole story; ``now`` is in epoch seconds."""
    state, assessment = view.client_state, visit.assessment
    reading, findings = view.report.client, view.findings
    _header(visit, state, view, now, page)
    page.blank()
    if reading:
        page.drawing(timeline(reading, state, now, page.drawing_width, glyphs))
        page.blank()
    if visit.reason:
        _reason(visit, page, has_cause=bool(findings))
    elif assessment:
        page.paragraph("State", sentence(state, reading, now))
    if findings:
        _cause(findings[0], page)
    if assessment:
        _restart(assessment, page)
    page.steps("Do", findings[0].steps if findings else ())
    _others(findings, page)
    if assessment and visit.facts:
        page.paragraph("Kubelet", *kubelet_words.kubelet_words(visit.facts, assessment.kubelet))
        page.items("Not seen", [*assessment.unseen, *kubelet_words.handshake_words(visit.facts)])
        _store(visit.facts, page)
        _certificates(assessment, view, now, page)
    elif visit.reason:
        page.paragraph("Not known", _NOT_KNOWN)
    page.blank()
    page.paragraph("Visit", Text(_visit(visit), "dim"))


def _header(visit: Visit, state: State, view: NodeView, now: float, page: Page) -> None:
    """Who, how it stands, and why."""
    parts = [Text(visit.node.name, "bold"), Text(headline(state, view.report.client, now), STYLES[state])]
    if visit.reason:
        parts.append(Text(visit.reason, "magenta"))
    for first, *others in [view.findings] if view.findings else ():
        more = f", {len(others)} more" if others else ""
        parts.append(Text(f"{first.cause} ({first.severity}){more}", _SEVERITIES[first.severity]))
    page.header(*parts)


def _reason(visit: Visit, page: Page, *, has_cause: bool) -> None:
    """Why there is no reading, in the words of docs/reasons.md; a cause knows better what to do."""
    meaning = MEANINGS[visit.reason] if visit.reason else None
    if meaning:
        detail = f" ({visit.detail})" if visit.detail else ""
        page.paragraph("No reading", f"{visit.reason}: {meaning.seen.replace('`', '')}{detail}.")
        if visit.reason in _DENIED or not has_cause:
            page.paragraph("Look at", meaning.look.replace("`", ""))


def _cause(finding: Finding, page: Page) -> None:
    words = _sentence(finding.evidence) or f"{finding.cause} ({finding.severity})"
    page.paragraph("Cause", words, Text(f"docs/causes.md#{finding.cause}", "dim"))


def _sentence(evidence: str) -> str:
    """With a capital, unless it begins with a file's name."""
    first = evidence.partition(" ")[0]
    return evidence[:1].upper() + evidence[1:] if first.isalpha() else evidence


def _others(findings: tuple[Finding, ...], page: Page) -> None:
    """What else is wrong; steps only where they are not those of the finding before."""
    for before, finding in pairwise(findings):
        title = Text(f"{finding.cause} ({finding.severity})", _SEVERITIES[finding.severity])
        page.paragraph("Also", title, *([_sentence(finding.evidence)] if finding.evidence else ()))
        if finding.steps != before.steps:
            page.steps("", finding.steps)


def _restart(assessment: Assessment, page: Page) -> None:
    if assessment.restart:
        verdict, words, style = kubelet_words.restart_words(assessment.restart)
        page.paragraph("Restart", Text.assemble((verdict, style), words))


def _store(facts: NodeFacts, page: Page) -> None:
    page.blank()
    page.paragraph("Store", _folder(facts))
    names = listing.lines(facts)
    if names:
        tell_time, indent = (day, 2) if page.width < _SHORT_DATES else (minute, 4)
        page.table([line.row(tell_time) for line in names[:_MOST_NAMES]], indent)
    unshown = len(names) - _MOST_NAMES
    if unshown > 0:
        page.paragraph("", f"and {unshown} older names")
    if facts.store.hidden:
        page.paragraph("", f"and {facts.store.hidden} names that are not plain ASCII")


def _folder(facts: NodeFacts) -> str:
    store, folder = facts.store, facts.store.folder
    words = [store.path]
    if store.condition is not DirectoryCondition.OK:
        words.append(store.condition.replace("_", " "))
    if folder:
        words += [folder.filesystem] if folder.filesystem else []
        words += ["read-only"] if folder.read_only else ["not writable"] if folder.writable is False else []
        words += [f"{size(folder.bytes_free)} free"] if folder.bytes_free is not None else []
        few_files = folder.files_free is not None and folder.files_free < _FEW_FILES
        words += [f"{folder.files_free} files free"] if few_files else []
    return ", ".join(words)


def _certificates(assessment: Assessment, view: NodeView, now: float, page: Page) -> None:
    rows = [_certificate(role, found, state, now) for role, found, state in certificates(assessment, view)]
    if rows:
        page.blank()
        page.table([tuple(Text(title, "dim") for title in _TITLES), *rows], indent=2)


def certificates(assessment: Assessment, view: NodeView) -> Iterable[tuple[CertificateRole, Certificate, State | None]]:
    """Every certificate that the visit found, with the state of those that the kubelet rotates."""
    for role, reading, state in view.readings():
        yield role, reading.certificate, state if reading.managed else None
    others = (
        (CertificateRole.SERVING_LIVE, assessment.serving_live),
        (CertificateRole.KUBECONFIG, assessment.kubeconfig),
        (CertificateRole.CA, assessment.authority),
    )
    yield from ((role, found, None) for role, found in others if found)


def _certificate(role: CertificateRole, found: Certificate, state: State | None, now: float) -> tuple[Text, ...]:
    left = found.not_after - now
    rest = Text(f"{duration(left)} left" if left >= 0 else f"ended {duration(-left)} ago", "" if left >= 0 else "red")
    if state and role is not CertificateRole.CLIENT:  # whose state is the page's own
        rest.append(f", {state}", STYLES[state])
    dates = (Text(told(moment, found.lifetime)) for moment in (found.not_before, found.not_after))
    return Text(role), *dates, rest, Text(found.subject, "dim")


def _visit(visit: Visit) -> str:
    node, facts = visit.node, visit.facts
    way = f"over ssh at {node.address}" if node.transport is TransportKind.SSH else f"of the tree at {node.address}"
    who = f" as uid {facts.uid}" if facts and facts.uid is not None else ""
    words = [f"{way}{who}, {minute(visit.began)} UTC, {visit.duration:.1f} s"]
    clock = facts.clock if facts else None
    if clock and abs(clock.offset) > max(2.0, clock.half_round_trip):
        words.append(f"its clock is {duration(abs(clock.offset))} {'ahead' if clock.offset > 0 else 'behind'}")
    return "; ".join(words)
