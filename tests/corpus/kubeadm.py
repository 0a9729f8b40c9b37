"""A worker that kubeadm joined: the healthy base of nearly all scenarios, with its restart of today."""

from __future__ import annotations

from exporter.demo import kubeconfig as words
from tests.corpus.tree import BOOTSTRAP, CONFIG, CURRENT, KUBELET_CONF, Tree


def flags(tree: Tree, *, bootstrap: bool = True) -> None:
    """kubeadm's command line; without ``bootstrap`` as somebody who cleaned it up has it."""
    if bootstrap:
        tree.flags["bootstrap-kubeconfig"] = BOOTSTRAP
    tree.flags |= {
        "kubeconfig": KUBELET_CONF,
        "config": CONFIG,
        "container-runtime-endpoint": "unix:///run/containerd/containerd.sock",
        "pod-infra-container-image": "registry.k8s.io/pause:3.9",
    }


def worker(tree: Tree, *, share: float = 1 / 3, bootstrap: bool = True, rotates: bool = True) -> None:
    """Joined sixty days ago, rotated twice since; kubelet.conf names the link; the bootstrap file is gone."""
    flags(tree, bootstrap=bootstrap)
    tree.rotated(share)
    tree.serving_self_signed()
    tree.kubeconfig(words.by_file(CURRENT))
    tree.config(rotateCertificates=rotates)
    tree.write("/etc/kubernetes/manifests/.keep", "")
