"""The words of an answer: bounded numbers and plain texts. All else is a ValueError that does not hold the text."""

from __future__ import annotations

import re

PLAIN = re.compile(r"[A-Za-z0-9._/@:+=,~%-]{1,1024}")
UNSHOWABLE = "?"  # the node's text is not plain, so it was not told
UNKNOWN = "-"
_NAME = re.compile(r"[A-Za-z0-9._-]{1,255}")
_UNIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._-]{0,250}\.service")
_NUMBER = re.compile(r"-?[0-9]{1,19}")
_DECIMAL = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?")
_DATUM = re.compile(r"#[1-9][0-9]{0,2}")
_ZONE = re.compile(r"([+-])([01][0-9]|2[0-3])([0-5][0-9])")
_MODE = re.compile(r"[-lpscbdD?][-rwxsStT]{9}[.+@]?")
_LARGEST = 2**63 - 1


def number(text: str, most: int = _LARGEST) -> int:
    """A number from 0 to ``most``."""
    value = signed(text)
    if not 0 <= value <= most:
        raise ValueError("out of bounds")
    return value


def signed(text: str) -> int:
    """A time may lie before 1970."""
    if not _NUMBER.fullmatch(text):
        raise ValueError("no number")
    value = int(text)
    if abs(value) > _LARGEST:
        raise ValueError("out of bounds")
    return value


def decimal(text: str) -> float:
    if not _DECIMAL.fullmatch(text):
        raise ValueError("no decimal")
    return float(text)


def optional(text: str) -> int | None:
    """A number, or the mark of an unknown one."""
    return None if text == UNKNOWN else number(text)


def plain(text: str) -> str:
    """Plain text, or the mark that it was none."""
    if text != UNSHOWABLE and not PLAIN.fullmatch(text):
        raise ValueError("not plain")
    return text


def path(text: str) -> str:
    """An absolute path, or the mark that it was none: what begins with a dash could be an option in a command."""
    return text if plain(text).startswith("/") else UNSHOWABLE


def unit(text: str) -> str:
    """A systemd unit's name."""
    if not _UNIT.fullmatch(text):
        raise ValueError("no unit")
    return text


def name(text: str) -> str:
    """A file's name in the store."""
    if not _NAME.fullmatch(text):
        raise ValueError("no name")
    return text


def datum(text: str) -> str:
    """The number of embedded data."""
    if not _DATUM.fullmatch(text):
        raise ValueError("no number of data")
    return text


def yes(text: str) -> bool:
    return {"yes": True, "no": False}[text]


def zone(text: str) -> int:
    """``+0530`` in seconds east of UTC."""
    found = _ZONE.fullmatch(text)
    if not found:
        raise ValueError("no zone")
    seconds = int(found[2]) * 3600 + int(found[3]) * 60
    return -seconds if found[1] == "-" else seconds


def mode(text: str) -> tuple[str, int]:
    """``-rwsr-xr-t`` to the letter of its type and its permission bits; what ls(1) appends is passed over."""
    if not _MODE.fullmatch(text):
        raise ValueError("no mode")
    bits = 0
    for index, letter in enumerate(text[1:10]):
        if letter in "rwxst":
            bits |= 1 << (8 - index)
        if letter in "sStT":
            bits |= 1 << (11 - index // 3)
    return text[0], bits
