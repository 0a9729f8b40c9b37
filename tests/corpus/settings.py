"""Modes 1, 6 and 14: whether rotation is on, the node's name, and nodes that were off for too long."""

from __future__ import annotations

from tests.corpus import writers
from tests.corpus.kubeadm import worker
from tests.corpus.scenario import scenario
from tests.corpus.tree import LIFE, Tree

DROP_INS = "/etc/kubernetes/kubelet.conf.d"


@scenario
def name_changed(tree: Tree) -> None:
    """14: the host has another name than its certificate."""
    worker(tree)
    tree.name = "worker-1-new"
    tree.real = False


@scenario
def name_changed_a_minute_ago(tree: Tree) -> None:
    """The neighbour: a kubelet that has only just started asks for a certificate of the new name."""
    worker(tree)
    tree.name = "worker-1-new"
    tree.kubelet_age = 60


@scenario
def name_in_capitals(tree: Tree) -> None:
    """The neighbour: the node's name is the host's in lower case."""
    worker(tree)
    tree.name = "Worker-1"


@scenario
def name_overridden(tree: Tree) -> None:
    """The neighbour: --hostname-override keeps the node's name."""
    worker(tree)
    tree.flags["hostname-override"] = "worker-1"
    tree.name = "vm-0815"


@scenario
def rotation_off(tree: Tree) -> None:
    """1: rotateCertificates is false."""
    worker(tree, rotates=False)


@scenario
def rotation_not_set(tree: Tree) -> None:
    """1: rotateCertificates is absent, which means false."""
    worker(tree)
    tree.config()


@scenario
def rotation_off_by_a_drop_in(tree: Tree) -> None:
    """1: a drop-in of --config-dir wins over the configuration; the last by name wins over the others."""
    worker(tree)
    tree.flags["config-dir"] = DROP_INS
    tree.write(f"{DROP_INS}/10-on.conf", writers.drop_in(rotateCertificates=True))
    tree.write(f"{DROP_INS}/20-off.conf", writers.drop_in(rotateCertificates=False))
    tree.write(f"{DROP_INS}/30-on.yaml.disabled", writers.drop_in(rotateCertificates=True))


@scenario
def rotation_on_by_a_drop_in(tree: Tree) -> None:
    """The neighbour."""
    worker(tree, rotates=False)
    tree.flags["config-dir"] = DROP_INS
    tree.write(f"{DROP_INS}/10-off.conf", writers.drop_in(rotateCertificates=False))
    tree.write(f"{DROP_INS}/20-on.conf", writers.drop_in(rotateCertificates=True))


@scenario
def rotation_off_by_the_flag(tree: Tree) -> None:
    """1: a flag wins over the configuration."""
    worker(tree)
    tree.flags["rotate-certificates"] = "false"


@scenario
def rotation_on_by_the_flag(tree: Tree) -> None:
    """The neighbour."""
    worker(tree, rotates=False)
    tree.flags["rotate-certificates"] = "true"


@scenario
def off_past_its_expiry(tree: Tree) -> None:
    """6: the node was off until its certificate had ended; the kubelet dies at each start."""
    worker(tree, share=1.1)
    tree.earlier.flags = dict(tree.flags)
    tree.kubelet_age = None


@scenario
def expired_and_no_bootstrap_file(tree: Tree) -> None:
    """6: the certificate ended two minutes ago; in three more the kubelet exits, and will not come back."""
    worker(tree, share=1 + 120 / LIFE)
    tree.real = False


@scenario
def expired_and_a_bootstrap_file(tree: Tree) -> None:
    """The neighbour: it can bootstrap, if its token still counts."""
    worker(tree, share=1 + 120 / LIFE)
    tree.bootstrap()
    tree.real = False
