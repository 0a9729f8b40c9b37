"""Distributions that renew the client certificate themselves: healthy nodes, and nodes whose owner is behind."""

from __future__ import annotations

from exporter.demo import kubeconfig as words
from exporter.demo.proc import DAY, Process
from tests.corpus.scenario import scenario
from tests.corpus.tree import CANARY, JOINED, YEAR, Service, Tree

K3S = "/var/lib/rancher/k3s/agent"
RKE2 = "/var/lib/rancher/rke2/agent"
SSL = "/etc/kubernetes/ssl"
KOPS = "/srv/kubernetes"


def _rancher(tree: Tree, agent: str, issuer: str, age: float) -> None:
    """The agent's folder of k3s and RKE2: certificates of a year, fetched ``age`` ago."""
    client = tree.cluster_authority(f"{issuer}-client-ca@1730000000", serial=None)
    tree.authority = client
    pair = client.client(tree.name, tree.now - age, YEAR)
    tree.write(f"{agent}/client-kubelet.crt", pair.certificate + client.certificate, 0o600, age)
    tree.write(f"{agent}/client-kubelet.key", pair.key, 0o600, age)
    server = tree.cluster_authority(f"{issuer}-server-ca@1730000000", serial=None)
    serving = server.serving(tree.name, (tree.name, "localhost", "127.0.0.1", "10.20.0.21"), tree.now - age, YEAR)
    tree.write(f"{agent}/serving-kubelet.crt", serving.certificate + server.certificate, 0o600, age)
    tree.write(f"{agent}/serving-kubelet.key", serving.key, 0o600, age)
    tree.write(f"{agent}/client-ca.crt", client.certificate)
    tree.write(f"{agent}/server-ca.crt", server.certificate)
    user = words.by_file(f"{agent}/client-kubelet.crt", f"{agent}/client-kubelet.key")
    names = words.Names("local", "Default", "user")
    tree.kubeconfig(
        user, f"{agent}/kubelet.kubeconfig", names=names, ca=f"certificate-authority: {agent}/server-ca.crt"
    )


def _k3s(tree: Tree, certificate_age: float, process_age: float) -> None:
    _rancher(tree, K3S, "k3s", certificate_age)
    tree.kubelet_age = None
    command = ("/usr/local/bin/k3s", "agent", "--token", CANARY, "--server", "https://10.20.0.10:6443")
    tree.processes.append(Process("k3s-agent", command, process_age, secret=CANARY))
    tree.service = Service("k3s-agent.service")


@scenario
def k3s(tree: Tree) -> None:
    """k3s: the kubelet lives in k3s' own process, whose command line holds the cluster's token."""
    _k3s(tree, JOINED, JOINED - 60)


@scenario
def k3s_renewal_due(tree: Tree) -> None:
    """4: k3s renews only at its own restart; the certificate has 30 days left and nobody restarted it since."""
    _k3s(tree, YEAR - 30 * DAY, YEAR - 30 * DAY - 60)
    tree.real = False


def _rke2(tree: Tree, certificate_age: float, process_age: float) -> None:
    _rancher(tree, RKE2, "rke2", certificate_age)
    tree.kubelet = "/var/lib/rancher/rke2/data/v1.34.1-rke2r1-1e2a3b4c5d6e/bin/kubelet"
    tree.kubelet_age = process_age
    tree.flags = {
        "cert-dir": "/var/lib/rancher/rke2/agent/pki",
        "client-ca-file": f"{RKE2}/client-ca.crt",
        "hostname-override": tree.name,
        "kubeconfig": f"{RKE2}/kubelet.kubeconfig",
        "tls-cert-file": f"{RKE2}/serving-kubelet.crt",
        "tls-private-key-file": f"{RKE2}/serving-kubelet.key",
    }
    agent = ("/usr/local/bin/rke2", "agent")
    tree.processes.append(Process("rke2", agent, process_age + 5, secret=CANARY))
    tree.service = Service("rke2-agent.service")


@scenario
def rke2(tree: Tree) -> None:
    """RKE2: a kubelet with flags of its own below the rke2 process."""
    _rke2(tree, JOINED, JOINED - 60)


