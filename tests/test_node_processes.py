"""The node script beside a real process called kubelet, in process and mount namespaces of their own."""

from __future__ import annotations

import ctypes
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exporter.collect.answer import answer
from exporter.collect.script import node_script
from exporter.config.settings import Paths
from exporter.model.facts import DirectoryCondition, NodeFacts
from exporter.model.files import Condition, KeyBlock
from exporter.model.host import Process, Service, Sight
from exporter.model.kubelet_files import DocumentCondition
from tests.nodes import ALONE, SHELLS, kubeconfig, run
from tests.trees import CURRENT, Mint, plain, rotate, unarmour

NOBODY = 65534
UNSHARE = shutil.which("unshare") or "unshare"
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="makes namespaces, which only root may"),
    pytest.mark.parametrize("shell", SHELLS),
]
SECRET = "CANARY4711"
# A shell with another name stops itself: a process that takes no time. Its further arguments are the kubelet's flags.
STOPPED = "kill -STOP $$"
AWAIT = "until grep -qs '^State:.[Tt]' /proc/$!/status; do :; done"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder that everybody may pass through, with a program called kubelet in it."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and folder.stat().st_mode & 0o111 != 0o111:
            folder.chmod(folder.stat().st_mode | 0o111)
    shutil.copy(shutil.which("dash") or "dash", tmp_path / "kubelet")
    return tmp_path


def kubelet(place: Path, *flags: str, before: str = "") -> str:
    """A line of shell that starts the program with these flags, and waits until it is there."""
    words = " ".join(f"'{flag}'" for flag in flags)
    return f"{before} '{place}/kubelet' -c '{STOPPED}' {words} </dev/null >/dev/null 2>&1 &\n{AWAIT}\n"


def beside(shell: str, started: str, paths: Paths, user: int | None = None) -> bytes:
    """What the script prints where ``started`` was run before it, among processes of their own."""
    as_user = f"setpriv --reuid={user} --regid={user} --clear-groups" if user is not None else ""
    runner = f'{started}{as_user} "$@"; exit $?'
    return run(shell, node_script(paths), before=(*ALONE, "sh", "-c", runner, "sh"))


def told(output: bytes, paths: Paths) -> NodeFacts:
    now = time.time()
    return answer.parse(output, paths, now, now)


@pytest.fixture
def flags(place: Path) -> tuple[str, ...]:
    """The flags of a kubelet whose files are all below the place."""
    mint = Mint()
    rotate(place / "pki", mint)
    (place / "kubelet.conf").write_text(
        kubeconfig(f"client-certificate: pki/{CURRENT}\n    client-key: pki/{CURRENT}\n    token: {SECRET}")
    )
    return f"--kubeconfig={place}/kubelet.conf", "--cert-dir", f"{place}/pki", "--rotate-certificates"


def test_a_real_kubelet_is_seen(shell: str, place: Path, flags: tuple[str, ...]) -> None:
    """Its flags decide the paths; it began a moment ago; not a word of its command line or environment is told."""
    before = f"TZ=Europe/Berlin TOKEN={SECRET}"
    output = beside(shell, kubelet(place, *flags, "--token", SECRET, SECRET, before=before), Paths())
    facts = told(output, Paths())
    process = facts.process
    assert process is not None
    assert (process.sight, process.name, process.count, process.uid) == (Sight.SEEN, "kubelet", 1, 0)
    assert (process.zone, process.own_mounts) == ("Europe/Berlin", False)
    assert process.flags == (
        ("kubeconfig", f"{place}/kubelet.conf"),
        ("cert-dir", f"{place}/pki"),
        ("rotate-certificates", "true"),
    )
    assert process.started is not None
    assert facts.clock is not None
    assert -5 < facts.clock.shown - process.started < 60
    assert (facts.store.path, facts.client.condition) == (f"{place}/pki", Condition.READ)
    assert facts.kubeconfig is not None
    assert (facts.kubeconfig.certificate, facts.kubeconfig.has_token) == (facts.client, True)
    assert facts.host is not None
    assert None not in (facts.host.booted, facts.host.uptime, facts.host.awake, facts.host.zone, facts.host.suspended)
    assert facts.host.name == os.uname().nodename
    assert facts.store.folder is not None
    assert (facts.store.folder.writable, facts.store.folder.read_only) == (True, False)
    assert facts.store.folder.filesystem != ""
    assert SECRET.encode() not in output


