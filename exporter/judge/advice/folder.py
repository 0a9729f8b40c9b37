"""What to do about the folder of the store: room, who may write there, and whether it lasts."""

from __future__ import annotations

import posixpath
from datetime import UTC, datetime
from shlex import quote

from exporter.config.settings import CLIENT_CURRENT
from exporter.judge.advice import conf, shell, steps
from exporter.judge.case import Case
from exporter.judge.causes.folder import has_room
from exporter.judge.rotation import window
from exporter.model.assessment import Certificate
from exporter.model.finding import Step

_ERRORS = (
    "i/o error|ext4-fs error|aborting journal|remounting filesystem read-only|xfs.*(corrupt|shutdown|shutting down)"
)


def full(case: Case) -> tuple[Step, ...]:
    """Room; the kubelet tries again by itself. Its own files are small, and the old pairs may still be needed."""
    folder, link = quote(case.facts.store.path), quote(steps.link(case))
    if has_room(case):
        return (
            Step(f"df -h {folder} && df -i {folder}", "there is room now: it should renew within a minute"),
            Step(f"ls -l {link}", "two minutes later: if the link is still old, read the journal with the next line"),
            Step(steps.journal(case, "Unable to store|certificate"), "what hinders it beside the room"),
        )
    return (
        Step(f"df -h {folder} && df -i {folder}", "blocks or inodes: which of them ran out"),
        Step(f"du -xhd 2 {_mount(folder)} | sort -h | tail -20", f"what takes the room; delete nothing in {folder}"),
        Step(
            "journalctl --vacuum-size=200M; crictl rmi --prune",
            f"frees old journals and images that no container uses{_before(case)}",
        ),
        Step(f"df -h {folder} && ls -l {link}", "there must be room; what is due is stored within a minute"),
    )


def _before(case: Case) -> str:
    """By when there has to be room, where nothing is due yet."""
    certificate = case.certificate()
    start = window(certificate).start if isinstance(certificate, Certificate) else 0.0
    return f": before {datetime.fromtimestamp(start, UTC):%Y-%m-%d}" if start > case.facts.taken else ""


def not_writable(case: Case) -> tuple[Step, ...]:
    """By what keeps it from being written."""
    path, facts, process = case.facts.store.path, case.facts.store.folder, case.facts.process
    folder = quote(path)
    proof = Step(
        f"touch {folder}/.writable && rm {folder}/.writable", "must be silent; what is due is stored within a minute"
    )
    if facts and facts.read_only:
        remount = shell.chain(
            f"! dmesg | grep -iE {quote(_ERRORS)}",
            f"mount -o remount,rw {_mount(folder)}",
            stop="STOP: the disk has errors; drain the node and check its file system",
        )
        return (
            Step(f"findmnt -T {folder}", "what is mounted there, and how"),
            Step(remount, "writable again, only where the kernel's log shows no error; else drain, fsck"),
            proof,
        )
    if facts and facts.writable is False:
        free = f"lsattr -d {folder} | grep -q '^[^ ]*i' && chattr -i {folder}"
        return (
            Step(f"lsattr -d {folder}", "an i among the letters: immutable; find out who set it"),
            Step(free, "writable again, where it was immutable"),
            proof,
        )
    if process and process.uid and facts and facts.uid != process.uid:
        return (Step(f"chown -R {process.uid} {folder}", "the kubelet's own again"), *_listed(folder))
    return _listed(folder)


def _listed(folder: str) -> tuple[Step, ...]:
    return (Step(f"ls -ld {folder}", "who may write there: must be the kubelet's user"),)


def not_stored(case: Case) -> tuple[Step, ...]:
    """A denial that no mode shows."""
    folder = quote(case.facts.store.path)
    return (
        Step(steps.journal(case, "Unable to store"), "why it was refused"),
        Step(f"lsattr -d {folder}; ls -Zd {folder}", "an i among the letters: immutable; and the label"),
        Step("ausearch -m avc -ts recent | grep kubelet | tail -20", "whether SELinux denied it"),
        Step(f"restorecon -Rv {folder}", "the label that the policy wants; the kubelet tries again by itself"),
        steps.stored(case),
    )


def tmpfs(case: Case) -> tuple[Step, ...]:
    """The whole move to a disk: the pairs, the flag, kubelet.conf. Its links are absolute."""
    here = case.facts.store.path
    there = "/var/lib/kubelet-pki" if here.startswith("/var/lib/kubelet/") else "/var/lib/kubelet/pki"
    old, new, link = quote(here), quote(there), posixpath.join(there, CLIENT_CURRENT)
    move = shell.chain(
        f'case $(findmnt -no FSTYPE -T {posixpath.dirname(there)}) in tmpfs | ramfs | "") false ;; esac',
        f"mkdir -p {new} && chmod 700 {new} && cp -a {old}/. {new}/",
        f'target=$(readlink {old}/{CLIENT_CURRENT}) && ln -sfn {new}/"${{target##*/}}" {quote(link)}',
        f"[ -s {quote(link)} ]",
        stop=f"STOP: {there} is on no disk, or the copy failed",
    )
    flag = steps.flags(case, "--cert-dir")
    change = shell.chain(
        steps.has_flag(case, "--cert-dir", there),
        *shell.pair(quote(link)),
        conf.pointed(case, link=link),
        "systemctl daemon-reload",
        steps.again(case),
        stop=f"STOP: --cert-dir={there} is not set, or no good pair is there",
    )
    return (
        Step(move, "a copy on a disk, before the next boot"),
        Step(flag.command, f"where --cert-dir is given, if at all: set --cert-dir={there}"),
        Step(change, "once that is set: kubelet.conf names the link on the disk, and the kubelet is restarted"),
        steps.ready(case),
    )


def _mount(folder: str) -> str:
    return f'"$(findmnt -no TARGET -T {folder})"'
