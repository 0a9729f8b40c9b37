"""A node of the inventory: who it is and how it is read."""

from __future__ import annotations

from dataclasses import dataclass

from exporter.config.settings import HostKeyPolicy, Paths, Rotation, TransportKind


@dataclass(frozen=True, slots=True)
class SshAccess:
    """Where a node's sshd listens, as whom we log in, and which host keys are its own.

    ``host_keys`` are pinned keys (``ssh-ed25519 AAAA…``) or fingerprints (``SHA256:…``); where there are any,
    known_hosts is not asked.
    """

    address: str
    port: int
    user: str
    host_keys: tuple[str, ...] = ()
    policy: HostKeyPolicy = HostKeyPolicy.STRICT


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
    labels: tuple[tuple[str, str], ...] = ()
    origin: str = ""

    def is_read_as(self, other: Node) -> bool:
        """Whether a reading of ``other`` is one of this node: same access, paths and owner. Labels do not matter."""
        return (self.access, self.paths, self.rotation) == (other.access, other.paths, other.rotation)

    @property
    def transport(self) -> TransportKind:
        return TransportKind.SSH if isinstance(self.access, SshAccess) else TransportKind.LOCAL

    @property
    def address(self) -> str:
        """What ``kubelet_cert_node_info`` shows: the SSH address, or the mounted root."""
        return self.access.address if isinstance(self.access, SshAccess) else self.access.root

    @property
    def host_key_policy(self) -> str:
        return str(self.access.policy) if isinstance(self.access, SshAccess) else ""

    @property
    def cluster(self) -> str:
        return dict(self.labels).get("cluster", "")
