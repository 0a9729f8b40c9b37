"""What to do about the process, its settings, and kubelet.conf."""

from __future__ import annotations

import posixpath
from shlex import quote

from exporter.judge.advice import conf, shell, steps
from exporter.judge.advice.reissue import reissue
from exporter.judge.case import Case
from exporter.model.assessment import Certificate
from exporter.model.finding import Step
from exporter.model.host import Sight
from exporter.model.kubelet import Credential
from exporter.model.kubelet_files import DocumentCondition

_KIND = """'^ *"?kind"?: *"?KubeletConfiguration'"""
_REFUSED = (DocumentCondition.BROKEN, DocumentCondition.MISSING, DocumentCondition.EMPTY)


def down(case: Case) -> tuple[Step, ...]:
    """Why it does not run, and whether somebody wants it so."""
    unit = quote(steps.unit(case))
    start = "starts it, after a yes"
    if _is_out(case):
        start = f"{start}; its certificate has expired: that helps only with a bootstrap file that still lets in"
    return (
        Step(f"systemctl status --no-pager {unit}", "what systemd knows of it"),
        Step(f"journalctl -u {unit} -n 50 --no-pager", "its last log lines: deal with what they name"),
        Step(
            f"kubectl get node {quote(steps.node_name(case))}",
            "with cluster access: SchedulingDisabled means that it may be stopped on purpose, ask before starting it",
        ),
        Step(_asked(case, "deal with its last log lines; start it?"), start),
        steps.ready(case),
        *_otherwise(case),
    )


def _is_out(case: Case) -> bool:
    """Whether its certificate has ended, and nothing but the kubelet renews it."""
    certificate = case.certificate()
    ended = isinstance(certificate, Certificate) and case.has_ended(certificate)
    return ended and not case.kubelet.distribution.renews_itself


def _otherwise(case: Case) -> tuple[Step, ...]:
    """What a start alone does not mend: without a bootstrap file a kubelet with an expired certificate exits."""
    if not _is_out(case):
        return ()
    first, *others = point_at_link(case)
    return (Step(first.command, f"if it is not Ready then: {first.purpose}"), *others)


def loop(case: Case) -> tuple[Step, ...]:
    """Why it exits."""
    unit = quote(steps.unit(case))
    lines = f"journalctl -u {unit} --since -30min --no-pager | grep -E ' [EF][0-9]{{4}} |exited|Failed|oom' | tail -50"
    return (
        Step(f"systemctl status --no-pager {unit}", "what systemd knows of it"),
        Step(lines, "the last log lines of each life: mend what they name, systemd starts it again by itself"),
        steps.ready(case),
        *_otherwise(case),
    )


def config(case: Case) -> tuple[Step, ...]:
    """The configuration file that is refused. What runs still knows what was in it."""
    files = case.facts.config or ()
    paths = [file.document.path for file in files if file.document.condition in _REFUSED]
    path = quote(paths[0]) if paths else "/var/lib/kubelet/config.yaml"
    node, process = quote(steps.node_name(case)), case.facts.process
    save = f"kubectl get --raw /api/v1/nodes/{node}/proxy/configz > {node}-configz.json && ls -l {node}-configz.json"
    is_there = bool(files) and files[0].document.condition is not DocumentCondition.MISSING
    is_running = process is not None and process.sight is Sight.SEEN
    is_main = bool(files) and paths[:1] == [files[0].document.path]
    restart = Step(
        _asked(case, f"is {path} mended?"), "restart the kubelet, after a yes; not before the file is mended"
    )
    mend: tuple[Step, ...] = (restart,)
    if is_main and steps.is_kubeadm(case):
        check = f"grep -qE {_KIND} {path}"
        write = (
            *([shell.kept(paths[0])] if is_there else []),
            "kubeadm upgrade node phase kubelet-config",
            check,
        )
        purpose = "writes the cluster's configuration; it overwrites what was set on this node only"
        mend = steps.mended(case, write, (check,), purpose, "STOP: no good configuration")
    return (
        *([Step(save, "with cluster access, first: the configuration that runs")] if is_running else []),
        Step(f"ls -l {path} && cat {path}", "what the kubelet does not take"),
        *mend,
        steps.ready(case),
    )


def _asked(case: Case, question: str) -> str:
    """A restart where only a person can tell that it is time."""
    return shell.chain(shell.confirmed(question), steps.again(case), stop="STOP: no restart")


def gate(case: Case) -> tuple[Step, ...]:
    """The feature gate that contradicts ``serverTLSBootstrap``."""
    paths = [file.document.path for file in case.facts.config or () if file.settings.serving_gate is False]
    name = "RotateKubeletServerCertificate"
    if not paths:
        flag = f"{name}=false"
        change = shell.chain(
            f"! {steps.has_flag(case, name, 'false')}",
            "systemctl daemon-reload",
            steps.again(case),
            stop=f"STOP: {flag} is still there",
        )
        return (
            Step(steps.flags(case, "--feature-gates").command, f"where it is given: take {flag} out"),
            Step(change, "restart the kubelet, once that is done"),
            steps.ready(case),
        )
    off = f'^ *"?{name}"?: *"?false'
    edits = [shell.rewritten(path, shell.sed(f"/^ *{name}: *false/d"), shell.count(off, 0)) for path in paths]
    purpose = "the gate's line goes, it is on by default; a copy is kept"
    gone = tuple(shell.count(off, 0, quote(path)) for path in paths)
    return (
        *steps.mended(case, tuple(edits), gone, purpose, f"STOP: take {name} out by hand, then restart"),
        steps.ready(case),
    )


