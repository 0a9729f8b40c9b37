"""ProxyJump: the hosts through which a host is reached."""

from __future__ import annotations

import re
from dataclasses import dataclass

from exporter.config.ssh_config.words import Line

_DIGITS = re.compile(r"[0-9]{1,9}")
_SCHEME = "ssh://"
_HOST = re.compile(r"[A-Za-z0-9_.:%-]+")
_DOMAIN = re.compile(r"[A-Za-z0-9_](?!.*\.\.)[A-Za-z0-9_.-]*")
_USER = re.compile(r"[^\s'\"`$\\;&<>|(){}]+")  # ssh(1) hands it to a shell


@dataclass(frozen=True, slots=True)
class JumpHost:
    """A host on the way, as ProxyJump names it: what is None is looked up under its name."""

    host: str
    user: str | None = None
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Jump:
    """The hosts on the way, the first that is connected to first; none where ProxyJump is ``none``."""

    hosts: tuple[JumpHost, ...]
    place: str


def jump(line: Line) -> Jump:
    """Raises ValueError."""
    text = line.rest
    if text.lower() == "none":
        return Jump((), line.place)
    text = text.partition("#")[0].rstrip()  # quotes mean nothing here
    return Jump(tuple(_jump_host(word) for word in text.split(",")), line.place)


def _jump_host(word: str) -> JumpHost:
    is_uri = word.startswith(_SCHEME)
    if is_uri and "%" in word:
        raise ValueError(f"{word!r}: what ssh:// encodes with % is not read")
    user, at, rest = word.removeprefix(_SCHEME).rpartition("@")
    if is_uri:
        user, rest = user.partition(";")[0], rest.removesuffix("/")
    host, port = _host_and_port(rest)
    domain = host.removesuffix(".") if is_uri else host
    fits = (_DOMAIN if is_uri else _HOST).fullmatch(domain) and not domain.startswith("-") and domain.lower() != "none"
    if not fits or (at and (not _USER.fullmatch(user) or user.startswith("-"))):
        raise ValueError(f"{word!r} is not a host to jump through: [USER@]HOST[:PORT] or ssh://[USER@]HOST[:PORT]")
    return JumpHost(domain, user or None, port)


def _host_and_port(text: str) -> tuple[str, int | None]:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError("a bracket that is not closed")
        return host, port_number(rest[1:]) if rest[1:] else None
    host, _, port = text.partition(":")
    return host, port_number(port) if port else None


def port_number(text: str) -> int:
    """Raises ValueError."""
    if not _DIGITS.fullmatch(text) or not 1 <= int(text) <= 65535:
        raise ValueError(f"{text!r} is not a port from 1 to 65535")
    return int(text)
