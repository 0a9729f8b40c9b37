"""A real sshd on loopback that is many nodes at once: each address a node, with a tree of its own or on the machine."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from exporter.demo.signer import Authority
from exporter.demo.store import FileStore

SSHD = "/usr/sbin/sshd"
KEY_TYPES = ("ed25519", "ecdsa", "rsa")
STORE = "/var/lib/kubelet/pki"
USER = pwd.getpwuid(os.geteuid()).pw_name
IS_ROOT = os.geteuid() == 0
BUSYBOX = shutil.which("busybox")
APPLETS = ("sh", "date", "id", "stat", "readlink", "dd", "ls", "sleep", "printf", "cat", "true", "wc", "tr", "echo")
_LISTENERS = 16  # sshd's MAX_LISTEN_SOCKS
_PATIENCE = 30.0

needs_sshd = pytest.mark.skipif(not Path(SSHD).exists(), reason="no OpenSSH server on this machine")
needs_chroot = pytest.mark.skipif(
    not (IS_ROOT and BUSYBOX and Path(SSHD).exists()),
    reason="nodes with trees of their own need root (ChrootDirectory, mknod), busybox and an OpenSSH server",
)


@dataclass(frozen=True)
class Host:
    """One address that sshd serves, and what stands in its Match block."""

    address: str
    options: tuple[str, ...] = ()


@contextlib.contextmanager
def place_for_trees() -> Iterator[Path]:
    """A temporary directory that anybody may pass through and, for root, that sshd takes as the way to a chroot."""
    # ChrootDirectory wants every directory above to be writable by root alone, which /tmp is not
    with tempfile.TemporaryDirectory(prefix="kce-ssh-", dir="/var/lib" if IS_ROOT else None) as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


def address(number: int) -> str:
    """The loopback address of node ``number``."""
    return f"127.1.{number >> 8}.{number & 255}"


def run(*command: str, text: str = "") -> str:
    """A helper program's output; fails with it."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def make_key(path: Path, kind: str, passphrase: str = "", form: str = "") -> Path:
    """A key pair by ssh-keygen; ``form`` is that of ``ssh-keygen -m``."""
    bits = ["-b", "2048"] if kind == "rsa" else []
    own_form = ["-m", form] if form else []
    run(
        "ssh-keygen",
        "-q",
        "-t",
        kind,
        *bits,
        *own_form,
        "-N",
        passphrase,
        "-C",
        f"{kind} of the tests",
        "-f",
        str(path),
    )
    return path


def public(key: Path) -> str:
    """Type and base64 of a key's public half."""
    return " ".join(Path(f"{key}.pub").read_text().split()[:2])


def fingerprint(key: Path) -> str:
    """As ssh-keygen prints it."""
    return run("ssh-keygen", "-lf", f"{key}.pub").split()[1]


def hashed(lines: str, directory: Path) -> str:
    """known_hosts lines with every name hashed by ssh-keygen."""
    path = Path(tempfile.mkdtemp(dir=directory)) / "known_hosts"
    path.write_text(lines)
    run("ssh-keygen", "-H", "-f", str(path))
    return path.read_text()


