"""Every identity that logs in, read again from disk when it changes: short-lived certificates need no restart.

A renewal replaces key and certificate one after the other. So a pair that does not fit, has ended or has not begun is
not taken: the last good one stays while it is valid, and what is wrong is told once it has lasted. A key that had a
certificate is never shown without one, until a reload says so.
"""

from __future__ import annotations

import logging
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import paramiko
from paramiko.ssh_exception import SSHException

from exporter.collect.ssh.identity import Identity, certificate_path, load
from exporter.collect.ssh.paramiko_internals import SocketAgent
from exporter.config.file import Signature, signature
from exporter.config.settings import IdentityFile
from exporter.errors import CollectError, ConfigurationError, Mistakes, Reason

log = logging.getLogger(__name__)

MARGIN = 30.0  # seconds before its end from which a certificate is not used any more
RENEWAL = 30.0  # seconds that a renewal may take to replace both files
_AGAIN = 5.0  # seconds after which files that do not fit are read again though they look the same


@dataclass(slots=True)
class _Place:
    """One identity as its files were when they were last looked at."""

    identity: Identity | None
    looked: tuple[Signature, Signature]
    unfit_since: float | None = None
    tried: float = 0.0  # when the files were read
    problem: str = ""  # why the files as they are now do not count
    told: str = ""


@dataclass(frozen=True, slots=True)
class LoginKey:
    """A key to try, and how it is called in an audit."""

    key: paramiko.PKey
    fingerprint: str


