"""One node's settings out of all levels: node, then group, then ``defaults``, then what is built in."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from typing import TypeVar

from exporter.config.ranges import expand
from exporter.config.schema import NodeEntry, NodeSettings
from exporter.config.settings import HostKeyPolicy, Paths, Rotation, TransportKind
from exporter.errors import ConfigurationError, Mistake
from exporter.model.node import LocalAccess, Node, SshAccess

T = TypeVar("T")


def settle(entry: NodeEntry, outer: tuple[NodeSettings, ...], labels: tuple[str, ...], origin: str) -> Iterator[Node]:
    """The nodes that ``entry`` names. ``outer`` are the levels around it, the nearest first.

    Raises ConfigurationError, placed at ``origin``.
    """
    try:
        names = expand(entry.name)
        for name in names:
            yield _node(name, entry, (entry, *outer), labels, origin)
    except ValueError as error:
        raise ConfigurationError(Mistake(origin, str(error))) from error


def _node(name: str, entry: NodeEntry, levels: tuple[NodeSettings, ...], labels: tuple[str, ...], origin: str) -> Node:
    def nearest(pick: Callable[[NodeSettings], T | None], built_in: T) -> T:
        return next((value for level in levels if (value := pick(level)) is not None), built_in)

    paths = Paths(
        store=nearest(lambda level: level.paths.store, Paths().store).replace("{name}", name),
        client_certificate=_named(nearest(lambda level: level.paths.client_certificate, None), name),
        serving_certificate=_named(nearest(lambda level: level.paths.serving_certificate, None), name),
    )
    return Node(
        name=name,
        access=_local(name, nearest(lambda level: level.root, ""))
        if nearest(lambda level: level.transport, TransportKind.SSH) is TransportKind.LOCAL
        else SshAccess(
            address=_bare(entry.address.replace("{name}", name)) if entry.address else name,
            port=nearest(lambda level: level.port, 22),
            user=nearest(lambda level: level.user, "root"),
            host_keys=nearest(lambda level: level.host_key, ()),
            policy=nearest(lambda level: level.host_key_policy, HostKeyPolicy.STRICT),
        ),
        paths=paths,
        rotation=nearest(lambda level: level.rotation, Rotation.KUBELET),
        labels=tuple((label, nearest(lambda level: level.labels.get(label), "")) for label in labels),  # noqa: B023 - called at once
        origin=origin,
    )


def _local(name: str, root: str) -> LocalAccess:
    if not root:
        raise ValueError('transport "local" needs a root, such as /mnt/nodes/{name}')
    return LocalAccess(root.replace("{name}", name))


def _named(path: str | None, name: str) -> str | None:
    return path and path.replace("{name}", name)


def _bare(address: str) -> str:
    """An address without the brackets of an IPv6 literal."""
    if address.startswith("[") and address.endswith("]"):
        return str(ipaddress.IPv6Address(address[1:-1]))
    return address
