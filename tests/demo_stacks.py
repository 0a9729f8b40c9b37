"""The demonstration's stack as a newcomer runs it: on free ports, and what it prints."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from grafana.demo_stack.addresses import Addresses
from tests.alertmanagers import wait_for
from tests.machines import free_port


class Demo:
    """``python -m grafana.demo_stack`` on free ports, as a newcomer runs it: what it prints."""

    def __init__(self, *flags: str) -> None:
        self.ports = Addresses(free_port(), free_port(), free_port(), free_port())
        ports = [f"--{name}-port={port}" for name, port in self.ports.each()]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "grafana.demo_stack", *ports, *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def text(self) -> str:
        return "".join(self.lines)

    def children(self) -> list[int]:
        """Its processes."""
        task = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(word) for word in task.read_text().split()]

    def end(self, number: signal.Signals | None) -> int:
        """Its exit status, after that signal."""
        if number is not None:
            self.process.send_signal(number)
        status = self.process.wait(60)
        self._reader.join()
        if self.process.stdout:
            self.process.stdout.close()
        return status

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.lines.append(line)


@contextmanager
def demo(*flags: str) -> Iterator[Demo]:
    """One that has started."""
    found = Demo(*flags)
    try:
        wait_for(lambda: "Ctrl-C ends everything" in found.text or found.process.poll() is not None, "silence", 60)
        yield found
    finally:
        if found.process.poll() is None:
            found.end(signal.SIGTERM)
