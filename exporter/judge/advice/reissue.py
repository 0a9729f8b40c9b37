"""A certificate from outside, for a node that can no longer ask for one."""

from __future__ import annotations

from shlex import quote

from exporter.judge.advice import conf, shell, steps
from exporter.judge.advice.replacement import replacement
from exporter.judge.case import Case
from exporter.model.facts import DirectoryCondition
from exporter.model.finding import Step
from exporter.model.kubelet import Distribution
from exporter.model.kubelet_files import DocumentCondition

_COPIES = "on both machines, once it works: the copies hold a key, as do those kept as .before.TIME or .old.TIME"
_SETTINGS = "-n kube-system get cm kubeadm-config -o 'jsonpath={.data.ClusterConfiguration}'"


def reissue(case: Case, *, is_stalled: bool = False) -> tuple[Step, ...]:
    """By who signs for this kind of node. ``is_stalled``: what the store's link leads to is what nobody renews."""
    distribution = case.kubelet.distribution
    if distribution is Distribution.KUBEADM:
        return _by_kubeadm(case, is_stalled=is_stalled)
    if distribution is Distribution.OPENSHIFT:
        return _by_bootstrapper(case)
    return replacement(case) or _by_request(case, is_stalled=is_stalled)


def _by_bootstrapper(case: Case) -> tuple[Step, ...]:
    """OpenShift keeps its bootstrap kubeconfig; what it then asks for waits for a person (okd#285)."""
    path = quote(case.kubelet.bootstrap or "/etc/kubernetes/kubeconfig")
    begin = shell.chain(
        f"oc --kubeconfig {path} auth can-i create certificatesigningrequests.certificates.k8s.io",
        steps.again(case),
        stop=f"STOP: {path} does not let in, no restart",
    )
    return (
        Step(begin, "on the node: where the bootstrap file lets in, the kubelet is restarted and asks anew"),
        Step("oc get csr", "with cluster access: its newest Pending request of node-bootstrapper is REQUEST below"),
        Step("oc adm certificate approve REQUEST", "with cluster access: once it is known to be this node's"),
        steps.ready(case),
    )


def _by_kubeadm(case: Case, *, is_stalled: bool) -> tuple[Step, ...]:
    """Kubernetes' docs, "Troubleshooting kubeadm", on a client certificate rotation that failed.

    Beside nothing that kubeadm itself owns: a shell empties what it is to write to, even where the command fails.
    """
    node = steps.node_name(case)
    name, copy = quote(node), quote(f"/root/{node}-kubelet.conf")
    make = shell.chain(
        "(umask 077",
        f"kubectl --kubeconfig /etc/kubernetes/admin.conf {_SETTINGS} > /root/cluster.yaml",
        "kubeadm kubeconfig user --config /root/cluster.yaml --org system:nodes "
        f"--client-name system:node:{name} > {copy})",
        f"kubectl --kubeconfig {copy} get node {name}",
        stop="STOP: that kubeconfig does not let in",
    )
    return (
        Step(make, "on a control plane node, as root: a kubeconfig with a new certificate; must print the node"),
        Step(
            f"scp -p {copy} root@{name}:/root/",
            "on that control plane node: brings it over; where its name does not resolve: by its INTERNAL-IP; "
            "no login for root: runbook KubeletCertExpired",
        ),
        *_installed(case, copy, is_stalled=is_stalled),
        Step(f"rm -f {copy} /root/cluster.yaml", _COPIES),
    )


