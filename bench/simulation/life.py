"""What happens on one node: certificates that rotate by the kubelet's rule or do not, and times without an answer."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from exporter.errors import Reason
from exporter.judge import rotation
from exporter.model.assessment import Assessment, Certificate, Reading, StoreHistory
from exporter.model.facts import DirectoryCondition, NodeClock, NodeFacts, StoreFacts
from exporter.model.files import Condition, PemFile
from exporter.model.node import Node
from exporter.model.report import NodeReport, Visit

BACKDATE = 300.0
APPROVAL = 30.0
ROUND_TRIP = 0.1
SHORTEST_VISIT, LONGEST_VISIT = 0.3, 2.0  # seconds
STORE = StoreFacts("/var/lib/kubelet/pki", DirectoryCondition.OK)
CLIENT = PemFile("/var/lib/kubelet/pki/kubelet-client-current.pem", Condition.READ)
HISTORY = StoreHistory()


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which something is not as it should be: ``begins`` belongs to it, ``ends`` does not."""

    begins: float
    ends: float
    reason: Reason = Reason.CONNECT_TIMEOUT

    def holds(self, moment: float) -> bool:
        return self.begins <= moment < self.ends


@dataclass(frozen=True, slots=True)
class Troubles:
    """What goes wrong on a node, besides the rule: times without a new certificate or an answer, and the like."""

    unsigned: tuple[Span, ...] = ()  # nobody gets a certificate
    silent: tuple[Span, ...] = ()
    rejoins: tuple[float, ...] = ()  # somebody has it join anew, with another certificate
    offset: float = 0.0  # the node's clock minus the exporter's, seconds


NONE = Troubles()


class Life:
    """One node's life, told forwards: moments that are asked for never go back. Epoch seconds, the exporter's clock."""

    def __init__(self, node: Node, first: Certificate, dice: random.Random, troubles: Troubles = NONE) -> None:
        self.node = node
        self.offset = troubles.offset
        self.lasting = dice.uniform(SHORTEST_VISIT, LONGEST_VISIT)  # what a visit takes, seconds
        self.certificate = first
        self.since = -math.inf  # from when on the certificate has been in use
        self.silent = troubles.silent
        self._troubles = troubles
        self._dice = dice
        self._next = self._rotation()

    @property
    def lifetime(self) -> int:
        return self.certificate.lifetime

    @property
    def lag(self) -> float:
        return max(0.0, -self.offset)

    def come_to(self, moment: float) -> None:
        """Let everything happen until then."""
        while self._next <= moment:
            begin = int(self._next - BACKDATE)
            print_of = f"{self.node.name}-{begin:x}"
            self.certificate = Certificate(begin, begin + self.lifetime, f"{begin:x}", "CN=ca", "CN=node", print_of)
            self.since = self._next
            self._next = self._rotation()

    def silence(self, moment: float) -> Span | None:
        """The time without an answer that this moment lies in."""
        return next((span for span in self.silent if span.holds(moment)), None)

    def next_event(self, moment: float) -> float:
        """The next moment after this one from which on a visit may bring something else."""
        edges = (edge for span in self.silent for edge in (span.begins, span.ends) if edge > moment)
        return min((self._next, *edges))

    def visited(self, known: NodeReport, began: float) -> Visit:
        """What a visit of this node brings that begins now."""
        self.come_to(began)
        silence = self.silence(began)
        if silence:
            return Visit(self.node, began, self.lasting, silence.reason)
        clock = NodeClock(began + ROUND_TRIP / 2 + self.offset, began, began + ROUND_TRIP)
        witness = rotation.witness(self.certificate, began, clock, known.client)
        reading = Reading(self.certificate, began, witness, clock.shown)
        assessment = Assessment(None, reading, None, serving_absent=True, history=HISTORY, findings=())
        return Visit(self.node, began, self.lasting, None, "", NodeFacts(began, STORE, CLIENT, None, clock), assessment)

    def _rotation(self) -> float:
        """When the next certificate is there: at notBefore + L·u by the node's clock, once somebody signs."""
        asked = self.certificate.not_before + self.lifetime * self._dice.uniform(0.7, 0.9) - self.offset
        signed = asked + self._dice.uniform(0, APPROVAL)
        for span in self._troubles.unsigned:
            if span.holds(signed):
                signed = span.ends + self._dice.uniform(0, APPROVAL)
        return min((signed, *(moment for moment in self._troubles.rejoins if moment > self.since)))
