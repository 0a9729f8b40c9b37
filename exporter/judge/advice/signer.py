"""What to do about the CA that signs client certificates, and who signs with it."""

from __future__ import annotations

from datetime import UTC, datetime
from shlex import quote

from exporter.judge.advice import shell, steps
from exporter.judge.case import Case
from exporter.model.assessment import Certificate
from exporter.model.finding import Step

_LEASE = "kubectl -n kube-system get lease kube-controller-manager -o 'jsonpath={.spec.holderIdentity}'"


def authority(case: Case) -> tuple[Step, ...]:
    """A CA is replaced by hand; nothing renews it."""
    path = quote(case.kubelet.client_ca_file or "/etc/kubernetes/pki/ca.crt")
    return (
        Step(f"openssl x509 -noout -subject -enddate -in {path}", "the CA, and when it expires"),
        Step(
            "kubeadm certs check-expiration",
            "on a control plane node: lists the other certificates; kubeadm certs renew does not renew a CA. A new "
            "certificate for its same key invalidates nothing (runbook KubeletCertCAExpiring); only where the key is "
            'lost or leaked, a new one: "Manual Rotation of CA Certificates" in Kubernetes\' documentation',
        ),
    )


def trust(case: Case) -> tuple[Step, ...]:
    """The API servers must trust the CA that signs; or back to the certificate before, once the signer is back too."""
    look = "grep -H -e client-ca-file -e cluster-signing /etc/kubernetes/manifests/kube-*.yaml"
    certificate = case.certificate()
    before = certificate.not_before if isinstance(certificate, Certificate) else None
    target = steps.good_file(case, before)
    back = steps.link_to(case, target, shell.confirmed("has the signer its old CA again?")) if target else None
    return (
        Step(steps.lets_in(case), "on the node. Prints it: the API servers trust the new CA, do nothing"),
        Step(
            look,
            "on each control plane node, fix the CA first: --client-ca-file must hold the CA of "
            "--cluster-signing-cert-file; a kubelet that is refused then goes on by itself",
        ),
        *(
            [Step(back.command, f"on the node, only if the signer was given its old CA again: {back.purpose}")]
            if back
            else []
        ),
        Step(steps.lets_in(case), "on the node: must print it"),
    )


def not_yet_valid(case: Case) -> tuple[Step, ...]:
    """The signer's clock first: a kubelet that goes back to the pair before may be given the same again at once."""
    certificate = case.certificate()
    begins = certificate.not_before if isinstance(certificate, Certificate) else None
    target = steps.good_file(case, begins)
    heals = f"{datetime.fromtimestamp(begins, UTC):%Y-%m-%d %H:%M} UTC" if begins else "the certificate's notBefore"
    back = steps.link_to(case, target, shell.confirmed("is the signer's clock right?")) if target else None
    return (
        Step(f"{_LEASE} && echo", "with cluster access: the machine that signs"),
        Step("chronyc tracking", "on that machine: its clock was ahead; let it keep time"),
        *(
            [Step(back.command, f"on the node, only after that clock is right; otherwise wait, it heals at {heals}")]
            if back
            else []
        ),
        Step(steps.lets_in(case), f"on the node: prints it once it works, at {heals} by itself"),
    )
