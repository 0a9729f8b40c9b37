"""The border that no vendor exception crosses: each has a reason, and only CollectError comes out."""

from __future__ import annotations

import errno
import inspect
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import paramiko
import pytest
from paramiko import ssh_exception

from exporter.collect.ssh.bounded import HANDSHAKE_BUDGET, BoundedSocket
from exporter.collect.ssh.failures import OF_VENDOR, Phase, of_connect, of_conversation
from exporter.errors import Reason

VENDOR = [kind for _, kind in inspect.getmembers(ssh_exception, inspect.isclass) if issubclass(kind, Exception)]
NEVER, LONG_AGO = 1e12, 0.0
CONNECT = [
    (TimeoutError("timed out"), Reason.CONNECT_TIMEOUT),
    (OSError(errno.ETIMEDOUT, "Connection timed out"), Reason.CONNECT_TIMEOUT),
    (OSError(errno.ECONNREFUSED, "Connection refused"), Reason.CONNECTION_REFUSED),
    (OSError(errno.EHOSTUNREACH, "No route to host"), Reason.UNREACHABLE),
    (OSError(errno.ENETUNREACH, "Network is unreachable"), Reason.UNREACHABLE),
    (OSError(errno.EACCES, "Permission denied"), Reason.UNREACHABLE),
    (OSError(errno.EPERM, "Operation not permitted"), Reason.UNREACHABLE),
    (OSError(errno.ECONNRESET, "Connection reset by peer"), Reason.CONNECTION_LOST),
    (OSError(errno.EMFILE, "Too many open files"), Reason.INTERNAL),
    (OSError(errno.ENFILE, "Too many open files in system"), Reason.INTERNAL),
]


@contextmanager
def bounded(deadline: float = NEVER) -> Iterator[tuple[BoundedSocket, socket.socket]]:
    """A bounded socket and its other end."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield BoundedSocket(ours, deadline, deadline), theirs


@pytest.mark.parametrize("kind", VENDOR)
def test_every_vendor_exception_has_a_reason(kind: type[Exception]) -> None:
    """Each exception class of paramiko stands in the table itself, not only by a parent of it."""
    assert OF_VENDOR[kind] in Reason


def test_the_table_names_nothing_else() -> None:
    """The table has no class that paramiko has no more."""
    assert set(OF_VENDOR) == set(VENDOR)


@pytest.mark.parametrize(("error", "reason"), CONNECT, ids=lambda it: it if isinstance(it, str) else type(it).__name__)
def test_why_no_connection_came_about(error: OSError, reason: Reason) -> None:
    """The system's error numbers have their reasons."""
    assert of_connect(error) is reason


@pytest.mark.parametrize("phase", Phase)
def test_a_passed_deadline_says_more_than_its_exception(phase: Phase) -> None:
    """Once the deadline has passed, its phase is the reason, whatever exception came of it."""
    with bounded(LONG_AGO) as (peer, _):
        with pytest.raises(ConnectionAbortedError):
            peer.recv(1)
        peer.identified = True
        reasons = {of_conversation(error, phase, peer) for error in (EOFError(), paramiko.SSHException(), OSError())}
    expected = {
        Phase.HANDSHAKE: Reason.HANDSHAKE_TIMEOUT,
        Phase.AUTH: Reason.AUTH_TIMEOUT,
        Phase.COMMAND: Reason.COMMAND_TIMEOUT,
    }
    assert reasons == {expected[phase]}


def test_a_banner_that_does_not_come() -> None:
    """A deadline that passes before the identification line is the banner's."""
    with bounded(LONG_AGO) as (peer, _):
        with pytest.raises(ConnectionAbortedError):
            peer.recv(1)
        assert of_conversation(EOFError(), Phase.HANDSHAKE, peer) is Reason.BANNER_TIMEOUT


def test_more_than_a_handshake_needs() -> None:
    """A peer that sends more than a key exchange can need breaks the protocol."""
    with bounded() as (peer, theirs):
        theirs.sendall(b"SSH-2.0-x\r\n")
        assert peer.recv(100) == b"SSH-2.0-x\r\n"
        for _ in range(HANDSHAKE_BUDGET // 4096 - 1):
            theirs.sendall(bytes(4096))
            assert len(peer.recv(4096)) == 4096
        theirs.sendall(bytes(4096))
        with pytest.raises(ConnectionAbortedError):
            peer.recv(4096)
        assert of_conversation(OSError(), Phase.HANDSHAKE, peer) is Reason.PROTOCOL_ERROR


def test_a_greeting_without_end() -> None:
    """A peer whose greeting is longer than any is no SSH."""
    with bounded() as (peer, theirs):
        theirs.sendall(b"welcome\r\n" * 1000)
        assert len(peer.recv(8192)) == 8192
        with pytest.raises(ConnectionAbortedError):
            peer.recv(8192)
        assert of_conversation(OSError(), Phase.HANDSHAKE, peer) is Reason.NOT_SSH


def test_an_identification_in_bits() -> None:
    """An identification line counts though it comes byte by byte and after a greeting."""
    with bounded() as (peer, theirs):
        for byte in b"hello\r\nSSH-2.0-x\r":
            theirs.sendall(bytes([byte]))
            peer.recv(100)
            assert not peer.identified
        theirs.sendall(b"\n")
        peer.recv(100)
        assert peer.identified


def test_a_line_that_only_mentions_ssh() -> None:
    """A greeting with "SSH-" within a line is no identification."""
    with bounded() as (peer, theirs):
        theirs.sendall(b"this is not SSH-2.0-x\r\n")
        peer.recv(100)
        assert not peer.identified


@pytest.mark.parametrize("reset", [False, True])
def test_a_peer_that_closes(reset: bool) -> None:
    """A closed or reset connection is lost, whichever exception the vendor makes of it."""
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.create_connection(listening.getsockname()) as ours:
        theirs, _ = listening.accept()
        peer = BoundedSocket(ours, NEVER, NEVER)
        peer.identified = True
        if reset:
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        theirs.close()
        try:
            assert peer.recv(1) == b""
            assert not reset
        except ConnectionResetError:
            assert reset
        errors = (EOFError(), paramiko.SSHException("x"), OSError())
        assert {of_conversation(error, Phase.AUTH, peer) for error in errors} == {Reason.CONNECTION_LOST}


def test_sending_ends_at_the_deadline_too() -> None:
    """Nothing is sent once the deadline has passed."""
    with bounded(LONG_AGO) as (peer, _), pytest.raises(ConnectionAbortedError):
        peer.send(b"x")
