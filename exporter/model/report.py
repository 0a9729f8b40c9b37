"""What is known of one node: the last visit's outcome, and the last reading that is kept."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypeVar

from exporter.errors import Reason
from exporter.model.assessment import Assessment, Certificate, Memory, Reading, StoreHistory, Ties
from exporter.model.facts import NodeFacts
from exporter.model.finding import Cause, Finding
from exporter.model.host import Flags, Process, Sight
from exporter.model.kubelet import Credential, Kubelet
from exporter.model.node import Node
from exporter.model.restart import Restart

Part = TypeVar("Part", StoreHistory, Kubelet, Restart)
REMEMBERED_STARTS = 6


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit's outcome. ``facts`` and ``assessment`` are None where the node's answer was never had."""

    node: Node
    began: float  # exporter's clock, epoch seconds
    duration: float  # seconds
    reason: Reason | None = None
    detail: str = ""  # for the log; never what a node sent
    facts: NodeFacts | None = None
    assessment: Assessment | None = None

    @property
    def is_kept(self) -> bool:
        """Whether this is an earlier one, as far as the store has it: what it meant, and no facts."""
        return self.assessment is not None and self.facts is None

    @property
    def ended(self) -> float:
        return self.began + self.duration


@dataclass(frozen=True, slots=True)
class NodeReport:
    """One node: how its last visit ended, and what is known of it: each thing as the last visit that saw it did.

    A failed visit sets ``reason`` and deletes nothing: :meth:`after` is the rule. ``no_client_by_design`` says that
    there is no client certificate to read (EKS, a token, an exec plugin); then ``client`` is None.
    """

    node: Node
    reason: Reason | None = Reason.NOT_YET_VISITED
    detail: str = ""
    last_visit: float | None = None  # when it ended, epoch seconds
    duration: float | None = None
    failures: int = 0  # in a row
    last_success: float | None = None
    client: Reading | None = None
    serving: Reading | None = None
    history: StoreHistory | None = None
    findings: tuple[Finding, ...] = ()
    clock_offset: float | None = None
    script_version: str = ""
    no_client_by_design: bool = False
    kubelet: Kubelet | None = None
    restart: Restart | None = None
    kubeconfig: Certificate | None = None  # only where it is another than the client certificate
    authority: Certificate | None = None  # the issuer of the client certificate
    serving_live: Certificate | None = None
    starts: tuple[float | None, ...] = ()  # see Memory
    process: Process | None = None  # the last that was seen
    newest: int | None = None  # the latest notBefore ever read from the store
    met: float | None = None  # see Memory
    served: str = ""  # the same
    ties: Ties = field(default_factory=Ties)
    is_of_elsewhere: bool = False  # see read_elsewhere

    @property
    def up(self) -> bool:
        """Whether the last visit brought a reading, or proof that there is none to bring."""
        return self.reason is None

    @property
    def is_refused(self) -> bool:
        """Whether the last visit ended with a reason that is not to be tried again soon."""
        return self.reason is not None and self.reason.backs_off_long

    @property
    def may_be_mended_by_reload(self) -> bool:
        """Whether another configuration, with other keys, may bring what the last visit lacked."""
        return self.is_refused or (self.reason is not None and self.reason.is_shared)

    @property
    def memory(self) -> Memory:
        """What the next visit is judged by: of what was read elsewhere, nothing."""
        if self.is_of_elsewhere:
            return Memory(starts=self.starts, process=self.process, newest=self.newest, met=self.met)
        return Memory(
            client=self.client,
            serving=self.serving,
            starts=self.starts,
            process=self.process,
            newest=self.newest,
            findings=self.findings,
            met=self.met,
            kubelet=self.kubelet,
            served=self.served,
        )

    @property
    def flags(self) -> Flags:
        """The kubelet's flags as last seen, once it was seen to be down: they say where the next visit has to look."""
        is_down = bool(self.starts) and self.starts[-1] is None
        return self.process.flags if self.process and is_down else ()

    def read_elsewhere(self, node: Node) -> NodeReport:
        """Of the node as the inventory has it now, where it is read in another way: it may be another machine's.

        No visit has been there yet. Dates, states and findings are told as they were (a dead node's alarm does not end
        because its line was edited) until a visit sees otherwise: findings until the first that has an answer, all the
        rest until the first that brings a reading, which takes over nothing. Judged by it is no visit.
        """
        return replace(
            self.read_alike(node),
            reason=Reason.NOT_YET_VISITED,
            detail="",
            last_visit=None,
            duration=None,
            failures=0,
            starts=(),
            process=None,
            newest=None,
            met=None,
            served="",
            ties=Ties(),
            is_of_elsewhere=True,
        )

    def _begun_here(self) -> NodeReport:
        """What visits have seen since it is read as now: nothing that :meth:`read_elsewhere` left as it was."""
        return NodeReport(
            self.node,
            starts=self.starts,
            process=self.process,
            newest=self.newest,
            met=self.met,
            served=self.served,
            ties=self.ties,
        )

    def read_alike(self, node: Node) -> NodeReport:
        """Of the node as the inventory has it now, where it is read as before; the same object where nothing changes.

        What handshakes showed is forgotten where none are made any more.
        """
        known = self if self.node is node or self.node == node else replace(self, node=node)
        findings = _without_handshakes(self.findings) if node.serving_port is None else self.findings
        live = None if node.serving_port is None else self.serving_live
        is_same = live is self.serving_live and len(findings) == len(self.findings)
        return known if is_same else replace(known, serving_live=live, findings=findings)

    def after(self, visit: Visit) -> NodeReport:
        """The report once ``visit`` has ended."""
        failures = 0 if visit.reason is None else self.failures + 1
        facts, seen = visit.facts, visit.assessment
        if facts is None or seen is None:
            return replace(
                self,
                reason=visit.reason,
                detail=visit.detail,
                last_visit=visit.ended,
                duration=visit.duration,
                failures=failures,
            )
        if self.is_of_elsewhere and seen.reason is None:
            return self._begun_here().after(visit)
        client = None if seen.has_no_certificate_by_design else seen.client or self.client
        process = facts.process
        is_running = process is not None and process.sight is Sight.SEEN
        start = self.memory.start(facts) if is_running else None
        live = _live(self, seen, facts, start)
        return replace(
            self,
            reason=visit.reason,
            detail=visit.detail,
            last_visit=visit.ended,
            duration=visit.duration,
            failures=failures,
            last_success=facts.taken if seen.reason is None else self.last_success,
            clock_offset=facts.clock.offset if facts.clock else None,
            script_version=facts.script_version,
            client=client,
            no_client_by_design=client is None and (seen.has_no_certificate_by_design or self.no_client_by_design),
            serving=None if seen.serving_absent else seen.serving or self.serving,
            served="" if seen.serving_absent else seen.served or self.served,
            history=_as_known(seen.history, self.history),
            findings=seen.findings if live else _without_handshakes(seen.findings),  # with earlier ones not looked for
            kubelet=_as_known(seen.kubelet and seen.kubelet.filled_from(self.kubelet), self.kubelet),
            restart=_restart(self, seen),
            kubeconfig=None if _saw_no_other(seen) else seen.kubeconfig or self.kubeconfig,
            authority=_authority(self, seen, client),
            serving_live=live,
            starts=_starts(self, process, start),
            met=self.met if start is None else facts.taken,
            process=process if is_running else self.process,
            newest=_newest(self, seen),
            ties=_ties(self, seen),
        )


