"""A login in the loop: key exchange, host key, then the identities, once. Nodes and bastions alike."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from paramiko.ssh_exception import SSHException

from exporter.collect.ssh.attempt import MOST_KEYS_TRIED, Attempt, Means
from exporter.collect.ssh.bounded import HANDSHAKE_BUDGET, Bounds
from exporter.collect.ssh.failures import Phase
from exporter.collect.ssh.keyring import LoginKey
from exporter.collect.ssh.loop.connection import Connection
from exporter.collect.ssh.loop.reactor import Task
from exporter.collect.ssh.loop.stream import LoopStream
from exporter.collect.ssh.paramiko_stepped import SteppedTransport
from exporter.model.node import SshAccess


class LoopLogin(Attempt):
    """One login to one host, for one task of the loop, by keys of files. :meth:`open` raises CollectError."""

    transport: SteppedTransport | None

    def __init__(self, access: SshAccess, means: Means, end: float, task: Task) -> None:
        super().__init__(access, means, end)
        self._task = task
        self._connection: Connection | None = None
        self.began = time.monotonic()
        self.on_change: Callable[[], None] = lambda: None  # is told, besides the task, whenever something has come

    async def open(self, stream: LoopStream, keys: Sequence[LoginKey]) -> SteppedTransport:
        """Log in over a connected stream."""
        timeouts = self._means.timeouts
        bounds = Bounds(self.until(timeouts.banner), self.until(timeouts.banner + timeouts.handshake))
        self.peer = bounds
        connection = self._connection = Connection(stream, bounds, self._changed)
        transport = self.transport = connection.transport
        try:
            self._check.ask_for_known_kinds(transport)
            connection.begin()
            await self.until_true(lambda: transport.initial_kex_done)
            await self._verify(transport)
            self.enter(Phase.AUTH, timeouts.auth)
            await self._log_in(transport, keys)
        except (SSHException, EOFError, OSError) as error:
            raise self.failure(error) from error
        return transport

    async def until_true(self, condition: Callable[[], bool]) -> None:
        """Wait for something that the peer says. Raises what ended the connection, TimeoutError at the phase's end."""
        while not condition():
            if self._connection is None:
                raise RuntimeError("not connected")
            self._connection.must_live()
            await self._task.pause(min(self.end, self.live.deadline))

    def keep(self, patience: float) -> None:
        """From now on it may last, as long as something comes within each ``patience`` seconds."""
        self.end = math.inf
        self.live.patience = patience
        self.live.deadline = time.monotonic() + patience

    def pass_to(self, task: Task) -> None:
        """Belong to another task; the one before goes on once more."""
        self._task.wake()
        self._task = task

    def wake(self) -> None:
        """Have the task that it belongs to look again."""
        self._task.wake()

    def rest(self, until: float) -> None:
        """A visit is over: stay open for another. What the peer still says is heard, as far as it is little.

        What it ended by, if it has, is raised where it is waited for.
        """
        self.end = self.live.deadline = until
        self.live.budget = HANDSHAKE_BUDGET
        if self._connection:
            self._connection.go_on()

    def renew(self, end: float) -> None:
        """A further visit begins, which has until ``end``."""
        self.rest(end)
        self._received_before = self.live.received

    def close(self) -> None:
        """Hang up."""
        if self._connection:
            self._connection.close()

    def abort(self) -> None:
        """End it at once."""
        self.end = 0.0
        if self.peer:
            self.peer.deadline = 0.0
            self.peer.notice_expiry()
        self._task.wake()

    def _changed(self) -> None:
        self._task.wake()
        self.on_change()

    async def _verify(self, transport: SteppedTransport) -> None:
        key = transport.get_remote_server_key()
        self.note_host_key(key)
        if self._check.may_be_kept:
            await self._task.aside(lambda: self._check.verify(key), lambda: self.live.deadline)  # it writes a file
        else:
            self._check.verify(key)

    async def _log_in(self, transport: SteppedTransport, keys: Sequence[LoginKey]) -> None:
        for number, key in enumerate(keys[:MOST_KEYS_TRIED]):
            transport.offer_key(self._access.user, key.key)
            await self.until_true(lambda: transport.is_decided)
            if self.took(transport.verdict, transport, first=number == 0):
                self.identity = key.fingerprint
                return
            if not transport.is_active():  # sshd's MaxAuthTries
                break
        raise self.no_key_was_enough
