"""Bastions: one verified connection each, kept alive and shared by every node behind it.

A bastion that cannot be used is tried again once for all of its nodes: until then each is told the same reason at once.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from paramiko.ssh_exception import ChannelException, SSHException

from exporter.collect.ssh.dialling import Dialling
from exporter.collect.ssh.attempt import Means
from exporter.collect.ssh.login import Login
from exporter.collect.ssh.paramiko_internals import Tunnel
from exporter.errors import CollectError, Reason
from exporter.model.node import Hop

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE, LONG_PAUSE = 60.0, 600.0, 3600.0
ASKS_EVERY, PATIENCE = 15.0, 45.0  # a bastion that says nothing for so long is gone
ANSWERS_WITHIN = 2.0  # when it is asked whether it lives
_LOOKS_EVERY = 0.02
_OURS = (Reason.SSH_CREDENTIAL_EXPIRED, Reason.SSH_CREDENTIAL_UNUSABLE, Reason.AGENT_FAILED)
_CONNECT_FAILED = 2  # RFC 4254, 5.1
_SAID = (
    ("refused", Reason.CONNECTION_REFUSED),
    ("timed out", Reason.CONNECT_TIMEOUT),
    ("resolve", Reason.NAME_NOT_RESOLVED),
    ("resolution", Reason.NAME_NOT_RESOLVED),
    ("not known", Reason.NAME_NOT_RESOLVED),
)


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

    def __init__(self, means: Means) -> None:
        self._means = means
        self._lock = threading.Lock()
        self._known: dict[Hop, Bastion] = {}
        self._closed = False

    def of(self, hop: Hop) -> Bastion:
        with self._lock:
            if hop not in self._known:
                outer = hop.access.via
                bastion = Bastion(hop, self._means, None if outer is None else lambda: self.of(outer))
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

    def __init__(self, hop: Hop, means: Means, outer: Callable[[], Bastion] | None) -> None:
        self._hop = hop
        self._means = means
        self._outer = outer
        self._lock = threading.Lock()
        self._login: Login | None = None
        self._dialling: Dialling | None = None
        self._failure: CollectError | None = None
        self._failures = 0
        self._again_at = 0.0  # monotonic
        self._closed = False

    def passage(self, address: str, port: int, within: float, end: float) -> Passage:
        """A way to ``address`` through this bastion, in ``within`` seconds once the bastion itself is connected to.

        Not after ``end`` (monotonic clock). Raises CollectError.
        """
        login = self._connected(lambda: end - time.monotonic())
        if time.monotonic() >= end:
            raise CollectError(Reason.BASTION_UNREACHABLE, f"{self._hop.name}: connected to too late for this visit")
        transport = login.transport
        if transport is None:
            raise RuntimeError("a login that is open has a transport")
        try:
            timeout = max(0.001, min(within, end - time.monotonic()))
            return Passage(transport.tunnel((address, port), timeout), login)
        except ChannelException as error:
            raise self._refused(error, address) from error
        except (SSHException, EOFError, OSError) as error:
            if _answers(login):
                raise CollectError(Reason.CONNECT_TIMEOUT, f"{address} port {port} from {self._hop.name}") from error
            raise self.lost from error

    @property
    def lost(self) -> CollectError:
        """What a node is told whose visit the bastion's end cut short."""
        return CollectError(Reason.BASTION_UNREACHABLE, f"{self._hop.name}: the connection to it died")

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
            raise CollectError(Reason.BASTION_UNREACHABLE, f"{self._hop.name}: still being connected to")
        try:
            if self._login and self._login.transport and self._login.transport.is_active():
                return self._login
            if self._failure and time.monotonic() < self._again_at:
                raise CollectError(self._failure.reason, self._failure.detail)
            try:
                self._login = self._connect()
            except CollectError as error:
                if error.reason in _OURS:
                    raise  # mended by us, and for every host at once: the next visit asks again
                raise self._failed(error) from error
            if self._failure:
                log.info("bastion can be used again", extra={"bastion": self._hop.name})
            self._failure, self._failures = None, 0
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
        login.live.patience, login.end = PATIENCE, 0.0 if self._closed else float("inf")
        login.live.deadline = 0.0 if self._closed else time.monotonic() + PATIENCE
        transport.ask_for_life(ASKS_EVERY)
        return login

    def _failed(self, error: CollectError) -> CollectError:
        reason = _of_bastion(error.reason)
        detail = f"{self._hop.name}: {error.reason}" + (f": {error.detail}" if error.detail else "")
        before, self._failure = self._failure, CollectError(reason, detail)
        pause = (
            LONG_PAUSE if reason.backs_off_long else min(FIRST_PAUSE * 2.0 ** min(self._failures, 30), LONGEST_PAUSE)
        )
        self._failures += 1
        self._again_at = time.monotonic() + pause
        if not self._closed and (before is None or before.reason is not reason):
            log.warning(
                "bastion cannot be used", extra={"bastion": self._hop.name, "reason": str(reason), "detail": detail}
            )
        return self._failure

    def _refused(self, error: ChannelException, address: str) -> CollectError:
        """The bastion is there: either it will not forward, or the node is not to be reached from it."""
        detail = f"{address} from {self._hop.name}"
        if error.code != _CONNECT_FAILED:
            return CollectError(Reason.BASTION_REFUSED, detail)
        said = error.text.lower()
        return CollectError(next((reason for word, reason in _SAID if word in said), Reason.UNREACHABLE), detail)


def _answers(login: Login) -> bool:
    """Whether a bastion lives. One that does not answer is hung up on, for every node behind it."""
    transport = login.transport
    if transport is None:
        return False
    replies, end = transport.replies, time.monotonic() + ANSWERS_WITHIN
    with contextlib.suppress(SSHException, EOFError, OSError):  # it is gone: then it says nothing
        transport.ask_for_a_word()
    while transport.is_active() and transport.replies == replies and time.monotonic() < end:
        time.sleep(_LOOKS_EVERY)
    if transport.replies != replies:
        return True
    login.abort()
    login.close()
    return False


def _of_bastion(reason: Reason) -> Reason:
    """What a bastion's own failure means to the nodes behind it."""
    if reason.is_of_bastion:  # an outer one's
        return reason
    if reason.startswith(("host_key_", "host_certificate_")):
        return Reason.BASTION_HOST_KEY
    return Reason.BASTION_AUTH_FAILED if reason.is_refused_login else Reason.BASTION_UNREACHABLE
