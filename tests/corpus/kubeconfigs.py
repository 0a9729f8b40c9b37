"""Modes 8, 9 and 10: what kubelet.conf names, and where the store lies."""

from __future__ import annotations

from exporter.demo import kubeconfig as words
from tests.corpus import writers
from tests.corpus.kubeadm import flags, worker
from tests.corpus.scenario import scenario
from tests.corpus.tree import CANARY, CURRENT, JOINED, KUBELET_CONF, PKI, YEAR, Tree


def embedded(tree: Tree, share: float, life: float = YEAR) -> None:
    """kubelet.conf as ``kubeadm init`` writes it: the certificate of that day within."""
    tree.kubeconfig(words.by_data(tree.issued(share, life)), names=words.kubeadm(tree.name))


def first_of_the_store(tree: Tree, nth: int) -> str:
    """The nth dated file, the oldest first, as the node sees it."""
    return f"{PKI}/{sorted(path.name for path in tree.path(PKI).glob('kubelet-client-2*.pem'))[nth]}"


@scenario
def embedded_and_valid(tree: Tree) -> None:
    """8: kubelet.conf embeds the certificate of the join; the store rotates and it does not."""
    worker(tree)
    embedded(tree, JOINED / YEAR)


@scenario
def embedded_and_expired(tree: Tree) -> None:
    """8: the embedded certificate ended on its day, the store is valid, the bootstrap file is gone."""
    worker(tree)
    embedded(tree, 1.01)


@scenario
def embedded_and_mended(tree: Tree) -> None:
    """The neighbour: the same node after kubelet.conf was pointed at the link."""
    worker(tree)
    embedded(tree, 1.01)
    tree.kubeconfig(words.by_file(CURRENT), names=words.kubeadm(tree.name))


@scenario
def embedded_mended_rotation_off(tree: Tree) -> None:
    """The same again with rotateCertificates false: kubelet.conf alone decides."""
    embedded_and_mended(tree)
    tree.config(rotateCertificates=False)


@scenario
def embedded_and_expired_rotation_off(tree: Tree) -> None:
    """Embedded, expired, and rotation off: the valid store does not count."""
    embedded_and_expired(tree)
    tree.config(rotateCertificates=False)


@scenario
def embedded_and_expired_past_the_window(tree: Tree) -> None:
    """8, second phase: each request is made with the embedded certificate and gets 401."""
    worker(tree, share=0.95)
    embedded(tree, 1.01)
    tree.real = False


@scenario
def dated_file_named(tree: Tree) -> None:
    """9: kubelet.conf names the last file but one of the store, which is still valid."""
    worker(tree, share=0.1)
    tree.kubeconfig(words.by_file(first_of_the_store(tree, 1)))


@scenario
def dated_file_named_and_expired(tree: Tree) -> None:
    """9: kubelet.conf names the first file of the store."""
    worker(tree)
    tree.kubeconfig(words.by_file(first_of_the_store(tree, 0)))


@scenario
def legacy_pair_named(tree: Tree) -> None:
    """9: kubelet.conf names the pair that a bootstrap before 1.11 wrote."""
    worker(tree)
    legacy(tree, JOINED / YEAR)
    tree.kubeconfig(words.by_file(f"{PKI}/kubelet-client.crt", f"{PKI}/kubelet-client.key"))


def legacy(tree: Tree, share: float) -> None:
    """kubelet-client.crt and kubelet-client.key."""
    pair = tree.issued(share, YEAR)
    tree.write(f"{PKI}/kubelet-client.crt", pair.certificate, 0o644)
    tree.write(f"{PKI}/kubelet-client.key", pair.key, 0o600)


@scenario
def legacy_pair_beside_the_store(tree: Tree) -> None:
    """The neighbour: the old pair lies there, and kubelet.conf names the link."""
    worker(tree)
    legacy(tree, 1.5)


