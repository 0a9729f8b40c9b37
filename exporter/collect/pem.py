"""Certificates out of a PEM file, and nothing else of it.

The rules are those of the node script, word for word, so that both readers give the same facts: a block is held until
its END line and dropped at any other BEGIN, only base64 may stand in it, and its first line must begin like a
SEQUENCE of a SEQUENCE in DER (``MII??[DTjz]C``), which certificates do and private keys do not (rotation-truth 5),
and the block must be as long as that says: a key may not hang on to a certificate that lost its END line.
Reading stops at the first block after a certificate that is none: there the key begins. Of a key it is only told
whether its END line stands there.
"""

from __future__ import annotations

import base64
import binascii
import re

from exporter.model.files import Condition, KeyBlock

BEGIN = b"-----BEGIN CERTIFICATE-----"
END = b"-----END CERTIFICATE-----"
LARGEST_FILE = 256 * 1024
LONGEST_LINE = 4096
_OTHER_BEGIN = b"-----BEGIN "
_OTHER_END = b"-----END "
_KEY = b"PRIVATE KEY-----"
_CERTIFICATE = re.compile(rb"MII..[DTjz]C", re.DOTALL)
_HEADER = 4  # bytes of a SEQUENCE before its content, the last two of them its length
_BASE64 = re.compile(rb"[A-Za-z0-9+/=]*")


def decode(lines: list[bytes]) -> bytes | None:
    """The DER of a certificate block's base64 lines; None where they hold anything else."""
    text = b"".join(lines)
    if not _CERTIFICATE.match(text) or not _BASE64.fullmatch(text):
        return None
    try:
        der = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    return der if len(der) == _HEADER + int.from_bytes(der[2:_HEADER]) else None


class PemScanner:
    """Reads a PEM file bit by bit; :meth:`feed` says when to stop, before a byte of a key that follows is asked for.

    Feed at most 16 bytes at a time: a BEGIN line is told apart within 12, and the shortest of a key has 28. What is fed
    after that still tells whether a key is whole, and nothing more.
    """

    def __init__(self) -> None:
        self.key = KeyBlock.NONE  # of what was fed so far
        self.awaited: bytes | None = None  # the END line of the key block that is open
        self._certificates: list[bytes] = []
        self._pending = b""
        self._block: list[bytes] | None = None
        self._overlong = False
        self._broken: Condition | None = None
        self._is_over = False  # no certificate is taken any more
        self._saw_key = False
        self._saw_bytes = False

    def feed(self, data: bytes) -> bool:
        """Take the next bytes; True: enough, stop reading."""
        self._saw_bytes = self._saw_bytes or bool(data)
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            self._take(line)
        if len(self._pending) > LONGEST_LINE:
            self._pending, self._overlong = b"", True
        is_open = self._certificates or self._block is not None or self._broken
        return self._is_over or bool(is_open and self._is_foreign_begin())

    @property
    def indifferent(self) -> int:
        """How many more bytes without a dash it may be fed at once, as if they came one by one."""
        return 0 if self._pending.startswith(b"-") else LONGEST_LINE - len(self._pending)

    @property
    def is_in_begin_line(self) -> bool:
        """Whether the next byte still belongs to a BEGIN line, up to its last dash."""
        begun = self._pending.startswith(_OTHER_BEGIN)
        return begun and not self._pending.endswith(b"-----", len(_OTHER_BEGIN))

    def result(self) -> tuple[Condition, tuple[bytes, ...]]:
        """What the file holds, once it was read to its end or far enough."""
        if self._pending:
            self._take(self._pending)
            self._pending = b""
        if self._certificates:
            return Condition.READ, tuple(self._certificates)
        if self._broken or self._block is not None:
            return self._broken or Condition.TRUNCATED, ()
        if self._saw_key:
            return Condition.KEY_ONLY, ()
        return (Condition.NO_CERTIFICATE if self._saw_bytes else Condition.EMPTY), ()

    def _is_foreign_begin(self) -> bool:
        size = min(len(self._pending), len(BEGIN))
        return (
            size > len(_OTHER_BEGIN) and self._pending.startswith(_OTHER_BEGIN) and self._pending[:size] != BEGIN[:size]
        )

    def _take(self, line: bytes) -> None:
        overlong, self._overlong = self._overlong or len(line) > LONGEST_LINE, False
        line = line.rstrip(b" \t\r")
        if line.startswith(_OTHER_BEGIN) and not overlong:
            self._begin(line)
            return
        if line.startswith(_OTHER_END) and not overlong:
            if line == self.awaited:
                self.key = KeyBlock.WHOLE
            self.awaited = None
        if self._block is not None:
            self._within(line, self._block, overlong=overlong)

    def _begin(self, line: bytes) -> None:
        self.awaited = None
        if self._block is not None:
            self._break(Condition.TRUNCATED)
        if line == BEGIN:
            self._block = None if self._is_over or self._broken else []
            return
        if line.endswith(_KEY):
            self.awaited = line.replace(_OTHER_BEGIN, _OTHER_END, 1)
            self.key = KeyBlock.WHOLE if self.key is KeyBlock.WHOLE else KeyBlock.CUT
        self._saw_key = True
        self._is_over = bool(self._certificates or self._broken)

    def _within(self, line: bytes, block: list[bytes], *, overlong: bool) -> None:
        if line == END and not overlong:
            certificate = decode(block)
            self._block = None
            if certificate is None:
                self._break(Condition.MALFORMED)
            else:
                self._certificates.append(certificate)
        elif line.startswith(_OTHER_END):
            self._break(Condition.TRUNCATED)
        elif overlong or not _BASE64.fullmatch(line):
            self._break(Condition.MALFORMED)
        elif line:
            block.append(line)

    def _break(self, condition: Condition) -> None:
        self._broken = self._broken or condition
        self._block = None


def scan(data: bytes) -> tuple[Condition, tuple[bytes, ...], KeyBlock]:
    """The same of a file that is in memory already: what a kubeconfig embeds."""
    scanner = PemScanner()
    scanner.feed(data)
    condition, certificates = scanner.result()
    return condition, certificates, scanner.key
