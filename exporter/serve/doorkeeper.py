"""Keeps the door on the web configuration's files: read again when they change, the last good state kept."""

from __future__ import annotations

import logging
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from exporter.config.file import Signature, signature
from exporter.config.web_config import ClientAuth, WebConfig, load_web_config
from exporter.errors import ConfigurationError, Mistake
from exporter.serve.door import rules_of
from exporter.serve.tls import Exchangeable, context, read_material

log = logging.getLogger(__name__)

_EVERY = 1.0
_RANK = (ClientAuth.NONE, ClientAuth.IF_GIVEN, ClientAuth.REQUIRED)


@dataclass(frozen=True, slots=True)
class DoorStatus:
    """How the last reading of the web configuration ended, and when one last succeeded."""

    successful: bool
    loaded: float  # epoch seconds


class Doorkeeper:
    """The web configuration at ``path``, watched by a thread of its own.

    A file that is replaced while it is read, a key that does not belong to its certificate yet, an empty file: what
    held before holds on, and it is tried again until it succeeds. A change never opens the door: without TLS, without
    users or with a weaker check of clients than before needs a restart.
    """

    def __init__(self, path: str, clock: Callable[[], float] = time.time) -> None:
        """Raises ConfigurationError with every mistake of the file, or of what it names."""
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="doorkeeper", daemon=True)
        self._loaded = _load(path)
        self.tls = Exchangeable(self._loaded.tls) if self._loaded.tls else None
        self.rules = rules_of(self._loaded.config, time.monotonic())
        self.status = DoorStatus(successful=True, loaded=clock())
        self._mistakes: tuple[Mistake, ...] = ()

    def start(self) -> None:
        self._thread.start()

    def stop(self, within: float) -> bool:
        """True once the thread has ended."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(within)
        return not self._thread.is_alive()

    def look(self) -> tuple[Mistake, ...]:
        """Read again what has changed; the mistakes, where there are any: then nothing else has changed."""
        with self._lock:
            if self.status.successful and _signatures(self._path, self._loaded.config) == self._loaded.signatures:
                return ()
            mistakes: tuple[Mistake, ...] = ()
            try:
                self._adopt(_load(self._path))
            except ConfigurationError as error:
                mistakes = error.mistakes
            except Exception:
                log.exception("the web configuration could not be read in a way nobody foresaw, what held before holds")
                mistakes = (Mistake(self._path, "internal error; the log has the traceback"),)
            self._tell(mistakes)
            return mistakes

    def _adopt(self, loaded: _Loaded) -> None:
        before = self._loaded.config
        weaker = [Mistake(self._path, f"{what} needs a restart") for what in _weaker(before, loaded.config)]
        if weaker:
            raise ConfigurationError(*weaker)
        if self.tls is not None and loaded.tls is not None:
            self.tls.current = loaded.tls
        if loaded.config != before:
            self.rules = rules_of(loaded.config, time.monotonic())
        self._loaded = loaded

    def _tell(self, mistakes: tuple[Mistake, ...]) -> None:
        if mistakes:
            self.status = DoorStatus(successful=False, loaded=self.status.loaded)
            if mistakes != self._mistakes:
                told = "\n".join(map(str, mistakes))
                log.error("web configuration refused, what held before holds", extra={"mistakes": told})
        else:
            self.status = DoorStatus(successful=True, loaded=self._clock())
            log.info("web configuration loaded", extra={"file": self._path})
        self._mistakes = mistakes

    def _watch(self) -> None:
        while not self._stopping.wait(_EVERY):
            self.look()


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The configuration, its TLS, and what its files looked like just before they were read."""

    config: WebConfig
    tls: ssl.SSLContext | None
    signatures: tuple[Signature, ...]


def _load(path: str) -> _Loaded:
    before = signature(path)
    config, document = load_web_config(path)
    signatures = (before, *_signatures(path, config)[1:])
    if not config.has_tls:
        return _Loaded(config, None, signatures)
    tls = config.tls_server_config
    return _Loaded(config, context(tls, read_material(tls, document), document), signatures)


def _signatures(path: str, config: WebConfig) -> tuple[Signature, ...]:
    tls = config.tls_server_config
    named = (tls.cert_file, tls.key_file, tls.client_ca_file)
    return tuple(signature(one) for one in (path, *named) if one is not None)


def _weaker(old: WebConfig, new: WebConfig) -> list[str]:
    """What would be less protected than it was, or is no matter of a reload."""
    found = []
    if old.has_tls != new.has_tls:
        found.append("TLS switched on or off")
    if old.basic_auth_users and not new.basic_auth_users:
        found.append("taking all of basic_auth_users away")
    before, after = (_RANK.index(config.tls_server_config.client_auth_type) for config in (old, new))
    if after < before:
        found.append("a weaker client_auth_type")
    if old.tls_server_config.client_allowed_sans and not new.tls_server_config.client_allowed_sans:
        found.append("taking client_allowed_sans away")
    return found
