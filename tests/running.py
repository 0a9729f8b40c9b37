"""The exporter as a process of its own, as its users run it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from exporter.config.settings import SshEngine

Labels = tuple[tuple[str, str], ...]
PATIENCE = 30.0


def samples(text: str) -> dict[str, dict[Labels, float]]:
    """Exposition text as sample name → sorted labels → value."""
    found: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def by_node(text: str, name: str) -> dict[str, float]:
    """One value a node of a metric; of the client certificate where it has one for each."""
    return {
        dict(labels)["node"]: value
        for labels, value in samples(text).get(name, {}).items()
        if dict(labels).get("cert", "client") == "client"
    }


def states(text: str) -> dict[str, str]:
    """The client's state of each node."""
    return {
        dict(labels)["node"]: dict(labels)["state"]
        for labels, value in samples(text)["kubelet_cert_rotation_state"].items()
        if value == 1 and dict(labels)["cert"] == "client"
    }


def reasons(text: str) -> dict[str, str]:
    """Why each failing node fails."""
    found = samples(text).get("kubelet_cert_node_failure", {})
    return {dict(labels)["node"]: dict(labels)["reason"] for labels in found}


_WITHOUT = "sys.modules.update(dict.fromkeys({}))"
_WITH_ENGINE = (
    "from exporter.collect.ssh import transport as it; has_loop = it._has_loop; "
    "it._has_loop = lambda asked: has_loop(it.SshEngine('{}') if asked is it.SshEngine.AUTO else asked)"
)
_MAIN = "from exporter.cli.main import main; sys.exit(main())"


def state_directory() -> str:
    """A folder for one exporter's state, whoever it runs as."""
    folder = tempfile.mkdtemp(prefix="kce-state-")
    os.chmod(folder, 0o777)  # a wrapper may make the exporter another user
    return folder


class Running:
    """``kubelet-cert-exporter run`` on a port of its own, as if ``without`` were not installed. A context manager.

    ``wrapper`` is a command that becomes the exporter in the end: setpriv, ``strace -D``.
    """

    engine: SshEngine | None = None  # what ``auto`` is in all of them; None: what it is

    def __init__(
        self,
        config: Path,
        *flags: str,
        command: str = "run",
        wrapper: Sequence[str] = (),
        without: tuple[str, ...] = (),
    ) -> None:
        where = [f"--config.file={config}"] if command == "run" else []
        changes = [
            *([_WITHOUT.format(without)] if without else []),
            *([_WITH_ENGINE.format(self.engine)] if self.engine else []),
        ]
        how = ["-c", "; ".join(["import sys", *changes, _MAIN])] if changes else ["-m", "exporter"]
        self._state = state_directory()
        self.process = subprocess.Popen(
            [*wrapper, sys.executable, *how, command, *where, "--web.listen-address=127.0.0.1:0", *flags],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "STATE_DIRECTORY": self._state},
        )
        self.log: list[str] = []
        self._reader = threading.Thread(target=self._read, name="log of the exporter")
        self._reader.start()
        self.url = ""

    def __enter__(self) -> Running:
        try:
            self.wait_for(lambda: any("msg=serving" in line for line in self.log))
        except BaseException:
            self.stop()
            raise
        found = re.search(r"addresses=(\S+)", next(line for line in self.log if "msg=serving" in line))
        self.url = found[1] if found else ""
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def get(
        self, path: str = "/metrics", headers: dict[str, str] | None = None, method: str = "GET"
    ) -> tuple[int, str]:
        """Status and body of one request."""
        request = urllib.request.Request(self.url + path, headers=headers or {}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def scrape(self) -> str:
        return self.get()[1]

    def wait_for(self, condition: Callable[[], bool], patience: float = PATIENCE) -> None:
        """Wait until it holds; fails with the log where it never does."""
        deadline = time.monotonic() + patience
        while not condition():
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError("never came about; the log:\n" + "".join(self.log[-20:]))
            time.sleep(0.05)

    def stop(self) -> float:
        """SIGTERM; the seconds until the process was gone."""
        began = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._reader.join(PATIENCE)
        if self.process.stderr:
            self.process.stderr.close()
        shutil.rmtree(self._state, ignore_errors=True)
        return time.monotonic() - began

    def _read(self) -> None:
        for line in self.process.stderr or ():
            self.log.append(line)
