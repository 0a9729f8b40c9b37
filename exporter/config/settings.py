"""The settings of one node, and the words that they may use."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from enum import StrEnum


class TransportKind(StrEnum):
    """How a node is read."""

    SSH = "ssh"
    LOCAL = "local"


class Rotation(StrEnum):
    """Who renews the client certificate."""

    KUBELET = "kubelet"
    MANUAL = "manual"


class HostKeyPolicy(StrEnum):
    """What an unknown host key means."""

    STRICT = "strict"
    INSECURE = "insecure"  # any key is taken; spelled out by the user, shown in kubelet_cert_node_info


@dataclass(frozen=True, slots=True)
class Pace:
    """How often nodes are visited, in seconds: ``interval`` at rest, never more often than ``min_interval``."""

    interval: float = 3600.0
    min_interval: float = 60.0


@dataclass(frozen=True, slots=True)
class Paths:
    """Where a node keeps its kubelet's certificates. The defaults are kubeadm's."""

    store: str = "/var/lib/kubelet/pki"
    client_certificate: str | None = None
    serving_certificate: str | None = None

    @property
    def client(self) -> str:
        """The client certificate's file: the store's link unless another file is named."""
        return self.client_certificate or posixpath.join(self.store, "kubelet-client-current.pem")

    @property
    def serving(self) -> tuple[str, ...]:
        """The serving certificate's candidates, the first that exists counts (rotation-truth, section 2.3)."""
        if self.serving_certificate:
            return (self.serving_certificate,)
        return (
            posixpath.join(self.store, "kubelet-server-current.pem"),
            posixpath.join(self.store, "kubelet.crt"),
        )
