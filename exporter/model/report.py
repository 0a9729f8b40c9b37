"""What is known of each node and of the exporter itself: the last outcome, and the last reading that is kept."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from exporter.config.settings import Pace
from exporter.errors import Reason
from exporter.model.assessment import Assessment, Reading, StoreHistory
from exporter.model.facts import NodeFacts
from exporter.model.finding import Finding
from exporter.model.node import Node


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
    def ended(self) -> float:
        return self.began + self.duration


@dataclass(frozen=True, slots=True)
class NodeReport:
    """One node: how its last visit ended, and what the last reading that succeeded said.

    A failed visit sets ``reason`` and keeps dates, states and findings: :meth:`after` is the rule.
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

    @property
    def up(self) -> bool:
        """Whether the last visit brought a reading."""
        return self.reason is None

    @property
    def is_refused(self) -> bool:
        """Whether the last visit ended with a reason that is not to be tried again soon."""
        return self.reason is not None and self.reason.backs_off_long

    @property
    def may_be_mended_by_reload(self) -> bool:
        """Whether another configuration, with other keys, may bring what the last visit lacked."""
        return self.is_refused or (self.reason is not None and self.reason.is_shared)

    def after(self, visit: Visit) -> NodeReport:
        """The report once ``visit`` has ended."""
        seen = replace(
            self,
            reason=visit.reason,
            detail=visit.detail,
            last_visit=visit.ended,
            duration=visit.duration,
            failures=0 if visit.reason is None else self.failures + 1,
        )
        facts, assessment = visit.facts, visit.assessment
        if facts is None or assessment is None:
            return seen
        looked = assessment.history is not None
        return replace(
            seen,
            client=assessment.client or self.client,
            serving=None if assessment.serving_absent else assessment.serving or self.serving,
            history=assessment.history if looked else self.history,
            findings=assessment.findings if looked else self.findings,
            last_success=facts.taken if assessment.client else self.last_success,
            clock_offset=facts.clock.offset if facts.clock else None,
            script_version=facts.script_version,
        )


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """One file_sd file or glob: whether its last reading was usable."""

    name: str
    up: bool


@dataclass(frozen=True, slots=True)
class SshStatus:
    """Our own keys and brakes: when each certificate that logs in ends (epoch seconds, by its identity's file)."""

    credentials: tuple[tuple[str, float], ...] = ()
    accepted_host_keys: int | None = None  # taken on first sight so far; None where none ever is


@dataclass(frozen=True, slots=True)
class ExporterCounters:
    """The exporter's own health since its start."""

    successes: int = 0
    failures: tuple[tuple[Reason, int], ...] = ()
    last_visit: float | None = None
    overdue: int = 0  # due visits that wait for a free worker
    config_reload_successful: bool = True
    config_reload_time: float | None = None
    sources: tuple[SourceStatus, ...] = ()
    ssh: SshStatus = SshStatus()
    logins_paused: bool = False
    unverified: int = 0  # nodes whose own host key, or a bastion's on the way, is taken as it is

    def counting(self, visit: Visit) -> ExporterCounters:
        """With one more visit."""
        if visit.reason is None:
            return replace(self, successes=self.successes + 1, last_visit=visit.ended)
        failures = dict(self.failures)
        failures[visit.reason] = failures.get(visit.reason, 0) + 1
        return replace(self, failures=tuple(failures.items()), last_visit=visit.ended)


@dataclass(frozen=True, slots=True)
class FleetSnapshot:
    """All reports at one moment, in the inventory's order; every node has the label names ``labels``."""

    reports: tuple[NodeReport, ...] = ()
    labels: tuple[str, ...] = ()
    pace: Pace = field(default_factory=Pace)
    counters: ExporterCounters = field(default_factory=ExporterCounters)

    @property
    def clock_offsets(self) -> list[float]:
        """The offsets of the nodes that are up and have a clock to see."""
        return [report.clock_offset for report in self.reports if report.up and report.clock_offset is not None]
