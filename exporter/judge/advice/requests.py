"""What is asked of the API: read a node's requests, and approve one only after it was read."""

from __future__ import annotations

from shlex import quote

from exporter.judge.advice import shell, steps
from exporter.judge.advice.reissue import reissue
from exporter.judge.case import Case
from exporter.model.assessment import Certificate
from exporter.model.finding import Step
from exporter.model.kubelet import Distribution

SOON = 86400.0  # seconds in which an approver may not be mended
_REQUESTS = "kubectl get csr --sort-by=.metadata.creationTimestamp"
_SERVING = "kubernetes.io/kubelet-serving"
_CLIENT = "kubernetes.io/kube-apiserver-client-kubelet"
_PENDING = """'{{range .items}}{{if not .status}}{{.metadata.name}} {{.spec.username}}{{"\\n"}}{{end}}{{end}}'"""
_CONDITIONS = (
    "'{{range .items}}{{$name := .metadata.name}}{{$user := .spec.username}}{{if .status}}{{range .status.conditions}}"
    """{{$user}} {{$name}} {{.type}} {{.reason}} {{.message}}{{"\\n"}}{{end}}{{end}}{{end}}'"""
)
# each with its subject: a bootstrap token's name says nothing of the node that asks
_SUBJECTS = (
    "while read -r n user; do\n"
    '  echo "$n $user $(kubectl get csr "$n" -o \'jsonpath={.spec.request}\' | base64 -d | '
    'openssl req -noout -subject)"\n  done'
)
_APPROVING = "kubectl get clusterrolebindings -o wide | grep certificatesigningrequests"
_RENEWALS = "certificatesigningrequests:selfnodeclient"
_BOUND = f"kubectl get clusterrolebindings -o wide | grep {_RENEWALS}"
_BINDING = (
    "kubectl create clusterrolebinding kubeadm:node-autoapprove-certificate-rotation --group=system:nodes "
    "--clusterrole=system:certificates.k8s.io:certificatesigningrequests:selfnodeclient"
)
_SIGNER = (
    "kubectl -n kube-system logs -l component=kube-controller-manager --since=1h --tail=-1"
    " | grep -i certificate | tail -20"
)


def client(case: Case) -> tuple[Step, ...]:
    """Look at the requests, approve the newest, and mend who should have."""
    is_new = _is_bootstrapping(case)
    listing = "with cluster access: Pending, Denied, or Approved; if the list is empty, see the journal below"
    binding = _binding()
    if is_new or case.kubelet.distribution is Distribution.OPENSHIFT:
        binding = (Step(_APPROVING, "with cluster access, Pending: who may approve by itself, and for which group"),)
    return (
        _all(listing) if is_new else _own(case, listing),
        *_approved(case, _CLIENT),
        *binding,
        _conditions(case, "with cluster access, Denied: who denied it, and why; that approver must stop"),
        Step(_SIGNER, "with cluster access, Approved and not issued: the signer needs --cluster-signing-cert-file"),
        Step(steps.journal(case, "[Cc]ertificate|Unauthorized|forbidden"), "on the node, none: why it makes none"),
        steps.stored(case),
        *_otherwise(case),
    )


def _binding() -> tuple[Step, ...]:
    """By which renewals are approved. It counts for a whole cluster: a person says that it is to be made."""
    make = shell.chain(
        "all=$(kubectl get clusterrolebindings -o wide)",
        f'! printf "%s\\n" "$all" | grep {_RENEWALS}',
        shell.confirmed("nobody has the binding, let it be made for all nodes?"),
        _BINDING,
        stop="STOP: nothing was made",
    )
    return (
        Step(_BOUND, "with cluster access, Pending: the binding by which renewals are approved, if anybody has it"),
        Step(make, "with cluster access, Pending: where it could be seen that nobody has it, makes it, after a yes"),
    )


def _is_bootstrapping(case: Case) -> bool:
    """Whether it asks with a bootstrap token, under the token's name, for want of a certificate of its own."""
    certificate = case.certificate()
    return not isinstance(certificate, Certificate) or case.has_ended(certificate)


def _otherwise(case: Case) -> tuple[Step, ...]:
    """A certificate from outside, where the one that the requests are made with is over or will be soon."""
    certificate = case.certificate()
    if not isinstance(certificate, Certificate) or certificate.not_after - case.certainly > SOON:
        return ()
    first, *others = reissue(case, is_stalled=True)
    return (Step(first.command, f"if that is not mended in time: {first.purpose}"), *others)


