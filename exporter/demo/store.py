"""A faithful copy of the kubelet's certificate store on disk.

client-go ``util/certificate/certificate_store.go``, ``FileStore``: a dated file named in local time, mode 0600, written
line by line, leaf then key; then symlink ``updated`` (absolute), unlink ``current``, rename. ``current`` or ``updated``
as a regular file is an error that is raised after the dated file was written: that is what makes orphans.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from exporter.demo.signer import Pair


class StoreError(OSError):
    """The kubelet could not store a pair."""


class FileStore:
    """One prefix of a certificate directory: ``kubelet-client`` or ``kubelet-server``.

    ``root`` is the node's own root, where its tree lies below a folder here: links are written as the node sees them.
    """

    def __init__(self, directory: Path, prefix: str = "kubelet-client", root: Path = Path("/")) -> None:
        self.directory = directory
        self.prefix = prefix
        self.root = root
        directory.mkdir(parents=True, exist_ok=True, mode=0o755)
        self.recover()

    @property
    def current(self) -> Path:
        return self.directory / f"{self.prefix}-current.pem"

    @property
    def updated(self) -> Path:
        return self.directory / f"{self.prefix}-updated.pem"

    def dated(self, now: float) -> Path:
        """The file that an update at ``now`` writes; local time, no zone, one-second resolution."""
        return self.directory / f"{self.prefix}-{time.strftime('%Y-%m-%d-%H-%M-%S', time.localtime(now))}.pem"

    def recover(self) -> None:
        """Mend a death between unlink and rename, as the store does when it is opened."""
        if self._leads_somewhere(self.current) or not os.path.lexists(self.updated):
            return
        if not self.updated.is_symlink():
            raise StoreError(f'expected "{self.updated}" to be a symlink but it is a file')
        self.updated.rename(self.current)

    def update(self, pair: Pair, now: float, chain: bytes = b"") -> Path:
        """Store a new pair as the kubelet does. Raises StoreError where the link cannot be moved."""
        path = self.dated(now)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            for line in (pair.certificate + chain + pair.key).splitlines(keepends=True):
                os.write(descriptor, line)
            os.fsync(descriptor)
            os.utime(descriptor, (now, now))
            self._switch(path, now)
        finally:
            os.close(descriptor)
        return path

    def _leads_somewhere(self, link: Path) -> bool:
        """``stat`` as the node would call it: it follows an absolute link from the node's own root."""
        if not link.is_symlink():
            return link.exists()
        target = os.readlink(link)
        return (self.root / target.lstrip("/") if target.startswith("/") else link).exists()

    def _switch(self, path: Path, now: float) -> None:
        for link in (self.current, self.updated):
            if link.exists() and not link.is_symlink():
                raise StoreError(f'expected "{link}" to be a symlink but it is a file')
        if self.updated.is_symlink():
            self.updated.unlink()
        self.updated.symlink_to("/" / path.absolute().relative_to(self.root))
        os.utime(self.updated, (now, now), follow_symlinks=False)
        self.current.unlink(missing_ok=True)
        self.updated.rename(self.current)
