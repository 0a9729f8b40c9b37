"""Steps that the advice for several causes shares."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from shlex import quote

from exporter.config.settings import CLIENT_CURRENT
from exporter.judge import store
from exporter.judge.case import Case
from exporter.judge.causes.names import node_of
from exporter.judge.certificate import leaf
from exporter.judge.distributions import restart_command, row
from exporter.model.assessment import Certificate
from exporter.model.files import KeyBlock
from exporter.model.finding import Step
from exporter.model.kubelet import Distribution

Advice = Callable[[Case], tuple[Step, ...]]


def restart(case: Case, purpose: str = "the kubelet reads its files anew") -> Step:
    """Restart what holds the kubelet."""
    return Step(restart_command(case.facts, case.kubelet.distribution), purpose)


def unit(case: Case) -> str:
    """The kubelet's systemd unit."""
    return case.facts.service.unit if case.facts.service else row(case.kubelet.distribution).unit


def link(case: Case) -> str:
    """Where the store's link stands, or should."""
    return posixpath.join(case.facts.store.path, CLIENT_CURRENT)


def kubeconfig(case: Case) -> str:
    """kubelet.conf's path."""
    if case.facts.kubeconfig:
        return case.facts.kubeconfig.document.path
    return case.kubelet.kubeconfig or row(case.kubelet.distribution).kubeconfig


def is_kubeadm(case: Case) -> bool:
    """Whether kubeadm's commands are there."""
    return case.kubelet.distribution is Distribution.KUBEADM


def node_name(case: Case) -> str:
    """The node's name as its certificate has it, else as the kubelet would ask for it, else a word to fill in."""
    certificate = case.certificate()
    named = node_of(certificate) if isinstance(certificate, Certificate) else None
    return named or case.kubelet.node_name or "NODE"


def good_file(case: Case) -> str | None:
    """The newest dated file with a whole pair that is valid now."""
    best: tuple[int, str] | None = None
    for file in case.facts.store.newest:
        certificate = leaf(file)
        if certificate is None or file.key in (KeyBlock.NONE, KeyBlock.CUT):
            continue
        is_valid = certificate.not_before <= case.facts.taken <= certificate.not_after
        if is_valid and store.is_dated_client(posixpath.basename(file.path)):
            best = max(best or (0, ""), (certificate.not_before, file.path))
    return best[1] if best else None


def has_good_store(case: Case) -> bool:
    """Whether the link leads to a whole pair that has not ended."""
    client = case.facts.client
    certificate = leaf(client)
    is_whole = client.key not in (KeyBlock.NONE, KeyBlock.CUT)
    return certificate is not None and is_whole and not case.has_ended(certificate)


def link_to(case: Case, target: str) -> Step:
    """Make the store's link lead to ``target``; ``-n`` replaces a link instead of following it."""
    return Step(f"ln -sfn {quote(target)} {quote(link(case))}", "the store's link leads to the newest good pair")


def relink(case: Case) -> tuple[Step, ...]:
    """Back to the newest good pair, else to a new certificate."""
    target = good_file(case)
    if target is None:
        return (set_aside(link(case)), *reissue(case))
    return (link_to(case, target), restart(case))


def set_aside(path: str) -> Step:
    """Out of the way, and not lost."""
    return Step(f"mv {quote(path)} {quote(path)}.aside", "out of the kubelet's way, and kept")


def point_at_link(case: Case) -> tuple[Step, ...]:
    """Both of kubelet.conf's fields name the link. Embedded data win over a file, so they become the file's line.

    A line that begins otherwise (JSON) is left as it is. The second step shows no secret, whatever the file holds.
    """
    file, path = quote(kubeconfig(case)), link(case)
    edit = (
        "sed -i.bak -E"
        " -e '/^ *client-(certificate|key):/d'"
        f" -e 's#^( *client-(certificate|key))-data:.*#\\1: {path}#' {file}"
    )
    named = f"sed -i.bak -E -e 's#^( *client-(certificate|key)):.*#\\1: {path}#' {file}"
    credential = case.facts.kubeconfig.certificate if case.facts.kubeconfig else None
    is_embedded = credential is None or credential.is_embedded
    return (
        Step(edit if is_embedded else named, "both fields name the store's link; the old file is kept as .bak"),
        Step(f"grep -E '^ *client-(certificate|key):' {file}", "shows two lines, both with the link"),
    )


