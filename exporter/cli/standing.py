"""How a node stands after one visit: what the sentences of its page are made from."""

from __future__ import annotations

from dataclasses import dataclass

from exporter.judge import store
from exporter.model.assessment import Assessment, Certificate, Reading, State
from exporter.model.facts import NodeFacts
from exporter.model.finding import Cause, Finding
from exporter.model.host import Sight
from exporter.model.kubelet import Kubelet
from exporter.model.report import Visit
from exporter.model.restart import Restart
from exporter.serve.views import NodeView


@dataclass(frozen=True, slots=True)
class Standing:
    """The client certificate's state and reading, the findings, and what the visit brought; ``now`` in epoch seconds.

    Without facts and assessment nothing of the node was seen.
    """

    state: State
    now: float
    reading: Reading | None = None
    findings: tuple[Finding, ...] = ()
    facts: NodeFacts | None = None
    assessment: Assessment | None = None
    serving: Certificate | None = None

    @property
    def first(self) -> Cause | None:
        """The cause, None where there is nothing to find."""
        return self.findings[0].cause if self.findings else None

    @property
    def causes(self) -> frozenset[Cause]:
        return frozenset(finding.cause for finding in self.findings)

    @property
    def runs(self) -> bool | None:
        """Whether a kubelet runs; None where that was not seen."""
        sight = self.facts.process.sight if self.facts and self.facts.process else Sight.HIDDEN
        return None if sight is Sight.HIDDEN else sight is Sight.SEEN

    @property
    def kubelet(self) -> Kubelet:
        return (self.assessment.kubelet if self.assessment else None) or Kubelet()

    @property
    def restart(self) -> Restart | None:
        return self.assessment.restart if self.assessment else None

    @property
    def tried_since(self) -> float | None:
        """When the oldest renewal was lost that left a file; None where there is no such file."""
        found = store.orphans(self.facts.store, self.facts.client) if self.facts else []
        return min((entry.modified for entry, _ in found if entry.modified is not None), default=None)


def standing(visit: Visit, view: NodeView, now: float) -> Standing:
    """Of one visit, as a scrape at ``now`` sees it."""
    serving = view.report.serving
    return Standing(
        state=view.client_state,
        now=now,
        reading=view.report.client,
        findings=view.findings,
        facts=visit.facts,
        assessment=visit.assessment,
        serving=serving.certificate if serving else None,
    )
