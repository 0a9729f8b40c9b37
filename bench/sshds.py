"""A real sshd on loopback whose addresses are nodes, each with the same store; and peers that never say a word.

The forced command is the node script, installed: whatever a client asks for, it looks at a store with one certificate.
"""

from __future__ import annotations

import contextlib
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench.site import Site
from exporter.collect.script import node_script
from exporter.config.settings import NODE_SCRIPT, Paths
from tests.nodes import NodeTree
from tests.sshd import USER, Host, Sshd, address, make_key

BASTION = "127.2.0.1"
_MOST_HALF_OPEN = 1000  # logins that have not ended
_BACKLOG = 64


@contextlib.contextmanager
def site(nodes: int) -> Iterator[Site]:
    """So many nodes and a bastion, on loopback."""
    with tempfile.TemporaryDirectory(prefix="kce-bench-") as name:
        directory = Path(name)
        key = make_key(directory / "key", "ed25519")
        hosts = [Host(one) for one in (*map(address, range(1, nodes + 1)), BASTION)]
        sshd = Sshd(directory, hosts, [key], _options(_install(directory)))
        known = directory / "known_hosts"
        known.write_text(sshd.known_hosts("ed25519"))
        try:
            sshd.start()
            yield Site(tuple(host.address for host in hosts[:-1]), sshd.port, USER, str(key), str(known))
        finally:
            sshd.stop()


def _options(script: Path) -> tuple[str, ...]:
    return (
        f"ForceCommand sh {script}",
        f"MaxStartups {_MOST_HALF_OPEN}:30:{2 * _MOST_HALF_OPEN}",
        "LogLevel ERROR",  # the tests' DEBUG1 would be much of what a login costs
    )


def _install(directory: Path) -> Path:
    """The node script, over a node that has a store with one certificate and nothing else."""
    tree = NodeTree(directory / "root")
    tree.rotate(1)
    script = directory / "node-script"
    script.write_text(node_script(Paths(), NODE_SCRIPT, root=str(tree.root)))
    return script


def through_bastion(site: Site) -> Site:
    """The same nodes, by way of the same sshd at another address."""
    return replace(site, bastion=BASTION)


@contextlib.contextmanager
def with_silent(site: Site, number: int) -> Iterator[Site]:
    """And so many nodes more whose kernel takes the connection, and whose sshd never says a word."""
    with contextlib.ExitStack() as open_sockets:
        silent = [f"127.3.{one >> 8}.{one & 255}" for one in range(1, number + 1)]
        for where in silent:
            open_sockets.enter_context(socket.create_server((where, site.port), backlog=_BACKLOG))
        yield replace(site, silent=tuple(silent))
