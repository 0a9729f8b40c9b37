"""A TCP connection to a host, made in the loop, by any of its addresses."""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import socket
import time

from exporter.collect.ssh.dialling import FAMILIES
from exporter.collect.ssh.failures import of_connect
from exporter.collect.ssh.loop.reactor import Task
from exporter.collect.ssh.loop.stream import TcpStream
from exporter.collect.ssh.resolving import SocketAddress, begin_lookup, busy, is_literal, lookup, too_late
from exporter.errors import CollectError
from exporter.model.node import SshAccess

_LOOKS_EVERY = 0.1  # whether the resolver is still busy


class LoopDialling:
    """One attempt to reach one host."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._given_up = False
        self._is_ready = False

    def give_up(self) -> None:
        """End it at once."""
        self._given_up = True
        self._task.wake()

    async def dial(self, access: SshAccess, end: float) -> TcpStream:
        """A connected stream, not after ``end`` (monotonic clock). Raises CollectError."""
        error: OSError = TimeoutError("no address")
        found = await self._resolve(access, end)
        for tried, (family, address) in enumerate(found):
            left = end - time.monotonic()
            if left <= 0 or self._given_up:
                break
            try:  # an address that swallows packets leaves the others their share
                within = time.monotonic() + left / (len(found) - tried)
                return TcpStream(self._task.loop, await self._connect(family, address, access.bind_address, within))
            except OSError as failed:
                error = failed
        raise CollectError(of_connect(error), f"{access.address} port {access.port}") from error

    async def _connect(
        self,
        family: socket.AddressFamily,
        address: tuple[str | int | bytes, ...],
        bind_address: str | None,
        within: float,
    ) -> socket.socket:
        connecting = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            if bind_address:
                connecting.bind((bind_address, 0))
            connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            code = connecting.connect_ex(address)
            if code == errno.EINPROGRESS:
                code = await self._connected(connecting, within)
            _must_be_none(code)
        except OSError:
            self._task.loop.watch(connecting, 0, self._ready)
            connecting.close()
            raise
        return connecting

    async def _connected(self, connecting: socket.socket, within: float) -> int:
        """The error with which it ended; 0 for none."""
        self._is_ready = False
        self._task.loop.watch(connecting, selectors.EVENT_WRITE, self._ready)
        while not self._is_ready:
            if self._given_up:
                raise TimeoutError
            await self._task.pause(within)
        return connecting.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def _ready(self, _events: int) -> None:
        self._is_ready = True
        self._task.wake()

    async def _resolve(self, access: SshAccess, end: float) -> list[SocketAddress]:
        host, port, family = access.address, access.port, FAMILIES[access.address_family]
        if is_literal(host):
            return lookup(host, port, family)
        outcome: list[list[SocketAddress] | CollectError] = []

        def told(result: list[SocketAddress] | CollectError) -> None:
            outcome.append(result)
            self._task.loop.soon(self._task.wake)

        while not begin_lookup(host, port, family, told):
            if time.monotonic() >= end or self._given_up:
                raise busy(host)
            with contextlib.suppress(TimeoutError):
                await self._task.pause(min(end, time.monotonic() + _LOOKS_EVERY))
        while not outcome:
            if self._given_up:
                raise too_late(host)
            try:
                await self._task.pause(end)
            except TimeoutError:
                raise too_late(host) from None
        if isinstance(outcome[0], CollectError):
            raise outcome[0]
        return outcome[0]


def _must_be_none(code: int) -> None:
    """Raises the OSError of its kind where there is an error."""
    if code:
        raise OSError(code, os.strerror(code))
