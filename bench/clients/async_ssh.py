"""asyncssh: as its manual shows it, and with all that makes it cheaper."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import asyncssh
import uvloop

from bench.clients.client import Round, Tally
from bench.site import COMMAND, Site


def as_the_manual_shows(site: Site, in_flight: int) -> Round:
    """Files are named at each connect. The known hosts are read once: they are 300 lines."""
    options = {"client_keys": [site.key], "known_hosts": asyncssh.read_known_hosts(site.known_hosts)}
    return _round(site, in_flight, options, asyncio.new_event_loop)


def tuned(site: Site, in_flight: int) -> Round:
    """Key loaded once, no agent, no configuration, one algorithm of each kind, uvloop."""
    shared = asyncssh.SSHClientConnectionOptions(
        client_keys=[asyncssh.read_private_key(site.key)],
        known_hosts=asyncssh.read_known_hosts(site.known_hosts),
        agent_path=None,
        config=None,
        username=site.user,
        preferred_auth="publickey",
        kex_algs=["curve25519-sha256"],
        encryption_algs=["aes128-gcm@openssh.com"],
        mac_algs=["hmac-sha2-256"],
        compression_algs=["none"],
        server_host_key_algs=["ssh-ed25519"],
        signature_algs=["ssh-ed25519"],
    )
    return _round(site, in_flight, {"options": shared}, uvloop.new_event_loop)


def _round(
    site: Site, in_flight: int, options: Mapping[str, object], loop: Callable[[], asyncio.AbstractEventLoop]
) -> Round:
    async def visit(address: str, places: asyncio.Semaphore, tally: Tally) -> None:
        async with places, asyncssh.connect(address, site.port, username=site.user, **options) as connection:
            done = await connection.run(COMMAND, check=True, encoding=None)
            tally.take(done.stdout)

    async def visit_all(tally: Tally) -> None:
        places = asyncio.Semaphore(in_flight)
        async with asyncio.TaskGroup() as group:
            for address in site.addresses:
                group.create_task(visit(address, places, tally))

    def visits(tally: Tally) -> None:
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(visit_all(tally))

    return visits
