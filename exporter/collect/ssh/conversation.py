"""One login, one command: connect, verify the host key, authenticate, run the node script, and read its answer.

Every step is bounded by :class:`BoundedSocket`'s deadline, which moves with the phase and never beyond the visit's own.
"""

from __future__ import annotations

import math
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import paramiko
from paramiko.packet import Packetizer
from paramiko.ssh_exception import AuthenticationException, BadAuthenticationType, SSHException

from exporter.collect.answer import LARGEST_ANSWER, is_whole
from exporter.collect.ssh import host_key
from exporter.collect.ssh.bounded import BoundedSocket, Ending, hang_up
from exporter.collect.ssh.failures import Phase, of_connect, of_conversation
from exporter.collect.ssh.identity import Credentials
from exporter.collect.ssh.known_hosts import Known
from exporter.collect.ssh.resolving import resolve
from exporter.config.schema import Timeouts
from exporter.errors import CollectError, Reason
from exporter.model.node import SshAccess

COMMAND = "/bin/sh -s"
MOST_KEYS_TRIED = 5  # sshd's MaxAuthTries is 6
_BITE = 32 * 1024
_JOIN = 2.0
_MARGIN = 1.0  # by which paramiko's own time-outs come after ours


class _Packetizer(Packetizer):
    """Without paramiko's own time-outs for banner and handshake: the socket has its deadline."""

    def start_handshake(self, timeout: float) -> None:
        pass

    def readline(self, _timeout: float) -> str:
        return super().readline(math.inf)


class _Transport(paramiko.Transport):
    """A hostile peer's bytes make paramiko's thread raise anything: what is not its own is named as such."""

    def get_exception(self) -> Exception | None:
        error = super().get_exception()
        if error is None or isinstance(error, (SSHException, EOFError, OSError)):
            return error
        return SSHException(type(error).__name__)


@dataclass(frozen=True, slots=True)
class Output:
    """What the command printed, and the exporter's clock just before and just after (epoch seconds)."""

    text: bytes
    asked: float
    answered: float


