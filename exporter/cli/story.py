"""One visit of one node as a page: what is wrong, what happens next, what to type, and what could not be seen."""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text

from exporter.cli import kubelet_words, listing
from exporter.cli.glyphs import Glyphs
from exporter.cli.page import Page
from exporter.cli.reasons import MEANINGS
from exporter.cli.restart_words import restart_words
from exporter.cli.standing import Standing, standing
from exporter.cli.state_words import beside_a_cause, headline, sentence
from exporter.cli.timeline import timeline, told
from exporter.cli.urgency import urgency
from exporter.cli.words import STYLES, day, duration, minute, size
from exporter.config.settings import TransportKind
from exporter.errors import Reason
from exporter.judge.certificate import leaf
from exporter.model.assessment import Assessment, Certificate, CertificateRole, State
from exporter.model.facts import DirectoryCondition, NodeFacts
from exporter.model.finding import Cause, Finding, Severity
from exporter.model.report import Visit
from exporter.serve.views import NodeView

_MOST_NAMES = 20  # of the store; JSON has all
_FEW_FILES = 10_000  # free on a file system: more of them are not worth a word
_LONG_DATES = 92  # cells: with less, the store's files have a day and no time
_STORED = "store"  # what the store's link leads to, where the kubelet uses another certificate
_STORE_TITLES = ("NAME", "  SIZE", "CHANGED", "EXPIRES", "")
_TITLES = ("CERTIFICATE", "ISSUED", "EXPIRES", "", "SUBJECT")
_SEVERITIES = {Severity.CRITICAL: "bold red", Severity.WARNING: "yellow"}
_DENIED = (Reason.STORE_DENIED, Reason.CERTIFICATE_DENIED)
_IF_STILL_SHOWN = "# only if it is still shown after the steps above"
_LOST_LINK = (
    Cause.STORE_LINK_GAP,
    Cause.STORE_LINK_MISSING,
    Cause.STORE_LINK_DANGLING,
    Cause.STORE_TARGET_BROKEN,
)
_IN_MEMORY = "The running kubelet has its certificate in memory alone; until when that is valid was not seen."
_NOT_KNOWN = (
    "Nothing of the node was seen in this visit: neither whether its certificate is due, nor whether its kubelet "
    "would survive a restart. A running exporter keeps the dates of the last reading, and their age."
)


def tell(visit: Visit, view: NodeView, now: float, page: Page, glyphs: Glyphs) -> None:
    """The whole story; ``now`` is in epoch seconds."""
    it = standing(visit, view, now)
    _header(visit, it, page)
    page.blank()
    if visit.is_kept:
        page.paragraph("Offline", Text(_age(view, now)))
        page.blank()
    if it.reading:
        page.drawing(timeline(it.reading, it.state, now, page.drawing_width, glyphs))
        page.blank()
    how_urgent = urgency(it)
    if how_urgent:
        page.paragraph("When", Text(_sentence(how_urgent), "bold"))
    _state(visit, it, page)
    if it.findings:
        _cause(it.findings[0], page)
    if it.restart:
        verdict, words, style = restart_words(it, it.restart)
        page.paragraph("Restart", Text.assemble((verdict, style), words))
    page.steps("Do", it.findings[0].steps if it.findings else ())
    _others(it.findings, page)
    if visit.assessment and visit.facts:
        page.paragraph("Kubelet", *kubelet_words.kubelet_words(visit.facts, visit.assessment.kubelet))
        page.items("Not seen", [*visit.assessment.unseen, *kubelet_words.handshake_words(visit.facts)])
        _store(visit.facts, page)
        _certificates(visit, view, now, page)
    elif visit.is_kept:
        _certificates(visit, view, now, page)
    elif visit.reason:
        page.paragraph("Not known", _NOT_KNOWN)
    page.blank()
    page.paragraph("Visit", Text(_visit(visit), "dim"))


def _header(visit: Visit, it: Standing, page: Page) -> None:
    """Who, what is wrong, and how the certificate stands; without a finding how it stands alone."""
    parts = [Text(visit.node.name, "bold")]
    for first, *others in [it.findings] if it.findings else ():
        more = f", {len(others)} more" if others else ""
        parts.append(Text(f"{first.severity.upper()} {first.cause}{more}", _SEVERITIES[first.severity]))
    if not (visit.reason and it.findings):
        parts.append(Text(beside_a_cause(it) if it.findings else headline(it), STYLES[it.state]))
    if visit.reason:
        parts.append(Text(f"not read: {visit.reason}" if it.findings else visit.reason, "magenta"))
    page.header(*parts)


