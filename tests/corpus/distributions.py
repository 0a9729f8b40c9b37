"""Healthy nodes of every distribution of rotation-truth 2.5, with their real paths, files, process and flags."""

from __future__ import annotations

from exporter.demo import kubeconfig as words
from exporter.demo.proc import DAY
from tests.corpus import writers
from tests.corpus.kubeadm import flags, worker
from tests.corpus.scenario import scenario
from tests.corpus.tree import CA, CANARY, CURRENT, KUBELET_CONF, YEAR, Tree

MANAGED = "/var/lib/kubelet/kubeconfig"
MANAGED_BOOTSTRAP = "/var/lib/kubelet/bootstrap-kubeconfig"


@scenario
def kubeadm(tree: Tree) -> None:
    """A worker that kubeadm joined; the bootstrap file is gone, as after every join."""
    worker(tree)


@scenario
def kubespray(tree: Tree) -> None:
    """kubespray: kubeadm with its configuration in /etc/kubernetes and a name of its own."""
    worker(tree)
    tree.kubelet = "/usr/local/bin/kubelet"
    config = "/etc/kubernetes/kubelet-config.yaml"
    tree.config(config, "/etc/kubernetes/ssl/ca.crt", rotateCertificates=True)
    tree.flags |= {"config": config, "hostname-override": tree.name, "node-ip": "10.20.0.21", "v": "2"}


@scenario
def kind(tree: Tree) -> None:
    """kind: kubeadm in a container whose name is the node's."""
    tree.name = "kind-worker"
    worker(tree)
    tree.flags |= {
        "node-ip": "172.18.0.2",
        "provider-id": "kind://docker/kind/kind-worker",
        "runtime-cgroups": "/system.slice/containerd.service",
    }


@scenario
def minikube(tree: Tree) -> None:
    """minikube: kubeadm init, finalized to the link, the cluster's CA in minikube's own folder."""
    tree.name = "minikube"
    flags(tree)
    tree.kubelet = "/var/lib/minikube/binaries/v1.34.0/kubelet"
    tree.flags |= {"hostname-override": tree.name, "node-ip": "192.168.49.2"}
    tree.rotated()
    tree.serving_self_signed()
    tree.kubeconfig(words.by_file(CURRENT), names=words.kubeadm(tree.name))
    tree.config(client_ca="/var/lib/minikube/certs/ca.crt", rotateCertificates=True)


@scenario
def openshift(tree: Tree) -> None:
    """OpenShift 4: kubelet.conf is a KubeletConfiguration; client and serving certificates both rotate."""
    tree.system = "rhcos"
    tree.authority = tree.cluster_authority("kube-csr-signer_@1760000000", serial=None)
    tree.flags = {
        "config": KUBELET_CONF,
        "bootstrap-kubeconfig": "/etc/kubernetes/kubeconfig",
        "kubeconfig": MANAGED,
        "container-runtime-endpoint": "/var/run/crio/crio.sock",
        "node-labels": "node-role.kubernetes.io/worker,node.openshift.io/os_id=rhcos",
        "cloud-provider": "",
    }
    tree.rotated()
    tree.serving_rotated()
    tree.kubeconfig(words.by_file(CURRENT), MANAGED)
    tree.bootstrap("/etc/kubernetes/kubeconfig")
    gates = {"RotateKubeletServerCertificate": True}
    ca = "/etc/kubernetes/kubelet-ca.crt"
    tree.config(KUBELET_CONF, ca, rotateCertificates=True, serverTLSBootstrap=True, featureGates=gates)


@scenario
def gke(tree: Tree) -> None:
    """GKE: both rotate; the certificate folder's flag ends in a slash."""
    tree.name = "gke-prod-pool-1-5f9d1c77-x2lq"
    tree.system = "cos"
    tree.kubelet = "/home/kubernetes/bin/kubelet"
    config = "/home/kubernetes/kubelet-config.yaml"
    tree.flags = {
        "v": "2",
        "cloud-provider": "external",
        "cert-dir": "/var/lib/kubelet/pki/",
        "kubeconfig": MANAGED,
        "bootstrap-kubeconfig": MANAGED_BOOTSTRAP,
        "config": config,
    }
    tree.rotated()
    tree.serving_rotated()
    tree.kubeconfig(words.by_file(CURRENT), MANAGED)
    tree.bootstrap(MANAGED_BOOTSTRAP)
    tree.config(config, "/etc/srv/kubernetes/pki/ca-certificates.crt", rotateCertificates=True, serverTLSBootstrap=True)