def _rke1(tree: Tree, certificate_age: float, process_age: float) -> None:
    tree.authority = tree.cluster_authority("kube-ca", serial=None)
    tree.kubelet = "/usr/local/bin/kubelet"
    tree.kubelet_age = process_age
    tree.own_mounts = "/"
    kubeconfig = f"{SSL}/kubecfg-kube-node.yaml"
    tree.flags = {
        "client-ca-file": f"{SSL}/kube-ca.pem",
        "hostname-override": tree.name,
        "kubeconfig": kubeconfig,
        "root-dir": "/var/lib/kubelet",
    }
    pair = tree.of_owner("system:node", certificate_age, YEAR)
    tree.write(f"{SSL}/kube-node.pem", pair.certificate, 0o644, certificate_age)
    tree.write(f"{SSL}/kube-node-key.pem", pair.key, 0o600, certificate_age)
    tree.write(f"{SSL}/kube-ca.pem", tree.authority.certificate)
    tree.serving_self_signed()
    user = words.by_file(f"{SSL}/kube-node.pem", f"{SSL}/kube-node-key.pem")
    names = words.Names("local", "Default", "kube-node-local")
    tree.kubeconfig(user, kubeconfig, names=names, ca=f"certificate-authority: {SSL}/kube-ca.pem")
    tree.service = None
    tree.system = "ubuntu"


@scenario
def rke1(tree: Tree) -> None:
    """RKE1: a container, and one certificate called system:node for the whole cluster."""
    _rke1(tree, JOINED, JOINED - 60)


@scenario
def rke1_rotated_and_not_restarted(tree: Tree) -> None:
    """4, rancher#21709: ``rke cert rotate`` wrote the file two days ago, the kubelet is older than it."""
    _rke1(tree, 2 * DAY, 20 * DAY)
    tree.real = False


@scenario
def microk8s(tree: Tree) -> None:
    """microk8s: kubelite, its kubelet's flags in a file, a certificate in kubelet.config, a self-signed serving one."""
    snap = "/var/snap/microk8s/current"
    tree.kubelet_age = None
    tree.system = "ubuntu"
    args = f"--kubelet-args-file={snap}/args/kubelet"
    command = ("/snap/microk8s/8511/kubelite", f"--scheduler-args-file={snap}/args/kube-scheduler", args)
    tree.processes.append(Process("kubelite", command, JOINED - 60, secret=CANARY))
    tree.service = Service("snap.microk8s.daemon-kubelite.service")
    lines = (
        "--kubeconfig=${SNAP_DATA}/credentials/kubelet.config",
        "--cert-dir=${SNAP_DATA}/certs",
        "--client-ca-file=${SNAP_DATA}/certs/ca.crt",
    )
    tree.write(f"{snap}/args/kubelet", "\n".join(lines) + "\n")
    pair = tree.of_owner(f"system:node:{tree.name}", JOINED, 10 * YEAR)
    names = words.Names("microk8s-cluster", "microk8s", "kubelet")
    tree.kubeconfig(words.by_data(pair), f"{snap}/credentials/kubelet.config", names=names)
    tree.write(f"{snap}/certs/ca.crt", tree.authority.certificate)
    tree.serving_self_signed(certificate=f"{snap}/certs/kubelet.crt")


@scenario
def kops(tree: Tree) -> None:
    """kops: a certificate of some 450 days embedded in the kubeconfig; the node is replaced before it ends."""
    tree.kubelet = "/usr/local/bin/kubelet"
    tree.system = "ubuntu"
    kubeconfig, config = "/var/lib/kubelet/kubeconfig", "/var/lib/kubelet/kubelet.conf"
    tree.flags = {
        "config": config,
        "kubeconfig": kubeconfig,
        "tls-cert-file": f"{KOPS}/kubelet-server.crt",
        "tls-private-key-file": f"{KOPS}/kubelet-server.key",
        "v": "2",
    }
    pair = tree.of_owner(f"system:node:{tree.name}", JOINED, 455 * DAY)
    names = words.Names("local", "service-account-context", "kubelet")
    tree.kubeconfig(words.by_data(pair), kubeconfig, names=names)
    tree.config(config, f"{KOPS}/ca.crt")
    serving = tree.authority.serving(tree.name, (tree.name,), tree.now - JOINED, 455 * DAY)
    tree.write(f"{KOPS}/kubelet-server.crt", serving.certificate, 0o644)
    tree.write(f"{KOPS}/kubelet-server.key", serving.key, 0o600)
