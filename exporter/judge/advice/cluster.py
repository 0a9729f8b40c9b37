"""What to do about clocks, names, issuers, and requests that nobody signs."""

from __future__ import annotations

import posixpath
from shlex import quote

from exporter.judge.advice import steps
from exporter.judge.case import Case
from exporter.model.finding import Step
from exporter.model.kubelet import Distribution

_REQUESTS = "kubectl get csr --sort-by=.metadata.creationTimestamp"
_SERVING = "--field-selector spec.signerName=kubernetes.io/kubelet-serving"
_CLIENT = "--field-selector spec.signerName=kubernetes.io/kube-apiserver-client-kubelet"
_PENDING = """'{{range .items}}{{if not .status}}{{.metadata.name}} {{.spec.username}}{{"\\n"}}{{end}}{{end}}'"""
_BINDING = (
    "kubectl create clusterrolebinding kubeadm:node-autoapprove-certificate-rotation --group=system:nodes "
    "--clusterrole=system:certificates.k8s.io:certificatesigningrequests:selfnodeclient"
)


def clock(case: Case) -> tuple[Step, ...]:
    """The node's clock."""
    return (
        Step("timedatectl", "whether a time service runs and is in step"),
        Step("chronyc makestep || systemctl restart systemd-timesyncd", "the clock is set at once"),
        steps.restart(case, "its timer does not see that the clock was set"),
    )


def restart(case: Case) -> tuple[Step, ...]:
    """A restart is all."""
    return (steps.restart(case),)


def name(case: Case) -> tuple[Step, ...]:
    """The name that its certificate has."""
    known, wanted = steps.node_name(case), case.kubelet.node_name
    process = case.facts.process
    if process and process.flag("hostname-override"):
        find = Step(
            f"systemctl cat {quote(steps.unit(case))}", f"where --hostname-override is given: {known}, as before"
        )
        return (find, Step("systemctl daemon-reload", "systemd reads the unit anew"), steps.restart(case))
    back = Step(f"hostnamectl set-hostname {quote(known)}", f"the name that the cluster knows; not {wanted}")
    return (back, steps.restart(case))


def authority(case: Case) -> tuple[Step, ...]:
    """A CA is replaced by hand; nothing renews it."""
    path = quote(case.kubelet.client_ca_file or "/etc/kubernetes/pki/ca.crt")
    manual = "https://kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates/"
    return (
        Step(f"openssl x509 -noout -subject -enddate -in {path}", "the CA that ends"),
        Step(
            "kubeadm certs check-expiration", f"on a control plane node: which others end; none renews a CA: {manual}"
        ),
    )


def trust(case: Case) -> tuple[Step, ...]:
    """The API servers must trust the CA that signs; or back to the certificate before."""
    look = "grep -e client-ca-file -e cluster-signing /etc/kubernetes/manifests/kube-*.yaml"
    mend = Step(look, "on the control plane nodes: --client-ca-file must hold the CA of --cluster-signing-cert-file")
    target = steps.good_file(case)
    if target is None:
        return (mend,)
    return (mend, steps.link_to(case, target), steps.restart(case, "uses the certificate before, while it lasts"))


def went_back(case: Case) -> tuple[Step, ...]:
    """The old pair is good until its end; a kubelet that is started again asks for a new one in its window."""
    return (
        Step(f"ls -l {quote(case.facts.store.path)}", "what was restored; is it this node's own backup?"),
        steps.restart(case, "uses the pair that is there, and renews it when it is due"),
    )


def storm(_: Case) -> tuple[Step, ...]:
    """Addresses that come and go, or a lifetime that is too short."""
    return (
        Step(f"{_REQUESTS} | tail -20", "with cluster access: what it asks for, again and again"),
        Step(
            "grep cluster-signing-duration /etc/kubernetes/manifests/kube-controller-manager.yaml",
            "on a control plane node: an hour is the least that makes sense",
        ),
    )


def renew(case: Case) -> tuple[Step, ...]:
    """By who renews it."""
    distribution, node = case.kubelet.distribution, quote(steps.node_name(case))
    if distribution is Distribution.RKE1:
        return (Step("rke cert rotate --config cluster.yml", "where rke is run: renews what the whole cluster uses"),)
    if distribution is Distribution.MICROK8S:
        return (
            Step("microk8s refresh-certs -c", "what ends when"),
            Step("microk8s refresh-certs -e ca.crt", "CA and all that it signed are made anew; other nodes join again"),
        )
    if distribution is Distribution.KOPS:
        roll = "kops rolling-update cluster --yes --force --instance-group nodes"
        return (Step(roll, f"where kops is run: {node} and its like are replaced, each with a new certificate"),)
    return (steps.restart(case, "renews it: less than 90 days are left (120 in releases since 2025)"),)


def requests(case: Case) -> tuple[Step, ...]:
    """Look at the requests, approve the newest, and mend who should have."""
    name = f"system:node:{steps.node_name(case)}"
    return (
        Step(f"{_REQUESTS} | grep {quote(name)} | tail -3", "with cluster access: Pending, Denied, or Approved"),
        _approve(case, _CLIENT),
        Step(_BINDING, "Pending: who approves may have lost this binding"),
        Step(
            "kubectl -n kube-system logs -l component=kube-controller-manager --tail=-1 | grep -i certificate",
            "Approved and not issued: the signer; it needs --cluster-signing-cert-file and its key",
        ),
    )