def _eks(tree: Tree, share: float) -> None:
    tree.name = "ip-10-0-3-17.eu-central-1.compute.internal"
    tree.system = "amzn"
    config, ca = "/etc/kubernetes/kubelet/config.json", CA
    tree.flag_sign = " "
    tree.flags = {
        "config": config,
        "kubeconfig": MANAGED,
        "hostname-override": tree.name,
        "image-credential-provider-bin-dir": "/etc/eks/image-credential-provider",
        "cloud-provider": "external",
    }
    plugin = writers.by_plugin("aws", "eks", "get-token", "--cluster-name", "prod", secret=CANARY)
    names = words.Names("kubernetes", "kubelet", "kubelet")
    tree.kubeconfig(plugin, MANAGED, names=names, ca=f"certificate-authority: {ca}")
    tree.write(ca, tree.authority.certificate)
    gates = {"RotateKubeletServerCertificate": True}
    tree.write(config, writers.configuration_in_json(ca, serverTLSBootstrap=True, featureGates=gates))
    tree.serving_rotated(share, life=45 * DAY)


@scenario
def eks(tree: Tree) -> None:
    """EKS: no client certificate at all, tokens of a plugin; the serving certificate of 45 days rotates."""
    _eks(tree, 0.4)


@scenario
def eks_serving_at_0845(tree: Tree) -> None:
    """k/k#138763: a healthy serving certificate at 0.845 of its 45 days, reported as stuck and retracted."""
    _eks(tree, 0.845)


@scenario
def aks(tree: Tree) -> None:
    """AKS: flags and no configuration file; a self-signed serving certificate of 7300 days."""
    tree.name = "aks-nodepool1-21466831-vmss000003"
    tree.system = "ubuntu"
    tree.kubelet = "/usr/local/bin/kubelet"
    folder = "/etc/kubernetes/certs"
    tree.flags = {
        "enable-server": "true",
        "kubeconfig": MANAGED,
        "bootstrap-kubeconfig": MANAGED_BOOTSTRAP,
        "client-ca-file": f"{folder}/ca.crt",
        "rotate-certificates": "true",
        "tls-cert-file": f"{folder}/kubeletserver.crt",
        "tls-private-key-file": f"{folder}/kubeletserver.key",
    }
    tree.rotated(life=YEAR, times=1)
    tree.serving_by_openssl(f"{folder}/kubeletserver.crt", 130 * DAY, 7300 * DAY)
    tree.write(f"{folder}/ca.crt", tree.authority.certificate)
    tree.kubeconfig(words.by_file(CURRENT), MANAGED, ca=f"certificate-authority: {folder}/ca.crt")
    tree.bootstrap(MANAGED_BOOTSTRAP)


@scenario
def talos(tree: Tree) -> None:
    """Talos: the kubelet in a container with mounts of its own."""
    tree.system = "talos"
    tree.kubelet = "/usr/local/bin/kubelet"
    tree.own_mounts = "/"
    bootstrap, config = "/etc/kubernetes/bootstrap-kubeconfig", "/etc/kubernetes/kubelet.yaml"
    kubeconfig = "/etc/kubernetes/kubeconfig-kubelet"
    tree.flags = {
        "bootstrap-kubeconfig": bootstrap,
        "cert-dir": "/var/lib/kubelet/pki",
        "config": config,
        "hostname-override": tree.name,
        "kubeconfig": kubeconfig,
        "node-ip": "10.20.0.21",
    }
    tree.rotated()
    tree.serving_self_signed()
    tree.kubeconfig(words.by_file(CURRENT), kubeconfig)
    tree.bootstrap(bootstrap)
    tree.config(config, rotateCertificates=True)


@scenario
def k0s(tree: Tree) -> None:
    """k0s: its own folder for everything; no bootstrap flag, k0s writes kubelet.conf before it starts the kubelet."""
    data = "/var/lib/k0s"
    tree.kubelet = f"{data}/bin/kubelet"
    pki = f"{data}/kubelet/pki"
    tree.flags = {
        "cert-dir": pki,
        "config": f"{data}/kubelet-config.yaml",
        "kubeconfig": f"{data}/kubelet.conf",
        "root-dir": f"{data}/kubelet",
        "runtime-cgroups": "/system.slice/containerd.service",
        "v": "1",
    }
    tree.rotated(folder=pki)
    tree.serving_self_signed(certificate=f"{pki}/kubelet.crt")
    tree.kubeconfig(words.by_file(f"{pki}/kubelet-client-current.pem"), f"{data}/kubelet.conf")
    tree.config(f"{data}/kubelet-config.yaml", f"{data}/pki/ca.crt", rotateCertificates=True)


@scenario
def container_with_files_of_its_own(tree: Tree) -> None:
    """A kubelet in a container whose /etc/kubernetes and /var/lib/kubelet are no folders of the host."""
    tree.own_mounts = tree.within = "/var/lib/machines/kubelet"
    worker(tree)


@scenario
def container_with_an_old_store_on_the_host(tree: Tree) -> None:
    """The same, and the host has a store and a kubelet.conf of its own from earlier days: nobody uses them."""
    worker(tree, share=1.5)
    container_with_files_of_its_own(tree)