def _installed(case: Case, copy: str, *, is_stalled: bool) -> tuple[Step, ...]:
    """On the node: nothing is replaced before the new kubelet.conf has let in from there.

    A link that leads to what is stalled is not to be named: that would put the old certificate in the new one's place.
    """
    path, node = steps.kubeconfig(case), steps.node_name(case)
    kubeconfig = case.facts.kubeconfig
    is_there = kubeconfig is None or kubeconfig.document.condition is not DocumentCondition.MISSING
    put = (
        f"kubectl --kubeconfig {copy} get node {quote(node)}",
        *([shell.kept(path)] if is_there else []),
        shell.put(copy, quote(path), "600"),
    )
    on = f"on {node}, as root: where the new one lets in from here,"
    stop, check = "STOP: what was to be done here is not done", (steps.lets_in(case),)
    if steps.has_good_store(case) and not is_stalled:
        change = (*put, conf.pointed(case, embeds=True, keep=not is_there))
        purpose = f"{on} it replaces kubelet.conf (a copy is kept as .before.TIME) and names the store's link"
        return (*steps.mended(case, change, check, purpose, stop), conf.look(case), steps.ready(case))
    change = (*put, *_emptied(case))
    purpose = f"{on} it replaces kubelet.conf (a copy is kept as .before.TIME), and the old pairs go aside"
    mended = steps.mended(case, change, check, purpose, stop, is_urgent=is_stalled)
    return (*mended, *conf.wait_and_point(case, embeds=True))


def _emptied(case: Case) -> tuple[str, ...]:
    """The store without its client pairs, where it may have any."""
    facts, folder = case.facts.store, quote(case.facts.store.path)
    pairs = [line for line in facts.entries if line.name.startswith("kubelet-client")]
    if facts.condition is DirectoryCondition.MISSING or (facts.condition is DirectoryCondition.OK and not pairs):
        return ()
    return (f'old={folder}.old.$(date +%s) && mkdir -m 700 "$old" && mv {folder}/kubelet-client* "$old"/',)


def _by_request(case: Case, *, is_stalled: bool) -> tuple[Step, ...]:
    """A request as the kubelet makes it, by hand; the key never leaves the node."""
    node = steps.node_name(case)
    new = f"{quote(case.facts.store.path)}/kubelet-client-$(date +%F-%H-%M-%S).pem"
    ask = (
        "(umask 077 && openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
        f"-keyout /root/node.key -out /root/node.csr -subj {quote(f'/O=system:nodes/CN=system:node:{node}')})"
    )
    request = (
        '{"apiVersion":"certificates.k8s.io/v1","kind":"CertificateSigningRequest","metadata":{"name":"%s"},"spec":'
        '{"signerName":"kubernetes.io/kube-apiserver-client-kubelet",'
        '"usages":["digital signature","key encipherment","client auth"],"request":"%s"}}'
    )
    sign = shell.chain(
        'n=by-hand-$(date +%s) && r=$(base64 -w0 node.csr) && [ -n "$r" ]',
        f'printf {quote(request)} "$n" "$r" | kubectl create -f -',
        'kubectl certificate approve "$n" && sleep 5',
        "kubectl get csr \"$n\" -o 'jsonpath={.status.certificate}' | base64 -d > node.crt && [ -s node.crt ]",
        stop="STOP: not signed, see rotation-not-signed",
    )
    place = (
        f"(umask 077 && cat /root/node.crt /root/node.key > /root/node.pem) && new={new}",
        *shell.pair("/root/node.pem"),
        shell.put('"$p"', '"$new"', "600"),
        f'ln -sfn "$new" {quote(steps.link(case))}',
    )
    link, serial = quote(steps.link(case)), "$(openssl x509 -noout -serial -in {})".format
    check = (
        f"openssl x509 -noout -checkend 0 -in {link}",
        f'[ "{serial(link)}" = "{serial("/root/node.crt")}" ]',
    )
    purpose = f"on {node}, as root: the new pair goes into the store, and the link is pointed at it"
    return (
        Step(ask, f"on {node}, as root: a new key and a request for it; the key stays here"),
        Step(sign, "with cluster access, in a folder that node.csr was brought to; then bring node.crt to /root"),
        *steps.mended(case, place, check, purpose, "STOP: no pair", is_urgent=is_stalled),
        steps.ready(case),
        Step("rm -f /root/node.key /root/node.pem", "on the node, once it works: they hold the key"),
    )
