"""Where distributions keep the kubelet's files (rotation-truth 2.5), for a node whose process does not say so.

The node script has the same tables.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import replace

from exporter.config.settings import Paths
from exporter.model.host import Process, Sight

EITHER = "/etc/kubernetes/kubelet.conf"  # a kubeconfig, and the configuration on OpenShift
KUBECONFIGS = (
    EITHER,
    "/var/lib/kubelet/kubeconfig",
    "/etc/kubernetes/kubeconfig-kubelet",
    "/var/lib/k0s/kubelet.conf",
    "/var/lib/rancher/k3s/agent/kubelet.kubeconfig",
    "/var/lib/rancher/rke2/agent/kubelet.kubeconfig",
    "/etc/kubernetes/ssl/kubecfg-kube-node.yaml",
    "/var/snap/microk8s/current/credentials/kubelet.config",
)
BOOTSTRAPS = (
    "/etc/kubernetes/bootstrap-kubelet.conf",
    "/var/lib/kubelet/bootstrap-kubeconfig",
    "/etc/kubernetes/bootstrap-kubeconfig",
    "/etc/kubernetes/kubeconfig",
    "/var/lib/k0s/kubelet-bootstrap.conf",
)
CONFIGS = (
    "/var/lib/kubelet/config.yaml",
    "/etc/kubernetes/kubelet-config.yaml",
    EITHER,
    "/etc/kubernetes/kubelet/config.json",
    "/etc/kubernetes/kubelet/kubelet-config.json",
    "/var/lib/k0s/kubelet-config.yaml",
    "/etc/kubernetes/kubelet.yaml",
)
STORES = (
    Paths().store,
    "/var/lib/k0s/kubelet/pki",
    "/var/lib/rancher/k3s/agent",
    "/var/lib/rancher/rke2/agent",
    "/var/snap/microk8s/current/certs",
    "/etc/origin/node/certificates",
)
_AGENT = "/agent"  # k3s and RKE2 name their files otherwise
OWN_PROGRAMS = ("kubelet", "hyperkube", "")  # whose flags are the kubelet's; remembered ones may come without a name


def knows_flags(process: Process) -> bool:
    """Whether a process's flags are the kubelet's own, seen now or remembered."""
    return process.name in OWN_PROGRAMS and (process.sight is Sight.SEEN or process.remembered)


def settle(paths: Paths, process: Process, is_folder: Callable[[str], bool]) -> Paths:
    """The paths to read: where the configured folder is the default, the one that this kubelet uses.

    That is its ``--cert-dir`` (``--root-dir`` does not move it: kubernetes/kubernetes#53317); of a kubelet whose flags
    are not known, the first folder of the table that exists.
    """
    if paths.store != Paths().store:
        return paths
    store = paths.store
    if knows_flags(process):
        given = process.flag("cert-dir") or ""
        store = given.rstrip("/") or store if given.startswith("/") else store
    else:
        store = next(filter(is_folder, STORES), store)
    if not store.endswith(_AGENT):
        return replace(paths, store=store)
    return replace(
        paths,
        store=store,
        client_certificate=paths.client_certificate or posixpath.join(store, "client-kubelet.crt"),
        serving_certificate=paths.serving_certificate or posixpath.join(store, "serving-kubelet.crt"),
    )
