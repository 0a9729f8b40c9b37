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
    ACCEPT_NEW = "accept-new"  # a node's first key is kept in a file of ours; later another one is refused
    INSECURE = "insecure"  # any key is taken; spelled out by the user, shown in kubelet_cert_node_info


class SshEngine(StrEnum):
    """What drives visits over SSH."""

    AUTO = "auto"  # the loop, or threads where this paramiko cannot be driven by it
    LOOP = "loop"  # one thread for all; what waits for an SSH agent still has a thread of its own
    THREADS = "threads"  # one thread for each visit under way


class Privilege(StrEnum):
    """As whom the node script runs on the node."""

    LOGIN = "login"  # sent to a shell of the user that logs in
    SUDO = "sudo"  # installed, and run by `sudo -n`
    FORCED_COMMAND = "forced_command"  # installed, and run by sshd whatever is asked for


class AddressFamily(StrEnum):
    """Which addresses of a name are tried (ssh_config's AddressFamily)."""

    ANY = "any"
    INET = "inet"
    INET6 = "inet6"


class Visits(StrEnum):
    """Who says when a node of the inventory is visited."""

    SCHEDULED = "scheduled"  # the exporter, by what its certificates call for
    PROBED = "probed"  # whoever asks for /probe, and nobody else


class ProbeVisit(StrEnum):
    """When a probe visits its node."""

    NOW = "now"
    DUE = "due"  # where the schedule has it due; before that, what is known is the answer


@dataclass(frozen=True, slots=True)
class IdentityFile:
    """A private key file that logs in; its OpenSSH certificate and its passphrase where there are any.

    Without ``certificate_file`` it is ``<file>-cert.pub`` where that exists, as for ssh(1).
    """

    file: str
    certificate_file: str | None = None
    passphrase_file: str | None = None


# The names of the kubelet's certificate store (client-go util/certificate/certificate_store.go).
CLIENT_CURRENT = "kubelet-client-current.pem"
CLIENT_UPDATED = "kubelet-client-updated.pem"
SERVER_CURRENT = "kubelet-server-current.pem"
SERVER_UPDATED = "kubelet-server-updated.pem"


def is_dated(name: str, prefix: str) -> bool:
    """True for ``<prefix>-<date>.pem``, the file that a rotation writes; the prefix ends with its hyphen."""
    links = (CLIENT_CURRENT, CLIENT_UPDATED, SERVER_CURRENT, SERVER_UPDATED)
    return name.startswith(prefix) and name.endswith(".pem") and name not in links


NODE_SCRIPT = "/usr/local/libexec/kubelet-cert-exporter-node"  # where `node-script` has it installed


@dataclass(frozen=True, slots=True)
class Pace:
    """How often nodes are visited, in seconds: ``interval`` at rest, never more often than ``min_interval``.

    And how many are logged in to in a second, at most, all together. Far from its window a healthy node may wait up to
    ``max_interval``; None: no longer than ``interval``.
    """

    interval: float = 3600.0
    min_interval: float = 60.0
    logins_per_second: float = 20.0
    max_interval: float | None = None


@dataclass(frozen=True, slots=True)
class Paths:
    """Where a node keeps its kubelet's certificates. The defaults are kubeadm's."""

    store: str = "/var/lib/kubelet/pki"
    client_certificate: str | None = None
    serving_certificate: str | None = None

    @property
    def client(self) -> str:
        """The client certificate's file: the store's link unless another file is named."""
        return self.client_certificate or posixpath.join(self.store, CLIENT_CURRENT)

    @property
    def serving(self) -> tuple[str, ...]:
        """The serving certificate's candidates, the first that exists counts (rotation-truth, section 2.3)."""
        if self.serving_certificate:
            return (self.serving_certificate,)
        return (
            posixpath.join(self.store, SERVER_CURRENT),
            posixpath.join(self.store, "kubelet.crt"),
        )
