"""The way to a host: what our configuration says, then what ssh_config says, then what is built in."""

from __future__ import annotations

import os
from dataclasses import dataclass

from exporter.config.settings import AddressFamily, HostKeyPolicy, IdentityFile
from exporter.config.ssh import DEFAULT_PORT, DEFAULT_USER
from exporter.config.ssh_config.host_options import Given, HostOptions
from exporter.config.ssh_config.jump import Jump, JumpHost
from exporter.config.ssh_config.ssh_config import SshConfig
from exporter.errors import ConfigurationError
from exporter.inventory.refusals import RefusedFor
from exporter.model.node import Hop, SshAccess

MOST_HOPS = 16
# What ssh(1) asks where only the other one of the two options is given.
_USER_KNOWN_HOSTS = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
_GLOBAL_KNOWN_HOSTS = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")


@dataclass(frozen=True, slots=True)
class Own:
    """What our configuration itself says of a host; None: nothing. ``alias`` is what ssh_config is asked for."""

    name: str
    alias: str
    port: int | None = None
    user: str | None = None
    host_keys: tuple[str, ...] = ()
    policy: HostKeyPolicy | None = None
    host_key_alias: str | None = None
    identities: tuple[IdentityFile, ...] | None = None
    names_way: bool = False  # then ``via`` is the way, and ProxyJump does not count
    via: Hop | None = None

    @property
    def given(self) -> Given:
        return Given(
            user=self.user,
            port=self.port,
            host_key_alias=self.host_key_alias,
            identities=self.identities is not None,
            policy=self.policy is not None,
            way=self.names_way,
        )


class Ways:
    """Makes the ways to hosts, by one ssh_config or none."""

    def __init__(self, ssh_config: SshConfig | None) -> None:
        self._ssh_config = ssh_config
        self._hops: dict[tuple[JumpHost, ...], Hop] = {}

    def to(self, own: Own, whose: str, beyond: tuple[JumpHost, ...] = ()) -> SshAccess:
        """``beyond`` are the hosts to jump through from this one on.

        Raises ConfigurationError for what ssh_config asks for and we do not do, and tells ``whose`` it is.
        """
        said = HostOptions()
        if self._ssh_config:
            said = self._ssh_config.host(own.alias, own.given)
        if said.refusals:
            raise ConfigurationError(*(RefusedFor(one.place, one.problem, (whose,)) for one in said.refusals))
        via = own.via
        if said.jump and not own.names_way:
            via = self._through(said.jump, whose, beyond)
        return SshAccess(
            address=said.hostname or own.alias,
            port=own.port or said.port or DEFAULT_PORT,
            user=own.user or said.user or DEFAULT_USER,
            host_keys=own.host_keys,
            policy=own.policy or HostKeyPolicy.STRICT,
            name=own.name,
            host_key_alias=own.host_key_alias or said.host_key_alias,
            known_hosts=_known_hosts(said),
            identities=said.identities if own.identities is None else own.identities,
            agent=said.agent,
            identities_only=said.identities_only,
            via=via,
            connect_timeout=said.connect_timeout,
            address_family=said.address_family or AddressFamily.ANY,
            bind_address=said.bind_address,
        )

    def _through(self, jump: Jump, whose: str, beyond: tuple[JumpHost, ...]) -> Hop | None:
        """The last of the hosts to jump through, each looked up itself; the first may have hosts before it."""
        hop = None
        for number, host in enumerate(jump.hosts):
            way = jump.hosts[: number + 1]
            if host in beyond or len(beyond) == MOST_HOPS:
                raise ConfigurationError(RefusedFor(jump.place, "ProxyJump: leads back to itself", (whose,)))
            if way not in self._hops:
                own = Own(host.host, host.host, port=host.port, user=host.user, names_way=number > 0, via=hop)
                self._hops[way] = Hop(self.to(own, f"{host.host}, on the way to {whose}", (host, *beyond)))
            hop = self._hops[way]
        return hop


def _known_hosts(said: HostOptions) -> tuple[str, ...] | None:
    """None where neither option is given."""
    if said.user_known_hosts is None and said.global_known_hosts is None:
        return None
    users = _USER_KNOWN_HOSTS if said.user_known_hosts is None else said.user_known_hosts
    everybody = _GLOBAL_KNOWN_HOSTS if said.global_known_hosts is None else said.global_known_hosts
    return tuple(path for path in (*users, *everybody) if path != os.devnull)
