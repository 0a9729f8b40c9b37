"""The kubelet as its own files and flags describe it: who rotates what, from where, with which credential."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum


class Distribution(StrEnum):
    """Whose kubelet it is (rotation-truth 2.5); the ``distribution`` label."""

    KUBEADM = "kubeadm"  # kubespray, kind and minikube as well: they use it
    OPENSHIFT = "openshift"
    GKE = "gke"
    EKS = "eks"
    AKS = "aks"
    TALOS = "talos"
    K0S = "k0s"
    K3S = "k3s"
    RKE1 = "rke1"
    RKE2 = "rke2"
    MICROK8S = "microk8s"
    KOPS = "kops"
    UNKNOWN = ""

    @property
    def renews_itself(self) -> bool:
        """Whether something else than the kubelet renews the client certificate, or there is none to renew."""
        return self in _OTHER_OWNERS


_OTHER_OWNERS = frozenset(
    (
        Distribution.EKS,
        Distribution.K3S,
        Distribution.RKE1,
        Distribution.RKE2,
        Distribution.MICROK8S,
        Distribution.KOPS,
    )
)


class Credential(StrEnum):
    """With what kubelet.conf lets the kubelet in."""

    LINK = "link"  # the store's link, in the folder that the kubelet rotates in
    LINK_ELSEWHERE = "link_elsewhere"  # a link of that name in another folder
    DATED = "dated"  # a dated file of a store
    LEGACY_PAIR = "legacy_pair"  # kubelet-client.crt and kubelet-client.key
    OTHER_FILE = "other_file"
    EMBEDDED = "embedded"
    TOKEN = "token"  # noqa: S105 - a word
    EXEC = "exec"  # a plugin, or an auth provider
    NONE = "none"
    UNKNOWN = "unknown"

    @property
    def is_certificate(self) -> bool:
        return self not in (Credential.TOKEN, Credential.EXEC, Credential.NONE, Credential.UNKNOWN)


_NODE_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


def node_name(text: str) -> str | None:
    """What a node may be called (RFC 1123), in lower case; None for all else: it stands in commands that are pasted."""
    name = text.strip().lower()
    return name if _NODE_NAME.fullmatch(name) else None


@dataclass(frozen=True, slots=True)
class Kubelet:
    """What flags, configuration and drop-ins come to; a flag wins. None is "not known", unless said otherwise.

    ``flags_known`` says whether the process's flags were seen, now or (``flags_remembered``) at an earlier visit.
    ``config_known`` says whether every configuration file that they name was understood: only then does None mean
    "not set" for the paths below it.
    """

    distribution: Distribution = Distribution.UNKNOWN
    flags_known: bool = False
    flags_remembered: bool = False
    config_known: bool = False
    store: str = ""  # the certificate folder
    kubeconfig: str | None = None  # None with flags_known: standalone
    bootstrap: str | None = None  # None with flags_known: the flag is not set
    credential: Credential = Credential.UNKNOWN
    rotates: bool | None = None  # the client certificate
    server_tls_bootstrap: bool | None = None
    serving_gate: bool | None = None  # on unless the configuration says otherwise
    tls_cert_file: str | None = None
    tls_private_key_file: str | None = None
    client_ca_file: str | None = None
    node_name: str | None = None  # --hostname-override, else the host's name in lower case

    @property
    def is_standalone(self) -> bool:
        """Whether it runs without --kubeconfig: no API server, no client certificate."""
        return self.flags_known and self.kubeconfig is None

    def filled_from(self, earlier: Kubelet | None) -> Kubelet:
        """This one; whose it is, what lets it in and who rotates what as an earlier visit saw it where this did not."""
        if earlier is None or earlier == self:
            return self
        told = self.flags_known and self.config_known
        return replace(
            self,
            distribution=self.distribution or earlier.distribution,
            credential=earlier.credential if self.credential is Credential.UNKNOWN else self.credential,
            rotates=self.rotates if told or self.rotates is not None else earlier.rotates,
            server_tls_bootstrap=(
                self.server_tls_bootstrap
                if told or self.server_tls_bootstrap is not None
                else earlier.server_tls_bootstrap
            ),
            serving_gate=self.serving_gate if told or self.serving_gate is not None else earlier.serving_gate,
        )
