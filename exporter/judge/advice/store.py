"""What to do about the store and its folder."""

from __future__ import annotations

import posixpath
from shlex import quote

from exporter.config.settings import CLIENT_UPDATED, SERVER_CURRENT, SERVER_UPDATED
from exporter.judge.advice import cluster, steps
from exporter.judge.case import Case
from exporter.judge.certificate import leaf
from exporter.judge.store import entry
from exporter.model.files import Condition, KeyBlock
from exporter.model.finding import Step


def regular_file(case: Case) -> tuple[Step, ...]:
    """The newest good pair gets the link: a dated one, or what stands in the link's place."""
    if case.facts.client.link is not None:
        return _aside_of_serving(case, SERVER_CURRENT)
    here, path, target = leaf(case.facts.client), steps.link(case), steps.good_file(case)
    dated = next((leaf(file) for file in case.facts.store.newest if file.path == target), None)
    is_whole = case.facts.client.key not in (KeyBlock.NONE, KeyBlock.CUT)
    if here and is_whole and (dated is None or dated.not_before < here.not_before):
        keep = (
            f'new={quote(case.facts.store.path)}/kubelet-client-$(date +%F-%H-%M-%S).pem && mv {quote(path)} "$new" '
            f'&& ln -s "$new" {quote(path)}'
        )
        return (
            Step(keep, "the pair that stands there becomes a dated file, the link leads to it"),
            steps.restart(case),
        )
    return (steps.set_aside(path), *steps.relink(case))


def updated(case: Case) -> tuple[Step, ...]:
    """Out of the way; a kubelet that waits for its next try then succeeds by itself."""
    if entry(case.facts.store, CLIENT_UPDATED) is None:
        return _aside_of_serving(case, SERVER_UPDATED)
    path = posixpath.join(case.facts.store.path, CLIENT_UPDATED)
    aside = steps.set_aside(path)
    if case.facts.client.condition is Condition.MISSING:
        return (aside, *steps.relink(case))
    return (Step(aside.command, "out of the kubelet's way; its next try, half a minute later, goes through"),)


def _aside_of_serving(case: Case, name: str) -> tuple[Step, ...]:
    """In the serving store: what is asked for anew costs an approval and nothing else."""
    aside = steps.set_aside(posixpath.join(case.facts.store.path, name))
    return (aside, steps.restart(case), *cluster.serving_requests(case))


def gap(case: Case) -> tuple[Step, ...]:
    """What the rotation would have done next."""
    updated = posixpath.join(case.facts.store.path, CLIENT_UPDATED)
    move = f"mv {quote(updated)} {quote(steps.link(case))}"
    return (Step(move, "what the rotation would have done next"), steps.restart(case))


def unlinked(case: Case) -> tuple[Step, ...]:
    """No link, or one that leads nowhere: there is nothing to move aside."""
    target = steps.good_file(case)
    return steps.reissue(case) if target is None else (steps.link_to(case, target), steps.restart(case))


def full(case: Case) -> tuple[Step, ...]:
    """Room; the kubelet tries again by itself."""
    folder = quote(case.facts.store.path)
    return (
        Step(f"df -h {folder} && df -i {folder}", "blocks or inodes: which of them ran out"),
        Step(f"du -xhd 2 {_mount(folder)} | sort -h | tail -20", "what takes the room; free some"),
        Step(f"ls -l {folder}", "the next try, half a minute after there is room, leaves a link to a file of today"),
    )


def invalid(case: Case) -> tuple[Step, ...]:
    """Nothing on the node mends what a signer sends; the journal tells."""
    return (
        Step(f"journalctl -u {quote(steps.unit(case))} --no-pager | grep 'Unable to store'", "why it was refused"),
        Step(f"df -h {quote(case.facts.store.path)}", "a disk that was full cuts files off"),
        steps.restart(case, "asks anew"),
    )


def valid(case: Case) -> tuple[Step, ...]:
    """The pair is there: only the link has to lead to it."""
    return steps.relink(case) if steps.good_file(case) else (steps.restart(case, "asks anew"),)


def not_writable(case: Case) -> tuple[Step, ...]:
    """By what keeps it from being written."""
    folder, facts = quote(case.facts.store.path), case.facts.store.folder
    process = case.facts.process
    if facts and facts.read_only:
        return (
            Step(f"findmnt -T {folder}", "what is mounted there, and how"),
            Step(
                "dmesg | grep -iE 'remount|i/o error|ext4|xfs' | tail",
                "whether an error made it read-only: then the disk",
            ),
            Step(f"mount -o remount,rw {_mount(folder)}", "writable again, where the disk is good"),
        )
    if facts and facts.writable is False:
        return (
            Step(f"lsattr -d {folder}", "an i among the letters: immutable"),
            Step(f"chattr -i {folder}", "writable again; the kubelet's next try goes through"),
        )
    if process and process.uid and facts and facts.uid != process.uid:
        return (Step(f"chown -R {process.uid} {folder}", "the kubelet's own again"),)
    return (Step(f"ls -ld {folder}", "who may write there"),)


def not_stored(case: Case) -> tuple[Step, ...]:
    """A denial that no mode shows."""
    folder = quote(case.facts.store.path)
    return (
        Step(f"journalctl -u {quote(steps.unit(case))} --no-pager | grep 'Unable to store'", "why it was refused"),
        Step("ausearch -m avc -ts recent | grep kubelet", "whether SELinux denied it"),
        Step(f"restorecon -Rv {folder}", "the label that the policy wants"),
    )


def tmpfs(case: Case) -> tuple[Step, ...]:
    """A folder that lasts."""
    folder = quote(case.facts.store.path)
    return (
        Step(f"findmnt -T {folder}", "what is mounted there"),
        Step(f"cp -a {folder} /var/lib/kubelet-pki.saved", "a copy on a disk, before the next boot"),
        Step(
            f"systemctl cat {quote(steps.unit(case))}", "give --cert-dir a folder on a disk, and kubelet.conf its link"
        ),
        steps.restart(case),
    )


def not_yet_valid(case: Case) -> tuple[Step, ...]:
    """Go back to the pair before, else wait: it becomes valid by itself."""
    target = steps.good_file(case)
    clock = Step("date -u", "on the control plane nodes: mend the clock of the one that is ahead (NTP)")
    if target is None:
        return (clock,)
    return (clock, steps.link_to(case, target), steps.restart(case, "uses the pair before, which is valid"))


def _mount(folder: str) -> str:
    return f'"$(findmnt -no TARGET -T {folder})"'
