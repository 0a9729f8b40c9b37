"""Whose kubelet it is, told by where its files lie, and the words that advice needs for it.

The table is rotation-truth 2.5. A row's signs are looked for in the order of their strength: the program that holds the
kubelet, the paths that its flags and files name, the plugin that fetches its token, the operating system, and last the
names in its certificate. The first row that a sign speaks for is the answer, so rows of one place stand above more
general ones.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from exporter.judge.certificate import leaf
from exporter.model.facts import NodeFacts
from exporter.model.host import Sight
from exporter.model.kubelet import Distribution
from exporter.model.kubelet_files import DocumentCondition


@dataclass(frozen=True, slots=True)
class Row:
    """One distribution. ``paths`` are folders (with a slash at their end) or files; the rest are whole words.

    ``unit`` is what restarts its kubelet, ``restart`` the command for that, ``kubeconfig`` where its kubelet.conf lies,
    ``renewer`` who renews its client certificate.
    """

    distribution: Distribution
    kubeconfig: str
    renewer: str
    unit: str = "kubelet"
    restart: str = "systemctl restart kubelet"
    programs: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    names: tuple[str, ...] = ()  # common names of the client certificate or its issuer; after an "@" stands a time


_KUBELET = "the kubelet itself"

TABLE = (
    Row(
        Distribution.RKE2,
        kubeconfig="/var/lib/rancher/rke2/agent/kubelet.kubeconfig",
        renewer="rke2, when it starts",
        unit="rke2-agent",
        restart="systemctl restart rke2-agent",
        programs=("rke2",),
        paths=("/var/lib/rancher/rke2/",),
        names=("rke2-client-ca@",),
    ),
    Row(
        Distribution.K3S,
        kubeconfig="/var/lib/rancher/k3s/agent/kubelet.kubeconfig",
        renewer="k3s, when it starts",
        unit="k3s-agent",
        restart="systemctl restart k3s-agent",
        programs=("k3s-agent", "k3s-server", "k3s"),
        paths=("/var/lib/rancher/k3s/",),
        names=("k3s-client-ca@",),
    ),
    Row(
        Distribution.K0S,
        kubeconfig="/var/lib/k0s/kubelet.conf",
        renewer=_KUBELET,
        unit="k0sworker",
        restart="k0s stop && k0s start",
        programs=("k0s",),
        paths=("/var/lib/k0s/", "/run/k0s/"),
    ),
    Row(
        Distribution.MICROK8S,
        kubeconfig="/var/snap/microk8s/current/credentials/kubelet.config",
        renewer="nobody by itself: microk8s refresh-certs",
        unit="snap.microk8s.daemon-kubelite",
        restart="snap restart microk8s.daemon-kubelite",
        programs=("kubelite",),
        paths=("/var/snap/microk8s/",),
    ),
    Row(
        Distribution.TALOS,
        kubeconfig="/etc/kubernetes/kubeconfig-kubelet",
        renewer=_KUBELET,
        restart="talosctl service kubelet restart",
        paths=("/etc/kubernetes/kubeconfig-kubelet", "/system/secrets/kubelet/"),
        systems=("talos",),
    ),
    Row(
        Distribution.RKE1,
        kubeconfig="/etc/kubernetes/ssl/kubecfg-kube-node.yaml",
        renewer="rke cert rotate",
        restart="docker restart kubelet",
        paths=(
            "/etc/kubernetes/ssl/kubecfg-kube-node.yaml",
            "/etc/kubernetes/ssl/kube-node.pem",
            "/etc/kubernetes/ssl/kube-ca.pem",
        ),
        names=("system:node",),  # one for every node of the cluster,
    ),
    Row(
        Distribution.OPENSHIFT,
        kubeconfig="/var/lib/kubelet/kubeconfig",
        renewer=_KUBELET,
        paths=("/etc/kubernetes/kubelet-ca.crt", "/etc/origin/node/"),
        systems=("rhcos", "scos"),
        names=("kube-csr-signer_@",),
    ),
    Row(
        Distribution.EKS,
        kubeconfig="/var/lib/kubelet/kubeconfig",
        renewer="nobody: its kubelet fetches tokens",
        paths=("/etc/kubernetes/kubelet/config.json", "/etc/kubernetes/kubelet/kubelet-config.json", "/etc/eks/"),
        plugins=("aws-iam-authenticator", "aws"),
        systems=("bottlerocket",),
    ),
    Row(
        Distribution.GKE,
        kubeconfig="/var/lib/kubelet/kubeconfig",
        renewer=_KUBELET,
        paths=("/home/kubernetes/", "/etc/srv/kubernetes/"),
        plugins=("gke-exec-auth-plugin",),
        systems=("cos",),
    ),
    Row(
        Distribution.KOPS,
        kubeconfig="/var/lib/kubelet/kubeconfig",
        renewer="nobody: kops replaces the node",
        paths=("/srv/kubernetes/",),
    ),
    Row(
        Distribution.AKS,
        kubeconfig="/var/lib/kubelet/kubeconfig",
        renewer=_KUBELET,
        paths=("/etc/kubernetes/certs/", "/etc/default/kubeletconfig.json"),
        systems=("azurelinux", "mariner"),
    ),
    Row(
        Distribution.KUBEADM,
        kubeconfig="/etc/kubernetes/kubelet.conf",
        renewer=_KUBELET,
        paths=(
            "/etc/kubernetes/kubelet.conf",
            "/etc/kubernetes/bootstrap-kubelet.conf",
            "/etc/kubernetes/kubelet-config.yaml",
        ),
    ),
)
UNKNOWN = Row(Distribution.UNKNOWN, kubeconfig="the file that the kubelet's --kubeconfig names", renewer="not known")
_PLACES = tuple(place for row in TABLE for place in row.paths)
_FOLDERS, _FILES = tuple(place for place in _PLACES if place.endswith("/")), frozenset(_PLACES)
_ON_SERVERS = {"k3s-server": "k3s"}  # where the control plane's unit has another name
_CONFIG_OF_OPENSHIFT = "/etc/kubernetes/kubelet.conf"  # a KubeletConfiguration there


def recognise(facts: NodeFacts) -> Distribution:
    """Whose kubelet these facts are of; UNKNOWN where nothing tells it."""
    shown = _shown(facts)
    for holds in (_by_program, _by_path, _by_plugin, _by_system, _by_name):
        found = next((row.distribution for row in TABLE if holds(row, shown)), None)
        if found is not None:
            return found
    return Distribution.UNKNOWN


def row(distribution: Distribution) -> Row:
    """The words for one distribution."""
    return next((row for row in TABLE if row.distribution is distribution), UNKNOWN)


def restart_command(facts: NodeFacts, distribution: Distribution) -> str:
    """What restarts this node's kubelet: its own unit where the node told it, else the distribution's."""
    if facts.service is not None:
        return f"systemctl restart {facts.service.unit.removesuffix('.service')}"
    on_server = _ON_SERVERS.get(facts.process.name) if facts.process else None
    return f"systemctl restart {on_server}" if on_server else row(distribution).restart


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a node shows of its distribution."""

    program: str
    paths: frozenset[str]  # that flags and files name, of those at any place of the table
    configurations: tuple[str, ...]
    plugin: str
    system: str
    names: tuple[str, ...]  # common names of the client certificate's subject and issuer


