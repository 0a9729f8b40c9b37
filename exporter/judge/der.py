"""A certificate's plain fields straight from DER, for certificates that a strict parser refuses.

CAs that kubeadm and client-go made before 1.28 have serial number 0; cryptography announces that a later release will
refuse them. They exist by the million, so the fields that matter here are read by hand where the parser will not.
X.690 (DER) and RFC 5280, section 4.1, are the source.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

INTEGER, OCTETS, OID, UTC_TIME, GENERALIZED_TIME, SEQUENCE, SET = 0x02, 0x04, 0x06, 0x17, 0x18, 0x30, 0x31
VERSION, EXTENSIONS, KEY_IDENTIFIER = 0xA0, 0xA3, 0x80
SUBJECT_KEY, AUTHORITY_KEY = "2.5.29.14", "2.5.29.35"

# RFC 4514, section 3
_ATTRIBUTES = {
    "2.5.4.3": "CN",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.6": "C",
    "2.5.4.9": "STREET",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.25": "DC",
}
_ENCODINGS = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1C: "utf-32-be", 0x1E: "utf-16-be"}
_SPECIAL = str.maketrans({character: "\\" + character for character in '\\",+;<>'})


class DerError(ValueError):
    """Not the DER of an X.509 certificate."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The plain fields of a certificate; dates in seconds since the epoch, names as RFC 4514 text.

    Key identifiers are lower-case hexadecimal, empty where the certificate has none.
    """

    serial: int
    issuer: str
    subject: str
    not_before: int
    not_after: int
    key_identifier: str = ""
    authority_identifier: str = ""


def fields(der: bytes) -> Fields:
    """Read the plain fields of one certificate; DerError where ``der`` is none."""
    try:
        return _fields(der)
    except (IndexError, ValueError, StopIteration, OverflowError) as error:
        raise DerError("not an X.509 certificate") from error


def _fields(der: bytes) -> Fields:
    tag, body, end = _value(der, 0)
    if tag != SEQUENCE or end != len(der):
        raise DerError("not one SEQUENCE")
    outer = list(_values(body))
    if [item_tag for item_tag, _ in outer] != [SEQUENCE, SEQUENCE, 0x03]:
        raise DerError("not certificate, algorithm, signature")
    items = _values(outer[0][1])
    tag, content = next(items)
    if tag == VERSION:
        tag, content = next(items)
    serial = int.from_bytes(_expect(INTEGER, tag, content), "big", signed=True)
    _expect(SEQUENCE, *next(items))
    issuer = _name(_expect(SEQUENCE, *next(items)))
    not_before, not_after = (_time(*item) for item in _values(_expect(SEQUENCE, *next(items))))
    subject = _name(_expect(SEQUENCE, *next(items)))
    _expect(SEQUENCE, *next(items))
    return Fields(serial, issuer, subject, not_before, not_after, *_identifiers(items))


def _identifiers(rest: Iterator[tuple[int, bytes]]) -> tuple[str, str]:
    """Subject and authority key identifier; empty where the extensions have none, or make no sense."""
    try:
        extensions = dict(_extensions(rest))
        own = _single(OCTETS, extensions[SUBJECT_KEY]) if SUBJECT_KEY in extensions else b""
        authority = _single(SEQUENCE, extensions[AUTHORITY_KEY]) if AUTHORITY_KEY in extensions else b""
        return own.hex(), dict(_values(authority)).get(KEY_IDENTIFIER, b"").hex()
    except (IndexError, ValueError):
        return "", ""


def _extensions(rest: Iterator[tuple[int, bytes]]) -> Iterator[tuple[str, bytes]]:
    """The identifier and the octets of each extension."""
    for tag, content in rest:
        if tag == EXTENSIONS:
            for extension in _values(_single(SEQUENCE, content)):
                (kind, oid), *_, (octets, value) = _values(_expect(SEQUENCE, *extension))
                yield _oid(_expect(OID, kind, oid)), _expect(OCTETS, octets, value)


def _single(wanted: int, data: bytes) -> bytes:
    tag, content, _ = _value(data, 0)
    return _expect(wanted, tag, content)


def _expect(wanted: int, tag: int, content: bytes) -> bytes:
    if tag != wanted:
        raise DerError("another type than expected")
    return content


def _value(data: bytes, start: int) -> tuple[int, bytes, int]:
    tag, length, begin = data[start], data[start + 1], start + 2
    if length & 0x80:
        size = length & 0x7F
        if not 1 <= size <= 4:
            raise DerError("indefinite or absurd length")
        length, begin = int.from_bytes(data[begin : begin + size], "big"), begin + size
    end = begin + length
    if end > len(data):
        raise DerError("cut off")
    return tag, data[begin:end], end


def _values(data: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position < len(data):
        tag, content, position = _value(data, position)
        yield tag, content


def _time(tag: int, content: bytes) -> int:
    text = content.decode("ascii")
    if tag == UTC_TIME:
        text = ("20" if int(text[:2]) < 50 else "19") + text
    elif tag != GENERALIZED_TIME:
        raise DerError("not a time")
    moment = datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    return int(moment.timestamp())


def _oid(content: bytes) -> str:
    arcs, arc = [], 0
    for byte in content:
        arc = arc << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, [first, arcs[0] - 40 * first, *arcs[1:]]))


def _name(content: bytes) -> str:
    """RFC 4514 text of a Name, the last relative name first."""
    parts = []
    for tag, relative in _values(content):
        _expect(SET, tag, relative)
        pairs = []
        for _, attribute in _values(relative):
            (_, oid), (kind, raw) = _values(attribute)
            key = _oid(oid)
            value = raw.decode(_ENCODINGS.get(kind, "latin-1"))
            pairs.append(f"{_ATTRIBUTES.get(key, key)}={_escaped(value)}")
        parts.append("+".join(pairs))
    return ",".join(reversed(parts))


def _escaped(value: str) -> str:
    text = value.translate(_SPECIAL).replace("\0", "\\00")
    if len(text) > 1 and text.endswith(" "):
        text = text[:-1] + "\\ "
    return "\\" + text if text.startswith((" ", "#")) else text
