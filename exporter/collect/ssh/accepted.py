"""The file of first host keys: what ``host_key_policy: accept-new`` took the first time, and holds nodes to since.

It is a known_hosts file of ours: ``ssh-keygen -R NODE -f FILE`` is the way out for a node that was re-imaged.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import fcntl
import logging
import os
import threading
import time
from collections.abc import Iterator

from exporter.collect.ssh.fingerprint import fingerprint
from exporter.collect.ssh.known_hosts import DEFAULT_PORT, Known, KnownHosts, parse
from exporter.config.file import read_bytes, signature
from exporter.errors import CollectError, ConfigurationError, Mistake, Reason

log = logging.getLogger(__name__)

LARGEST_FILE = 256 * 1024 * 1024
_PATIENCE, _LOOKS_EVERY = 2.0, 0.02  # seconds for another process to let go of the file


class AcceptedKeys:
    """One such file. Safe to share between threads, and between processes that share the file."""

    def __init__(self, path: str) -> None:
        """Raises ConfigurationError where the file cannot be read, or could not be written."""
        self._path = path
        self._lock = threading.Lock()
        folder = os.path.dirname(path)
        if not os.access(path if os.path.exists(path) else folder, os.W_OK):
            raise ConfigurationError(Mistake(path, "cannot be written: first host keys could not be kept"))
        self._read()

    @property
    def count(self) -> int:
        """How many keys were taken so far."""
        return self._count  # without the lock: a scrape waits for nobody

    def lookup(self, name: str, port: int) -> Known:
        """What was taken from a host before. Waits for nobody: :meth:`accept` looks again."""
        if self._lock.acquire(blocking=False):  # else somebody reads it already
            try:
                self._refresh()
            finally:
                self._lock.release()
        return self._hosts.lookup((name,), port)

    def accept(self, name: str, port: int, kind: str, key: bytes) -> None:
        """Keep a host's first key. Raises CollectError where another was kept meanwhile, or none can be."""
        host = name if port == DEFAULT_PORT else f"[{name}]:{port}"
        line = f"{host} {kind} {base64.b64encode(key).decode('ascii')}\n"
        try:
            with self._lock, self._alone() as descriptor:
                self._refresh()
                before = self._hosts.lookup((name,), port)
                if before.keys:
                    if (kind, key) in before.keys:
                        return
                    raise CollectError(Reason.HOST_KEY_CHANGED, "another first key was kept a moment ago")
                self._append(descriptor, line.encode())
                self._read()
                if (kind, key) not in self._hosts.lookup((name,), port).keys:
                    raise OSError(errno.EIO, "what was written is not read again")  # noqa: TRY301 - as a failed write
        except (OSError, ConfigurationError) as error:
            raise CollectError(Reason.HOST_KEY_UNKNOWN, f"{self._path}: a first key cannot be kept") from error
        log.warning("first host key accepted", extra={"node": name, "key": f"{kind} {fingerprint(key)}"})

    @contextlib.contextmanager
    def _alone(self) -> Iterator[int]:
        descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY, 0o600)
        try:
            deadline = time.monotonic() + _PATIENCE
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(_LOOKS_EVERY)
            yield descriptor
        finally:
            os.close(descriptor)

    @staticmethod
    def _append(descriptor: int, line: bytes) -> None:
        """A whole line of its own, also behind one that somebody left open."""
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line
        if os.write(descriptor, line) != len(line):
            raise OSError(errno.ENOSPC, "the line was not written whole")
        os.fsync(descriptor)

    def _refresh(self) -> None:
        if signature(self._path) != self._signature:
            try:
                self._read()
            except ConfigurationError as error:  # the last good one stays: nobody becomes new by a broken file
                log.error("accepted host keys cannot be read", extra={"mistakes": str(error)})  # noqa: TRY400 - told in words

    def _read(self) -> None:
        self._signature = signature(self._path)
        lines = []
        if self._signature is not None:
            content, _ = read_bytes(self._path, LARGEST_FILE)
            lines = list(parse(content.decode("utf-8", "replace")))
        self._hosts, self._count = KnownHosts(lines), len(lines)
