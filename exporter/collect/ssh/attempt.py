"""One login to one host, whatever drives it: its means, its phases and bounds, and what came of it.

:mod:`exporter.collect.ssh.login` drives it in a thread of its own, :mod:`exporter.collect.ssh.loop` many in one thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import paramiko
from paramiko.ssh_exception import AuthenticationException, BadAuthenticationType

from exporter.collect.ssh import failures
from exporter.collect.ssh.bounded import Bounds, Ending
from exporter.collect.ssh.failures import Phase
from exporter.collect.ssh.fingerprint import fingerprint
from exporter.collect.ssh.host_key import Trust
from exporter.collect.ssh.keyring import Keyring
from exporter.collect.ssh.paramiko_internals import PeerTransport
from exporter.config.settings import IdentityFile
from exporter.config.ssh import Timeouts
from exporter.errors import CollectError, Reason
from exporter.model.node import SshAccess

MOST_KEYS_TRIED = 5  # sshd's MaxAuthTries is 6


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


class Attempt:
    """How far a login has come. Times are on the monotonic clock; the phase's deadline is never beyond ``end``."""

    def __init__(self, access: SshAccess, means: Means, end: float) -> None:
        self._access = access
        self._means = means
        self._check = means.trust(access).of(access)
        self.end = end
        self.phase = Phase.HANDSHAKE
        self.peer: Bounds | None = None
        self.transport: PeerTransport | None = None
        self.host_key = ""  # fingerprint of what the host showed
        self.identity = ""  # fingerprint of the key that was enough
        self._received_before = 0  # bytes, in earlier visits of the same connection

    @property
    def received(self) -> int:
        """Bytes that the host sent during this visit, encrypted."""
        return self.peer.received - self._received_before if self.peer else 0

    @property
    def is_renewed(self) -> bool:
        """Whether an earlier visit logged in."""
        return self._received_before > 0

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
    def live(self) -> Bounds:
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

    def note_host_key(self, key: paramiko.PKey) -> None:
        """For the audit."""
        self.host_key = fingerprint(key.asbytes())

    def took(self, outcome: Callable[[], Sequence[str]], transport: PeerTransport, *, first: bool) -> bool:
        """Whether a key was enough to log in; ``outcome`` is paramiko's, with its exceptions. Raises CollectError."""
        try:
            more = outcome()
        except BadAuthenticationType as error:
            raise CollectError(Reason.AUTH_NO_PUBLICKEY, self._user) from error
        except AuthenticationException:
            self.live.notice_expiry()
            if self.live.ending is Ending.EXPIRED:
                raise CollectError(self.late(Reason.AUTH_TIMEOUT)) from None
            if not transport.is_active() and first and not transport.has_had_enough:
                raise CollectError(self.late(Reason.AUTH_CLOSED), self._user) from None
            return False
        if more and "publickey" not in more:
            raise CollectError(Reason.AUTH_SECOND_FACTOR, f"{self._user}: a key alone is not enough")
        return not more

    @property
    def no_key_was_enough(self) -> CollectError:
        """What is told once every key was tried."""
        return CollectError(Reason.AUTH_FAILED, f"{self._user}: no key was enough to log in")

    @property
    def _user(self) -> str:
        return f"user {self._access.user}"