def other_file(tree: Tree, share: float) -> None:
    """kubelet.conf names a pair that somebody put into /etc/kubernetes/pki."""
    pair, folder = tree.issued(share, YEAR), "/etc/kubernetes/pki"
    tree.write(f"{folder}/kubelet-client.pem", pair.certificate)
    tree.write(f"{folder}/kubelet-client-key.pem", pair.key, 0o600)
    tree.kubeconfig(words.by_file(f"{folder}/kubelet-client.pem", f"{folder}/kubelet-client-key.pem"))


@scenario
def other_file_named(tree: Tree) -> None:
    """9: kubelet.conf names a file of somebody's own, and rotation is on."""
    worker(tree)
    other_file(tree, JOINED / YEAR)


@scenario
def other_file_named_and_expired(tree: Tree) -> None:
    """9: its certificate has ended."""
    worker(tree)
    other_file(tree, 1.01)


@scenario
def store_elsewhere(tree: Tree) -> None:
    """10, k0s#675: the kubelet rotates in the folder of its flag, kubelet.conf names the old folder's link."""
    data, pki = "/var/lib/k0s", "/var/lib/k0s/kubelet/pki"
    tree.rotated(folder=pki)
    tree.rotated(0.9, times=1)
    tree.serving_self_signed(certificate=f"{pki}/kubelet.crt")
    tree.kubelet = f"{data}/bin/kubelet"
    config, kubeconfig = f"{data}/kubelet-config.yaml", f"{data}/kubelet.conf"
    tree.flags = {"cert-dir": pki, "root-dir": f"{data}/kubelet", "config": config, "kubeconfig": kubeconfig}
    tree.kubeconfig(words.by_file(CURRENT), kubeconfig)
    tree.config(config, f"{data}/pki/ca.crt", rotateCertificates=True)


@scenario
def root_dir_moved(tree: Tree) -> None:
    """The neighbour: --root-dir alone does not move the certificates, whose folder is /var/lib/kubelet/pki."""
    worker(tree)
    tree.flags["root-dir"] = "/data/kubelet"
    tree.path("/data/kubelet").mkdir(parents=True)


@scenario
def store_on_tmpfs(tree: Tree) -> None:
    """10, k/k#53288: the default folder of 1.8.0 lies below /var/run, which a reboot empties."""
    folder = "/var/run/kubernetes"
    flags(tree)
    tree.flags["cert-dir"] = folder
    tree.path("/run/kubernetes").mkdir(parents=True)
    tree.path("/var").mkdir(exist_ok=True)
    tree.link("/var/run", "../run")
    tree.rotated(folder=folder)
    tree.serving_self_signed(certificate=f"{folder}/kubelet.crt")
    tree.kubeconfig(words.by_file(f"{folder}/kubelet-client-current.pem"))
    tree.config(rotateCertificates=True)
    tree.tmpfs.append("/run")


@scenario
def secrets_everywhere(tree: Tree) -> None:
    """A healthy node whose kubelet.conf and command line hold secrets wherever somebody may have put them."""
    worker(tree)
    tree.flags |= {"token": CANARY, "azure-secret": CANARY, "node-labels": f"a=b,secret={CANARY}"}
    link = words.by_file(CURRENT)
    others = (
        writers.by_token(CANARY),
        writers.by_password("admin", CANARY),
        writers.by_plugin("c", CANARY, secret=CANARY),
    )
    provider = words.User(("auth-provider:", "  config:", f"    id-token: {CANARY}", "  name: oidc"))
    text = words.kubeconfig(words.kubeadm(tree.name), tree.ca_data, link, f"https://kubelet:{CANARY}@10.20.0.10:6443")
    more = ""
    for number, user in enumerate((*others, provider, words.by_data(tree.issued(0.2)))):
        lines = "".join(f"    {line}\n" for line in user.lines)
        more += f"- name: other-{number} # {CANARY}\n  user:\n{lines}"
    tree.write(KUBELET_CONF, f"# {CANARY}\n{text}{more}", 0o600)
