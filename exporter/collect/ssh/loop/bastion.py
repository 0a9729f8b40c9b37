"""Bastions in the loop: one verified connection each, kept alive and shared by every node behind it."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from exporter.collect.ssh import bastion_standing
from exporter.collect.ssh.attempt import Means
from exporter.collect.ssh.bastion_standing import Standing, Standings
from exporter.collect.ssh.loop.dialling import LoopDialling
from exporter.collect.ssh.loop.login import LoopLogin
from exporter.collect.ssh.loop.reactor import Loop, Task
from exporter.collect.ssh.loop.tunnel import LoopTunnel
from exporter.errors import CollectError, Reason
from exporter.model.node import Hop, SshAccess

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoopPassage:
    """A way through a bastion: the stream, and the connection to the bastion that it is part of."""

    stream: LoopTunnel
    login: LoopLogin


class LoopBastions:
    """Every bastion that was asked for. All of it belongs to the loop's thread."""

    def __init__(self, means: Means, standings: Standings, loop: Loop) -> None:
        self._means = means
        self._standings = standings
        self._loop = loop
        self._known: dict[Hop, LoopBastion] = {}
        self._closed = False

    def of(self, hop: Hop) -> LoopBastion:
        if hop not in self._known:
            outer = self.of(hop.access.via) if hop.access.via else None
            self._known[hop] = LoopBastion(hop, self._means, self._standings.of(hop), outer, self._loop)
            if self._closed:
                self._known[hop].close()
        return self._known[hop]

    def close(self) -> None:
        """End every connection, and each that would begin later."""
        self._closed = True
        for bastion in self._known.values():
            bastion.close()


class _Connecting:
    """One attempt to connect to a bastion, which many may wait for: either way it has an end."""

    def __init__(self) -> None:
        self.login: LoopLogin | None = None
        self.error: CollectError | None = None

    @property
    def is_under_way(self) -> bool:
        return self.login is None and self.error is None


class LoopBastion:
    """One bastion, and the connection to it while there is one."""

    def __init__(self, hop: Hop, means: Means, standing: Standing, outer: LoopBastion | None, loop: Loop) -> None:
        self._hop = hop
        self._means = means
        self._outer = outer
        self._loop = loop
        self._connecting: _Connecting | None = None
        self._login: LoopLogin | None = None  # that is open, or in the making
        self._dialling: LoopDialling | None = None
        self._listeners: set[Task] = set()  # wait for something of the connection as a whole
        self._closed = False
        self.standing = standing

    async def passage(self, task: Task, access: SshAccess, within: float, end: Callable[[], float]) -> LoopPassage:
        """A way to a host through this bastion, in ``within`` seconds once the bastion itself is connected to.

        Not after ``end`` (monotonic clock), which may move. Raises CollectError.
        """
        login = await self._connected(task, end)
        if time.monotonic() >= end():
            raise self.standing.too_late
        if login.transport is None:
            raise RuntimeError("a login that is open has a transport")
        tunnel = LoopTunnel(login.transport, task.wake)
        tunnel.lead(access.address, access.port)
        until = time.monotonic() + within
        try:
            while not (tunnel.is_open or tunnel.refusal or tunnel.is_over):
                await task.pause(min(until, end()))
        except TimeoutError:
            tunnel.close()
            if await self.answers(task, login):
                raise self.standing.no_answer(access.address, access.port) from None
            raise self.standing.lost from None
        if tunnel.refusal:
            raise self.standing.refused(tunnel.refusal, access.address)
        if not tunnel.is_open:
            raise self.standing.lost
        return LoopPassage(tunnel, login)

    async def answers(self, task: Task, login: LoopLogin) -> bool:
        """Whether it lives. One that does not answer when it is asked is hung up on, for every node behind it."""
        transport = login.transport
        if transport is None or self._closed:  # it is ourselves who end it
            return self._closed
        replies, end = transport.replies, time.monotonic() + bastion_standing.ANSWERS_WITHIN
        transport.ask_for_a_word()
        self._listeners.add(task)
        with contextlib.suppress(TimeoutError):
            while transport.is_active() and transport.replies == replies:
                await task.pause(end)
        self._listeners.discard(task)
        if transport.replies != replies:
            return True
        login.abort()
        login.close()
        return False

    def close(self) -> None:
        """End the connection, and any that is in the making."""
        self._closed = True
        if self._dialling:
            self._dialling.give_up()
        if self._login:
            self._login.abort()
            self._login.close()

    async def _connected(self, task: Task, end: Callable[[], float]) -> LoopLogin:
        connecting = self._connecting
        if connecting is None or not (connecting.is_under_way or _is_open(connecting.login)):
            self.standing.must_be_tried()
            connecting = self._connecting = _Connecting()
            self._loop.start(partial(self._live, connecting))
        self._listeners.add(task)
        try:
            while connecting.is_under_way:
                await task.pause(end())
        except TimeoutError:
            raise self.standing.still_connecting from None
        finally:
            self._listeners.discard(task)
        if connecting.error:
            raise CollectError(connecting.error.reason, connecting.error.detail)
        if connecting.login is None:
            raise RuntimeError("an attempt has an end")
        return connecting.login

    async def _live(self, connecting: _Connecting, task: Task) -> None:
        """Connect, and keep the connection until it ends."""
        try:
            login = await self._connect(task)
        except CollectError as error:
            connecting.error = self.standing.failed(error)
        except Exception as error:
            log.exception("bastion cannot be connected to", extra={"bastion": self._hop.name})
            connecting.error = self.standing.failed(CollectError(Reason.INTERNAL, type(error).__name__))
        else:
            connecting.login = login
            self.standing.works()
        self._wake()
        if connecting.login:
            await self._keep(connecting.login, task)
            self._wake()

    async def _connect(self, task: Task) -> LoopLogin:
        """Log in to the bastion itself; it has its own time for it, whoever waits."""
        access, timeouts = self._hop.access, self._means.timeouts
        keys = self._means.keyring.own(self._means.identities_of(access))
        login = self._login = LoopLogin(access, self._means, time.monotonic() + timeouts.visit, task)
        login.on_change = self._wake
        dialling = self._dialling = LoopDialling(task)
        if self._closed:
            self.close()
        connect = access.connect_timeout or timeouts.connect
        try:
            if self._outer:
                passage = await self._outer.passage(task, access, connect, lambda: login.end)
                await login.open(passage.stream, keys)
            else:
                await login.open(await dialling.dial(access, login.until(connect)), keys)
        except CollectError:
            login.close()
            raise
        if not self._closed:
            login.keep(bastion_standing.PATIENCE)
        return login

    async def _keep(self, login: LoopLogin, task: Task) -> None:
        """Have it say something now and then, as long as it does."""
        while _is_open(login) and login.transport:
            ask_at = time.monotonic() + bastion_standing.ASKS_EVERY
            with contextlib.suppress(TimeoutError):
                while _is_open(login):
                    await task.pause(min(ask_at, login.live.deadline))
            if time.monotonic() >= login.live.deadline:
                break
            login.transport.ask_for_a_word()
        login.close()

    def _wake(self) -> None:
        for task in tuple(self._listeners):
            task.wake()


def _is_open(login: LoopLogin | None) -> bool:
    return login is not None and login.transport is not None and login.transport.is_active()
