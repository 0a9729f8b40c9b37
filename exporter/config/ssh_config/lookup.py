"""One host looked up: the first value of each option counts, keys gather."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from exporter.config.settings import IdentityFile
from exporter.config.ssh import DEFAULT_PORT
from exporter.config.ssh_config import values
from exporter.config.ssh_config.host_options import Given, HostOptions, Refusal
from exporter.config.ssh_config.hostname import canonical
from exporter.config.ssh_config.jump import Jump, jump
from exporter.config.ssh_config.options import is_refused
from exporter.config.ssh_config.pairing import pair
from exporter.config.ssh_config.reading import File
from exporter.config.ssh_config.tokens import Local, expand, has_tokens
from exporter.config.ssh_config.words import Line

T = TypeVar("T")

_GATHERED = ("identityfile", "certificatefile")
_IN_JUMP = ("h", "n", "p", "r")


class Lookup:
    """One host on its way through the file; :meth:`options` is what came of it."""

    def __init__(self, alias: str, given: Given, default_user: str, local: Local) -> None:
        self.original = alias
        self._given = given
        self._default_user = default_user
        self._local = local
        self._settled = set(given.settled)
        self._first: dict[str, Line] = {}
        self._all: dict[str, list[Line]] = {option: [] for option in _GATHERED}
        self._refusals: list[Refusal] = []

    @property
    def host(self) -> str:
        """The host as HostName has it so far."""
        line = self._first.get("hostname")
        try:
            return expand(values.word(line), {"h": self.original}) if line else self.original
        except ValueError:  # told at the end
            return self.original

    @property
    def user(self) -> str:
        line = self._first.get("user")
        return self._given.user or (values.word(line) if line else self._default_user)

    def walk(self, file: File) -> None:
        """Take what counts."""
        for block in file.blocks(self.original):
            if not block.condition.holds(self):
                continue
            if block.condition.unsupported and block.line:
                self._refuse(block.line, f"{block.condition.unsupported!r} cannot be told here")
                continue
            for item in block.items:
                if isinstance(item, File):
                    self.walk(item)
                else:
                    self._take(item)

    def _take(self, line: Line) -> None:
        option = line.option
        if option == "include":
            self._refuse(line, "tokens are not expanded")
        elif option in self._settled or (option == "connecttimeout" and values.seconds(line) is None):
            return  # "none" is for ssh(1) as if it were not there
        elif option in _GATHERED:
            self._all[option].append(line)
        else:
            self._settled.add(option)
            self._first[option] = line
            if option == "proxycommand" or (option == "proxyjump" and jump(line).hosts):
                self._settled.update(("proxycommand", "proxyjump"))

    def _refuse(self, line: Line, problem: str) -> None:
        self._refusals.append(Refusal.of(line, problem))

    def options(self) -> HostOptions:
        """What the file says, and what of it we cannot do."""
        for line in self._first.values():
            if is_refused(line):
                self._refuse(line, "not supported")
        hostname, alias = self._said("hostname", self._hostname), self._said("hostkeyalias", _lower)
        port, user = self._said("port", values.port), self._said("user", _without_tokens)
        tokens = {
            **self._local.tokens,
            "h": hostname or canonical(self.original),
            "n": self.original,
            "p": str(self._given.port or port or DEFAULT_PORT),
            "r": self.user,
            "k": self._given.host_key_alias or alias or self.original,
        }
        return HostOptions(
            hostname=hostname,
            port=port,
            user=user,
            identities=self._identities(tokens),
            identities_only=self._said("identitiesonly", values.flag),
            agent=self._said("identityagent", _agent),
            jump=self._said("proxyjump", lambda line: _expanded(jump(line), tokens)),
            user_known_hosts=self._said("userknownhostsfile", lambda line: self._user_files(line, tokens)),
            global_known_hosts=self._said("globalknownhostsfile", self._global_files),
            host_key_alias=alias,
            connect_timeout=self._said("connecttimeout", values.seconds),
            address_family=self._said("addressfamily", values.family),
            bind_address=self._said("bindaddress", values.word),
            refusals=tuple(self._refusals),
        )

    def _said(self, option: str, read: Callable[[Line], T | None]) -> T | None:
        """What the file says of an option; None also where it cannot be done."""
        line = self._first.get(option)
        if line is None:
            return None
        try:
            return read(line)
        except ValueError as error:
            self._refuse(line, str(error))
            return None

    def _hostname(self, line: Line) -> str:
        return canonical(expand(values.word(line), {"h": self.original}))

    def _user_files(self, line: Line, tokens: dict[str, str]) -> tuple[str, ...]:
        return tuple(self._path(path, tokens) for path in values.files(line))

    def _global_files(self, line: Line) -> tuple[str, ...]:
        return tuple(self._local.expand_home(path) for path in values.files(line))

    def _path(self, path: str, tokens: dict[str, str]) -> str:
        return expand(self._local.expand_home(path), tokens, os.environ)

    def _identities(self, tokens: dict[str, str]) -> tuple[IdentityFile, ...] | None:
        """Every key with its certificate; None where no line names any."""
        found = {option: self._paths(option, tokens) for option in _GATHERED}
        if not self._all["identityfile"] and not found["certificatefile"]:
            return None
        identities, left = pair(tuple(found["identityfile"]), tuple(found["certificatefile"]))
        for path in left:
            problem = f"which IdentityFile it belongs to cannot be told; name it IDENTITYFILE-cert.pub, not {path}"
            self._refuse(found["certificatefile"][path], problem)
        return identities

    def _paths(self, option: str, tokens: dict[str, str]) -> dict[str, Line]:
        """The files that the lines of an option name, each once."""
        found: dict[str, Line] = {}
        for line in self._all[option]:
            try:
                if values.word(line).lower() != "none":
                    found.setdefault(self._path(values.word(line), tokens), line)
            except ValueError as error:
                self._refuse(line, str(error))
        return found


def _lower(line: Line) -> str:
    return values.word(line).lower()


def _without_tokens(line: Line) -> str:
    text = values.word(line)
    if has_tokens(text):
        raise ValueError("its tokens differ between releases of OpenSSH")
    return text


def _agent(line: Line) -> bool | None:
    """``none`` is no agent, SSH_AUTH_SOCK the usual one."""
    text = values.word(line)
    if text not in ("none", "SSH_AUTH_SOCK"):
        raise ValueError('another agent than $SSH_AUTH_SOCK or "none" is not supported')
    return False if text == "none" else None


def _expanded(found: Jump, tokens: dict[str, str]) -> Jump:
    known = {token: tokens[token] for token in _IN_JUMP}
    hosts = (
        replace(one, host=expand(one.host, known), user=None if one.user is None else expand(one.user, known))
        for one in found.hosts
    )
    return replace(found, hosts=tuple(hosts))
