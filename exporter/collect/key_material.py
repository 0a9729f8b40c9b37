"""Private keys in what a node sent: such an answer is dropped whole, unread and unlogged."""

from __future__ import annotations

import base64
import re

_PRIVATE = re.compile(rb"PRIVATE KEY|b3BlbnNzaC1rZXktdj")
_BASE64_LINE = re.compile(rb"[ \t]*([A-Za-z0-9+/]{12})[A-Za-z0-9+/=]*\s*")


def holds_key_material(output: bytes) -> bool:
    """True where the output holds a private key, in PEM, in OpenSSH's form or as bare base64 of its DER."""
    if _PRIVATE.search(output):
        return True
    before = None
    for line in output.split(b"\n"):
        found = _BASE64_LINE.fullmatch(line)
        if found and not before and _begins_like_a_key(base64.b64decode(found[1])):
            return True
        before = found
    return False


def _begins_like_a_key(der: bytes) -> bool:
    """PKCS#1, PKCS#8 and SEC 1 begin with the INTEGER 0 or 1 in a SEQUENCE; a certificate with another SEQUENCE."""
    content = 2 + (der[1] & 0x7F if der[1] & 0x80 else 0)
    return der[0] == 0x30 and der[content : content + 3] in (b"\x02\x01\x00", b"\x02\x01\x01")
