"""A verified host that we are logged in to: key exchange, host key, then one list of identities, once.

Nodes and bastions alike. Every step is bounded by :class:`BoundedSocket`'s deadline, which moves with the phase and
never beyond ``end``.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from paramiko.ssh_exception import AuthenticationException, BadAuthenticationType, SSHException

from exporter.collect.ssh import failures
from exporter.collect.ssh.bounded import BoundedSocket, Ending, Stream
from exporter.collect.ssh.failures import Phase
from exporter.collect.ssh.fingerprint import fingerprint
from exporter.collect.ssh.host_key import Trust
from exporter.collect.ssh.keyring import Keyring, LoginKey
from exporter.collect.ssh.paramiko_internals import ClientTransport
from exporter.config.settings import IdentityFile
from exporter.config.ssh import Timeouts
from exporter.errors import CollectError, Reason
from exporter.model.node import SshAccess

MOST_KEYS_TRIED = 5  # sshd's MaxAuthTries is 6
MARGIN = 1.0  # by which paramiko's own time-outs come after ours
_JOIN = 2.0


@dataclass(frozen=True, slots=True)
class Means:
    """What a login needs besides the host: the keys, what is trusted, how long each phase may take, the clock."""

    keyring: Keyring
    trust: Callable[[SshAccess], Trust]
    timeouts: Timeouts
    identities: tuple[IdentityFile, ...] = ()  # of hosts that have none of their own
    identities_only: bool = False
    clock: Callable[[], float] = field(default=time.time)

    def identities_of(self, access: SshAccess) -> tuple[IdentityFile, ...]:
        return self.identities if access.identities is None else access.identities

    def must_have_a_credential(self, access: SshAccess) -> None:
        """Raises CollectError where there is none to log in with now: then nothing is even connected to."""
        self.keyring.check(self.identities_of(access), agent=access.agent)


class Login:
    """One login to one host. :meth:`open` raises CollectError; :meth:`abort` may come from another thread."""

    def __init__(self, access: SshAccess, means: Means, end: float) -> None:
        self._access = access
        self._means = means
        self._check = means.trust(access).of(access)
        self.end = end
        self.phase = Phase.HANDSHAKE
        self.peer: BoundedSocket | None = None
        self.transport: ClientTransport | None = None
        self.host_key = ""  # fingerprint of what the host showed
        self.identity = ""  # fingerprint of the key that was enough

    def open(self, stream: Stream) -> ClientTransport:
        """Log in over a connected stream."""
        timeouts = self._means.timeouts
        banner = self.until(timeouts.banner)
        peer = self.peer = BoundedSocket(stream, banner, self.until(timeouts.banner + timeouts.handshake))
        if self.end == 0.0:
            peer.deadline = 0.0  # aborted meanwhile
        transport = self.transport = ClientTransport(peer)
        try:
            self._handshake(transport)
            key = transport.get_remote_server_key()
            self.host_key = fingerprint(key.asbytes())
            self._check.verify(key)
            self.enter(Phase.AUTH, timeouts.auth)
            self._log_in(transport)
        except (SSHException, EOFError, OSError) as error:
            raise self.failure(error) from error
        return transport

    @property
    def received(self) -> int:
        """Bytes that the host sent, encrypted."""
        return self.peer.received if self.peer else 0

    def close(self) -> None:
        """Hang up, and wait a little for paramiko's thread."""
        if self.peer:
            self.peer.close()
        if self.transport and self.transport.is_alive():  # not its close(), which waits for its thread without end
            self.transport.join(_JOIN)

    def abort(self) -> None:
        """End it at once."""
        self.end = 0.0
        if self.peer:
            self.peer.deadline = 0.0
            self.peer.notice_expiry()

    def enter(self, phase: Phase, timeout: float) -> None:
        """The next phase has ``timeout`` seconds."""
        self.phase = phase
        self.live.deadline = self.until(timeout)

    def until(self, timeout: float) -> float:
        return min(self.end, time.monotonic() + timeout)

    @property
    def left(self) -> float:
        """Seconds until the phase must be over."""
        return max(0.001, min(self.end, self.live.deadline) - time.monotonic())

    @property
    def live(self) -> BoundedSocket:
        if self.peer is None:
            raise RuntimeError("not connected")
        return self.peer

    def failure(self, error: Exception) -> CollectError:
        """Why it failed, as one of ours."""
        if isinstance(error, TimeoutError) and self.phase is Phase.COMMAND:
            return CollectError(self.late(Reason.COMMAND_TIMEOUT))
        reason = self.late(failures.of_conversation(error, self.phase, self.live))
        if reason is Reason.NO_COMMON_ALGORITHM and self.transport:
            return CollectError(reason, failures.missing_algorithm(error, self.transport.offered))
        return CollectError(reason)

    def late(self, reason: Reason) -> Reason:
        """The visit's own deadline is a reason of its own, whichever phase it fell into."""
        timed_out = reason.endswith("_timeout") or reason in (Reason.CONNECTION_LOST, Reason.AUTH_CLOSED)
        return Reason.VISIT_TIMEOUT if timed_out and time.monotonic() >= self.end else reason

    def _handshake(self, transport: ClientTransport) -> None:
        self._check.ask_for_known_kinds(transport)
        done = threading.Event()
        transport.start_client(event=done)
        done.wait(max(0.0, self.end - time.monotonic()) + MARGIN)
        if not transport.is_active():
            raise transport.get_exception() or EOFError("disconnected")
        if not done.is_set():
            raise TimeoutError

    def _log_in(self, transport: ClientTransport) -> None:
        access, means = self._access, self._means
        only = means.identities_only if access.identities_only is None else access.identities_only
        identities = means.identities_of(access)
        transport.auth_timeout = self.left + MARGIN
        with means.keyring.keys(identities, lambda: self.left, agent=access.agent, identities_only=only) as keys:
            for number, key in enumerate(itertools.islice(keys, MOST_KEYS_TRIED)):
                if self._accepts(transport, key, first=number == 0):
                    self.identity = key.fingerprint
                    return
                if not transport.is_active():  # sshd's MaxAuthTries
                    break
        raise CollectError(Reason.AUTH_FAILED, f"user {access.user}: no key was enough to log in")

    def _accepts(self, transport: ClientTransport, key: LoginKey, *, first: bool) -> bool:
        try:
            more = transport.auth_publickey(self._access.user, key.key)
        except BadAuthenticationType as error:
            raise CollectError(Reason.AUTH_NO_PUBLICKEY, f"user {self._access.user}") from error
        except AuthenticationException:
            self.live.notice_expiry()
            if self.live.ending is Ending.EXPIRED:
                raise CollectError(self.late(Reason.AUTH_TIMEOUT)) from None
            if not transport.is_active() and first and not transport.has_had_enough:
                raise CollectError(self.late(Reason.AUTH_CLOSED), f"user {self._access.user}") from None
            return False
        if more and "publickey" not in more:
            raise CollectError(Reason.AUTH_SECOND_FACTOR, f"user {self._access.user}: a key alone is not enough")
        return not more
