"""The certificate that a TLS server shows: a handshake without verification, and without anything of ours to show.

No client certificate, no server name, no session: the peer learns no more than that somebody asked. What it shows is
not trusted for anything; it is compared with the node's file. Bounded in time and in bytes, over any stream.
"""

from __future__ import annotations

import contextlib
import ssl
import time

from exporter.collect.ssh.bounded import Stream
from exporter.model.facts import Handshake

MOST_BYTES = 64 * 1024  # from the peer; a chain of three takes about five thousand
_BITE = 16 * 1024


def shake_hands(stream: Stream, end: float) -> tuple[Handshake, bytes | None]:
    """How it ended, and the peer's own certificate in DER; not after ``end`` (monotonic clock)."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = _context().wrap_bio(incoming, outgoing)
    received = 0
    try:
        while not _is_done(tls):
            _send(stream, outgoing, end)
            data = _receive(stream, end)
            received += len(data)
            if not data or received > MOST_BYTES:
                return Handshake.NO_CERTIFICATE, None
            incoming.write(data)
        certificate = tls.getpeercert(binary_form=True)
        _take_leave(tls, stream, outgoing, end)
    except TimeoutError:
        return Handshake.NO_ANSWER, None
    except OSError:  # ssl.SSLError is one
        return Handshake.NO_CERTIFICATE, None
    return (Handshake.SERVED, certificate) if certificate else (Handshake.NO_CERTIFICATE, None)


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # an old key is to be seen, not to be trusted
    return context


def _is_done(tls: ssl.SSLObject) -> bool:
    """Whether the handshake is over; False where more of the peer is needed. Raises ssl.SSLError."""
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def _send(stream: Stream, outgoing: ssl.MemoryBIO, end: float) -> None:
    data = outgoing.read()
    while data:
        stream.settimeout(_left(end))
        sent = stream.send(data)
        if not sent:  # a channel's way to say that it is closed
            raise ConnectionResetError
        data = data[sent:]


def _receive(stream: Stream, end: float) -> bytes:
    stream.settimeout(_left(end))
    return stream.recv(_BITE)


def _left(end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _take_leave(tls: ssl.SSLObject, stream: Stream, outgoing: ssl.MemoryBIO, end: float) -> None:
    """End the handshake and the session as TLS has it, so that the kubelet's log has no error of ours."""
    with contextlib.suppress(OSError):  # SSLWantReadError among them: its answer is not waited for
        tls.unwrap()
    with contextlib.suppress(OSError):
        _send(stream, outgoing, end)
