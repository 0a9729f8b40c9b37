"""Kubeconfigs and KubeletConfigurations in the words of the programs that write them."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from exporter.demo.signer import Pair

SERVER = "https://10.20.0.10:6443"


def encoded(content: bytes) -> str:
    """As a kubeconfig embeds it."""
    return base64.b64encode(content).decode()


@dataclass(frozen=True, slots=True)
class User:
    """The fields of a kubeconfig's user, each a line; deeper lines are indented as in the file."""

    lines: tuple[str, ...]


def by_file(certificate: str, key: str | None = None) -> User:
    """A user with a certificate in a file; the key stands in the same one unless another is named."""
    return User((f"client-certificate: {certificate}", f"client-key: {key or certificate}"))


def by_data(pair: Pair) -> User:
    """A user whose certificate and key are embedded."""
    data = (f"client-certificate-data: {encoded(pair.certificate)}", f"client-key-data: {encoded(pair.key)}")
    return User(data)


@dataclass(frozen=True, slots=True)
class Names:
    """How a writer calls cluster, context and user."""

    cluster: str
    context: str
    user: str
    namespace: str = ""


BOOTSTRAPPED = Names("default-cluster", "default-context", "default-auth", "default")
TOKEN_USER = Names("kubernetes", "tls-bootstrap-token-user@kubernetes", "tls-bootstrap-token-user")


def kubeadm(node: str) -> Names:
    """As ``kubeadm init`` calls them."""
    return Names("kubernetes", f"system:node:{node}@kubernetes", f"system:node:{node}")


def kubeconfig(names: Names, authority: str, user: User, server: str = SERVER) -> str:
    """One cluster, one context, one user; ``authority`` is the whole line of the CA, or nothing."""
    cluster = [f"    {authority}"] if authority else []
    namespace = [f"    namespace: {names.namespace}"] if names.namespace else []
    lines = (
        "apiVersion: v1",
        "clusters:",
        "- cluster:",
        *cluster,
        f"    server: {server}",
        f"  name: {names.cluster}",
        "contexts:",
        "- context:",
        f"    cluster: {names.cluster}",
        *namespace,
        f"    user: {names.user}",
        f"  name: {names.context}",
        f"current-context: {names.context}",
        "kind: Config",
        "preferences: {}",
        "users:",
        f"- name: {names.user}",
        "  user:",
        *(f"    {line}" for line in user.lines),
    )
    return "\n".join(lines) + "\n"


def configuration(client_ca: str | None = "/etc/kubernetes/pki/ca.crt", **more: str | bool | dict[str, bool]) -> str:
    """A KubeletConfiguration as kubeadm writes it: keys in order, block style."""
    x509 = ["  x509:", f"    clientCAFile: {client_ca}"] if client_ca else ["  x509: {}"]
    lines = [
        "apiVersion: kubelet.config.k8s.io/v1beta1",
        "authentication:",
        "  anonymous:",
        "    enabled: false",
        "  webhook:",
        "    cacheTTL: 0s",
        "    enabled: true",
        *x509,
        "authorization:",
        "  mode: Webhook",
        "cgroupDriver: systemd",
        "clusterDNS:",
        "- 10.96.0.10",
        "clusterDomain: cluster.local",
        'containerRuntimeEndpoint: ""',
        "kind: KubeletConfiguration",
        "logging:",
        "  flushFrequency: 0",
        "  options:",
        "    json:",
        '      infoBufferSize: "0"',
        "memorySwap: {}",
        "nodeStatusReportFrequency: 0s",
    ]
    for key, value in more.items():
        if isinstance(value, dict):
            lines += [f"{key}:", *(f"  {gate}: {_word(on)}" for gate, on in value.items())]
        else:
            lines.append(f"{key}: {_word(value)}")
    return "\n".join([*lines, "staticPodPath: /etc/kubernetes/manifests"]) + "\n"


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
