"""A look at the certificate that the kubelet serves with, in the loop.

What :class:`exporter.collect.ssh.kubelet_port.KubeletPort` does in a thread.
"""

from __future__ import annotations

import time
from dataclasses import replace

from exporter.collect.handshake import Hello, Outcome
from exporter.collect.ssh import kubelet_port
from exporter.collect.ssh.loop.bastion import LoopBastion
from exporter.collect.ssh.loop.dialling import LoopDialling
from exporter.collect.ssh.loop.reactor import Task
from exporter.collect.ssh.loop.stream import LoopStream
from exporter.errors import CollectError, Reason
from exporter.model.facts import Handshake
from exporter.model.node import SshAccess


class LoopKubeletPort:
    """One handshake with one port. :meth:`look` never raises for what the network does."""

    def __init__(self, access: SshAccess, port: int, bastion: LoopBastion | None, task: Task) -> None:
        self._access = replace(access, port=port)
        self._bastion = bastion
        self._task = task
        self._dialling = LoopDialling(task)
        self._end = 0.0

    async def look(self, end: float) -> Outcome:
        """How it ended, and the certificate in DER; not after ``end`` (monotonic clock), when the visit is over."""
        self._end = min(end, time.monotonic() + kubelet_port.PATIENCE)
        try:
            stream = await self._connect()
        except CollectError as error:
            return kubelet_port.without_connection(error.reason), None
        greeter = _Greeter(stream, self._task)
        try:
            while greeter.outcome is None:
                await self._task.pause(self._end)
        except TimeoutError:
            return Handshake.NO_ANSWER, None
        finally:
            greeter.close()
        return greeter.outcome

    def close(self) -> None:
        """End it at once."""
        self._end = 0.0
        self._dialling.give_up()

    async def _connect(self) -> LoopStream:
        access = self._access
        if time.monotonic() >= self._end:
            raise CollectError(Reason.CONNECT_TIMEOUT)
        if self._bastion:
            return (await self._bastion.passage(self._task, access, kubelet_port.PATIENCE, lambda: self._end)).stream
        return await self._dialling.dial(access, self._end)


class _Greeter:
    """A handshake with what is at a stream's other end."""

    def __init__(self, stream: LoopStream, task: Task) -> None:
        self._stream = stream
        self._task = task
        self._hello = Hello()
        stream.send(self._hello.words())
        stream.receiver = self

    @property
    def outcome(self) -> Outcome | None:
        return self._hello.outcome

    def received(self, data: bytes) -> None:
        if self.outcome is None:
            self._hello.hear(data)
            self._stream.send(self._hello.words())
            self._task.wake()

    def broke(self, error: OSError) -> None:  # noqa: ARG002 - whatever it was
        self.received(b"")

    def close(self) -> None:
        self._stream.close()
