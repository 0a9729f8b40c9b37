"""The serving side where the configuration names the pair."""

from __future__ import annotations

from exporter.demo.proc import DAY
from tests.corpus.kubeadm import worker
from tests.corpus.scenario import scenario
from tests.corpus.serving import rotating, waiting
from tests.corpus.tree import PKI, YEAR, Tree

TLS = "/etc/kubernetes/tls/kubelet.crt"


def configured(tree: Tree, **more: str) -> None:
    """A worker whose configuration names a serving pair of its own."""
    worker(tree)
    tree.serving_by_openssl(TLS, 100 * DAY, YEAR)
    tree.config(rotateCertificates=True, **more)


@scenario
def tls_files_set(tree: Tree) -> None:
    """tlsCertFile and tlsPrivateKeyFile: a pair of the owner's."""
    configured(tree, tlsCertFile=TLS, tlsPrivateKeyFile=TLS.replace(".crt", ".key"))


@scenario
def tls_files_expired(tree: Tree) -> None:
    """Their certificate has ended; it loads all the same."""
    tls_files_set(tree)
    tree.serving_by_openssl(TLS, 400 * DAY, YEAR)


@scenario
def tls_files_without_the_key(tree: Tree) -> None:
    """Both set, and the key's file is not there: fatal."""
    tls_files_set(tree)
    tree.remove(TLS.replace(".crt", ".key"))


@scenario
def tls_files_empty(tree: Tree) -> None:
    """Both set, and both empty: fatal."""
    tls_files_set(tree)
    tree.write(TLS, b"")
    tree.write(TLS.replace(".crt", ".key"), b"", 0o600)


@scenario
def tls_certificate_set_alone(tree: Tree) -> None:
    """Only tlsCertFile is set: the kubelet starts and serves nothing."""
    configured(tree, tlsCertFile=TLS)


@scenario
def tls_set_alone_with_bootstrap(tree: Tree) -> None:
    """serverTLSBootstrap and half a configured pair, its file missing: no hindrance, the store's is used."""
    rotating(tree)
    tree.config(rotateCertificates=True, serverTLSBootstrap=True, tlsCertFile=TLS)


@scenario
def server_pair_broken(tree: Tree) -> None:
    """serverTLSBootstrap and no current: a pair of the fixed names comes first, and must load."""
    waiting(tree)
    tree.serving_by_openssl(f"{PKI}/kubelet-server.crt", 100 * DAY, YEAR)
    tree.write(f"{PKI}/kubelet-server.key", b"", 0o600)


@scenario
def server_pair_good(tree: Tree) -> None:
    """The neighbour: it loads."""
    waiting(tree)
    tree.serving_by_openssl(f"{PKI}/kubelet-server.crt", 100 * DAY, YEAR)


@scenario
def tls_files_empty_with_bootstrap(tree: Tree) -> None:
    """serverTLSBootstrap, no current, and a configured pair that does not load."""
    waiting(tree)
    tree.write(TLS, b"")
    tree.write(TLS.replace(".crt", ".key"), b"", 0o600)
    more = {"tlsCertFile": TLS, "tlsPrivateKeyFile": TLS.replace(".crt", ".key")}
    tree.config(rotateCertificates=True, serverTLSBootstrap=True, **more)
