"""The restart rule, kubelets with the bootstrap flag: for each clause a tree, and one that differs in one detail."""

from __future__ import annotations

from exporter.demo import kubeconfig as words
from tests.corpus import writers
from tests.corpus.kubeadm import worker
from tests.corpus.kubeconfigs import embedded, legacy
from tests.corpus.scenario import scenario
from tests.corpus.stores import UPDATED
from tests.corpus.tree import BOOTSTRAP, CANARY, CURRENT, KUBELET_CONF, PKI, YEAR, Tree

OTHER_SERVER = "https://10.99.0.10:6443"


# Recovery, and the store's pair.


@scenario
def flag_gap_read_only(tree: Tree) -> None:
    """Died in the gap, and the folder is mounted read-only: the link cannot be renamed."""
    worker(tree)
    tree.path(CURRENT).rename(tree.path(UPDATED))
    tree.read_only.append(PKI)


@scenario
def flag_updated_is_a_file_without_current(tree: Tree) -> None:
    """No current, and a regular file named updated: the store cannot be opened."""
    worker(tree)
    content = tree.path(tree.target()).read_bytes()
    tree.remove(CURRENT)
    tree.write(UPDATED, content, 0o600)


@scenario
def flag_current_broken_bootstrap_there(tree: Tree) -> None:
    """A current that does not load is fatal even with a good bootstrap file."""
    worker(tree)
    tree.damage(tree.target(), b"")
    tree.bootstrap()


@scenario
def flag_current_dangles_bootstrap_there(tree: Tree) -> None:
    """The neighbour: a current that dangles counts as none, and it bootstraps."""
    worker(tree)
    tree.remove(tree.target())
    tree.bootstrap()


@scenario
def flag_no_current_embedded_legacy_broken(tree: Tree) -> None:
    """No current; kubelet.conf embeds; the legacy pair in the folder comes first and does not load: fatal."""
    worker(tree)
    tree.remove(CURRENT)
    embedded(tree, 0.2)
    legacy(tree, 0.5)
    tree.write(f"{PKI}/kubelet-client.key", b"", 0o600)


@scenario
def flag_no_current_embedded_legacy_good(tree: Tree) -> None:
    """The neighbour: it loads and has not ended."""
    worker(tree)
    tree.remove(CURRENT)
    embedded(tree, 0.2)
    legacy(tree, 0.5)


# kubelet.conf cannot be used: it bootstraps.


@scenario
def flag_conf_missing_bootstrap_there(tree: Tree) -> None:
    """kubelet.conf is gone, the bootstrap file is there, the store is valid: the token is not even used."""
    worker(tree)
    tree.remove(KUBELET_CONF)
    tree.bootstrap()
    tree.real = False


@scenario
def flag_conf_missing(tree: Tree) -> None:
    """kubelet.conf is gone, and so is the bootstrap file."""
    worker(tree)
    tree.remove(KUBELET_CONF)


@scenario
def flag_conf_missing_bootstrap_broken(tree: Tree) -> None:
    """The bootstrap file does not parse."""
    worker(tree)
    tree.remove(KUBELET_CONF)
    tree.write(BOOTSTRAP, "apiVersion: v1\nkind: Config\nusers: [\n", 0o600)


@scenario
def flag_conf_expired_other_server(tree: Tree) -> None:
    """kubelet.conf embeds what has ended, and the bootstrap file leads to another server than it."""
    worker(tree)
    embedded(tree, 1.01)
    tree.bootstrap(server=OTHER_SERVER)


@scenario
def flag_conf_expired_bootstrap_there(tree: Tree) -> None:
    """kubelet.conf embeds what has ended; with the bootstrap file the valid store carries on."""
    worker(tree)
    embedded(tree, 1.01)
    tree.bootstrap()


@scenario
def flag_conf_expired_bootstrap_there_conf_read_only(tree: Tree) -> None:
    """The same, and kubelet.conf cannot be written: fatal."""
    flag_conf_expired_bootstrap_there(tree)
    tree.read_only.append(KUBELET_CONF)


@scenario
def flag_conf_token_bootstrap_there(tree: Tree) -> None:
    """kubelet.conf holds a token and no certificate: it bootstraps, and the valid store carries on."""
    worker(tree)
    tree.kubeconfig(writers.by_token(CANARY))
    tree.bootstrap()


