"""Whose kubelet it is: every row of the table told by what such a node shows, running or as a mounted disk."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from exporter.judge.distributions import TABLE, UNKNOWN, recognise, restart_command, row
from exporter.model.facts import DirectoryCondition, NodeFacts, StoreFacts
from exporter.model.files import Condition, PemFile
from exporter.model.host import Host, Process, Service, Sight
from exporter.model.kubelet import Distribution
from exporter.model.kubelet_files import ConfigFile, DocumentCondition, Kubeconfig, KubeletSettings
from tests.kubelets import BOOTSTRAP_CONF, HEALTHY, PKI, absent, document, kubeconfig, pem
from tests.trees import NOW, YEAR, Mint, unarmour

BARE = NodeFacts(NOW, StoreFacts(PKI, DirectoryCondition.MISSING), absent(f"{PKI}/kubelet-client-current.pem"), None)
AT_KUBELET = "/var/lib/kubelet/kubeconfig"


def process(name: str, **flags: str) -> dict[str, Any]:
    """A process with flags."""
    values = tuple((flag.replace("_", "-"), value) for flag, value in flags.items())
    return {"process": Process(Sight.SEEN, name, 1, flags=values)}


def conf(path: str, certificate: str | None = None, **fields: Any) -> dict[str, Any]:
    """A kubelet.conf with a certificate's file."""
    return {"kubeconfig": kubeconfig(path, pem(certificate, b"") if certificate else None, **fields)}


def config(path: str, **settings: Any) -> dict[str, Any]:
    """A configuration file."""
    return {"config": (ConfigFile(document(path), KubeletSettings(**settings)),)}


def issued(common_name: str, issuer: str) -> dict[str, Any]:
    """A client certificate of some names."""
    encoded = unarmour(Mint(issuer).issue(common_name, NOW, NOW + YEAR).certificate)
    return {"client": PemFile("/somewhere/client.pem", Condition.READ, (encoded,))}


@pytest.mark.parametrize(
    ("facts", "distribution"),
    [
        ({}, Distribution.UNKNOWN),
        # kubeadm and what uses it
        (process("kubelet", bootstrap_kubeconfig=BOOTSTRAP_CONF), Distribution.KUBEADM),
        (conf("/etc/kubernetes/kubelet.conf"), Distribution.KUBEADM),
        (config("/etc/kubernetes/kubelet-config.yaml"), Distribution.KUBEADM),  # kubespray
        # OpenShift: the same path holds another kind of file
        (config("/etc/kubernetes/kubelet.conf") | conf(AT_KUBELET), Distribution.OPENSHIFT),
        (process("kubelet", config="/etc/kubernetes/kubelet.conf", kubeconfig=AT_KUBELET), Distribution.OPENSHIFT),
        (config("/x.yaml", client_ca_file="/etc/kubernetes/kubelet-ca.crt"), Distribution.OPENSHIFT),
        (conf(AT_KUBELET, "/etc/origin/node/certificates/kubelet-client-current.pem"), Distribution.OPENSHIFT),
        ({"host": Host(system="rhcos")}, Distribution.OPENSHIFT),
        (issued("system:node:n", "kube-csr-signer_@1787000000"), Distribution.OPENSHIFT),
        # the clouds
        (process("kubelet", config="/home/kubernetes/kubelet-config.yaml"), Distribution.GKE),
        (conf(AT_KUBELET, command="/usr/bin/gke-exec-auth-plugin"), Distribution.GKE),
        ({"host": Host(system="cos")}, Distribution.GKE),
        (conf(AT_KUBELET, command="/usr/bin/aws-iam-authenticator"), Distribution.EKS),
        (conf(AT_KUBELET, command="aws"), Distribution.EKS),
        (config("/etc/kubernetes/kubelet/config.json"), Distribution.EKS),
        (config("/etc/kubernetes/kubelet/kubelet-config.json"), Distribution.EKS),
        ({"host": Host(system="bottlerocket")}, Distribution.EKS),
        (process("kubelet", tls_cert_file="/etc/kubernetes/certs/kubeletserver.crt"), Distribution.AKS),
        (conf(AT_KUBELET, "/etc/kubernetes/certs/client.crt"), Distribution.AKS),
        ({"host": Host(system="azurelinux")}, Distribution.AKS),
        # those of one program or one place
        (conf("/etc/kubernetes/kubeconfig-kubelet"), Distribution.TALOS),
        ({"host": Host(system="talos")}, Distribution.TALOS),
        (process("kubelet", cert_dir="/var/lib/k0s/kubelet/pki"), Distribution.K0S),
        (process("k0s"), Distribution.K0S),
        ({"store": StoreFacts("/var/lib/k0s/kubelet/pki", DirectoryCondition.OK)}, Distribution.K0S),
        (process("k3s-agent"), Distribution.K3S),
        (process("k3s-server"), Distribution.K3S),
        (conf("/var/lib/rancher/k3s/agent/kubelet.kubeconfig"), Distribution.K3S),
        (issued("system:node:n", "k3s-client-ca@1787000000"), Distribution.K3S),
        (process("kubelet", kubeconfig="/var/lib/rancher/rke2/agent/kubelet.kubeconfig"), Distribution.RKE2),
        ({"client": absent("/var/lib/rancher/rke2/agent/client-kubelet.crt")}, Distribution.RKE2),
        (issued("system:node:n", "rke2-client-ca@1787000000"), Distribution.RKE2),
        (conf("/etc/kubernetes/ssl/kubecfg-kube-node.yaml"), Distribution.RKE1),
        (issued("system:node", "kube-ca"), Distribution.RKE1),
        (process("kubelite"), Distribution.MICROK8S),
        (conf("/var/snap/microk8s/current/credentials/kubelet.config"), Distribution.MICROK8S),
        (config("/x.yaml", tls_cert_file="/srv/kubernetes/kubelet-server.crt"), Distribution.KOPS),
        # what proves nothing
        (process("kubelet", kubeconfig=AT_KUBELET), Distribution.UNKNOWN),
        (
            conf(
                "/etc/kubernetes/kubelet.conf",
                document=document("/etc/kubernetes/kubelet.conf", DocumentCondition.MISSING),
            ),
            Distribution.UNKNOWN,
        ),
        (issued("system:node:n", "kubernetes"), Distribution.UNKNOWN),
        (issued("system:node:n", "kube-ca"), Distribution.UNKNOWN),
        ({"process": Process(Sight.ABSENT, "k3s")}, Distribution.UNKNOWN),
        ({"host": Host(system="ubuntu")}, Distribution.UNKNOWN),
    ],
)
def test_a_distribution_is_told_by_what_its_nodes_show(facts: dict[str, Any], distribution: Distribution) -> None:
    """Each row of the table by each of its signs, and what is common to many by none."""
    assert recognise(replace(BARE, **facts)) is distribution