def client_ca(case: Case) -> tuple[Step, ...]:
    """The CA that the API servers' client certificates are of."""
    path = case.kubelet.client_ca_file or "/etc/kubernetes/pki/ca.crt"
    get = "kubectl -n kube-system get cm extension-apiserver-authentication -o 'jsonpath={.data.client-ca-file}'"
    put = (
        "openssl x509 -noout -subject -enddate -in /root/client-ca.crt",
        f"mkdir -p {quote(posixpath.dirname(path))} && {shell.put('/root/client-ca.crt', quote(path), '644')}",
    )
    purpose, stop = (
        "here, as root: if it is a certificate it is put in place",
        "STOP: no certificate in /root/client-ca.crt",
    )
    return (
        Step(f"{get} > client-ca.crt", "with cluster access, in a folder of your own: the CA; bring it to /root here"),
        *steps.mended(case, put, (f"openssl x509 -noout -subject -in {quote(path)}",), purpose, stop),
        steps.ready(case),
    )


def rotation_off(case: Case) -> tuple[Step, ...]:
    """Switch rotation on where it is set, or set it; a flag wins over any file."""
    certificate, on = case.certificate(), _on(case)
    process = case.facts.process
    first: tuple[Step, ...] = ()
    if process and process.flag("rotate-certificates") is not None:
        flag = steps.flags(case, "--rotate-certificates")
        first = (Step(flag.command, f"{flag.purpose}; take it out, a flag wins over the file"),)
        on = (f"! {steps.has_flag(case, '--rotate-certificates', 'false')}", "systemctl daemon-reload", *on)
    ended = isinstance(certificate, Certificate) and case.has_ended(certificate)
    if ended and not steps.has_good_store(case):
        return (*first, Step(shell.chain(*on, stop=_OFF), _ON), *reissue(case))
    change = Step(shell.chain(*on, steps.again(case), stop=_OFF), f"{_ON}, then restarts the kubelet")
    if case.kubelet.credential in (Credential.LINK, Credential.UNKNOWN):
        return (*first, change, steps.ready(case))
    return (*first, change, *conf.wait_and_point(case))


_OFF = "STOP: rotation is not on"
_ON = "switches rotation on; a copy is kept as .before.TIME"


def _on(case: Case) -> tuple[str, ...]:
    """``rotateCertificates: true`` in the file that says otherwise, else in the first; not where it is JSON."""
    files = case.facts.config or ()
    said = [file.document.path for file in files if file.settings.rotate_certificates is False]
    known = [*said[-1:], *(file.document.path for file in files), "/var/lib/kubelet/config.yaml"]
    file, line = quote(known[0]), "rotateCertificates: true"
    said_once = f"""awk '!/^rotateCertificates:/; END {{print "{line}"}}'"""
    edit = shell.rewritten(known[0], said_once, shell.count(f"^{line}$", 1))
    return (f"grep -q '^kind: *KubeletConfiguration' {file}", edit)


def kubeconfig(case: Case) -> tuple[Step, ...]:
    """kubelet.conf that does not load: from outside."""
    path = quote(steps.kubeconfig(case))
    return (*(() if steps.is_kubeadm(case) else (Step(f"ls -l {path}", "what is there"),)), *reissue(case))


def bootstraps(case: Case) -> tuple[Step, ...]:
    """The next start writes kubelet.conf anew, if the bootstrap file still lets in."""
    path = quote(case.kubelet.bootstrap or "/etc/kubernetes/bootstrap-kubelet.conf")
    change = shell.chain(
        f"kubectl --kubeconfig {path} auth can-i create certificatesigningrequests.certificates.k8s.io",
        steps.again(case),
        stop=f"STOP: {path} does not let in any more, no restart",
    )
    return (Step(change, "where the bootstrap file lets in, the restart writes kubelet.conf anew"), steps.ready(case))


def point_at_link(case: Case) -> tuple[Step, ...]:
    """To the link where the store has a good pair, else a new certificate first; without rotation it ends again."""
    on: tuple[Step, ...] = ()
    if case.kubelet.rotates is False and not case.kubelet.distribution.renews_itself:
        on = (Step(shell.chain(*_on(case), stop=_OFF), _ON),)
    named = case.facts.kubeconfig and case.facts.kubeconfig.certificate
    if named and steps.has_good_store(case):
        return (*on, *conf.point_at_link(case))
    target = steps.good_file(case) if named else None
    if target is None:
        return (*on, *reissue(case))
    return (
        *on,
        *steps.relinked(case, target, then=(conf.pointed(case), conf.named(case))),
        conf.look(case, conf.AFTER_STOP),
        steps.ready(case),
    )


def elsewhere(case: Case) -> tuple[Step, ...]:
    """kubelet.conf follows the folder that is rotated in, or the other way round where that has nothing yet."""
    if steps.has_good_store(case):
        return conf.point_at_link(case)
    return (
        steps.flags(case, "--cert-dir"),
        Step(
            shell.chain(
                shell.confirmed("is --cert-dir the folder that kubelet.conf names?"),
                "systemctl daemon-reload",
                steps.again(case),
                stop="STOP: no restart",
            ),
            "restart the kubelet, once it is",
        ),
        steps.ready(case),
    )
