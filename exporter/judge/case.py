"""One visit as the diagnosis looks at it: everything that is known of a node at that moment, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from exporter.config.settings import Rotation
from exporter.model.assessment import Certificate, Memory, Reading, State, StoreHistory
from exporter.model.facts import NodeFacts
from exporter.model.kubelet import Kubelet
from exporter.model.restart import Restart


class Unseen(Enum):
    """The type of :data:`UNSEEN`."""

    UNSEEN = "unseen"


UNSEEN: Final = Unseen.UNSEEN  # whether a cause holds cannot be told: what it rests on was not to be seen

UNDER_WAY = 120.0  # seconds: longer no store, and no `kubeadm init`, is left half done

# What a predicate answers: evidence (it holds), None (it does not), or UNSEEN.
Answer = str | None | Unseen


@dataclass(frozen=True, slots=True)
class Case:
    """What the predicates of the table get.

    ``client`` and ``serving`` are this visit's readings, None where it brought none; the states are those at
    ``facts.taken``, of these readings or else of the last ones before. ``now`` is the exporter's clock.
    """

    facts: NodeFacts
    kubelet: Kubelet
    restart: Restart | None
    history: StoreHistory | None
    client: Reading | None
    serving: Reading | None
    client_state: State
    serving_state: State
    memory: Memory
    now: float
    owner: Rotation = Rotation.KUBELET  # who renews the client certificate, as the exporter's configuration says
    is_served_known: bool = True  # what the kubelet serves with, or that it has nothing to serve with
    serving_live: Certificate | None = None  # seen in a handshake with the kubelet's port

    @property
    def by_the_node(self) -> float:
        """The moment of this visit by the node's clock, the exporter's where the node has none to see (a mount)."""
        return self.facts.by_the_node

    @property
    def certainly(self) -> float:
        """The earlier of the two clocks: what this says is past, is past by both."""
        return min(self.by_the_node, self.facts.taken)

    def certificate(self) -> Certificate | Unseen | None:
        """The client certificate of this visit; None where its file is known to hold none."""
        if self.client:
            return self.client.certificate
        kubeconfig = self.facts.kubeconfig  # without a store, the certificate that it embeds or names is the client's
        seen = self.memory.kubelet is None if kubeconfig is None else kubeconfig.document.condition.is_seen
        return None if seen and self.facts.client.condition.is_seen else UNSEEN

    def has_ended(self, certificate: Certificate) -> bool:
        """Past notAfter by both clocks."""
        return certificate.not_after < self.certainly

    def is_settled(self, modified: int | None) -> bool:
        """Whether a file is too old to belong to a rotation that is under way; also where its age is not known."""
        return modified is None or abs(self.by_the_node - modified) > UNDER_WAY

    def process_age(self) -> float | None:
        """Seconds that the kubelet runs, by the node's clock; None where that is not known or there is none."""
        process = self.facts.process
        return None if process is None or process.started is None else self.by_the_node - process.started