def test_an_ordinary_user_sees_the_process(shell: str, place: Path, flags: tuple[str, ...]) -> None:
    """Command line, start and the table of mounts are everybody's to see; its environment is root's."""
    (place / "kubelet.conf").chmod(0o600)
    facts = told(beside(shell, kubelet(place, *flags), Paths(), NOBODY), Paths())
    assert facts.process is not None
    assert (facts.process.sight, facts.process.own_mounts, facts.process.zone) == (Sight.SEEN, False, None)
    assert facts.process.started is not None
    assert facts.host is not None
    assert facts.host.awake is None
    assert (facts.store.path, facts.client.condition) == (f"{place}/pki", Condition.DENIED)
    assert facts.kubeconfig is not None
    assert facts.kubeconfig.document.condition is DocumentCondition.DENIED


def test_hidden_processes_are_not_absent(shell: str, place: Path, flags: tuple[str, ...]) -> None:
    """Where /proc shows other users' processes to root alone, an ordinary user says so."""
    started = kubelet(place, *flags) + "mount -o remount,hidepid=2 /proc\n"
    assert told(beside(shell, started, Paths(), NOBODY), Paths()).process == Process(Sight.HIDDEN)
    assert told(beside(shell, "", Paths()), Paths()).process == Process(Sight.ABSENT)


def test_an_impostor_changes_nothing(shell: str, place: Path, flags: tuple[str, ...]) -> None:
    """Somebody's older program of that name, with flags of its own, is counted and not believed."""
    impostor = kubelet(place, "--cert-dir=/evil", before=f"setpriv --reuid={NOBODY} --clear-groups --regid={NOBODY}")
    facts = told(beside(shell, impostor + kubelet(place, *flags), Paths()), Paths())
    assert facts.process is not None
    assert (facts.process.count, facts.process.uid, facts.store.path) == (2, 0, f"{place}/pki")


def test_a_kubelet_in_mounts_of_its_own_is_read_through_them(shell: str, place: Path, flags: tuple[str, ...]) -> None:
    """What the kubelet sees at its paths counts, an absolute link among it; paths are told as it names them."""
    mint = Mint()
    inside = place / "inside"
    rotate(inside / "pki", mint)
    leaf = mint.certificates[-1]
    target = os.readlink(inside / "pki" / CURRENT)
    (inside / "pki" / CURRENT).unlink()
    (inside / "pki" / CURRENT).symlink_to(f"{place}/pki/{os.path.basename(target)}")
    (inside / "kubelet.conf").write_text(kubeconfig("token: abc"))
    mounts = f"mount --bind {inside}/pki {place}/pki && mount --bind {inside}/kubelet.conf {place}/kubelet.conf"
    own = f"{UNSHARE} --mount sh -c '{mounts} && exec \"$@\"' sh"
    facts = told(beside(shell, kubelet(place, *flags, before=own), Paths()), Paths())
    assert facts.process is not None
    assert facts.process.own_mounts is True
    assert (facts.client.path, facts.client.condition) == (f"{place}/pki/{CURRENT}", Condition.READ)
    assert facts.client.certificates == (unarmour(leaf),)
    assert facts.client.key is KeyBlock.WHOLE
    assert facts.kubeconfig is not None
    assert (facts.kubeconfig.document.path, facts.kubeconfig.has_token) == (f"{place}/kubelet.conf", True)
    assert facts.kubeconfig.certificate is None


