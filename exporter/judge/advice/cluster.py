"""What to do about the node's clock, its name, its past, and who else renews its certificate."""

from __future__ import annotations

import posixpath
from shlex import quote

from exporter.judge.advice import shell, steps
from exporter.judge.case import Case
from exporter.model.assessment import Certificate
from exporter.model.finding import Step
from exporter.model.kubelet import Distribution

_DAY = 86400.0
_SHORT = 7200.0  # seconds: a lifetime of which the signer's five minutes are a part


def clock(case: Case) -> tuple[Step, ...]:
    """The node's clock. A timer does not see that it is set, which matters only where it was far off."""
    offset, certificate = case.facts.clock.offset if case.facts.clock else 0.0, case.certificate()
    is_outside = isinstance(certificate, Certificate) and not (
        certificate.not_before <= case.by_the_node <= certificate.not_after
    )
    set_it = "chronyc makestep || systemctl restart systemd-timesyncd"
    return (
        Step("timedatectl", "whether a time service runs; if many nodes show this, the exporter's clock is wrong"),
        Step(set_it, "the clock is set at once"),
        Step("date -u", "beside another machine's: must be the same"),
        *([_restart_after(case)] if is_outside or abs(offset) > _DAY else []),
    )


def _restart_after(case: Case) -> Step:
    command = shell.chain(shell.confirmed("is the clock right?"), steps.again(case), stop="STOP: no restart")
    return Step(command, "its timer does not see that the clock was set: restart the kubelet, after a yes")


def asleep(case: Case) -> tuple[Step, ...]:
    """A restart draws the deadline anew: past the window that is at once."""
    return (
        steps.restart(case, "it asks for a new certificate at once, instead of late"),
        steps.stored(case),
    )


def by_hand(case: Case) -> tuple[Step, ...]:
    """What the link was pointed at is taken up at a start, if it is a pair."""
    command = shell.chain(
        *shell.pair(quote(case.facts.client.path)), steps.again(case), stop="STOP: that is no good pair, no restart"
    )
    purpose = "where the file's key and certificate match and it has not expired, the kubelet is restarted"
    return (Step(command, purpose), steps.ready(case))


def renewed(case: Case) -> tuple[Step, ...]:
    """What renewed it wrote a file, the process has the one before."""
    return (steps.restart(case, f"the process takes up what is in {_file(case)}"), steps.ready(case))


def name(case: Case) -> tuple[Step, ...]:
    """The name that its certificate has, where no other machine has it. A kubelet takes its name at its start."""
    known = steps.certified_name(case) or "NODE"
    address = '-o \'jsonpath={.status.addresses}{"\\n"}{.status.nodeInfo.machineID}{"\\n"}\''
    return (
        Step(
            "kubelet-cert-exporter visit > /dev/null",
            "where the exporter runs, with its configuration: must not name this node among several with one "
            "certificate; they are clones, and only one may have the name: runbook KubeletCertShared, nothing below",
        ),
        Step(
            f"kubectl get node {quote(known)} {address}",
            "with cluster access: addresses and machine-id must be this machine's (/etc/machine-id), not another's",
        ),
        *_renamed(case, known),
        steps.ready(case),
    )


def _renamed(case: Case, known: str) -> tuple[Step, ...]:
    """Back to ``known``, by the flag that says otherwise or by the host's name."""
    wanted, process = case.kubelet.node_name, case.facts.process
    override = process.flag("hostname-override") if process else None
    if override:
        flag = steps.flags(case, "--hostname-override")
        change = shell.chain(
            f"! {steps.has_flag(case, '--hostname-override', override)}",
            "systemctl daemon-reload",
            steps.again(case),
            stop=f"STOP: {override} is still there",
        )
        return (
            Step(flag.command, f"{flag.purpose}; must be {known}, as in the certificate, not {wanted}"),
            Step(change, f"restart the kubelet, once it is {known}"),
        )
    back = shell.chain(f"hostnamectl set-hostname {quote(known)}", "uname -n")
    look = f'[ "$(uname -n)" = {quote(known)} ] && ps -o lstart= -C kubelet'
    restart = shell.chain(
        f'[ "$(uname -n)" = {quote(known)} ]',
        shell.confirmed("did the kubelet start after the rename?"),
        steps.again(case),
        stop="STOP: no restart",
    )
    return (
        Step(back, f"must print {known}; cloud-init sets {wanted} again unless it has preserve_hostname: true"),
        Step(look, "since when the kubelet runs: one that started before the rename has the right name already"),
        Step(restart, "restart the kubelet, only if it started after the rename"),
    )


