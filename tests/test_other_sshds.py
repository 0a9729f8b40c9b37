"""SSH servers of other makes, and OpenSSH with algorithms of other days: read, or told what is missing."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.collect.ssh.transport import SshTransport
from exporter.config.settings import Paths
from exporter.config.ssh import Identity, Ssh
from exporter.errors import CollectError, Reason
from exporter.model.node import Node, SshAccess
from tests.machines import free_port, machine, needs_machines, wait_for_sshd
from tests.sshd import SSHD, USER, Host, Sshd, address, make_key, public, run
from tests.visits import PATIENT


def transport(key: Path, known_hosts: str, directory: Path) -> SshTransport:
    hosts = directory / "known_hosts"
    hosts.write_text(known_hosts)
    identities = (Identity(file=str(key)),)
    return SshTransport(Ssh(known_hosts=(str(hosts),), identities=identities, timeouts=PATIENT))


def refusal(ours: SshTransport, access: SshAccess) -> CollectError:
    with pytest.raises(CollectError) as caught:
        ours.read(Node("worker-1", access, Paths()))
    return caught.value


OLD = {
    "KexAlgorithms diffie-hellman-group1-sha1": "no kex algorithm in common; the other side has diffie-hellman-group1",
    "Ciphers chacha20-poly1305@openssh.com": "no ciphers in common; the other side has chacha20-poly1305@openssh.com",
    "MACs umac-64@openssh.com": "no macs in common; the other side has umac-64@openssh.com",
    "HostKeyAlgorithms ssh-rsa": "no host key in common; the other side has ssh-rsa",
}


@pytest.mark.skipif(not Path(SSHD).exists(), reason="no OpenSSH server on this machine")
@pytest.mark.parametrize("option", OLD)
def test_algorithms_of_other_days(option: str, tmp_path: Path) -> None:
    """What is missing is named, and what the node has in its place."""
    key = make_key(tmp_path / "id", "ed25519")
    sshd = Sshd(tmp_path, [Host(address(240))], [key], (option,))
    sshd.start()
    try:
        error = refusal(transport(key, sshd.known_hosts(), tmp_path), SshAccess(address(240), sshd.port, USER))
    finally:
        sshd.stop()
    assert error.reason is Reason.NO_COMMON_ALGORITHM
    assert error.detail.startswith(OLD[option])


@needs_machines()
@pytest.mark.skipif(not shutil.which("dropbear"), reason="no dropbear on this machine")
@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_dropbear(kind: str, tmp_path: Path) -> None:
    """A node with dropbear in place of OpenSSH is read like any other, its host key verified."""
    key = make_key(tmp_path / "id", "ed25519")
    host_key, port = tmp_path / "host", free_port(address(241))
    run("dropbearkey", "-t", kind, "-f", str(host_key))
    shown = next(line for line in run("dropbearkey", "-y", "-f", str(host_key)).splitlines() if " AAAA" in line)
    known = f"[{address(241)}]:{port} {' '.join(shown.split()[:2])}\n"
    with machine() as made:
        made.run("mkdir", "-p", "/root/.ssh")
        made.run("chmod", "700", "/root", "/root/.ssh")
        made.write("/root/.ssh/authorized_keys", f"{public(key)}\n", "0600")
        made.start("dropbear", "-F", "-E", "-r", str(host_key), "-p", f"{address(241)}:{port}", "-P", "/var/log/pid")
        wait_for_sshd(address(241), port)
        ours = transport(key, known, tmp_path)
        facts = ours.read(Node("worker-1", SshAccess(address(241), port, "root"), Paths()))
        assert facts.uid == 0
        other = transport(key, known.replace(shown.split()[1][-20:], "A" * 20), tmp_path)
        assert refusal(other, SshAccess(address(241), port, "root")).reason is Reason.HOST_KEY_CHANGED


@contextlib.contextmanager
def tinysshd(directory: Path) -> Iterator[int]:
    """tinysshd for one connection, as inetd would run it; the port."""
    run("tinysshd-makekey", str(directory))
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                subprocess.run(
                    ["tinysshd", str(directory)],
                    stdin=connection.fileno(),
                    stdout=connection.fileno(),
                    stderr=subprocess.DEVNULL,
                    timeout=60,
                    check=False,
                )

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield int(server.getsockname()[1])
        finally:
            thread.join(60)


@pytest.mark.skipif(not shutil.which("tinysshd"), reason="no tinysshd on this machine")
def test_tinysshd(tmp_path: Path) -> None:
    """tinysshd has one cipher, which paramiko lacks: that is named, at once."""
    key = make_key(tmp_path / "id", "ed25519")
    with tinysshd(tmp_path / "keys") as port:
        error = refusal(transport(key, "", tmp_path), SshAccess("127.0.0.1", port, USER))
    assert error.reason is Reason.NO_COMMON_ALGORITHM
    assert "chacha20-poly1305@openssh.com" in error.detail
