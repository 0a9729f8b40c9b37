"""Machines of their own on one kernel: mount namespaces with private /etc, /home, /usr/local and /var, real accounts,
real sudo, and a real sshd each.

Nothing that is written in one of them is seen outside. Processes, network and the programs in /usr are this machine's.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.sshd import IS_ROOT, SSHD

_PATIENCE = 30.0
_MARK = "/mnt/machine-of-the-tests"
_PRIVATE = ("etc", "home", "root", "usr/lib/locale", "usr/local", "var/lib", "var/log")
_FURNISH = """
set -eu
mount -t tmpfs -o mode=755 private /mnt
for one in {private}; do
    mkdir -p "/mnt/upper/$one" "/mnt/scratch/$one"
    mount -t overlay -o "lowerdir=/$one,upperdir=/mnt/upper/$one,workdir=/mnt/scratch/$one" private "/$one"
done
rm -f /etc/nologin /root/.bash* /root/.profile
mkdir -p /var/lib/kubelet
{before}
{more}
echo ready
exec sleep infinity
"""


@cache
def _why_not() -> str:
    if not IS_ROOT:
        return "machines of their own need root (mount namespaces, sudo)"
    if not (Path(SSHD).exists() and shutil.which("sudo")):
        return "no OpenSSH server or no sudo on this machine"
    script = _FURNISH.format(private=" ".join(_PRIVATE), before="", more="exit 0")
    tried = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, timeout=30, check=False
    )
    return "" if tried.returncode == 0 else f"no mount namespaces with overlays here: {tried.stderr.strip()}"


def needs_machines() -> pytest.MarkDecorator:
    """A mark for tests that need them; says why where they cannot be had."""
    return pytest.mark.skipif(bool(_why_not()), reason=_why_not() or "machines can be had")


class Machine:
    """One such machine. ``of`` shares the accounts and files of another, with a /var/lib/kubelet of its own.

    ``before`` is what a shell does there first of all.
    """

    def __init__(self, *, of: Machine | None = None, kubelet: Path | None = None, before: str = "") -> None:
        self.name: str = of.name if of else f"{os.getpid()}-{id(self)}"
        more = f"mount --bind '{kubelet}' /var/lib/kubelet" if kubelet else ""
        if of is None:
            script = _FURNISH.format(
                private=" ".join(_PRIVATE), before=f"printf %s {self.name} >{_MARK}\n{before}", more=more
            )
        else:
            script = f"set -eu\n{more}\necho ready\nexec sleep infinity\n"
        enter = of.entering if of else []
        self._keeper = subprocess.Popen(
            [*enter, "unshare", "--mount", "--propagation", "private", "sh", "-c", script], stdout=subprocess.PIPE
        )
        self._servers: list[subprocess.Popen[bytes]] = []
        assert self._keeper.stdout
        assert self._keeper.stdout.readline() == b"ready\n"
        # before anything is written: what enters must not come out in this machine itself, as it could from a chroot
        seen = self.run("cat", _MARK, check=False).stdout
        if seen != self.name:
            self._keeper.kill()
            raise RuntimeError("a machine of its own cannot be entered here")

    @property
    def entering(self) -> list[str]:
        """The command that runs another within."""
        return ["nsenter", "--mount", "--root", "--target", str(self._keeper.pid), "--"]

    def run(self, *command: str, text: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        """A command, as root, within."""
        done = subprocess.run(
            [*self.entering, *command], input=text, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0 or not check, f"{command}: {done.stdout}{done.stderr}"
        return done

    def write(self, path: str, content: str, mode: str = "0644") -> None:
        """A file within."""
        self.run("sh", "-c", 'cat >"$1" && chmod "$2" "$1"', "sh", path, mode, text=content)

    def read(self, path: str) -> str:
        return self.run("cat", path).stdout

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """A server within, in the foreground; it is ended with the machine."""
        server = subprocess.Popen([*self.entering, *command], stdin=subprocess.DEVNULL)
        self._servers.append(server)
        return server

    def sshd(self, address: str, port: int, config: str) -> None:
        """An sshd within, with its accounts' own authorized_keys. Does not wait until it answers."""
        name = f"/etc/ssh/sshd_config_{address}_{port}"
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self.write(name, f"ListenAddress {address}\nPort {port}\nPidFile none\n{config}")
        self.start(SSHD, "-D", "-e", "-E", f"/var/log/sshd_{address}_{port}", "-f", name)

    def sshd_log(self, address: str, port: int) -> str:
        return self.read(f"/var/log/sshd_{address}_{port}")

    def stop(self) -> None:
        """End all that was started within; the machine is gone."""
        for server in self._servers:
            server.terminate()
        for server in self._servers:
            server.wait(timeout=_PATIENCE)
        self._keeper.kill()
        self._keeper.wait(timeout=_PATIENCE)
        if self._keeper.stdout:
            self._keeper.stdout.close()


@contextlib.contextmanager
def machine(*, of: Machine | None = None, kubelet: Path | None = None, before: str = "") -> Iterator[Machine]:
    """A machine for as long as the block lasts."""
    made = Machine(of=of, kubelet=kubelet, before=before)
    try:
        yield made
    finally:
        made.stop()


def free_port(address: str = "127.0.0.1") -> int:
    """A port that nobody listens on now."""
    with socket.create_server((address, 0)) as found:
        return int(found.getsockname()[1])


def wait_for_sshd(address: str, port: int) -> None:
    """Until an sshd answers."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1.0) as connection:
            if connection.recv(4) == b"SSH-":
                return
        assert time.monotonic() < deadline, f"no sshd at {address} port {port}"
        time.sleep(0.02)


def environment(**more: str) -> dict[str, str]:
    """This process' environment without an agent."""
    return {**{name: value for name, value in os.environ.items() if name != "SSH_AUTH_SOCK"}, **more}
