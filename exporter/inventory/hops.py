"""The configured bastions, each with the way to it."""

from __future__ import annotations

from exporter.config.ssh import NO_BASTION, Bastion, Ssh
from exporter.errors import Mistakes
from exporter.inventory.addresses import bare
from exporter.inventory.ssh_access import Own, Ways
from exporter.model.node import Hop


def hops(ssh: Ssh, ways: Ways) -> dict[str, Hop]:
    """Every bastion of ``ssh.bastions`` by name; their references hold (config/references.py).

    Raises ConfigurationError with all that ssh_config asks for them and we do not do.
    """
    made: dict[str, Hop] = {}
    mistakes = Mistakes()

    def hop(name: str) -> Hop:
        if name not in made:
            bastion = ssh.bastions[name]
            via = hop(bastion.bastion) if bastion.bastion not in (None, NO_BASTION) else None
            access = ways.to(_own(name, bastion, via), f"bastion {name!r}")
            made[name] = Hop(access, bastion.channels, bastion.logins_per_second)
        return made[name]

    for name in ssh.bastions:
        with mistakes.gathered():
            hop(name)
    mistakes.tell()
    return made


def _own(name: str, bastion: Bastion, via: Hop | None) -> Own:
    said = bastion.model_fields_set
    return Own(
        name=name,
        alias=bare(bastion.address or name),
        port=bastion.port if "port" in said else None,
        user=bastion.user if "user" in said else None,
        host_keys=bastion.host_key,
        policy=bastion.host_key_policy if "host_key_policy" in said else None,
        host_key_alias=bastion.host_key_alias,
        identities=None if bastion.identities is None else tuple(one.files for one in bastion.identities),
        names_way=bastion.bastion is not None,
        via=via,
    )
