"""One visit in the loop: reach the node, log in, have the node script run, and read its answer.

What :class:`exporter.collect.ssh.conversation.Conversation` does in a thread, with the same bounds and reasons.
"""

from __future__ import annotations

import contextlib
import time
from functools import partial

from paramiko.ssh_exception import SSHException

from exporter.collect.answer.answer import LONGEST_LINE, is_whole
from exporter.collect.ssh.attempt import Means
from exporter.collect.ssh.command import BUDGET, WAITS_FOR_STATUS, command, fed, must_fit, must_not_be_refused
from exporter.collect.ssh.failures import Phase, may_be_cut_off
from exporter.collect.ssh.loop.bastion import LoopBastion, LoopPassage
from exporter.collect.ssh.loop.dialling import LoopDialling
from exporter.collect.ssh.loop.kubelet_port import LoopKubeletPort
from exporter.collect.ssh.loop.login import LoopLogin
from exporter.collect.ssh.loop.reactor import Task
from exporter.collect.ssh.loop.session import Session
from exporter.collect.ssh.loop.stream import LoopStream
from exporter.collect.ssh.output import Output
from exporter.collect.ssh.paramiko_stepped import SteppedTransport
from exporter.errors import CollectError, Reason
from exporter.model.facts import Handshake
from exporter.model.node import SshAccess

_KEPT_ANSWERS_WITHIN = 3.0  # seconds; a connection that was cut off on the way says nothing at all


class LoopConversation:
    """One SSH connection to one node. :meth:`run` raises CollectError; all of it belongs to the loop's thread."""

    def __init__(
        self, access: SshAccess, means: Means, bastion: LoopBastion | None, task: Task, kept: LoopLogin | None = None
    ) -> None:
        """``kept`` is a login of an earlier visit, whose connection is tried first."""
        self._access = access
        self._means = means
        self._bastion = bastion
        self._task = task
        self._dialling = LoopDialling(task)
        self._passage: LoopPassage | None = None
        self._kubelet_port: LoopKubeletPort | None = None
        end = time.monotonic() + means.timeouts.visit
        self.login = kept or LoopLogin(access, means, end, task)
        if kept:
            kept.renew(end)

    async def run(self, script: str, *, stays: bool = False) -> Output:
        """Log in, run the node script (sent, or installed there), return what it printed.

        The connection is closed then, unless all went well and it ``stays``.
        """
        is_well = False
        try:
            session = await self._session_of_kept() if self.login.is_renewed else None
            session = session or await self._session()
            output = await self._execute(session, script)
            if stays:
                session.close()
            is_well = stays
        except (SSHException, EOFError, OSError) as error:
            raise await self._blaming_the_bastion(self.login.failure(error)) from error
        except CollectError as error:
            raise await self._blaming_the_bastion(error) from error
        finally:
            if not is_well:
                self.login.close()
        return output

    def close(self) -> None:
        """End the conversation at once."""
        self.login.abort()
        self._dialling.give_up()
        if self._kubelet_port:
            self._kubelet_port.close()

    async def look_at(self, port: int) -> tuple[Handshake, bytes | None]:
        """What the kubelet serves with at ``port``, in what is left of the visit: the outcome, and DER."""
        self._kubelet_port = LoopKubeletPort(self._access, port, self._bastion, self._task)
        return await self._kubelet_port.look(self.login.end)

    async def _connect(self) -> LoopStream:
        login, access = self.login, self._access
        within = access.connect_timeout or self._means.timeouts.connect
        try:
            if self._bastion:
                self._passage = await self._bastion.passage(self._task, access, within, lambda: login.end)
                return self._passage.stream
            return await self._dialling.dial(access, login.until(within))
        except CollectError as error:
            raise CollectError(login.late(error.reason), error.detail) from error

    async def _blaming_the_bastion(self, error: CollectError) -> CollectError:
        """A connection that ended, or fell silent, because the bastion's did is not the node's fault."""
        bastion, passage = self._bastion, self._passage
        if bastion is None or passage is None:
            return error
        if not may_be_cut_off(error, self.login.peer, has_ended=passage.stream.has_ended):
            return error
        return error if await bastion.answers(self._task, passage.login) else bastion.standing.lost

    async def _session_of_kept(self) -> Session | None:
        """By the connection of an earlier visit; where it is not good any more a new login is due, and nothing ran."""
        login = self.login
        try:
            return await self._opened(login.transport, min(_KEPT_ANSWERS_WITHIN, self._means.timeouts.command))
        except (SSHException, EOFError, OSError):  # a TimeoutError is one
            login.close()
            self.login = LoopLogin(self._access, self._means, login.end, self._task)
            return None

    async def _session(self) -> Session:
        login = self.login
        keys = self._means.keyring.own(self._means.identities_of(self._access))
        return await self._opened(await login.open(await self._connect(), keys), self._means.timeouts.command)

    async def _opened(self, transport: SteppedTransport | None, within: float) -> Session:
        login = self.login
        if transport is None:
            raise EOFError("no connection")
        login.enter(Phase.COMMAND, within)
        login.live.budget = BUDGET
        channel = Session(transport, login.wake)
        channel.open("session")
        await login.until_true(lambda: channel.is_open or channel.refusal is not None)
        if channel.refusal:
            raise channel.refusal
        return channel

    async def _execute(self, channel: Session, script: str) -> Output:
        login, access = self.login, self._access
        if login.is_renewed:
            login.enter(Phase.COMMAND, self._means.timeouts.command)
        asked = self._means.clock()
        channel.execute(command(access))
        await login.until_true(lambda: channel.runs is not None or channel.was_closed)
        if not channel.runs:
            raise CollectError(Reason.SESSION_REFUSED)
        channel.send(fed(access, script))
        channel.finish()
        text, answered = await self._read(channel)
        if not is_whole(text):
            await self._refuse(channel, text)
        return Output(text, asked, answered)

    async def _read(self, channel: Session) -> tuple[bytes, float]:
        text = channel.output
        answered = self._means.clock() if text else 0.0  # a quick node's may be there already, even whole
        while not is_whole(bytes(text[-LONGEST_LINE:])):
            await self.login.until_true(partial(channel.has_more_than, len(text)))
            answered = answered or self._means.clock()
            must_fit(len(text))
            if channel.was_closed and not channel.has_ended:
                raise EOFError("the connection ended, not the output")
            if channel.has_ended:
                break
        return bytes(text), answered

    async def _refuse(self, channel: Session, text: bytes) -> None:
        """Raises CollectError where the command itself said why it gives no answer."""
        until = min(self.login.live.deadline, time.monotonic() + WAITS_FOR_STATUS)
        with contextlib.suppress(TimeoutError):
            while channel.status is None and not channel.is_over:
                await self._task.pause(until)
        must_not_be_refused(self._access, text, channel.error, channel.status)
