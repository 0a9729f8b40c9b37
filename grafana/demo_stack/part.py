"""One program of the stack: its process, its log, and the page that answers once it is ready."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from grafana.demo_stack.leash import leash
from grafana.demo_stack.probe import answers

_TICK = 0.1
_READY_WITHIN = 60.0
_STOPPED_WITHIN = 15.0
_LAST_LINES = 15
_LAST_BYTES = 16 * 1024


class PartError(Exception):
    """A part ended by itself, or never became ready."""


class Part:
    """A process with its output in ``log``. Use :meth:`start` and :meth:`stop`."""

    def __init__(self, name: str, command: Sequence[str], ready: str, log: Path) -> None:
        self.name = name
        self.log = log
        self._command = command
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - programs of the stack, with arguments of ours
                [*leash(), *self._command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C in the terminal is for the stack, which ends its parts in order
            )

    def wait_until_ready(self, stopping: threading.Event) -> None:
        """Until it answers, or ``stopping`` is set. Raises PartError."""
        deadline = time.monotonic() + _READY_WITHIN
        while not answers(self._ready):
            self.check()  # it may be one that never will
            if time.monotonic() > deadline:
                raise PartError(self._with_last_words(f"is not ready after {_READY_WITHIN:.0f} seconds"))
            if stopping.wait(_TICK):
                return

    def check(self) -> None:
        """Raises PartError if it ended by itself."""
        status = self._process.poll() if self._process else None
        if status is not None:
            how = f"with status {status}" if status >= 0 else f"by signal {-status}"
            raise PartError(self._with_last_words(f"ended {how}"))

    def ask_to_stop(self) -> None:
        """SIGTERM; :meth:`stop` waits for what comes of it."""
        if self._process:
            self._process.terminate()

    def stop(self) -> None:
        """End it, and wait until it is gone."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOPPED_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _with_last_words(self, what: str) -> str:
        end = self.log.read_bytes()[-_LAST_BYTES:].decode("utf-8", "replace").splitlines()[-_LAST_LINES:]
        return "\n".join((f"{self.name} {what}; the end of its log ({self.log}):", *(f"  {line}" for line in end)))