def reissue(case: Case) -> tuple[Step, ...]:
    """A certificate from outside, for a node that can no longer ask for one."""
    distribution = case.kubelet.distribution
    if distribution is Distribution.KUBEADM:
        return _by_kubeadm(case)
    if distribution is Distribution.OPENSHIFT:
        approve = "oc get csr -o name | xargs oc adm certificate approve"
        return (restart(case), Step(approve, "with cluster access: approve what it then asks for"))
    if distribution in _REPLACED:
        name = quote(node_name(case))
        drain = f"kubectl drain {name} --ignore-daemonsets --delete-emptydir-data && kubectl delete node {name}"
        return (Step(drain, "with cluster access: the node is replaced by its pool, it cannot be mended in place"),)
    return _by_request(case)


_REPLACED = (Distribution.GKE, Distribution.AKS, Distribution.EKS, Distribution.KOPS)


def _by_kubeadm(case: Case) -> tuple[Step, ...]:
    """Kubernetes' docs, "Troubleshooting kubeadm", on a client certificate rotation that failed."""
    name, folder, path = quote(node_name(case)), quote(case.facts.store.path), kubeconfig(case)
    make = f"kubeadm kubeconfig user --org system:nodes --client-name system:node:{name} > kubelet.conf"
    aside = f"mkdir -p {folder}.old && mv {folder}/kubelet-client* {folder}.old/"
    written = (
        Step(make, "on a control plane node: a kubeconfig with a new certificate"),
        Step(f"install -m 600 kubelet.conf {quote(path)}", "here, once that file was brought over"),
    )
    if has_good_store(case):
        return (*written, *point_at_link_after_embedding(case), restart(case))
    return (
        *written,
        Step(aside, "the old pairs out of the kubelet's way, and kept"),
        restart(case, "the kubelet asks for a certificate of its own; wait until the store's link is there"),
        *point_at_link_after_embedding(case),
        restart(case, "from now on it renews itself"),
    )


def point_at_link_after_embedding(case: Case) -> tuple[Step, ...]:
    """As ``point_at_link``, for a kubelet.conf that an earlier step has just written with embedded data."""
    edit = f"sed -i.bak -E 's#^( *client-(certificate|key))-data:.*#\\1: {link(case)}#' {quote(kubeconfig(case))}"
    return (Step(edit, "both fields name the store's link; the old file is kept as .bak"),)


def _by_request(case: Case) -> tuple[Step, ...]:
    """A request as the kubelet makes it, by hand; the key never leaves the node."""
    name, target = node_name(case), posixpath.join(case.facts.store.path, "kubelet-client-$(date +%F-%H-%M-%S).pem")
    subject = f"/O=system:nodes/CN=system:node:{name}"
    ask = (
        "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
        f"-keyout node.key -out node.csr -subj {quote(subject)}"
    )
    sign = (
        'printf \'{"apiVersion":"certificates.k8s.io/v1","kind":"CertificateSigningRequest",'
        '"metadata":{"name":"by-hand"},"spec":{"signerName":"kubernetes.io/kube-apiserver-client-kubelet",'
        '"usages":["digital signature","key encipherment","client auth"],"request":"%s"}}\' '
        '"$(base64 -w0 node.csr)" | kubectl create -f - && kubectl certificate approve by-hand && sleep 5 && '
        "kubectl get csr by-hand -o 'jsonpath={.status.certificate}' | base64 -d > node.crt"
    )
    place = f'umask 077 && new={target} && cat node.crt node.key > "$new" && ln -sfn "$new" {quote(link(case))}'
    return (
        Step(ask, "a new key and a request for it; the key stays here"),
        Step(sign, "with cluster access, and node.csr brought over; then bring node.crt back"),
        Step(place, "the new pair into the store, and the link to it"),
        restart(case),
    )
