"""A verified host that we are logged in to: key exchange, host key, then one list of identities, once.

Nodes and bastions alike. Every step is bounded by :class:`BoundedSocket`'s deadline, which moves with the phase and
never beyond ``end``.
"""

from __future__ import annotations

import itertools
import threading
import time
from functools import partial

from paramiko.ssh_exception import SSHException

from exporter.collect.ssh.attempt import MOST_KEYS_TRIED, Attempt
from exporter.collect.ssh.bounded import BoundedSocket, Stream
from exporter.collect.ssh.failures import Phase
from exporter.collect.ssh.paramiko_threaded import ClientTransport

MARGIN = 1.0  # by which paramiko's own time-outs come after ours
_JOIN = 2.0


class Login(Attempt):
    """One login to one host. :meth:`open` raises CollectError; :meth:`abort` may come from another thread."""

    peer: BoundedSocket | None
    transport: ClientTransport | None

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
            self.note_host_key(key)
            self._check.verify(key)
            self.enter(Phase.AUTH, timeouts.auth)
            self._log_in(transport)
        except (SSHException, EOFError, OSError) as error:
            raise self.failure(error) from error
        return transport

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
                outcome = partial(transport.auth_publickey, access.user, key.key)
                if self.took(outcome, transport, first=number == 0):
                    self.identity = key.fingerprint
                    return
                if not transport.is_active():  # sshd's MaxAuthTries
                    break
        raise self.no_key_was_enough
