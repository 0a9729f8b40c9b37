"""The restart rule, kubelets without the bootstrap flag, and standalone ones."""

from __future__ import annotations

from exporter.demo import kubeconfig as words
from tests.corpus import writers
from tests.corpus.kubeadm import worker
from tests.corpus.kubeconfigs import embedded, legacy
from tests.corpus.scenario import scenario
from tests.corpus.tree import CANARY, CONFIG, CURRENT, HOUR, KUBELET_CONF, LIFE, PKI, Tree


def plain(tree: Tree, share: float = 1 / 3, *, rotates: bool = True) -> None:
    """A worker whose kubelet has no bootstrap flag."""
    worker(tree, share=share, bootstrap=False, rotates=rotates)
    tree.real = share <= 0.9


@scenario
def plain_healthy(tree: Tree) -> None:
    """Without the bootstrap flag nothing else is different from a kubeadm worker."""
    plain(tree)


@scenario
def plain_conf_missing(tree: Tree) -> None:
    """kubelet.conf is gone."""
    plain(tree)
    tree.remove(KUBELET_CONF)


@scenario
def plain_conf_broken(tree: Tree) -> None:
    """kubelet.conf does not parse."""
    plain(tree)
    tree.write(KUBELET_CONF, "apiVersion: v1\nkind: Config\nusers: [\n", 0o600)


@scenario
def plain_conf_ca_empty(tree: Tree) -> None:
    """The CA file that kubelet.conf names is empty: the kubelet lives and trusts nobody."""
    plain(tree)
    tree.write("/etc/kubernetes/pki/cluster.crt", b"")
    tree.kubeconfig(words.by_file(CURRENT), ca="certificate-authority: /etc/kubernetes/pki/cluster.crt")


@scenario
def plain_link_dangles(tree: Tree) -> None:
    """kubelet.conf names the link, and the link leads nowhere: fatal."""
    plain(tree)
    tree.remove(tree.target())


@scenario
def plain_gap_embedded(tree: Tree) -> None:
    """Died in the gap, but kubelet.conf does not name the link: the store is mended when it is opened."""
    plain(tree)
    tree.path(CURRENT).rename(tree.path(f"{PKI}/kubelet-client-updated.pem"))
    embedded(tree, 0.2)


@scenario
def plain_embedded_expired(tree: Tree) -> None:
    """In use, rotation on: the store is valid, whatever kubelet.conf holds."""
    plain(tree)
    embedded(tree, 1.01)


@scenario
def plain_store_expired(tree: Tree) -> None:
    """The store has ended and kubelet.conf names it: five minutes after each start the kubelet exits."""
    plain(tree, 1.2)


@scenario
def plain_store_expired_embedded_valid(tree: Tree) -> None:
    """The store has ended, what kubelet.conf embeds has not: that is put into the store."""
    plain(tree, 1.2)
    embedded(tree, 0.2)


@scenario
def plain_store_expired_embedded_expired(tree: Tree) -> None:
    """Both have ended."""
    plain(tree, 1.2)
    embedded(tree, 1.01)


@scenario
def plain_store_expired_legacy_valid(tree: Tree) -> None:
    """The store has ended, the file that kubelet.conf names has not: with it a new one can be asked for."""
    plain(tree, 1.2)
    legacy(tree, 0.2)
    tree.kubeconfig(words.by_file(f"{PKI}/kubelet-client.crt", f"{PKI}/kubelet-client.key"))


@scenario
def plain_store_expired_legacy_valid_read_only(tree: Tree) -> None:
    """The same, and it could not be stored."""
    plain_store_expired_legacy_valid(tree)
    tree.real = True
    tree.read_only.append(PKI)


@scenario
def plain_store_expired_token(tree: Tree) -> None:
    """The store has ended, kubelet.conf holds a token: with it a new one can be asked for."""
    plain(tree, 1.2)
    tree.kubeconfig(writers.by_token(CANARY))


@scenario
def plain_no_current_legacy_named(tree: Tree) -> None:
    """No current: the pair that kubelet.conf names is the store's."""
    plain(tree)
    tree.remove(CURRENT)
    legacy(tree, 0.2)
    tree.kubeconfig(words.by_file(f"{PKI}/kubelet-client.crt", f"{PKI}/kubelet-client.key"))


@scenario
def plain_rotation_off(tree: Tree) -> None:
    """In use, rotation off: the leaf that kubelet.conf names decides."""
    plain(tree, rotates=False)


@scenario
def plain_rotation_off_expired(tree: Tree) -> None:
    """It has ended: the kubelet lives and never authenticates."""
    plain(tree, 1.2, rotates=False)


@scenario
def plain_rotation_off_embedded_current_broken(tree: Tree) -> None:
    """Rotation off: a broken store does not count where kubelet.conf does not name it."""
    plain(tree, rotates=False)
    embedded(tree, 0.2)
    tree.damage(tree.target(), b"")


@scenario
def plain_rotation_off_current_broken(tree: Tree) -> None:
    """The neighbour: kubelet.conf names it."""
    plain(tree, rotates=False)
    tree.damage(tree.target(), b"")


@scenario
def plain_rotation_off_token(tree: Tree) -> None:
    """A token: no file tells whether it still counts."""
    plain(tree, rotates=False)
    tree.kubeconfig(writers.by_token(CANARY))


@scenario
def plain_rotation_off_plugin(tree: Tree) -> None:
    """A plugin: the same."""
    plain(tree, rotates=False)
    tree.kubeconfig(writers.by_plugin("/usr/local/bin/credentials", "token", secret=CANARY))


@scenario
def plain_not_yet_valid(tree: Tree) -> None:
    """Not yet valid: it lives without authenticating until the day comes."""
    plain(tree)
    tree.store().update(tree.authority.client(tree.name, tree.now + 2 * HOUR, LIFE), tree.now - HOUR)


@scenario
def standalone(tree: Tree) -> None:
    """No --kubeconfig: no client side to judge, and its store is not read."""
    worker(tree)
    tree.flags = {"config": CONFIG}
    tree.remove(KUBELET_CONF)
    tree.damage(tree.target(), b"")


@scenario
def standalone_pair_empty(tree: Tree) -> None:
    """The serving side counts for it as for any."""
    standalone(tree)
    tree.write(f"{PKI}/kubelet.crt", b"")
    tree.write(f"{PKI}/kubelet.key", b"", 0o600)


@scenario
def plain_store_expired_embedded_valid_read_only(tree: Tree) -> None:
    """The store has ended, the embedded one has not: it is used, though it cannot be put into the store."""
    plain_store_expired_embedded_valid(tree)
    tree.real = True
    tree.read_only.append(PKI)


@scenario
def plain_store_expired_token_read_only(tree: Tree) -> None:
    """The store has ended, kubelet.conf holds a token, and what it would bring could not be stored."""
    plain_store_expired_token(tree)
    tree.real = True
    tree.read_only.append(PKI)


@scenario
def plain_conf_key_missing(tree: Tree) -> None:
    """Every file that kubelet.conf names must be there: the key's is not."""
    plain_no_current_legacy_named(tree)
    tree.remove(f"{PKI}/kubelet-client.key")


@scenario
def plain_rotation_off_embedded_expired(tree: Tree) -> None:
    """Rotation off, and what kubelet.conf embeds has ended: the valid store does not help."""
    plain(tree, rotates=False)
    embedded(tree, 1.01)
