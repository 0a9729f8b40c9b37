"""parallel-ssh: libssh2 on gevent's greenlets. It checks no host key."""

from __future__ import annotations

from pssh.clients import ParallelSSHClient

from bench.clients.client import Round, Tally
from bench.site import COMMAND, Site


def greenlets(site: Site, in_flight: int) -> Round:
    """One client for all nodes, as its manual shows it."""

    def visits(tally: Tally) -> None:
        client = ParallelSSHClient(
            list(site.addresses),
            user=site.user,
            port=site.port,
            pkey=site.key,
            pool_size=in_flight,
            allow_agent=False,
            identity_auth=False,
        )
        for host in client.run_command(COMMAND):
            tally.take("".join(f"{line}\n" for line in host.stdout).encode())

    return visits