def went_back(case: Case) -> tuple[Step, ...]:
    """The old pair is good until its end; a kubelet that runs has what it started with."""
    node = quote(steps.node_name(case))
    return (
        Step(
            f"ls -l {quote(case.facts.store.path)}", "the disk was restored from an older copy: of this node, of when?"
        ),
        Step(f"kubectl get node {node} -o wide", "with cluster access: does another machine run under this name too?"),
    )


def storm(case: Case) -> tuple[Step, ...]:
    """A name that is not the certificate's, addresses that come and go, or a lifetime that is too short."""
    certificate = case.certificate()
    path = quote(case.facts.client.path)
    duration = Step(
        "grep cluster-signing-duration /etc/kubernetes/manifests/kube-controller-manager.yaml",
        "on a control plane node: an hour is the least that makes sense",
    )
    is_short = isinstance(certificate, Certificate) and certificate.lifetime < _SHORT
    return (
        Step(
            f"uname -n && openssl x509 -noout -subject -dates -in {path}",
            "must be CN = system:node:THAT NAME and O = system:nodes; any other is asked for again at once",
        ),
        Step(
            steps.journal(case, "Current certificate CN|is missing requested"),
            "what the kubelet misses in it (only with --v=2 or more)",
        ),
        *([duration] if is_short else []),
        Step(f"ls -lt {quote(case.facts.store.path)} | head", "an hour later: no new file shows that it is over"),
    )


def renew(case: Case) -> tuple[Step, ...]:
    """By who renews it."""
    distribution, node = case.kubelet.distribution, quote(steps.node_name(case))
    check = _checked(case)
    if distribution is Distribution.RKE1:
        rke = "rke cert rotate --config cluster.yml"
        return (Step(rke, "where rke is run: renews what the whole cluster uses, and restarts it"), *check)
    if distribution is Distribution.MICROK8S:
        return (
            Step("microk8s refresh-certs -c", "what expires when"),
            Step(
                shell.chain(shell.confirmed("may every other node join again?"), "microk8s refresh-certs -e ca.crt"),
                "CA and all that it signed are made anew, after a yes; other nodes have to join again",
            ),
            *check,
        )
    if distribution is Distribution.KOPS:
        roll = "kops rolling-update cluster --yes --force --instance-group nodes"
        return (Step(roll, f"where kops is run: {node} and its like are replaced, each with a new certificate"),)
    service = posixpath.basename(steps.unit(case)).removesuffix(".service")
    purpose = (
        f"restarting {service} leaves pods running; it needs a reachable server, and renews what has less than 90 days "
        "left (120 in releases since 2025)"
    )
    return (steps.restart(case, purpose), *check)


def _file(case: Case) -> str:
    """Where the client certificate stands."""
    named = case.facts.kubeconfig.certificate if case.facts.kubeconfig else None
    return steps.kubeconfig(case) if named and named.is_embedded else (named or case.facts.client).path


def _checked(case: Case) -> tuple[Step, ...]:
    named = case.facts.kubeconfig.certificate if case.facts.kubeconfig else None
    if named and named.is_embedded:
        return (steps.ready(case),)
    return (
        Step(f"openssl x509 -noout -enddate -in {quote(_file(case))}", "on the node, afterwards: must be a new date"),
    )
