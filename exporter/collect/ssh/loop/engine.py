"""Visits in the loop: begun from any thread, each told once, on the loop's own, how it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from exporter.collect.answer import answer
from exporter.collect.ssh.attempt import Means
from exporter.collect.ssh.bastion_standing import Standings
from exporter.collect.ssh.kubelet_port import with_handshake
from exporter.collect.ssh.loop.bastion import LoopBastions
from exporter.collect.ssh.loop.conversation import LoopConversation
from exporter.collect.ssh.loop.kept import KeptLogins
from exporter.collect.ssh.loop.reactor import Loop, Task
from exporter.collect.ssh.trail import Trail
from exporter.model.facts import NodeFacts
from exporter.model.host import Flags
from exporter.model.node import Node, SshAccess

Done = Callable[[NodeFacts | Exception], None]


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """A visit to make: what runs on the node, its audit, and who is told."""

    node: Node
    access: SshAccess
    script: str
    remembered: Flags
    trail: Trail
    done: Done


class LoopEngine:
    """Safe to share between threads."""

    def __init__(self, means: Means, standings: Standings, keepalive: float | None = None) -> None:
        """``keepalive``: how long, in seconds, a login is used for further visits of its node; None: for one."""
        self._means = means
        self._loop = Loop()
        self._bastions = LoopBastions(means, standings, self._loop)
        self._kept = KeptLogins(self._loop, keepalive)
        self._orders: set[Order] = set()  # that are under way, or about to be
        self._open: set[LoopConversation] = set()
        self._closed = False

    def begin(self, order: Order) -> None:
        """Returns at once. Raises RuntimeError or OSError where the process has nothing left to begin the loop with."""
        self._orders.add(order)
        try:
            self._loop.start(partial(self._visit, order))
        except (RuntimeError, OSError):
            self._orders.discard(order)
            raise

    def is_idle(self) -> bool:
        return not self._orders

    def close(self) -> None:
        """End every visit and every connection at once, and each that would begin later."""
        self._closed = True
        if self._loop.is_running:
            self._loop.soon(self._end)

    def _end(self) -> None:
        for conversation in tuple(self._open):
            conversation.close()
        self._kept.close()
        self._bastions.close()

    async def _visit(self, order: Order, task: Task) -> None:
        try:
            outcome: NodeFacts | Exception = await self._read(order, task)
        except Exception as error:  # noqa: BLE001 - it is told where the visit was asked for
            outcome = error
        self._orders.discard(order)
        order.done(outcome)

    async def _read(self, order: Order, task: Task) -> NodeFacts:
        access = order.access
        bastion = self._bastions.of(access.via) if access.via else None
        stays = self._kept.is_wanted(access)
        conversation = LoopConversation(access, self._means, bastion, task, self._kept.take(access, task))
        self._open.add(conversation)
        if self._closed:
            self._end()
        try:
            with order.trail.of(lambda: conversation.login):
                facts = order.trail.facts = await self._facts(order, conversation, stays=stays)
            if stays:
                self._kept.keep(access, conversation.login)
        except BaseException:
            conversation.login.close()
            raise
        finally:
            self._open.discard(conversation)
        return facts

    async def _facts(self, order: Order, conversation: LoopConversation, *, stays: bool) -> NodeFacts:
        node = order.node
        output = await conversation.run(order.script, stays=stays)
        facts = answer.parse(output.text, node.paths, output.asked, output.answered, order.remembered)
        if conversation.login.is_renewed:
            facts = replace(facts, has_logged_in=False)
        if node.serving_port:
            seen = await conversation.look_at(node.serving_port)
            facts = with_handshake(facts, *seen, where=f"{order.access.address}:{node.serving_port}")
        return facts
