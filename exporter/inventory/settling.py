"""One node's settings out of all levels: node, group, ``defaults``, then ssh_config, then what is built in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

from exporter.config.ranges import expand
from exporter.config.references import unknown_bastion
from exporter.config.schema import Config, NodeEntry, NodeSettings
from exporter.config.settings import NODE_SCRIPT, Paths, Privilege, Rotation, TransportKind
from exporter.config.ssh import NO_BASTION
from exporter.config.ssh_config.ssh_config import SshConfig
from exporter.errors import ConfigurationError, Mistake, Mistakes
from exporter.inventory.addresses import bare
from exporter.inventory.hops import hops
from exporter.inventory.ssh_access import Own, Ways
from exporter.model.node import Hop, LocalAccess, Node, SshAccess
from exporter.model.shard import WHOLE_FLEET, Shard

T = TypeVar("T")


class _Nearest:
    """A setting as the nearest level has it."""

    def __init__(self, levels: tuple[NodeSettings, ...]) -> None:
        self._levels = levels

    def __call__(self, pick: Callable[[NodeSettings], T | None], built_in: T) -> T:
        return next((value for level in self._levels if (value := pick(level)) is not None), built_in)


class Settler:
    """Makes nodes of entries, by the rules of one configuration; those of one share of the fleet."""

    def __init__(self, config: Config, ssh_config: SshConfig | None = None, shard: Shard = WHOLE_FLEET) -> None:
        """Raises ConfigurationError with what ``ssh_config`` asks for a bastion and we do not do."""
        self.labels = config.label_names  # the one set of the whole fleet
        self._shard = shard
        self._defaults = config.defaults
        self._bastions = config.ssh.bastions
        self._ways = Ways(ssh_config)
        self._hops = hops(config.ssh, self._ways)

    def nodes(self, entry: NodeEntry, group: NodeSettings, origin: str) -> Iterator[Node]:
        """The nodes that ``entry`` names. Raises ConfigurationError, placed at ``origin`` or in ssh_config."""
        mistakes = Mistakes()
        try:
            for name in filter(self._shard.has, expand(entry.name)):
                with mistakes.gathered():
                    yield self._node(name, entry, (entry, group, self._defaults), origin)
        except ValueError as error:
            raise ConfigurationError(Mistake(origin, str(error))) from error
        mistakes.tell()

    def _node(self, name: str, entry: NodeEntry, levels: tuple[NodeSettings, ...], origin: str) -> Node:
        nearest = _Nearest(levels)
        paths = Paths(
            store=nearest(lambda level: level.paths.store, Paths().store).replace("{name}", name),
            client_certificate=_named(nearest(lambda level: level.paths.client_certificate, None), name),
            serving_certificate=_named(nearest(lambda level: level.paths.serving_certificate, None), name),
        )
        local = nearest(lambda level: level.transport, TransportKind.SSH) is TransportKind.LOCAL
        return Node(
            name=name,
            access=_local(name, nearest(lambda level: level.root, "")) if local else self._ssh(name, entry, levels),
            paths=paths,
            serving_port=nearest(lambda level: level.serving_handshake, 0) or None,
            rotation=nearest(lambda level: level.rotation, Rotation.KUBELET),
            compare_keys=nearest(lambda level: level.compare_keys, False),  # noqa: FBT003 - the built-in value
            journal=nearest(lambda level: level.journal, False),  # noqa: FBT003 - the built-in value
            labels=tuple((label, nearest(lambda level: level.labels.get(label), "")) for label in self.labels),  # noqa: B023 - called at once
            origin=origin,
        )

    def _ssh(self, name: str, entry: NodeEntry, levels: tuple[NodeSettings, ...]) -> SshAccess:
        nearest = _Nearest(levels)
        identities = nearest(lambda level: level.identities, None)
        bastion = nearest(lambda level: level.bastion, None)
        own = Own(
            name=name,
            alias=bare(entry.address.replace("{name}", name)) if entry.address else name,
            port=nearest(lambda level: level.port, None),
            user=nearest(lambda level: level.user, None),
            host_keys=nearest(lambda level: level.host_key, ()),
            policy=nearest(lambda level: level.host_key_policy, None),
            host_key_alias=_named(nearest(lambda level: level.host_key_alias, None), name),
            identities=None if identities is None else tuple(one.files for one in identities),
            names_way=bastion is not None,
            via=self._via(bastion),
        )
        return replace(
            self._ways.to(own, f"node {name!r}"),
            privilege=nearest(lambda level: level.privilege, Privilege.LOGIN),
            script=nearest(lambda level: level.script, NODE_SCRIPT),
        )

    def _via(self, bastion: str | None) -> Hop | None:
        if bastion in (None, NO_BASTION):
            return None
        if bastion not in self._hops:  # a label's word; the configuration's own were looked at
            raise ValueError(unknown_bastion(str(bastion), self._bastions))
        return self._hops[bastion]


def _local(name: str, root: str) -> LocalAccess:
    if not root:
        raise ValueError('transport "local" needs a root, such as /mnt/nodes/{name}')
    return LocalAccess(root.replace("{name}", name))


def _named(text: str | None, name: str) -> str | None:
    return text and text.replace("{name}", name)