def serving(case: Case) -> tuple[Step, ...]:
    """Nothing in Kubernetes approves serving certificates."""
    listing = "with cluster access: what waits for an approver; if the list is empty, the node may have no IP address"
    return (
        _own(case, listing, _SERVING),
        *_approved(case, _SERVING),
        Step(
            f"kubectl get node {quote(steps.node_name(case))} -o wide",
            "with cluster access: INTERNAL-IP must not be empty; an approver for kubelet-serving saves all this",
        ),
        served(),
    )


def denied(case: Case) -> tuple[Step, ...]:
    """An approver denies; the request's own conditions name it."""
    return (
        _conditions(case, "with cluster access: who denies, and why; the approver named there must stop denying"),
        Step(steps.journal(case, "denied"), "on the node: the kubelet's own word"),
        steps.stored(case),
    )


def forbidden(case: Case) -> tuple[Step, ...]:
    """Who refuses is in the kubelet's own words."""
    policies = "kubectl get validatingadmissionpolicies,validatingwebhookconfigurations"
    return (
        Step(steps.journal(case, "forbidden"), "on the node: the policy or webhook, by its name, and why"),
        Step(policies, "with cluster access: exempt the group system:nodes in the one that the log names"),
        steps.stored(case),
    )


def served() -> Step:
    """What the kubelet shows on its port."""
    return Step(
        "openssl s_client -connect localhost:10250 </dev/null 2>/dev/null | openssl x509 -noout -subject -dates",
        "on the node, a minute later: the certificate that is served must be the new one",
    )


def _own(case: Case, purpose: str, signer: str = _CLIENT) -> Step:
    """This node's requests and no other's: ``worker-1`` is not ``worker-10``."""
    user = quote(f"system:node:{steps.node_name(case)}")
    return Step(f"{_REQUESTS} {_by(signer)} | awk -v user={user} '$4==user' | tail -3", purpose)


def _all(purpose: str) -> Step:
    return Step(
        f"{_REQUESTS} {_by(_CLIENT)} | tail -20", f"{purpose}; without a certificate it asks by its token's name"
    )


def _approved(case: Case, signer: str) -> tuple[Step, ...]:
    """The newest request of this node's: the kubelet has given up the ones before (rotation-truth 1.3)."""
    node = steps.node_name(case)
    user, pending = quote(f"system:node:{node}"), f"{_REQUESTS} {_by(signer)} -o go-template={_PENDING}"
    newest = f"n=$({pending} | awk -v user={user} '$2==user{{n=$1}} END{{print n}}') && echo \"$n\""
    whose = ""
    if signer == _CLIENT and _is_bootstrapping(case):
        last = f"awk -v name={user} '{{sub(/.*=/, \"\", $NF)}} $NF==name{{n=$1}} END{{print n}}'"
        newest = f'n=$({pending} | {_SUBJECTS} |\n  {last}) && echo "$n"'
        whose = "REQUESTOR this node's bootstrap token, "
    text = "base64 -d | openssl req -noout -text | grep -E 'Subject:|DNS:|IP Address'"
    show = f'[ -n "$n" ] && kubectl get csr "$n" && kubectl get csr "$n" -o \'jsonpath={{.spec.request}}\' | {text}'
    approve = shell.chain('[ -n "$n" ]', shell.confirmed("approve it?"), 'kubectl certificate approve "$n"')
    names = "no names or addresses but this node's" if signer == _SERVING else "no names or addresses at all"
    read = f"must be {whose}exactly O = system:nodes, CN = system:node:{node}, {names}, younger than 15 minutes"
    return (
        Step(newest, "with cluster access: the newest Pending request of this node"),
        Step(show, f"with cluster access, read it: {read}"),
        Step(approve, "with cluster access: approves that one, after a yes; mend who should have approved it as well"),
    )


def _by(signer: str) -> str:
    return f"--field-selector spec.signerName={signer}"


def _conditions(case: Case, purpose: str) -> Step:
    own = f" | awk -v user={quote(f'system:node:{steps.node_name(case)}')} '$1==user'"
    shown = "" if _is_bootstrapping(case) else own
    return Step(f"{_REQUESTS} -o go-template={_CONDITIONS}{shown} | tail -5", purpose)
