"""Steps that the advice for several causes shares."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from shlex import quote

from exporter.config.settings import CLIENT_CURRENT
from exporter.judge import store
from exporter.judge.advice import shell
from exporter.judge.case import Case
from exporter.judge.causes.names import node_of
from exporter.judge.certificate import leaf
from exporter.judge.distributions import restart_command, row
from exporter.model.assessment import Certificate
from exporter.model.files import KeyBlock
from exporter.model.finding import Step
from exporter.model.host import Sight
from exporter.model.kubelet import Distribution

Advice = Callable[[Case], tuple[Step, ...]]

RESTART = "restart the kubelet"
ENVIRONMENTS = "/var/lib/kubelet/kubeadm-flags.env /etc/default/kubelet /etc/sysconfig/kubelet"


def again(case: Case) -> str:
    """What restarts this node's kubelet."""
    return restart_command(case.facts, case.kubelet.distribution)


def restart(case: Case, purpose: str = RESTART) -> Step:
    """Restart what holds the kubelet."""
    return Step(again(case), purpose)


def works(case: Case) -> bool:
    """Whether a kubelet runs and lives by what it has: then nothing but its next start is at stake."""
    process, certificate = case.facts.process, case.certificate()
    ended = isinstance(certificate, Certificate) and case.has_ended(certificate)
    return process is not None and process.sight is Sight.SEEN and not ended


def mended(
    case: Case, change: tuple[str, ...], check: tuple[str, ...], purpose: str, stop: str, *, is_urgent: bool = False
) -> tuple[Step, ...]:
    """A change, and the restart that takes it up: apart where the node works, after a yes and where ``check`` holds."""
    if is_urgent or not works(case):
        return (Step(shell.chain(*change, again(case), stop=f"{stop}, or no restart"), f"{purpose}; then a restart"),)
    restarted = shell.chain(
        *check, shell.confirmed("restart the kubelet now?"), again(case), stop="STOP: not mended, or no restart"
    )
    return (
        Step(shell.chain(*change, stop=stop), purpose),
        Step(
            restarted,
            "takes it up, after a yes; till its certificate ends the node works without: in daylight, better drained",
        ),
    )


def ready(case: Case) -> Step:
    """How a client's certificate shows that it works."""
    return Step(
        f"kubectl get node {quote(node_name(case))}", "with cluster access, a minute later: Ready shows that it worked"
    )


def stored(case: Case, after: str = "a minute later") -> Step:
    """How a rotation shows: a node is Ready with its old certificate too."""
    return Step(f"ls -l {quote(link(case))}", f"on the node, {after}: a link of today shows that it worked")


def lets_in(case: Case) -> str:
    """Whether kubelet.conf still lets in."""
    return f"kubectl --kubeconfig {quote(kubeconfig(case))} get node {quote(node_name(case))}"


def unit(case: Case) -> str:
    """The kubelet's systemd unit."""
    return case.facts.service.unit if case.facts.service else row(case.kubelet.distribution).unit


def journal(case: Case, pattern: str, lines: int = 20, since: str = "-1h") -> str:
    """The last lines of the kubelet's journal that match."""
    unit_name = quote(unit(case))
    return f"journalctl -u {unit_name} --since {since} --no-pager | grep -E {quote(pattern)} | tail -{lines}"


def flags(case: Case, flag: str) -> Step:
    """Where a flag is given."""
    look = f"{{ systemctl cat {quote(unit(case))}; cat {ENVIRONMENTS}; }} 2>/dev/null | grep -n -e {quote(flag)}"
    return Step(look, f"where {flag} is given: the unit or one of its files ({ENVIRONMENTS.replace(' ', ', ')})")


def has_flag(case: Case, flag: str, value: str) -> str:
    """Whether the unit or its files of flags give a flag that value."""
    pattern = f'{flag}[= ]"?{shell.literal(value)}([",/[:space:]]|$)'
    return f"{{ systemctl cat {quote(unit(case))}; cat {ENVIRONMENTS}; }} 2>/dev/null | grep -qE -e {quote(pattern)}"


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
    """The node's name as certificate and machine have it, else a word to fill in.

    Where they contradict each other a command could meet another node: a person has to say which.
    """
    named, own = certified_name(case), case.kubelet.node_name
    if named and own and named.split(".")[0] != own.split(".")[0]:
        return "NODE"
    return named or own or "NODE"


def certified_name(case: Case) -> str | None:
    """The node's name as its certificate has it."""
    certificate = case.certificate()
    return node_of(certificate) if isinstance(certificate, Certificate) else None


def good_file(case: Case, before: float | None = None) -> str | None:
    """The newest dated file with a whole pair that is valid now; ``before``: of those that begin earlier."""
    best: tuple[int, str] | None = None
    for file in case.facts.store.newest:
        certificate = leaf(file)
        if certificate is None or file.key in (KeyBlock.NONE, KeyBlock.CUT):
            continue
        is_valid = certificate.not_before <= case.facts.taken <= certificate.not_after
        is_early = before is None or certificate.not_before < before
        if is_valid and is_early and store.is_dated_client(posixpath.basename(file.path)):
            best = max(best or (0, ""), (certificate.not_before, file.path))
    return best[1] if best else None


def has_good_store(case: Case) -> bool:
    """Whether the link leads to a whole pair that has not ended."""
    client = case.facts.client
    certificate = leaf(client)
    is_whole = client.key not in (KeyBlock.NONE, KeyBlock.CUT)
    return certificate is not None and is_whole and not case.has_ended(certificate)


def link_to(case: Case, target: str, *first: str) -> Step:
    """Point the store's link at ``target`` and restart, if that is a pair."""
    command = shell.chain(
        *_linked(case, target, *first), again(case), stop=f"STOP: {target} is not to be used, or not in use"
    )
    return Step(
        command,
        "where its key and certificate match and it has not expired, the link is pointed at it and the kubelet "
        "restarted; after a STOP take an older dated file, or leave the node as it is",
    )


def relinked(case: Case, target: str, *first: str, then: tuple[str, str] | None = None) -> tuple[Step, ...]:
    """The same of a store that is to be mended, whatever its kubelet has in memory.

    ``then``: a change that belongs to it, and whether that was made.
    """
    purpose = (
        "where its key and certificate match and it has not expired, the link is pointed at it; after a STOP take an "
        "older dated file, or leave the node as it is"
    )
    change = _linked(case, target, *first)
    check: tuple[str, ...] = (f'[ "$(readlink {quote(link(case))})" = {quote(target)} ]',)
    if then:
        change, check = (*change, then[0]), (*check, then[1])
    return mended(case, change, check, purpose, f"STOP: {target} is not to be used, or not in use")


def _linked(case: Case, target: str, *first: str) -> tuple[str, ...]:
    """``-n`` replaces a link, not its target."""
    return (*shell.pair(quote(target)), *first, f'ln -sfn "$p" {quote(link(case))}')
