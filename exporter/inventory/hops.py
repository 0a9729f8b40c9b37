"""The configured bastions, each with the way to it."""

from __future__ import annotations

from exporter.config.ssh import NO_BASTION, Bastion, Ssh
from exporter.inventory.addresses import bare
from exporter.model.node import Hop, SshAccess


def hops(ssh: Ssh) -> dict[str, Hop]:
    """Every bastion of ``ssh.bastions`` by name; their references hold (config/references.py)."""
    made: dict[str, Hop] = {}

    def hop(name: str) -> Hop:
        if name not in made:
            bastion = ssh.bastions[name]
            via = hop(bastion.bastion) if bastion.bastion not in (None, NO_BASTION) else None
            made[name] = Hop(_access(name, bastion, via), bastion.channels, bastion.logins_per_second)
        return made[name]

    return {name: hop(name) for name in ssh.bastions}


def _access(name: str, bastion: Bastion, via: Hop | None) -> SshAccess:
    return SshAccess(
        address=bare(bastion.address or name),
        port=bastion.port,
        user=bastion.user,
        host_keys=bastion.host_key,
        policy=bastion.host_key_policy,
        name=name,
        host_key_alias=bastion.host_key_alias,
        identities=None if bastion.identities is None else tuple(one.files for one in bastion.identities),
        via=via,
    )
