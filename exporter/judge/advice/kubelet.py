"""What to do about the process, its settings, and kubelet.conf."""

from __future__ import annotations

from shlex import quote

from exporter.judge.advice import steps
from exporter.judge.case import Case
from exporter.model.assessment import Certificate
from exporter.model.finding import Step
from exporter.model.kubelet_files import DocumentCondition


def look(case: Case) -> tuple[Step, ...]:
    """Why it does not run."""
    unit = quote(steps.unit(case))
    return (
        Step(f"systemctl status {unit}", "what systemd knows of it"),
        Step(f"journalctl -u {unit} -n 50 --no-pager", "its last words"),
        steps.restart(case, "starts it, once its last words are dealt with"),
    )


def config(case: Case) -> tuple[Step, ...]:
    """The configuration file that is refused."""
    refused = (DocumentCondition.BROKEN, DocumentCondition.MISSING, DocumentCondition.EMPTY)
    paths = [file.document.path for file in case.facts.config or () if file.document.condition in refused]
    unit = quote(steps.unit(case))
    return (
        *(Step(f"ls -l {quote(path)} && cat {quote(path)}", "what the kubelet does not take") for path in paths[:1]),
        Step(f"journalctl -u {unit} -n 20 --no-pager", "names the line that it stumbles over, once it was restarted"),
        *_from_kubeadm(case),
        steps.restart(case),
    )


def _from_kubeadm(case: Case) -> tuple[Step, ...]:
    if not steps.is_kubeadm(case):
        return ()
    return (Step("kubeadm upgrade node phase kubelet-config", "writes the cluster's kubelet configuration anew"),)


def gate(case: Case) -> tuple[Step, ...]:
    """The feature gate that contradicts ``serverTLSBootstrap``."""
    paths = [file.document.path for file in case.facts.config or () if file.settings.serving_gate is False]
    if not paths:
        unit = quote(steps.unit(case))
        return (Step(f"systemctl cat {unit}", "where --feature-gates is given: take it out"), steps.restart(case))
    files = " ".join(quote(path) for path in paths)
    edit = f"sed -i.bak '/^ *RotateKubeletServerCertificate: *false/d' {files}"
    return (Step(edit, "the gate is on by default"), steps.restart(case))


def client_ca(case: Case) -> tuple[Step, ...]:
    """The cluster's CA file."""
    path = quote(case.kubelet.client_ca_file or "/etc/kubernetes/pki/ca.crt")
    fetch = "kubectl get cm kube-root-ca.crt -n kube-system -o 'jsonpath={.data.ca\\.crt}' > ca.crt"
    return (
        Step(fetch, "with cluster access: the cluster's CA, as every namespace has it"),
        Step(f"install -m 644 ca.crt {path}", "here, once that file was brought over"),
        steps.restart(case),
    )


def rotation_off(case: Case) -> tuple[Step, ...]:
    """Switch rotation on where it is set, or set it."""
    files = case.facts.config or ()
    said = [file.document.path for file in files if file.settings.rotate_certificates is False]
    known = [*said[-1:], *(file.document.path for file in files), "/var/lib/kubelet/config.yaml"]
    file = quote(known[0])
    edit = f"echo 'rotateCertificates: true' >> {file}"
    if said:
        edit = f"sed -i.bak 's/^rotateCertificates:.*/rotateCertificates: true/' {file}"
    process = case.facts.process
    if process and process.flag("rotate-certificates") is not None:
        return (
            Step(f"systemctl cat {quote(steps.unit(case))}", "where --rotate-certificates=false is given: take it out"),
            Step(edit, "rotation on; where kubelet.conf embeds a certificate, point it at the link as well"),
            steps.restart(case),
        )
    on = Step(edit, "rotation on; where kubelet.conf embeds a certificate, point it at the link as well")
    certificate = case.certificate()
    if isinstance(certificate, Certificate) and case.has_ended(certificate):
        return (on, *steps.reissue(case))
    return (on, steps.restart(case))


def kubeconfig(case: Case) -> tuple[Step, ...]:
    """kubelet.conf that does not load: from outside, on a kubeadm node."""
    path = quote(steps.kubeconfig(case))
    there = case.facts.kubeconfig and case.facts.kubeconfig.document.condition is not DocumentCondition.MISSING
    aside = (steps.set_aside(steps.kubeconfig(case)),) if there else ()
    if steps.is_kubeadm(case):
        return (*aside, *steps.reissue(case))
    return (Step(f"ls -l {path}", "what is there"), *steps.reissue(case))


def point_at_link(case: Case) -> tuple[Step, ...]:
    """To the link where the store has a good pair, else a new certificate first."""
    named = case.facts.kubeconfig and case.facts.kubeconfig.certificate
    if named and steps.has_good_store(case):
        return (*steps.point_at_link(case), steps.restart(case))
    return steps.reissue(case)


def elsewhere(case: Case) -> tuple[Step, ...]:
    """kubelet.conf follows the folder that is rotated in, or the other way round where that has nothing yet."""
    if steps.has_good_store(case):
        return (*steps.point_at_link(case), steps.restart(case))
    unit = quote(steps.unit(case))
    return (
        Step(f"systemctl cat {unit}", "where --cert-dir is given: it should be the folder that kubelet.conf names"),
        Step("systemctl daemon-reload", "systemd reads the unit anew"),
        steps.restart(case),
    )