def _shown(facts: NodeFacts) -> _Shown:
    process, certificate = facts.process, leaf(facts.client)
    flag = process.flag("config") if process else None
    parts = f"{certificate.subject},{certificate.issuer}".split(",") if certificate else []
    return _Shown(
        program=process.name if process and process.sight is Sight.SEEN else "",
        paths=frozenset(path for path in _paths(facts) if path.startswith(_FOLDERS) or path in _FILES),
        configurations=(*([flag] if flag else []), *(file.document.path for file in facts.config or ())),
        plugin=posixpath.basename((facts.kubeconfig.command if facts.kubeconfig else None) or ""),
        system=facts.host.system if facts.host else "",
        names=tuple(part.removeprefix("CN=") for part in parts if part.startswith("CN=")),
    )


def _paths(facts: NodeFacts) -> frozenset[str]:
    """Every path that flags and files name; of a table's own guesses only those that are there."""
    kubeconfigs = [it for it in (facts.kubeconfig, facts.bootstrap) if it is not None]
    there = [it for it in kubeconfigs if it.document.condition is not DocumentCondition.MISSING]
    named = [file for it in there for file in (it.certificate, it.authority) if file]
    settings = [file.settings for file in facts.config or ()]
    paths: list[str | None] = [
        *(it.document.path for it in there),
        *(file.path for file in named),
        *(file.document.path for file in facts.config or ()),
        *(path for it in settings for path in (it.tls_cert_file, it.client_ca_file)),
        *(value for _, value in (facts.process.flags if facts.process else ())),
        facts.store.path + "/",
        facts.client.path,
        facts.client.link,
    ]
    return frozenset(path for path in paths if path)


def _by_program(row: Row, shown: _Shown) -> bool:
    return shown.program in row.programs


def _by_path(row: Row, shown: _Shown) -> bool:
    if row.distribution is Distribution.OPENSHIFT and _CONFIG_OF_OPENSHIFT in shown.configurations:
        return True
    return any(_is_at(path, place) for path in shown.paths for place in row.paths)


def _is_at(path: str, place: str) -> bool:
    return path.startswith(place) if place.endswith("/") else path == place


def _by_plugin(row: Row, shown: _Shown) -> bool:
    return shown.plugin in row.plugins


def _by_system(row: Row, shown: _Shown) -> bool:
    return shown.system in row.systems


def _by_name(row: Row, shown: _Shown) -> bool:
    return any(_is_called(name, sign) for name in shown.names for sign in row.names)


def _is_called(name: str, sign: str) -> bool:
    return name.startswith(sign) if sign.endswith("@") else name == sign
