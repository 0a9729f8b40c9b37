"""What an option's words mean. Each function raises ValueError where they mean nothing."""

from __future__ import annotations

import re
from collections.abc import Callable

from exporter.config.settings import AddressFamily
from exporter.config.ssh_config.jump import jump, port_number
from exporter.config.ssh_config.words import Line

_FLAGS = {"yes": True, "true": True, "no": False, "false": False}
_TIME = re.compile(r"(?:[0-9]{1,9}[smhdw])*[0-9]{0,9}", re.IGNORECASE)
_PART = re.compile(r"([0-9]+)([smhdw]?)", re.IGNORECASE)
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_LONGEST = 2**31 - 1


def word(line: Line) -> str:
    """The only word of the line."""
    if len(line.arguments) > 1:
        raise ValueError("more than one argument")
    if not line.arguments or not line.arguments[0]:
        raise ValueError("no argument")
    return line.arguments[0]


def flag(line: Line) -> bool:
    value = _FLAGS.get(word(line).lower())
    if value is None:
        raise ValueError("neither yes nor no")
    return value


def port(line: Line) -> int:
    return port_number(word(line))


def seconds(line: Line) -> float | None:
    """``90``, ``1m30s``; None for ``none``."""
    text = word(line)
    if text == "none":
        return None
    if not _TIME.fullmatch(text):
        raise ValueError("not a time such as 90, 30s or 1m30s")
    total = sum(int(number) * _UNITS[unit.lower()] for number, unit in _PART.findall(text))
    if total > _LONGEST:
        raise ValueError("too long a time")
    return float(total)


def files(line: Line) -> tuple[str, ...]:
    """Several files; ``none`` stands alone and is none."""
    if not line.arguments or "" in line.arguments:
        raise ValueError("an empty argument")
    if any(path.lower() == "none" for path in line.arguments):
        if len(line.arguments) > 1:
            raise ValueError('"none" stands alone')
        return ()
    return line.arguments


def family(line: Line) -> AddressFamily:
    text = word(line).lower()
    if text not in list(AddressFamily):
        raise ValueError(f"not one of {', '.join(AddressFamily)}")
    return AddressFamily(text)


READ_BY: dict[str, Callable[[Line], object]] = {
    "hostname": word,
    "port": port,
    "user": word,
    "identityfile": word,
    "certificatefile": word,
    "identitiesonly": flag,
    "identityagent": word,
    "proxyjump": jump,
    "userknownhostsfile": files,
    "globalknownhostsfile": files,
    "hostkeyalias": word,
    "connecttimeout": seconds,
    "addressfamily": family,
    "bindaddress": word,
    "ignoreunknown": word,
}