class Conversation:
    """One SSH connection to one node. :meth:`run` raises CollectError; :meth:`close` may come from another thread."""

    def __init__(self, access: SshAccess, known: Known, timeouts: Timeouts, clock: Callable[[], float]) -> None:
        self._access = access
        self._known = known
        self._timeouts = timeouts
        self._clock = clock
        self._end = time.monotonic() + timeouts.visit
        self._phase = Phase.HANDSHAKE
        self._connecting: socket.socket | None = None
        self._peer: BoundedSocket | None = None

    def run(self, script: str, credentials: Credentials) -> Output:
        """Log in, feed ``script`` to a shell, return what it printed."""
        peer = self._peer = self._connect()
        transport = _Transport(peer, packetizer_class=_Packetizer)  # type: ignore[arg-type]  # a socket to paramiko
        try:
            self._handshake(transport)
            host_key.verify(transport.get_remote_server_key(), self._access, self._known)
            self._enter(Phase.AUTH, self._timeouts.auth)
            self._log_in(transport, credentials)
            self._enter(Phase.COMMAND, self._timeouts.command)
            peer.budget = 2 * LARGEST_ANSWER
            return self._execute(transport, script)
        except (SSHException, EOFError, OSError) as error:
            raise CollectError(self._reason(error)) from error
        finally:
            peer.close()
            if transport.is_alive():  # not transport.close(), which waits for its thread without end
                transport.join(_JOIN)

    def close(self) -> None:
        """End the conversation at once."""
        self._end = 0.0
        if self._peer:
            self._peer.deadline = 0.0
            self._peer.notice_expiry()
        if self._connecting:
            hang_up(self._connecting)

    def _connect(self) -> BoundedSocket:
        deadline = self._until(self._timeouts.connect)
        error: OSError = TimeoutError("no address")

        def left() -> float:
            return min(deadline, self._end) - time.monotonic()

        for family, address in resolve(self._access.address, self._access.port, left):
            if left() <= 0:
                break
            connected = self._connecting = socket.socket(family, socket.SOCK_STREAM)
            try:
                connected.settimeout(max(0.001, left()))
                connected.connect(address)
                connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                banner = self._until(self._timeouts.banner)
                return BoundedSocket(connected, banner, self._until(self._timeouts.banner + self._timeouts.handshake))
            except OSError as failed:
                connected.close()
                error = failed
        raise CollectError(self._late(of_connect(error)), f"{self._access.address} port {self._access.port}") from error

    def _handshake(self, transport: paramiko.Transport) -> None:
        kinds = host_key.pinned_kinds(self._access) if self._access.host_keys else self._known.kinds
        host_key.ask_for_known_kinds(transport, kinds)
        done = threading.Event()
        transport.start_client(event=done)
        done.wait(max(0.0, self._end - time.monotonic()) + _MARGIN)
        if not transport.is_active():
            raise transport.get_exception() or EOFError("disconnected")
        if not done.is_set():
            raise TimeoutError

    def _log_in(self, transport: paramiko.Transport, credentials: Credentials) -> None:
        transport.auth_timeout = self._left() + _MARGIN
        with credentials.all(self._left()) as keys:
            for number, key in enumerate(keys[:MOST_KEYS_TRIED]):
                if self._accepts(transport, key, first=number == 0):
                    return
        raise CollectError(Reason.AUTH_FAILED, f"user {self._access.user}: no key was enough to log in")

    def _accepts(self, transport: paramiko.Transport, key: paramiko.PKey, *, first: bool) -> bool:
        try:
            return not transport.auth_publickey(self._access.user, key)
        except BadAuthenticationType as error:
            raise CollectError(Reason.AUTH_FAILED, "no public-key logins") from error
        except AuthenticationException:
            self._live().notice_expiry()
            if self._live().ending is Ending.EXPIRED:
                raise CollectError(self._late(Reason.AUTH_TIMEOUT)) from None
            if not transport.is_active() and first:  # later it is sshd's MaxAuthTries
                raise CollectError(self._late(Reason.CONNECTION_LOST), "closed during authentication") from None
            return False

    def _execute(self, transport: paramiko.Transport, script: str) -> Output:
        channel = transport.open_session(timeout=self._left() + _MARGIN)
        asked = self._clock()
        try:
            channel.exec_command(COMMAND)
        except SSHException as error:
            reason = of_conversation(error, self._phase, self._live())
            refused = reason in (Reason.PROTOCOL_ERROR, Reason.CONNECTION_LOST) and transport.is_active()
            raise CollectError(Reason.SESSION_REFUSED if refused else self._late(reason)) from error
        self._feed(channel, script)
        return self._read(channel, asked)

    def _feed(self, channel: paramiko.Channel, script: str) -> None:
        channel.settimeout(self._left())
        try:
            channel.sendall(script.encode("ascii"))
            channel.shutdown_write()
        except TimeoutError:
            raise
        except OSError:
            return  # the command closed its input unread, or all is lost: reading tells which

    def _read(self, channel: paramiko.Channel, asked: float) -> Output:
        text, answered = bytearray(), 0.0
        while not is_whole(bytes(text)):
            channel.settimeout(self._left())
            data = channel.recv(_BITE)
            answered = answered or self._clock()
            if not data:
                if not channel.eof_received:
                    raise EOFError("the connection ended, not the output")
                break
            text += data
            if len(text) > LARGEST_ANSWER:
                raise CollectError(Reason.OUTPUT_TOO_LARGE, f"more than {LARGEST_ANSWER} bytes")
        return Output(bytes(text), asked, answered)

    def _enter(self, phase: Phase, timeout: float) -> None:
        self._phase = phase
        self._live().deadline = self._until(timeout)

    def _until(self, timeout: float) -> float:
        return min(self._end, time.monotonic() + timeout)

    def _left(self) -> float:
        """Seconds until the phase must be over."""
        return max(0.001, min(self._end, self._live().deadline) - time.monotonic())

    def _live(self) -> BoundedSocket:
        if self._peer is None:
            raise RuntimeError("not connected")
        return self._peer

    def _reason(self, error: Exception) -> Reason:
        if isinstance(error, TimeoutError) and self._phase is Phase.COMMAND:
            return self._late(Reason.COMMAND_TIMEOUT)
        return self._late(of_conversation(error, self._phase, self._live()))

    def _late(self, reason: Reason) -> Reason:
        """The visit's own deadline is a reason of its own, whichever phase it fell into."""
        timed_out = reason.endswith("_timeout") or reason is Reason.CONNECTION_LOST
        return Reason.VISIT_TIMEOUT if timed_out and time.monotonic() >= self._end else reason