def _as_known(seen: Part | None, known: Part | None) -> Part | None:
    """What was seen; the known object where that is equal, so that identity tells quickly what has not changed."""
    return known if seen is None or seen == known else seen


def _starts(before: NodeReport, process: Process | None, start: float | None) -> tuple[float | None, ...]:
    """A visit that could not look for a process, or not see its start, says nothing of starts."""
    if process is None or process.sight is Sight.HIDDEN or (process.sight is Sight.SEEN and process.started is None):
        return before.starts
    return (*before.starts, start)[-REMEMBERED_STARTS:]


def _newest(before: NodeReport, seen: Assessment) -> int | None:
    if seen.client is None or not seen.is_of_store:
        return before.newest
    begin = seen.client.certificate.not_before
    return begin if before.newest is None else max(before.newest, begin)


def _restart(before: NodeReport, seen: Assessment) -> Restart | None:
    """A visit that could not see what decides withdraws a promise, but no alarm."""
    if seen.restart is None or before.restart is None:
        return seen.restart or before.restart
    stays = before.restart.safe is False and seen.restart.safe is None and seen.restart.reason.is_of_the_visit
    return before.restart if stays else _as_known(seen.restart, before.restart)


def _authority(before: NodeReport, seen: Assessment, client: Reading | None) -> Certificate | None:
    """An earlier one only as long as it may have issued the certificate in use."""
    found = seen.authority or before.authority
    return found if found and client and client.certificate.is_signed_by(found) else None


def _live(before: NodeReport, seen: Assessment, facts: NodeFacts, start: float | None) -> Certificate | None:
    """What the kubelet has in memory, as far as handshakes tell: this visit's, or an earlier one's.

    Where this visit's failed, an earlier certificate counts until its end, as long as the same kubelet may show it.
    Past its end it would accuse, and nobody is accused without a look: it stays only where a handshake has shown it
    since (the last success was past its end too), for a confirmed alarm does not end because nobody answers. A kubelet
    that has started anew ends it, and so does that no handshakes are made any more.
    """
    if before.node.serving_port is None:
        return None
    kept = before.serving_live
    if seen.serving_live or kept is None or before.is_of_elsewhere:
        return seen.serving_live
    known = next((moment for moment in reversed(before.starts) if moment is not None), None)
    if start is not None and known is not None and start != known:
        return None
    was_shown_past_it = before.last_success is not None and before.last_success > kept.not_after
    return kept if was_shown_past_it or facts.taken <= kept.not_after else None


def _without_handshakes(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    return tuple(finding for finding in findings if finding.cause is not Cause.SERVING_LIVE_DIFFERS)


def _saw_no_other(seen: Assessment) -> bool:
    """Whether a visit saw that kubelet.conf holds no other certificate than the client's."""
    credential = seen.kubelet.credential if seen.kubelet else Credential.UNKNOWN
    if seen.kubeconfig is not None or credential is Credential.UNKNOWN:
        return False
    return credential is Credential.LINK or not credential.is_certificate or seen.client is not None


def _ties(before: NodeReport, seen: Assessment) -> Ties:
    """A new certificate's forerunner is the one that was in use, where the store does not tell."""
    ties = seen.ties.filled_from(before.ties)
    if before.client is None or seen.client is None:
        return ties
    old, new = before.client.certificate, seen.client.certificate
    if old.fingerprint == new.fingerprint:
        return ties
    return replace(ties, issuer_before=seen.ties.issuer_before or old.authority_identifier)
