"""Certificates and keys that are not of one pair: what only comparing their public halves shows."""

from __future__ import annotations

from exporter.demo import kubeconfig as words
from exporter.demo.signer import Pair
from tests.corpus.kubeadm import worker
from tests.corpus.scenario import scenario
from tests.corpus.tree import LIFE, YEAR, Tree


def mismatched(tree: Tree, share: float, life: float = YEAR) -> Pair:
    """The certificate of one pair and the key of another."""
    return Pair(tree.issued(share, life).certificate, tree.issued(share, life).key)


@scenario
def flag_conf_mismatched(tree: Tree) -> None:
    """What kubelet.conf embeds is not of one pair: unloadable, so it bootstraps, and no bootstrap file is there."""
    worker(tree)
    tree.kubeconfig(words.by_data(mismatched(tree, 0.2)))
    tree.compared = True


@scenario
def flag_conf_matched(tree: Tree) -> None:
    """The neighbour."""
    worker(tree)
    tree.kubeconfig(words.by_data(tree.issued(0.2, YEAR)))
    tree.compared = True


@scenario
def plain_mismatched_store_expired(tree: Tree) -> None:
    """In use, the store has ended, and what kubelet.conf embeds is not of one pair."""
    worker(tree, share=1.2, bootstrap=False)
    tree.kubeconfig(words.by_data(mismatched(tree, 0.2)))
    tree.compared, tree.real = True, False


@scenario
def plain_mismatched_rotation_off(tree: Tree) -> None:
    """The same with rotation off and a valid store, which does not count."""
    worker(tree, bootstrap=False, rotates=False)
    tree.kubeconfig(words.by_data(mismatched(tree, 0.2)))
    tree.compared = True


@scenario
def plain_mismatched_store_valid(tree: Tree) -> None:
    """Rotation on and a valid store: whatever kubelet.conf holds."""
    worker(tree, bootstrap=False)
    tree.kubeconfig(words.by_data(mismatched(tree, 0.2)))
    tree.compared = True


@scenario
def target_mismatched(tree: Tree) -> None:
    """33: the link leads to a certificate with the key of another."""
    worker(tree, bootstrap=False)
    pair = mismatched(tree, 1 / 3, LIFE)
    tree.damage(tree.target(), pair.certificate + pair.key)
    tree.compared = True