@pytest.mark.parametrize(
    ("facts", "distribution"),
    [
        # a kubelet.conf of kubeadm's on Amazon's or Google's system
        (conf("/etc/kubernetes/kubelet.conf") | {"host": Host(system="cos")}, Distribution.KUBEADM),
        # RKE2 starts a program called kubelet
        (
            process("kubelet", kubeconfig="/var/lib/rancher/rke2/agent/kubelet.kubeconfig") | conf(AT_KUBELET),
            Distribution.RKE2,
        ),
        # k3s beside a kubelet.conf that somebody forgot
        (process("k3s-agent") | conf("/etc/kubernetes/kubelet.conf"), Distribution.K3S),
    ],
)
def test_the_stronger_sign_wins(facts: dict[str, Any], distribution: Distribution) -> None:
    """The program before paths, paths before the system."""
    assert recognise(replace(BARE, **facts)) is distribution


def test_every_distribution_has_one_row() -> None:
    """The table is complete and names nothing twice."""
    named = [entry.distribution for entry in (*TABLE, UNKNOWN)]
    assert sorted(named) == sorted(Distribution)
    assert all(row(distribution).distribution is distribution for distribution in Distribution)


def test_who_renews_is_the_kubelet_or_another() -> None:
    """The words agree with the model's list of other owners."""
    for entry in TABLE:
        assert (entry.renewer == "the kubelet itself") is not entry.distribution.renews_itself


@pytest.mark.parametrize(
    ("service", "name", "distribution", "command"),
    [
        (Service("kubelet.service", "active", "running"), "kubelet", Distribution.KUBEADM, "systemctl restart kubelet"),
        (Service("k3s.service", "active", "running"), "k3s-server", Distribution.K3S, "systemctl restart k3s"),
        (None, "k3s-agent", Distribution.K3S, "systemctl restart k3s-agent"),
        (None, "k3s-server", Distribution.K3S, "systemctl restart k3s"),
        (None, "kubelet", Distribution.TALOS, "talosctl service kubelet restart"),
        (None, "kubelet", Distribution.RKE1, "docker restart kubelet"),
        (None, "kubelet", Distribution.UNKNOWN, "systemctl restart kubelet"),
    ],
)
def test_what_restarts_the_kubelet(
    service: Service | None, name: str, distribution: Distribution, command: str
) -> None:
    """The node's own unit, else what the distribution has for it."""
    facts = replace(BARE, service=service, process=Process(Sight.SEEN, name))
    assert restart_command(facts, distribution) == command


def test_a_mounted_disk_is_recognised_by_its_files() -> None:
    """Without a process the files' places are enough."""
    assert recognise(replace(HEALTHY.facts, process=Process(Sight.HIDDEN), service=None)) is Distribution.KUBEADM


def test_a_kubeconfig_tells_no_more_than_its_place() -> None:
    """A file that is missing proves nothing, whatever path a table guessed."""
    missing = Kubeconfig(document(BOOTSTRAP_CONF, DocumentCondition.MISSING))
    assert recognise(replace(BARE, bootstrap=missing)) is Distribution.UNKNOWN