def unauthorized(case: Case) -> tuple[Step, ...]:
    """The API server does not know the certificate's issuer, or the certificate has ended."""
    look = f"kubectl --kubeconfig {quote(steps.kubeconfig(case))} get node {quote(steps.node_name(case))}"
    return (Step(look, "whether kubelet.conf still lets in"), *trust(case))


def refused(case: Case) -> tuple[Step, ...]:
    """Who refuses is in the kubelet's own words."""
    journal = (
        f"journalctl -u {quote(steps.unit(case))} --since -1h --no-pager | grep -iE 'certificate|forbidden|denied'"
    )
    policies = "kubectl get validatingadmissionpolicies,validatingwebhookconfigurations"
    return (
        Step(journal, "names who refuses, and why"),
        Step(policies, "with cluster access: what may stand before certificatesigningrequests"),
    )


def server(case: Case) -> tuple[Step, ...]:
    """The address that kubelet.conf names."""
    known = case.facts.kubeconfig.server if case.facts.kubeconfig else None
    url = quote(f"{known or 'https://API-SERVER:6443'}/healthz")
    return (
        Step(f"curl -sk -m 5 -o /dev/null -w '%{{http_code}}\\n' {url}", "any number but 000: it answers"),
        Step(f"grep ' server:' {quote(steps.kubeconfig(case))}", "is that still the API's address?"),
    )


def server_ca(case: Case) -> tuple[Step, ...]:
    """The CA in kubelet.conf."""
    path = quote(steps.kubeconfig(case))
    fetch = "kubectl get cm kube-root-ca.crt -n kube-system -o 'jsonpath={.data.ca\\.crt}' > ca.crt"
    authority = case.facts.kubeconfig.authority if case.facts.kubeconfig else None
    put = f'sed -i.bak -E "s#^( *certificate-authority-data:).*#\\1 $(base64 -w0 ca.crt)#" {path}'
    if authority and not authority.is_embedded:
        put = f"install -m 644 ca.crt {quote(authority.path)}"
    return (
        Step(fetch, "with cluster access: the cluster's CA as it is now"),
        Step(put, "here, once that file was brought over: kubelet.conf trusts it"),
        steps.restart(case),
    )


def serving_requests(case: Case) -> tuple[Step, ...]:
    """Nothing in Kubernetes approves serving certificates."""
    look = f"kubectl get csr {_SERVING}"
    return (
        Step(look, "with cluster access: what waits for an approver; none at all: the node has no address"),
        _approve(case, _SERVING),
    )


def _approve(case: Case, selector: str) -> Step:
    """The newest request of this node's: the kubelet has given up the ones before (rotation-truth 1.3)."""
    own = quote(f" system:node:{steps.node_name(case)}$")
    newest = f"{_REQUESTS} {selector} -o go-template={_PENDING} | grep {own} | tail -1 | cut -d' ' -f1"
    return Step(f"{newest} | xargs -r kubectl certificate approve", "approves this node's newest Pending one")


def self_signed(case: Case) -> tuple[Step, ...]:
    """It makes a new pair when both files are gone."""
    folder = case.facts.store.path
    certificate, key = (quote(posixpath.join(folder, file)) for file in ("kubelet.crt", "kubelet.key"))
    aside = f"mv {certificate} {certificate}.bak && mv {key} {key}.bak"
    return (Step(aside, "both, never one alone"), steps.restart(case, "makes a new pair for a year"))


def serving_pair(case: Case) -> tuple[Step, ...]:
    """The pair that the kubelet makes itself, or the one that it was given."""
    if case.kubelet.tls_cert_file or case.kubelet.tls_private_key_file:
        paths = [quote(path) for path in (case.kubelet.tls_cert_file, case.kubelet.tls_private_key_file) if path]
        look = f"ls -l {' '.join(paths)}"
        return (
            Step(look, "put the pair there again, or set neither of tlsCertFile and tlsPrivateKeyFile"),
            steps.restart(case),
        )
    folder = quote(case.facts.store.path)
    if case.kubelet.server_tls_bootstrap:
        aside = f"mv {folder}/kubelet-server-current.pem {folder}/kubelet-server-current.pem.bak"
        return (Step(aside, "the kubelet asks for a new one"), steps.restart(case), *serving_requests(case))
    aside = (
        f'for file in {folder}/kubelet.crt {folder}/kubelet.key; do [ ! -e "$file" ] || mv "$file" "$file.bak"; done'
    )
    return (Step(aside, "both out of the way, and kept"), steps.restart(case, "makes a new pair for a year"))


def serving_file(case: Case) -> tuple[Step, ...]:
    """The self-signed pair is made anew, any other is somebody else's to renew."""
    if case.serving and case.serving.managed:
        return serving_requests(case)
    path = case.facts.serving.path if case.facts.serving else ""
    if posixpath.basename(path) == "kubelet.crt" and not case.kubelet.tls_cert_file:
        return self_signed(case)
    shown = quote(case.kubelet.tls_cert_file or path)
    return (
        Step(f"openssl x509 -noout -subject -issuer -dates -in {shown}", "whose it is: have them renew it"),
        steps.restart(case),
    )
