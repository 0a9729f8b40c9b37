"""Bastions, each with a thread: one verified connection, kept alive and shared by every node behind it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from paramiko.ssh_exception import ChannelException, SSHException

from exporter.collect.ssh import bastion_standing as standing
from exporter.collect.ssh.attempt import Means
from exporter.collect.ssh.bastion_standing import Standing, Standings
from exporter.collect.ssh.dialling import Dialling
from exporter.collect.ssh.login import Login
from exporter.collect.ssh.paramiko_threaded import Tunnel
from exporter.errors import CollectError
from exporter.model.node import Hop

_LOOKS_EVERY = 0.02


@dataclass(frozen=True, slots=True)
class Passage:
    """A way through a bastion: the stream, and the connection to the bastion that it is part of."""

    stream: Tunnel
    login: Login

    def is_open(self) -> bool:
        """Whether the bastion still says something when it is asked to; it has two seconds for it."""
        return _answers(self.login)


class Bastions:
    """Every bastion that was asked for. Safe to share between threads."""

    def __init__(self, means: Means, standings: Standings) -> None:
        self._means = means
        self._standings = standings
        self._lock = threading.Lock()
        self._known: dict[Hop, Bastion] = {}
        self._closed = False

    def of(self, hop: Hop) -> Bastion:
        with self._lock:
            if hop not in self._known:
                outer = hop.access.via
                known = self._standings.of(hop)
                bastion = Bastion(hop, self._means, known, None if outer is None else lambda: self.of(outer))
                self._known[hop] = bastion
                if self._closed:
                    bastion.close()
            return self._known[hop]

    def close(self) -> None:
        """End every connection, and each that would begin later."""
        with self._lock:
            self._closed = True
            known = tuple(self._known.values())
        for bastion in known:
            bastion.close()


class Bastion:
    """One bastion, and the connection to it while there is one."""

    def __init__(self, hop: Hop, means: Means, known: Standing, outer: Callable[[], Bastion] | None) -> None:
        self._hop = hop
        self._means = means
        self._standing = known
        self._outer = outer
        self._lock = threading.Lock()
        self._login: Login | None = None
        self._dialling: Dialling | None = None
        self._closed = False

    def passage(self, address: str, port: int, within: float, end: float) -> Passage:
        """A way to ``address`` through this bastion, in ``within`` seconds once the bastion itself is connected to.

        Not after ``end`` (monotonic clock). Raises CollectError.
        """
        login = self._connected(lambda: end - time.monotonic())
        if time.monotonic() >= end:
            raise self._standing.too_late
        transport = login.transport
        if transport is None:
            raise RuntimeError("a login that is open has a transport")
        try:
            timeout = max(0.001, min(within, end - time.monotonic()))
            return Passage(transport.tunnel((address, port), timeout), login)
        except ChannelException as error:
            raise self._standing.refused(error, address) from error
        except (SSHException, EOFError, OSError) as error:
            if _answers(login):
                raise self._standing.no_answer(address, port) from error
            raise self.lost from error

    @property
    def lost(self) -> CollectError:
        """What a node is told whose visit the bastion's end cut short."""
        return self._standing.lost

    def close(self) -> None:
        """End the connection, and any that is in the making."""
        self._closed = True
        if self._dialling:
            self._dialling.give_up()
        if self._login:
            self._login.abort()
            self._login.close()

    def _connected(self, left: Callable[[], float]) -> Login:
        if not self._lock.acquire(timeout=max(0.001, left())):
            raise self._standing.still_connecting
        try:
            if self._login and self._login.transport and self._login.transport.is_active():
                return self._login
            self._standing.must_be_tried()
            try:
                self._login = self._connect()
            except CollectError as error:
                raise self._standing.failed(error) from error
            self._standing.works()
            return self._login
        finally:
            self._lock.release()

    def _connect(self) -> Login:
        """Log in to the bastion itself; it has its own time for it, whoever waits."""
        access, timeouts = self._hop.access, self._means.timeouts
        self._means.must_have_a_credential(access)
        if self._login:
            self._login.close()
        login = self._login = Login(access, self._means, time.monotonic() + timeouts.visit)
        if self._closed:
            login.abort()
        connect = access.connect_timeout or timeouts.connect
        try:
            if self._outer:
                transport = login.open(self._outer().passage(access.address, access.port, connect, login.end).stream)
            else:
                self._dialling = Dialling()
                end = login.until(connect)
                transport = login.open(self._dialling.dial(access, lambda: min(end, login.end) - time.monotonic()))
        except CollectError:
            login.close()
            raise
        login.live.patience, login.end = standing.PATIENCE, 0.0 if self._closed else float("inf")
        login.live.deadline = 0.0 if self._closed else time.monotonic() + standing.PATIENCE
        transport.ask_for_life(standing.ASKS_EVERY)
        return login


def _answers(login: Login) -> bool:
    """Whether a bastion lives. One that does not answer is hung up on, for every node behind it."""
    transport = login.transport
    if transport is None:
        return False
    replies, end = transport.replies, time.monotonic() + standing.ANSWERS_WITHIN
    with contextlib.suppress(SSHException, EOFError, OSError):  # it is gone: then it says nothing
        transport.ask_for_a_word()
    while transport.is_active() and transport.replies == replies and time.monotonic() < end:
        time.sleep(_LOOKS_EVERY)
    if transport.replies != replies:
        return True
    login.abort()
    login.close()
    return False
