"""The SSH transport: one conversation a visit, its output parsed, its trace audited; in the loop, or in a thread."""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Callable, Iterable
from functools import cache

from exporter.collect.answer import answer
from exporter.collect.script import script_for
from exporter.collect.ssh import paramiko_known
from exporter.collect.ssh.accepted import AcceptedKeys
from exporter.collect.ssh.attempt import Means
from exporter.collect.ssh.audit import Audit
from exporter.collect.ssh.bastion import Bastions
from exporter.collect.ssh.bastion_standing import Standings
from exporter.collect.ssh.conversation import Conversation
from exporter.collect.ssh.keyring import Keyring
from exporter.collect.ssh.kubelet_port import with_handshake
from exporter.collect.ssh.loop.engine import LoopEngine, Order
from exporter.collect.ssh.trail import Trail
from exporter.collect.ssh.trusts import Trusts
from exporter.config.settings import SshEngine
from exporter.config.ssh import Ssh
from exporter.errors import ConfigurationError, Mistake, Mistakes
from exporter.model.facts import NodeFacts
from exporter.model.host import Flags
from exporter.model.node import Node, SshAccess
from exporter.model.snapshot import SshStatus

log = logging.getLogger(__name__)


class SshTransport:
    """Reads nodes over SSH with one set of keys and known hosts. Safe to share between threads.

    It is the loop's :class:`exporter.collect.Engine`, too: nodes that the loop does not take have a thread each.
    """

    def __init__(self, ssh: Ssh, nodes: Iterable[Node] = (), clock: Callable[[], float] = time.time) -> None:
        """Reads every file that ``ssh`` and the nodes name. Raises ConfigurationError with all that cannot be used."""
        self._clock = clock
        self._keyring = Keyring(agent=ssh.agent, clock=clock)
        self._accepted: AcceptedKeys | None = None
        self._audit: Audit | None = None
        self._has_loop = False
        mistakes = Mistakes()
        identities = tuple(one.files for one in ssh.identities)
        with mistakes.gathered():
            self._accepted = AcceptedKeys(ssh.accepted_host_keys) if ssh.accepted_host_keys else None
        with mistakes.gathered():
            self._audit = Audit(ssh.audit) if ssh.audit else None
        with mistakes.gathered():
            self._has_loop = _has_loop(ssh.engine)
        with mistakes.gathered():
            self._keyring.load(identities)
        trusts = Trusts(ssh, self._accepted, clock)
        with mistakes.gathered():
            trusts.load(None)
        for access in _accesses(nodes):
            with mistakes.gathered():
                self._keyring.load(access.identities or (), agent=access.agent)
            with mistakes.gathered():
                trusts.load(access.known_hosts)
        mistakes.found = list(dict.fromkeys(mistakes.found))  # a file may be wanted for many hosts
        mistakes.tell()
        self._means = Means(self._keyring, trusts.of, ssh.timeouts, identities, ssh.identities_only, clock)
        self._standings = Standings()
        self._bastions = Bastions(self._means, self._standings)
        self._loop = LoopEngine(self._means, self._standings, ssh.keepalive)
        self._open: set[Conversation] = set()
        self._closed = False

    def takes(self, node: Node) -> bool:
        """Whether the loop reads it: over SSH, and without an agent on the way, which answers when it likes."""
        access = node.access
        if not (self._has_loop and isinstance(access, SshAccess)):
            return False
        on_the_way = (access, *(hop.access for hop in access.hops))
        return not any(self._keyring.asks_agent(one.agent) for one in on_the_way)

    def begin(self, node: Node, remembered: Flags, done: Callable[[NodeFacts | Exception], None]) -> None:
        """Begin a visit of a node that the loop takes, and return; ``done`` is called once, on the loop's thread."""
        access = _access(node)
        script = script_for(node, remembered)
        self._loop.begin(Order(node, access, script, remembered, self._trail(node, access, script), done))

    def read(self, node: Node, remembered: Flags = ()) -> NodeFacts:
        """One visit. Raises CollectError."""
        if not self.takes(node):
            return self._read(node, _access(node), remembered)
        outcome: queue.SimpleQueue[NodeFacts | Exception] = queue.SimpleQueue()
        self.begin(node, remembered, outcome.put)
        facts = outcome.get()
        if isinstance(facts, Exception):
            raise facts
        return facts

    @property
    def status(self) -> SshStatus:
        """What the exporter tells of its own keys and of the keys that it took on first sight."""
        return SshStatus(
            credentials=tuple(sorted(self._keyring.not_after.items())),
            accepted_host_keys=self._accepted.count if self._accepted else None,
        )

    def is_idle(self) -> bool:
        return self._loop.is_idle() and not self._open

    def close(self) -> None:
        """End every conversation at once, and each that would begin later: the daemon stops."""
        self._closed = True
        self._standings.close()
        self._loop.close()
        for conversation in tuple(self._open):
            conversation.close()
        self._bastions.close()

    def _read(self, node: Node, access: SshAccess, remembered: Flags) -> NodeFacts:
        """One visit in this thread."""
        script = script_for(node, remembered)
        conversation = Conversation(access, self._means, self._bastions.of(access.via) if access.via else None)
        self._open.add(conversation)
        if self._closed:
            conversation.close()
        trail = self._trail(node, access, script)
        try:
            with trail.of(lambda: conversation.login):
                output = conversation.run(script)
                facts = answer.parse(output.text, node.paths, output.asked, output.answered, remembered)
                if node.serving_port:
                    seen = conversation.look_at(node.serving_port)
                    facts = with_handshake(facts, *seen, where=f"{access.address}:{node.serving_port}")
                trail.facts = facts
        finally:
            self._open.discard(conversation)
        return facts

    def _trail(self, node: Node, access: SshAccess, script: str) -> Trail:
        return Trail(node.name, access, script, self._audit, self._clock)


def _has_loop(engine: SshEngine) -> bool:
    """Whether there is a loop with this paramiko. Raises ConfigurationError where it is asked for and cannot be."""
    if engine is SshEngine.THREADS:
        return False
    missing = paramiko_known.missing()
    if missing and engine is SshEngine.LOOP:
        problem = f"loop cannot be with this paramiko, which has no {', '.join(missing)}; auto and threads can"
        raise ConfigurationError(Mistake("ssh.engine", problem))
    if missing:
        _tell(missing)
    return not missing


@cache
def _tell(missing: tuple[str, ...]) -> None:
    """Once, however often the configuration is read."""
    log.warning("this paramiko is not known: each visit has a thread", extra={"missing": ", ".join(missing)})


def _access(node: Node) -> SshAccess:
    if not isinstance(node.access, SshAccess):
        raise TypeError(f"{node.name} is not read over SSH")
    return node.access


def _accesses(nodes: Iterable[Node]) -> set[SshAccess]:
    """Every access whose files are its own: nodes' and their bastions'."""
    direct = [node.access for node in nodes if isinstance(node.access, SshAccess)]
    bastions = {hop.access for access in direct for hop in access.hops}
    return {access for access in (*direct, *bastions) if access.identities or access.known_hosts is not None}
