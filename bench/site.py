"""Nodes on loopback, as a client of the SSH benches sees them: where they are, and what it needs to log in."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

from exporter.collect.answer import answer
from exporter.config.settings import IdentityFile, Paths, Privilege
from exporter.model.facts import NodeFacts
from exporter.model.files import Condition
from exporter.model.node import Hop, Node, SshAccess

COMMAND = "kubelet-cert-exporter"  # what is asked for; sshd runs the forced one
SILENT_EVERY = 20  # so many-th node is silent in a site that has silent ones


@dataclass(frozen=True, slots=True)
class Site:
    """Where the nodes are, and what a client needs to log in to them. All paths are files."""

    addresses: tuple[str, ...]
    port: int
    user: str
    key: str
    known_hosts: str
    bastion: str = ""  # the address by way of which nodes are reached; empty: directly
    silent: tuple[str, ...] = ()  # addresses where connections are taken, and nothing is ever said

    @classmethod
    def read(cls, text: str) -> Site:
        """What :meth:`written` gave."""
        values = json.loads(text)
        return cls(**values | {name: tuple(values[name]) for name in ("addresses", "silent")})

    def written(self) -> str:
        return json.dumps(asdict(self))

    def first(self, number: int) -> Site:
        """The same site with its first nodes alone."""
        return replace(self, addresses=self.addresses[:number])

    def nodes(self, channels: int) -> tuple[Node, ...]:
        """The nodes as an inventory has them, the silent ones evenly among them.

        ``channels`` is what the bastion lets pass at once.
        """
        via = Hop(self._access(self.bastion), channels=channels) if self.bastion else None
        found = list(self.addresses)
        for number, address in enumerate(self.silent):
            found.insert(number * SILENT_EVERY, address)
        return tuple(
            Node(one, replace(self._access(one), via=via, privilege=Privilege.FORCED_COMMAND), Paths()) for one in found
        )

    def _access(self, where: str) -> SshAccess:
        return SshAccess(where, self.port, self.user, identities=(IdentityFile(self.key),))


def is_answer(facts: NodeFacts) -> bool:
    """Whether a node gave what a visit is for: its client certificate."""
    return facts.client.condition is Condition.READ and len(facts.client.certificates) == 1


def facts_of(text: bytes) -> NodeFacts:
    """A peer's answer, read as ours is. Raises CollectError."""
    return answer.parse(text, Paths(), 0.0, 0.0)