def test_a_read_only_store_is_seen(shell: str, place: Path, flags: tuple[str, ...]) -> None:
    """A folder that root cannot write to, and how it is mounted."""
    paths = Paths(store=f"{place}/pki")
    started = f"mount -t tmpfs -o ro,size=64k none {place}/pki\n"
    folder = told(beside(shell, started, paths), paths).store.folder
    assert folder is not None
    assert (folder.writable, folder.read_only, folder.filesystem) == (False, True, "tmpfs")
    assert folder.bytes_free is not None
    assert folder.bytes_free <= 64 * 1024


SYSTEMCTL = """#!/bin/sh
cat <<'END'
NRestarts=0
ExecMainStatus=0
Id=kubelet.service
LoadState=not-found
ActiveState=inactive
SubState=dead

NRestarts=17
ExecMainStatus=1
Id=k3s-agent.service
LoadState=loaded
ActiveState=activating
SubState=auto-restart

NRestarts=2
ExecMainStatus=0
Id=rke2-agent.service
LoadState=loaded
ActiveState=active
SubState=running
END
"""


def test_the_units_of_all_distributions_are_asked_for_at_once(shell: str, place: Path) -> None:
    """The loaded one that is active is told, else the first that is loaded, else none."""
    started = f"mount -t tmpfs none /run && mkdir -p /run/systemd/system && PATH={place}:$PATH\n"
    paths = Paths(store=f"{place}/pki")
    for text, service in (
        (SYSTEMCTL, Service("rke2-agent.service", "active", "running", 2, 0)),
        (SYSTEMCTL.replace("=active", "=failed"), Service("k3s-agent.service", "activating", "auto-restart", 17, 1)),
        (SYSTEMCTL.replace("=loaded", "=masked"), None),
    ):
        plain(place / "systemctl", text.encode(), mode=0o755)
        script = node_script(paths).replace("\nPATH=", f"\nPATH={place}:")
        before = (*ALONE, "sh", "-c", f'{started}exec "$@"', "sh")
        assert told(run(shell, script, before=before), paths).service == service


@contextmanager
def hung(place: Path) -> Iterator[None]:
    """A file system whose server is gone: FUSE, with nobody to answer."""
    if not os.access("/dev/fuse", os.W_OK):
        pytest.skip("no /dev/fuse")
    place.mkdir()
    descriptor = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={descriptor},rootmode=40000,user_id=0,group_id=0".encode()
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mount(b"none", os.fsencode(place), b"fuse", 0, options) == 0, os.strerror(ctypes.get_errno())
    try:
        yield
    finally:
        os.close(descriptor)
        libc.umount2(os.fsencode(place), 2)


def test_a_mount_that_hangs_is_told_in_seconds(shell: str, place: Path) -> None:
    """The store's own mount: it is told as unreadable, and the script ends."""
    paths = Paths(store=f"{place}/pki")
    began = time.monotonic()
    with hung(place / "pki"):
        facts = told(run(shell, node_script(paths), before=ALONE), paths)
    assert (facts.store.condition, facts.client.condition) == (DirectoryCondition.UNREADABLE, Condition.UNREADABLE)
    assert time.monotonic() - began < 20


def test_a_mount_that_hangs_elsewhere_costs_what_leads_there(shell: str, place: Path, flags: tuple[str, ...]) -> None:
    """All else is told as ever; a kubeconfig that is a link into the hung mount is unreadable."""
    (place / "kubelet.conf").rename(place / "true.conf")
    (place / "kubelet.conf").symlink_to(place / "nfs" / "kubelet.conf")
    with hung(place / "nfs"):
        facts = told(
            beside(shell, kubelet(place, *flags, f"--bootstrap-kubeconfig={place}/true.conf"), Paths()), Paths()
        )
    assert facts.client.condition is Condition.READ
    assert facts.store.folder is not None
    assert None not in (facts.store.folder.mode, facts.store.folder.bytes_free, facts.store.folder.writable)
    assert facts.bootstrap is not None
    assert (facts.bootstrap.document.condition, facts.bootstrap.certificate) == (DocumentCondition.READ, facts.client)
    assert facts.kubeconfig is not None
    assert facts.kubeconfig.document.condition is DocumentCondition.UNREADABLE