def _state(visit: Visit, it: Standing, page: Page) -> None:
    """What the state means, or why there is no reading."""
    if visit.reason:
        _reason(visit, page, has_cause=bool(it.findings))
        if it.runs and not it.causes.isdisjoint(_LOST_LINK):
            page.paragraph("", _IN_MEMORY)
    if it.assessment and (not visit.reason or (visit.is_kept and it.reading)):
        page.paragraph("State", sentence(it))
    starting = kubelet_words.starting_words(it.facts)
    if starting and Cause.KUBELET_CRASH_LOOP not in it.causes:
        page.paragraph("", starting)


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
    """With a capital, unless it begins with a file's name or a setting's."""
    first = evidence.partition(" ")[0].rstrip(",:;")
    return evidence[:1].upper() + evidence[1:] if first.isalpha() and first.islower() else evidence


def _others(findings: tuple[Finding, ...], page: Page) -> None:
    """What else is wrong; steps only where those above do not do the same."""
    shown = {step.command for finding in findings[:1] for step in finding.steps}
    for finding in findings[1:]:
        title = Text(f"{finding.cause} ({finding.severity})", _SEVERITIES[finding.severity])
        page.paragraph("Also", title, *([_sentence(finding.evidence)] if finding.evidence else ()))
        commands = {step.command for step in finding.steps}
        if not commands <= shown:
            page.paragraph("", Text(_IF_STILL_SHOWN, "dim"))
            page.steps("", finding.steps)
        shown |= commands


def _store(facts: NodeFacts, page: Page) -> None:
    page.blank()
    page.paragraph("Store", _folder(facts))
    names = listing.lines(facts)
    if names:
        tell_time, indent = (day, 2) if page.width < _LONG_DATES else (minute, 4)
        titles = tuple(Text(title, "dim") for title in _STORE_TITLES)
        page.table([titles, *(line.row(tell_time) for line in names[:_MOST_NAMES])], indent)
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
    return ", ".join(words) + "; times are UTC"


def _certificates(visit: Visit, view: NodeView, now: float, page: Page) -> None:
    if visit.assessment is None:
        return
    rows = [_certificate(role, found, state, now) for role, found, state in certificates(visit.assessment, view)]
    stored = leaf(visit.facts.client) if visit.facts else None
    if stored and view.report.client and stored.fingerprint != view.report.client.certificate.fingerprint:
        rows.insert(1, _certificate(_STORED, stored, None, now))
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


def _certificate(role: str, found: Certificate, state: State | None, now: float) -> tuple[Text, ...]:
    left = found.not_after - now
    rest = Text(f"{duration(left)} left" if left >= 0 else f"expired {duration(-left)} ago", "" if left >= 0 else "red")
    if state and role != CertificateRole.CLIENT:  # whose state is the page's own
        rest.append(f", {state}", STYLES[state])
    dates = (Text(told(moment, found.lifetime)) for moment in (found.not_before, found.not_after))
    return Text(role), *dates, rest, Text(found.subject, "dim")


def _age(view: NodeView, now: float) -> str:
    """How old what is told is."""
    read = view.report.last_success
    if read is None:
        return "the node was not visited now, and no visit has ever read it."
    return f"the node was not visited now. It was last read {duration(now - read)} ago, at {minute(read)} UTC."


def _visit(visit: Visit) -> str:
    node, facts = visit.node, visit.facts
    way = f"over ssh at {node.address}" if node.transport is TransportKind.SSH else f"of the tree at {node.address}"
    who = f" as uid {facts.uid}" if facts and facts.uid is not None else ""
    last = "the last one, " if visit.is_kept else ""
    words = [f"{last}{way}{who}, {minute(visit.began)} UTC, {visit.duration:.1f} s"]
    clock = facts.clock if facts else None
    if clock and abs(clock.offset) > max(2.0, clock.half_round_trip):
        words.append(f"its clock is {duration(abs(clock.offset))} {'ahead' if clock.offset > 0 else 'behind'}")
    return "; ".join(words)
