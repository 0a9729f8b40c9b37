"""A look at the certificate that the kubelet serves with: at its own port, from where the exporter reaches the node."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from paramiko.ssh_exception import SSHException

from exporter.collect.handshake import shake_hands
from exporter.collect.ssh.bastion import Bastion
from exporter.collect.ssh.bounded import Stream, hang_up
from exporter.collect.ssh.dialling import Dialling
from exporter.errors import CollectError, Reason
from exporter.model.facts import Handshake, NodeFacts
from exporter.model.files import Condition, PemFile
from exporter.model.node import SshAccess

PATIENCE = 5.0  # seconds for all of it: a firewall that drops packets must not hold a place in the pool for long
_OUTCOMES = {
    Reason.CONNECTION_REFUSED: Handshake.REFUSED,
    Reason.CONNECT_TIMEOUT: Handshake.NO_ANSWER,
    Reason.NAME_TIMEOUT: Handshake.NO_ANSWER,
}


class KubeletPort:
    """One handshake with one port. :meth:`look` never raises for what the network does."""

    def __init__(self, access: SshAccess, port: int, bastion: Bastion | None) -> None:
        self._access = replace(access, port=port)
        self._bastion = bastion
        self._dialling = Dialling()
        self._stream: Stream | None = None

    def look(self, left: Callable[[], float]) -> tuple[Handshake, bytes | None]:
        """How it ended, and the certificate in DER; ``left`` tells how many seconds the visit still has."""
        end = time.monotonic() + min(PATIENCE, left())
        try:
            stream = self._stream = self._connect(end)
        except CollectError as error:
            return without_connection(error.reason), None
        try:
            return shake_hands(stream, min(end, time.monotonic() + left()))
        except (SSHException, EOFError):  # the bastion's own connection has ended
            return Handshake.UNREACHABLE, None
        finally:
            hang_up(stream)

    def close(self) -> None:
        """End it at once; may come from another thread."""
        self._dialling.give_up()
        if self._stream:
            hang_up(self._stream)

    def _connect(self, end: float) -> Stream:
        access = self._access
        if time.monotonic() >= end:
            raise CollectError(Reason.CONNECT_TIMEOUT)
        if self._bastion:
            return self._bastion.passage(access.address, access.port, PATIENCE, end).stream
        return self._dialling.dial(access, lambda: end - time.monotonic())


def without_connection(reason: Reason) -> Handshake:
    """How it ended where no connection came about."""
    return _OUTCOMES.get(reason, Handshake.UNREACHABLE)


def with_handshake(facts: NodeFacts, outcome: Handshake, certificate: bytes | None, *, where: str) -> NodeFacts:
    """And what the kubelet serves with; that it shows nothing is a fact, and no failure of the visit."""
    live = PemFile(where, Condition.READ, (certificate,)) if certificate else None
    return replace(facts, handshake=outcome, live=live)
