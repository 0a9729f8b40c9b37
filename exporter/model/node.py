"""A node of the inventory: who it is and how it is read."""

from __future__ import annotations

from dataclasses import dataclass

from exporter.config.settings import (
    NODE_SCRIPT,
    AddressFamily,
    HostKeyPolicy,
    IdentityFile,
    Paths,
    Privilege,
    Rotation,
    TransportKind,
)

_SSH, _LOCAL = TransportKind.SSH, TransportKind.LOCAL


@dataclass(frozen=True, slots=True)
class SshAccess:
    """Where an sshd listens, who it is meant to be, as whom we log in, and by which way.

    ``name`` is the host that we mean: known_hosts is asked for it and for the address, and a host certificate must
    name it. ``host_key_alias`` takes the place of both. ``host_keys`` are pinned keys (``ssh-ed25519 AAAA…``) or
    fingerprints (``SHA256:…``); where there are any, known_hosts is not asked. What is None is as the configuration's
    ``ssh`` section has it.
    """

    address: str
    port: int = 22
    user: str = "root"
    host_keys: tuple[str, ...] = ()
    policy: HostKeyPolicy = HostKeyPolicy.STRICT
    name: str = ""
    host_key_alias: str | None = None
    known_hosts: tuple[str, ...] | None = None
    identities: tuple[IdentityFile, ...] | None = None
    agent: bool | None = None
    identities_only: bool | None = None  # of the agent's keys, those alone that an identity names
    via: Hop | None = None
    privilege: Privilege = Privilege.LOGIN
    script: str = NODE_SCRIPT
    connect_timeout: float | None = None  # seconds
    address_family: AddressFamily = AddressFamily.ANY
    bind_address: str | None = None

    @property
    def meant(self) -> tuple[str, ...]:
        """The names under which known_hosts may know this host."""
        return (self.host_key_alias,) if self.host_key_alias else tuple(filter(None, (self.name, self.address)))

    @property
    def hops(self) -> tuple[Hop, ...]:
        """The bastions on the way, the first that is connected to first."""
        return (*self.via.access.hops, self.via) if self.via else ()

    @property
    def is_unverified(self) -> bool:
        return any(one.policy is HostKeyPolicy.INSECURE for one in (self, *(hop.access for hop in self.hops)))


@dataclass(frozen=True, slots=True)
class Hop:
    """A bastion: how it is reached itself, and how much of it we take at once."""

    access: SshAccess
    channels: int = 10  # nodes under way through it at once
    logins_per_second: float = 10.0

    @property
    def name(self) -> str:
        return self.access.name


@dataclass(frozen=True, slots=True)
class LocalAccess:
    """A node whose files are mounted below ``root`` on the exporter's machine."""

    root: str


@dataclass(frozen=True, slots=True)
class Node:
    """One node. ``labels`` are sorted by name; ``origin`` says where the inventory names it."""

    name: str
    access: SshAccess | LocalAccess
    paths: Paths
    rotation: Rotation = Rotation.KUBELET
    serving_port: int | None = None  # the kubelet's, to shake hands with over SSH; None: it is left alone
    compare_keys: bool = False  # has the node say whether a certificate fits its key
    journal: bool = False  # has the kubelet's journal looked through
    labels: tuple[tuple[str, str], ...] = ()
    origin: str = ""
    is_guest: bool = False  # of no inventory: a probe named it

    def is_read_as(self, other: Node) -> bool:
        """Whether a reading of ``other`` is one of this node: same access, paths, owner and extent.

        Labels do not matter.
        """
        return self.how_read == other.how_read

    @property
    def how_read(self) -> tuple[object, ...]:
        """What a reading depends on."""
        return self.access, self.paths, self.rotation, self.compare_keys, self.journal

    @property
    def transport(self) -> TransportKind:
        return _SSH if isinstance(self.access, SshAccess) else _LOCAL

    @property
    def address(self) -> str:
        """What ``kubelet_cert_node_info`` shows: the SSH address, or the mounted root."""
        return self.access.address if isinstance(self.access, SshAccess) else self.access.root

    @property
    def bastion(self) -> Hop | None:
        """The last bastion on the way to the node."""
        return self.access.via if isinstance(self.access, SshAccess) else None

    @property
    def host_key_policy(self) -> str:
        return self.access.policy if isinstance(self.access, SshAccess) else ""

    @property
    def is_unverified(self) -> bool:
        """Whether somebody else could be at the other end: an ``insecure`` host key policy, its own or a bastion's."""
        return isinstance(self.access, SshAccess) and self.access.is_unverified

    @property
    def cluster(self) -> str:
        for name, value in self.labels:
            if name == "cluster":
                return value
        return ""
