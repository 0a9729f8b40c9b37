"""One JSON line a visit: who went where, as whom, by which keys, and how it ended. Never what a node said."""

from __future__ import annotations

import errno
import json
import logging
import os
import threading
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from exporter.config.value import AUDIT_TO_LOG
from exporter.errors import ConfigurationError, Mistake

log = logging.getLogger(__name__)

READ = "read"  # the outcome of a visit that brought an answer; else it is the reason


@dataclass(frozen=True, slots=True)
class Entry:
    """One visit. ``time`` is epoch seconds, ``duration`` seconds; fingerprints are empty where it did not come so far.

    ``bytes`` is what the node sent, encrypted. ``kept``: an earlier visit logged in, and its connection was kept.
    """

    time: float
    node: str
    address: str
    port: int
    hops: tuple[str, ...]
    user: str
    privilege: str
    identity: str
    host_key: str
    script_version: str
    script_sha256: str
    bytes: int
    kept: bool
    duration: float
    outcome: str

    def line(self) -> str:
        """As it is written; the time as people and log stores read it."""
        when = datetime.fromtimestamp(self.time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return json.dumps({**asdict(self), "time": when, "duration": round(self.duration, 3)})


class Audit:
    """Where entries go: a file that logrotate may move, or the log. Safe to share between threads."""

    def __init__(self, destination: str) -> None:
        """Raises ConfigurationError where the file cannot be written."""
        self._path = None if destination == AUDIT_TO_LOG else destination
        self._lock = threading.Lock()
        self._failing = False
        self._is_open_ended = False  # a line of ours was cut short
        if self._path:
            try:
                os.close(self._open(self._path))
            except OSError as error:
                raise ConfigurationError(Mistake(self._path, f"cannot be written: {error.strerror}")) from error

    def write(self, entry: Entry) -> None:
        """Never raises: a full disk costs its lines, is told once, and no node."""
        if self._path is None:
            log.info("visit", extra={"audit": entry.line()})
            return
        try:
            with self._lock:
                descriptor = self._open(self._path)  # anew, as it may have been moved
                try:
                    self._append(descriptor, f"{entry.line()}\n".encode())
                finally:
                    os.close(descriptor)
            self._failing = False
        except OSError as error:
            if not self._failing:
                log.error("the audit cannot be written", extra={"file": self._path, "error": str(error)})  # noqa: TRY400 - in words
            self._failing = True

    def _append(self, descriptor: int, line: bytes) -> None:
        if self._is_open_ended:
            line = b"\n" + line
        written = os.write(descriptor, line)
        self._is_open_ended = 0 < written < len(line)
        if written != len(line):
            raise OSError(errno.ENOSPC, "a line was not written whole")

    @staticmethod
    def _open(path: str) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
        return os.open(path, flags, 0o600)
