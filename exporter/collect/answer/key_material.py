"""Private keys in what a node sent: such an answer is dropped whole, unread and unlogged."""

from __future__ import annotations

import base64
import re

_PRIVATE = re.compile(rb"PRIVATE KEY|b3BlbnNzaC1rZXktdj")
_BASE64_LINE = re.compile(rb"^[ \t]*([A-Za-z0-9+/]{16})[A-Za-z0-9+/=]*\s*$", re.MULTILINE)


def holds_key_material(output: bytes) -> bool:
    """True where the output holds a private key, in PEM, in OpenSSH's form or as bare base64 of its DER."""
    if _PRIVATE.search(output):
        return True
    return any(_begins_like_a_key(base64.b64decode(found[1])) for found in _BASE64_LINE.finditer(output))


def _begins_like_a_key(der: bytes) -> bool:
    """A SEQUENCE of the INTEGER 0 and a long INTEGER (PKCS#1) or a SEQUENCE (PKCS#8), or of 1 and OCTETs (SEC 1).

    A certificate is a SEQUENCE of a SEQUENCE. A line in the midst of one looks like a key once in 2^40.
    """
    content = 2 + (der[1] & 0x7F if der[1] & 0x80 else 0)
    beginning = der[content : content + 4]
    return der[0] == 0x30 and beginning in (b"\x02\x01\x00\x02", b"\x02\x01\x00\x30", b"\x02\x01\x01\x04")
