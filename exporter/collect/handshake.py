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


Outcome = tuple[Handshake, bytes | None]  # how it ended, and the peer's own certificate in DER
_NOTHING: Outcome = (Handshake.NO_CERTIFICATE, None)


class Hello:
    """One handshake without a stream: :meth:`words` are to be sent, and :meth:`hear` is told what comes."""

    def __init__(self) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = _context().wrap_bio(self._incoming, self._outgoing)
        self._received = 0
        self.outcome: Outcome | None = None  # once it is over
        self._go_on()

    def words(self) -> bytes:
        """What is to be sent now; once it is over, how we take our leave."""
        return self._outgoing.read()

    def hear(self, data: bytes) -> None:
        """What the peer said; nothing: its end."""
        self._received += len(data)
        if not data or self._received > MOST_BYTES:
            self.outcome = _NOTHING
            return
        self._incoming.write(data)
        self._go_on()

    def _go_on(self) -> None:
        try:
            if not _is_done(self._tls):
                return
            certificate = self._tls.getpeercert(binary_form=True)
        except OSError:  # ssl.SSLError is one
            self._outgoing.read()  # no word of ours about it
            self.outcome = _NOTHING
            return
        with contextlib.suppress(OSError):  # SSLWantReadError among them: the answer to our leave is not waited for
            self._tls.unwrap()
        self.outcome = (Handshake.SERVED, certificate) if certificate else _NOTHING


def shake_hands(stream: Stream, end: float) -> Outcome:
    """How it ended, and the peer's own certificate in DER; not after ``end`` (monotonic clock)."""
    hello = Hello()
    try:
        while hello.outcome is None:
            _send(stream, hello.words(), end)
            hello.hear(_receive(stream, end))
    except TimeoutError:
        return Handshake.NO_ANSWER, None
    except OSError:
        return _NOTHING
    with contextlib.suppress(OSError):  # so that the kubelet's log has no error of ours
        _send(stream, hello.words(), end)
    return hello.outcome


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


def _send(stream: Stream, data: bytes, end: float) -> None:
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
