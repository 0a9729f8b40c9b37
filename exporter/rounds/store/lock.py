"""One exporter a store: a lock file, held for life. The kernel lets go of it when the process ends, however it does."""

from __future__ import annotations

import contextlib
import fcntl
import os

from exporter.rounds.store.refusals import HeldError


class Lock:
    """The lock of the store at ``path``."""

    def __init__(self, path: str) -> None:
        """Raises HeldError, or OSError where no lock can be made there."""
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
        self._descriptor = os.open(f"{path}.lock", flags, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._descriptor, 32, 0).strip().decode("ascii", "replace")
            os.close(self._descriptor)
            raise HeldError(f"another exporter uses it (process {holder or 'unknown'})") from error
        except BaseException:
            os.close(self._descriptor)
            raise
        with contextlib.suppress(OSError):  # a full disk: whoever comes second is not told who was first
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        os.close(self._descriptor)