@scenario
def flag_conf_token(tree: Tree) -> None:
    """The neighbour, without the bootstrap file."""
    worker(tree)
    tree.kubeconfig(writers.by_token(CANARY))


@scenario
def flag_conf_chain_with_an_expired_one(tree: Tree) -> None:
    """The leaf that kubelet.conf embeds is valid, another certificate of its PEM is not: it bootstraps all the same."""
    worker(tree)
    pair, old = tree.issued(0.2, YEAR), tree.issued(1.2)
    both = type(pair)(pair.certificate + old.certificate, pair.key)
    tree.kubeconfig(words.by_data(both), names=words.kubeadm(tree.name))


@scenario
def flag_conf_ca_missing(tree: Tree) -> None:
    """The CA file that kubelet.conf names is not there: unloadable, and no bootstrap file."""
    worker(tree)
    tree.kubeconfig(words.by_file(CURRENT), ca="certificate-authority: /etc/kubernetes/pki/gone.crt")


@scenario
def flag_conf_ca_named(tree: Tree) -> None:
    """The neighbour: the CA file is there."""
    worker(tree)
    tree.kubeconfig(words.by_file(CURRENT), ca="certificate-authority: /etc/kubernetes/pki/ca.crt")


@scenario
def flag_store_expired_bootstrap_there(tree: Tree) -> None:
    """The store has ended: a new certificate needs the token, and a file does not say whether it still counts."""
    worker(tree, share=1.2)
    tree.bootstrap()
    tree.real = False


@scenario
def flag_store_expired_bootstrap_there_read_only(tree: Tree) -> None:
    """The same, and nothing could be stored."""
    worker(tree, share=1.2)
    tree.bootstrap()
    tree.read_only.append(PKI)


@scenario
def flag_no_store_bootstrap_there(tree: Tree) -> None:
    """A node that was wiped but for its bootstrap file."""
    worker(tree)
    tree.remove(KUBELET_CONF)
    for path in sorted(tree.path(PKI).glob("kubelet-client-*")):
        path.unlink()
    tree.bootstrap()
    tree.real = False


# Rotation off.


@scenario
def flag_rotation_off_conf_missing(tree: Tree) -> None:
    """Rotation off: it asks for a certificate first, whatever the store holds."""
    worker(tree, rotates=False)
    tree.remove(KUBELET_CONF)
    tree.bootstrap()
    tree.real = False


@scenario
def flag_rotation_off_conf_missing_current_broken(tree: Tree) -> None:
    """The same with a current that does not load: even that does not decide."""
    flag_rotation_off_conf_missing(tree)
    tree.damage(tree.target(), b"")


@scenario
def flag_rotation_off_conf_missing_read_only(tree: Tree) -> None:
    """The same, and the folder is mounted read-only."""
    flag_rotation_off_conf_missing(tree)
    tree.real = True
    tree.read_only.append(PKI)


@scenario
def flag_rotation_off_expired(tree: Tree) -> None:
    """Rotation off, the link's certificate has ended, no bootstrap file: it dies at once."""
    worker(tree, share=1.2, rotates=False)
    tree.real = False


@scenario
def flag_conf_ca_empty(tree: Tree) -> None:
    """The CA file that kubelet.conf names is empty: it loads, and trusts whom the machine trusts, not the cluster."""
    worker(tree)
    tree.write("/etc/kubernetes/pki/cluster.crt", b"")
    tree.kubeconfig(words.by_file(CURRENT), ca="certificate-authority: /etc/kubernetes/pki/cluster.crt")


@scenario
def flag_conf_ca_of_words(tree: Tree) -> None:
    """The neighbour: a CA file that holds something else does not load, and no bootstrap file is there."""
    worker(tree)
    tree.write("/etc/kubernetes/pki/cluster.crt", "the authority moved to another folder\n")
    tree.kubeconfig(words.by_file(CURRENT), ca="certificate-authority: /etc/kubernetes/pki/cluster.crt")


@scenario
def flag_rotation_off_conf_missing_updated_is_a_file(tree: Tree) -> None:
    """Rotation off, and the store cannot be opened: that comes first for it too."""
    flag_rotation_off_conf_missing(tree)
    content = tree.path(tree.target()).read_bytes()
    tree.remove(CURRENT)
    tree.write(UPDATED, content, 0o600)