def grow_tree(tree: Path, busybox: Path, *, user: str = "root") -> Path:
    """A directory that a login as ``user`` can be locked into: a shell, what the node script calls, and /dev/null."""
    for directory in ("bin", "etc", "dev", "root", "usr/sbin"):
        (tree / directory).mkdir(parents=True, mode=0o755)
    tree.chmod(0o755)
    with contextlib.suppress(FileExistsError):
        os.link(busybox, tree / "bin/busybox")
    for applet in APPLETS:
        (tree / "bin" / applet).symlink_to("busybox")
    shell = tree / pwd.getpwnam(user).pw_shell.lstrip("/")
    if not shell.is_symlink():
        shell.parent.mkdir(parents=True, exist_ok=True)
        shell.write_text('#!/bin/busybox sh\nexec /bin/busybox sh "$@"\n')
        shell.chmod(0o755)
    (tree / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
    os.mknod(tree / "dev/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    (tree / "dev/null").chmod(0o666)
    return tree


def stock(tree: Path, node: str, authority: Authority, now: float, rotations: int = 2) -> Path:
    """Give a tree a kubelet's store whose links are absolute within it."""
    directory = tree / STORE.lstrip("/")
    store = FileStore(directory)
    for back in reversed(range(rotations)):
        moment = now - 60 - back * 86400
        store.update(authority.client(node, moment, 365 * 86400), moment)
    relink(tree)
    return directory


def relink(tree: Path) -> None:
    """Take the tree's own path off the links below it."""
    for path in (tree / STORE.lstrip("/")).iterdir():
        if path.is_symlink() and os.readlink(path).startswith(f"{tree}/"):
            target = "/" + os.path.relpath(os.readlink(path), tree)
            path.unlink()
            path.symlink_to(target)


def shared_busybox(directory: Path) -> Path:
    """A copy on the file system of the trees, so that they can link to it."""
    assert BUSYBOX
    copy = directory / "busybox"
    shutil.copy(BUSYBOX, copy)
    copy.chmod(0o755)
    run(str(copy), "stat", "-c", "%A %u %g %s %Y %n", str(copy))
    return copy


class Sshd:
    """sshd for ``hosts``, in the foreground as a child of ours. Only the keys in ``authorized`` may log in."""

    def __init__(
        self, directory: Path, hosts: Sequence[Host], authorized: Sequence[Path], options: Sequence[str] = ()
    ) -> None:
        self.directory = directory
        self.host_keys = {kind: make_key(directory / f"host_{kind}", kind) for kind in KEY_TYPES}
        self.log = directory / "log"
        self.log.touch()
        self._hosts = tuple(hosts)
        self._options = tuple(options)
        self._servers: list[subprocess.Popen[bytes]] = []
        self._authorized = directory / "authorized_keys"
        self._authorized.write_text("".join(f"{public(key)}\n" for key in authorized))
        self.port = self._free_port()

    def start(self) -> None:
        if IS_ROOT:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        for first in range(0, len(self._hosts), _LISTENERS):
            config = self.directory / f"sshd_config_{first}"
            config.write_text(self._config(self._hosts[first : first + _LISTENERS]))
            command = [SSHD, "-D", "-E", str(self.log), "-f", str(config)]
            self._servers.append(subprocess.Popen(command, stdin=subprocess.DEVNULL))
        deadline = time.monotonic() + _PATIENCE
        for host in self._hosts[::_LISTENERS]:  # a server that answers on one address listens on all of its own
            while not answers(host.address, self.port):
                assert time.monotonic() < deadline, self.log.read_text()
                assert all(server.poll() is None for server in self._servers), self.log.read_text()
                time.sleep(0.02)

    def stop(self) -> None:
        for server in self._servers:
            server.terminate()
        for server in self._servers:
            server.wait(timeout=_PATIENCE)

    def known_hosts(self, *kinds: str, marker: str = "", bare: bool = False) -> str:
        """Lines for every host: ``[address]:port``, or the bare address."""
        lines: list[str] = []
        for host in self._hosts:
            name = host.address if bare else f"[{host.address}]:{self.port}"
            lines.extend(
                f"{marker} {name} {public(self.host_keys[kind])}".lstrip()
                for kind in kinds or ("ed25519", "ecdsa", "rsa")
            )
        return "\n".join(lines) + "\n"

    def log_size(self) -> int:
        """Where the log ends now, for :meth:`log_of_next`."""
        return self.log.stat().st_size

    def log_of_next(self, since: int) -> str:
        """What was logged since, once a connection's end is in it."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            text = self.log.read_bytes()[since:].decode("utf-8", "replace")
            ended = ("Connection closed by", "Connection reset by", "Disconnected from", "Connection to")
            if any(word in text for word in ended):
                return text
            assert time.monotonic() < deadline, text
            time.sleep(0.02)

    def _free_port(self) -> int:
        with socket.create_server((self._hosts[0].address, 0)) as found:
            return int(found.getsockname()[1])

    def _config(self, hosts: Sequence[Host]) -> str:
        lines = [
            *(f"ListenAddress {host.address}:{self.port}" for host in hosts),
            *(f"HostKey {key}" for key in self.host_keys.values()),
            *self._options,  # sshd takes the first line of a keyword
            f"AuthorizedKeysFile {self._authorized}",
            "UsePAM no",
            "PidFile none",
            "StrictModes no",
            "MaxStartups 1000:30:2000",
            "LogLevel DEBUG1",
            "PermitRootLogin prohibit-password",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "PrintMotd no",
            "UseDNS no",
            "SetEnv HOME=/nonexistent",  # what this machine's user has in a profile is none of the tests' business
        ]
        for host in hosts:
            if host.options:
                lines.append(f"Match LocalAddress {host.address}")
                lines.extend(f"    {option}" for option in host.options)
        return "\n".join(lines) + "\n"


@contextlib.contextmanager
def agent(directory: Path, *keys: Path) -> Iterator[str]:
    """A real ssh-agent that holds ``keys``; the path of its socket."""
    path = str(directory / "agent")
    process = subprocess.Popen(
        ["ssh-agent", "-D", "-a", path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + _PATIENCE
        while not Path(path).exists():
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.02)
        for key in keys:
            done = subprocess.run(
                ["ssh-add", "-q", str(key)],
                env={**os.environ, "SSH_AUTH_SOCK": path},
                capture_output=True,
                timeout=30,
                check=False,
            )
            assert done.returncode == 0, done.stderr
        yield path
    finally:
        process.terminate()
        process.wait(timeout=_PATIENCE)


def answers(host: str, port: int) -> bool:
    """Whether an SSH server says something there."""
    try:
        with socket.create_connection((host, port), timeout=1.0) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False
