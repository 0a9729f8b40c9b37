"""The restart rule: what stops any kubelet, its configuration and its client CA."""

from __future__ import annotations

from exporter.demo.proc import DAY
from tests.corpus import writers
from tests.corpus.kubeadm import worker
from tests.corpus.scenario import scenario
from tests.corpus.settings import DROP_INS
from tests.corpus.tree import CA, CONFIG, Tree


@scenario
def client_ca_missing(tree: Tree) -> None:
    """clientCAFile is not there."""
    worker(tree)
    tree.remove(CA)


@scenario
def client_ca_empty(tree: Tree) -> None:
    """clientCAFile is empty."""
    worker(tree)
    tree.write(CA, b"")


@scenario
def client_ca_of_words(tree: Tree) -> None:
    """clientCAFile holds no certificate."""
    worker(tree)
    tree.write(CA, "the authority moved to another folder\n")


@scenario
def client_ca_expired(tree: Tree) -> None:
    """clientCAFile holds the CA before last, expired, and today's: no matter."""
    worker(tree)
    old = tree.cluster_authority("kubernetes-of-old", serial=None)
    old.not_after = tree.now - DAY
    tree.write(CA, old.certificate + tree.authority.certificate)


@scenario
def config_missing(tree: Tree) -> None:
    """The configuration file that the flag names is not there."""
    worker(tree)
    tree.remove(CONFIG)


@scenario
def config_broken(tree: Tree) -> None:
    """The configuration does not parse."""
    worker(tree)
    tree.write(CONFIG, "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nauthentication: [\n")


@scenario
def config_with_fields_of_its_own(tree: Tree) -> None:
    """The neighbour: unknown and duplicate fields are no matter."""
    worker(tree)
    tree.config(rotateCertificates=True, enableEverything=True)
    text = tree.path(CONFIG).read_text()
    tree.write(CONFIG, f"{text}clusterDomain: cluster.local\n")


@scenario
def drop_in_broken(tree: Tree) -> None:
    """A drop-in does not parse."""
    worker(tree)
    tree.flags["config-dir"] = DROP_INS
    tree.write(
        f"{DROP_INS}/10-more.conf", "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\na: [\n"
    )


@scenario
def drop_in_empty(tree: Tree) -> None:
    """A drop-in is empty, which the kubelet refuses as it does an empty configuration."""
    worker(tree)
    tree.flags["config-dir"] = DROP_INS
    tree.write(f"{DROP_INS}/10-more.conf", b"")


@scenario
def drop_ins_missing(tree: Tree) -> None:
    """The folder of drop-ins that the flag names is not there."""
    worker(tree)
    tree.flags["config-dir"] = DROP_INS


@scenario
def drop_in_good(tree: Tree) -> None:
    """The neighbour."""
    worker(tree)
    tree.flags["config-dir"] = DROP_INS
    tree.write(f"{DROP_INS}/10-more.conf", writers.drop_in(serializeImagePulls=False))


@scenario
def config_empty(tree: Tree) -> None:
    """The configuration is empty, which the kubelet refuses."""
    worker(tree)
    tree.write(CONFIG, b"")
