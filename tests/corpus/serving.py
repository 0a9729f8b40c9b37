"""The serving side: modes 2, 3, 16, 18 and 43, and each clause of the restart rule about it."""

from __future__ import annotations

from exporter.demo import kubeconfig as words
from exporter.demo.proc import DAY
from tests.corpus.kubeadm import flags, worker
from tests.corpus.scenario import scenario
from tests.corpus.tree import CURRENT, PKI, SERVER_CURRENT, YEAR, Tree

CRT, KEY = f"{PKI}/kubelet.crt", f"{PKI}/kubelet.key"


def rotating(tree: Tree, share: float = 1 / 3) -> None:
    """A worker with serverTLSBootstrap whose serving certificate is approved and rotated."""
    waiting(tree)
    tree.serving_rotated(share)


def waiting(tree: Tree) -> None:
    """The same, and nobody has approved a serving certificate yet."""
    flags(tree)
    tree.rotated()
    tree.kubeconfig(words.by_file(CURRENT))
    tree.config(rotateCertificates=True, serverTLSBootstrap=True)


@scenario
def self_signed_ending(tree: Tree) -> None:
    """2: kubelet.crt is never renewed and ends in five days."""
    worker(tree)
    tree.serving_self_signed(YEAR - 5 * DAY)


@scenario
def self_signed_expired(tree: Tree) -> None:
    """2: it has ended; the kubelet serves on, and starts again with it."""
    worker(tree)
    tree.serving_self_signed(YEAR + 5 * DAY)


@scenario
def serving_rotated(tree: Tree) -> None:
    """serverTLSBootstrap, and an approver: both certificates rotate."""
    rotating(tree)


@scenario
def serving_gate_off(tree: Tree) -> None:
    """3: serverTLSBootstrap with its gate off was written after the last start; the kubelet would refuse to start."""
    rotating(tree)
    gates = {"RotateKubeletServerCertificate": False}
    tree.config(rotateCertificates=True, serverTLSBootstrap=True, featureGates=gates)


@scenario
def serving_gate_off_without_bootstrap(tree: Tree) -> None:
    """The neighbour: the gate alone is no matter."""
    worker(tree)
    tree.config(rotateCertificates=True, featureGates={"RotateKubeletServerCertificate": False})


@scenario
def serving_never_issued(tree: Tree) -> None:
    """18: serverTLSBootstrap, and no serving certificate in all the twenty days since the start."""
    waiting(tree)
    tree.real = False


@scenario
def serving_not_renewed(tree: Tree) -> None:
    """18: the serving certificate is past its window, the client's rotated since: nobody approves."""
    rotating(tree, 0.95)
    tree.real = False


@scenario
def serving_in_its_window(tree: Tree) -> None:
    """The neighbour: inside the window a serving certificate is as normal as a client's."""
    rotating(tree, 0.89)


@scenario
def serving_rotated_expired(tree: Tree) -> None:
    """18: the serving certificate has ended; that hinders no start."""
    rotating(tree, 1.1)
    tree.real = False


@scenario
def serving_current_broken(tree: Tree) -> None:
    """A serving current that does not load is as fatal as a client's."""
    rotating(tree)
    tree.damage(tree.target(SERVER_CURRENT), b"")


@scenario
def serving_current_cut_in_the_key(tree: Tree) -> None:
    """The same, cut where only the key suffers."""
    rotating(tree)
    path = tree.target(SERVER_CURRENT)
    tree.damage(path, tree.path(path).read_bytes()[:-80])


@scenario
def serving_current_dangles(tree: Tree) -> None:
    """A serving current that dangles counts as none: the kubelet starts and asks for one."""
    rotating(tree)
    tree.remove(tree.target(SERVER_CURRENT))


@scenario
def serving_updated_is_a_file(tree: Tree) -> None:
    """No serving current, and a regular file in place of the link that would become it: fatal."""
    rotating(tree)
    content = tree.path(tree.target(SERVER_CURRENT)).read_bytes()
    tree.remove(SERVER_CURRENT)
    tree.write(f"{PKI}/kubelet-server-updated.pem", content, 0o600, DAY)


@scenario
def serving_died_in_the_gap(tree: Tree) -> None:
    """The neighbour: a link there becomes current."""
    rotating(tree)
    tree.path(SERVER_CURRENT).rename(tree.path(f"{PKI}/kubelet-server-updated.pem"))


@scenario
def serving_rotated_and_an_empty_pair(tree: Tree) -> None:
    """With serverTLSBootstrap no state of kubelet.crt and kubelet.key matters."""
    rotating(tree)
    tree.write(CRT, b"")
    tree.write(KEY, b"", 0o600)


@scenario
def pair_empty(tree: Tree) -> None:
    """43: the disk was full when kubelet.crt and kubelet.key were made."""
    worker(tree)
    tree.write(CRT, b"")
    tree.write(KEY, b"", 0o600)


@scenario
def pair_cut_in_the_key(tree: Tree) -> None:
    """43: the key lost its end."""
    worker(tree)
    tree.write(KEY, tree.path(KEY).read_bytes()[:-80], 0o600)


@scenario
def pair_half_certificate(tree: Tree) -> None:
    """kubelet.crt without kubelet.key: fatal."""
    worker(tree)
    tree.remove(KEY)


@scenario
def pair_half_key(tree: Tree) -> None:
    """kubelet.key without kubelet.crt: fatal."""
    worker(tree)
    tree.remove(CRT)


@scenario
def pair_none(tree: Tree) -> None:
    """The neighbour: neither is there, and both are made at the next start."""
    worker(tree)
    tree.remove(CRT)
    tree.remove(KEY)


@scenario
def pair_none_read_only(tree: Tree) -> None:
    """Neither is there, and the folder is mounted read-only: they cannot be made."""
    pair_none(tree)
    tree.read_only.append(PKI)


@scenario
def pair_none_disk_full(tree: Tree) -> None:
    """Neither is there, and there is no room for them."""
    pair_none(tree)
    tree.full.append(PKI)


@scenario
def serving_died_in_the_gap_read_only(tree: Tree) -> None:
    """The link that would become the serving current cannot be renamed: the folder is mounted read-only."""
    serving_died_in_the_gap(tree)
    tree.read_only.append(PKI)