class Keyring:
    """Identities by their files. Safe to share between threads. ``clock`` is in epoch seconds."""

    def __init__(self, *, agent: bool = False, clock: Callable[[], float] = time.time) -> None:
        self._agent = agent
        self._clock = clock
        self._lock = threading.Lock()
        self._places: dict[IdentityFile, _Place] = {}

    def load(self, identities: Iterable[IdentityFile], *, agent: bool | None = None) -> None:
        """Read them all. Raises ConfigurationError with every mistake of every file."""
        mistakes = Mistakes()
        for files in identities:
            if files not in self._places:
                with mistakes.gathered():
                    looked = _look(files)
                    self._places[files] = _Place(load(files, agent=self.asks_agent(agent)), looked)
        mistakes.tell()

    @property
    def not_after(self) -> dict[str, float]:
        """When each certificate ends, by its identity's file."""
        # without the lock, which is held while files are read: a scrape waits for nobody
        identities = [place.identity for place in tuple(self._places.values()) if place.identity]
        return {one.files.file: one.not_after for one in identities if one.not_after is not None}

    @contextmanager
    def keys(
        self,
        identities: tuple[IdentityFile, ...],
        left: Callable[[], float],
        *,
        agent: bool | None = None,
        identities_only: bool = False,
    ) -> Iterator[Iterator[LoginKey]]:
        """Every key to try, in order: the files', then the agent's, which is asked only once those are through.

        The agent has the seconds that are ``left`` for each answer. Raises CollectError where there is no key at all;
        the iterator does where there turns out to be none.
        """
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            yield self._keys(identities, connection, left, agent=self.asks_agent(agent), only=identities_only)

    def asks_agent(self, agent: bool | None) -> bool:  # noqa: FBT001 - None is the configuration's own
        """Whether the agent is asked for a host that has this setting."""
        return self._agent if agent is None else agent

    def own(self, identities: tuple[IdentityFile, ...]) -> tuple[LoginKey, ...]:
        """The keys that the files have, in order. Raises CollectError where none may be used now."""
        keys, _, _ = self._usable(identities, agent=False)
        return keys

    def check(self, identities: tuple[IdentityFile, ...], *, agent: bool | None = None) -> None:
        """Raises CollectError where no identity may be used now, and there is no agent to ask."""
        self._usable(identities, agent=self.asks_agent(agent))

    def _keys(
        self,
        identities: tuple[IdentityFile, ...],
        connection: socket.socket,
        left: Callable[[], float],
        *,
        agent: bool,
        only: bool,
    ) -> Iterator[LoginKey]:
        own, named, refusal = self._usable(identities, agent=agent)
        yield from own
        if not agent:
            return
        try:
            found = _ask_agent(connection, left())
        except (SSHException, OSError, struct.error) as error:
            if own:
                return
            raise CollectError(Reason.AGENT_FAILED, "no agent, or it does not answer") from error
        usable = [one for one in found if not only or one.fingerprint in named]
        if not own and not usable:
            raise refusal or CollectError(Reason.AGENT_FAILED, "the agent holds no key that may be used")
        yield from usable

    def _usable(
        self, identities: tuple[IdentityFile, ...], *, agent: bool
    ) -> tuple[tuple[LoginKey, ...], frozenset[str], CollectError | None]:
        """The keys that may log in now, the fingerprints that the identities name, and why the last one may not.

        Raises CollectError where there is no such key, and no agent to ask.
        """
        keys: list[LoginKey] = []
        names: set[str] = set()
        refusal: CollectError | None = None
        for files in identities:
            try:
                identity = self._current(files, agent=agent)
            except CollectError as error:
                refusal = error
                continue
            names.add(identity.fingerprint)
            if identity.key is not None:
                keys.append(LoginKey(identity.key, identity.fingerprint))
        if not keys and not agent:
            raise refusal or CollectError(Reason.SSH_CREDENTIAL_UNUSABLE, "no identity is configured")
        return tuple(keys), frozenset(names), refusal

    def _current(self, files: IdentityFile, *, agent: bool) -> Identity:
        """One identity as its files are now, or as they last fitted. Raises CollectError."""
        now = self._clock()
        with self._lock:
            place = self._places.get(files)
            looked = _look(files)
            if place is None or place.looked != looked or (place.unfit_since and now - place.tried >= _AGAIN):
                place = self._places[files] = self._reread(files, place, looked, now, agent=agent)
            problem = _problem(place, now)
            if problem is None and place.unfit_since is not None and now - place.unfit_since > RENEWAL:
                self._tell(place, place.problem, "the last good pair stays while it is valid")
            elif problem is not None:
                self._tell(place, problem.detail, "no login with it until it is replaced")
            elif place.told and place.unfit_since is None:
                place.told = ""
                log.info("identity may be used again", extra={"file": files.file})
        if problem is not None:
            raise problem
        if place.identity is None:
            raise RuntimeError("an identity that is not there is refused")
        return place.identity

    @staticmethod
    def _reread(
        files: IdentityFile, before: _Place | None, looked: tuple[Signature, Signature], now: float, *, agent: bool
    ) -> _Place:
        had = before.identity if before else None
        since = before.unfit_since if before and before.unfit_since is not None else now
        told = before.told if before else ""
        try:
            identity = load(files, agent=agent)
        except ConfigurationError as error:
            return _Place(had, looked, since, now, str(error), told)
        if had and had.has_certificate and not identity.has_certificate:
            return _Place(had, looked, since, now, f"{files.file}: its certificate is gone", told)
        if had and had.has_certificate and _refusal(had, now) is None and (refusal := _refusal(identity, now)):
            return _Place(had, looked, since, now, refusal.detail, told)
        if had and before and before.looked != looked:
            log.info("identity read again", extra={"file": files.file, "fingerprint": identity.fingerprint})
        return _Place(identity, looked, tried=now, told=told)

    @staticmethod
    def _tell(place: _Place, problem: str, consequence: str) -> None:
        if place.told != problem:
            place.told = problem
            log.error("identity cannot be used as it is", extra={"problem": problem, "consequence": consequence})


def _problem(place: _Place, now: float) -> CollectError | None:
    """Why what there is of an identity may not be used now."""
    if place.identity is None:
        return CollectError(Reason.SSH_CREDENTIAL_UNUSABLE, place.problem)
    return _refusal(place.identity, now)


def _refusal(identity: Identity, now: float) -> CollectError | None:
    if identity.not_after is not None and identity.not_after - MARGIN <= now:
        return CollectError(Reason.SSH_CREDENTIAL_EXPIRED, f"the certificate of {identity.files.file} has ended")
    if identity.not_before > now:
        detail = f"the certificate of {identity.files.file} is not valid yet"
        return CollectError(Reason.SSH_CREDENTIAL_UNUSABLE, detail)
    return None


def _look(files: IdentityFile) -> tuple[Signature, Signature]:
    path = certificate_path(files)
    return signature(files.file), signature(path) if path else None


def _ask_agent(connection: socket.socket, timeout: float) -> tuple[LoginKey, ...]:
    connection.settimeout(timeout)
    connection.connect(os.environ.get("SSH_AUTH_SOCK", ""))
    return tuple(LoginKey(key, f"{key.fingerprint}") for key in SocketAgent(connection).own_keys())
