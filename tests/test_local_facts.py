"""What the local reader sees beside the store: machine, process, paths, documents, folder; hostile trees among them."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zoneinfo
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.collect.local import mounts
from exporter.collect.local.host import read_host
from exporter.collect.local.kubelet_flags import parse
from exporter.collect.local.rooted import RootedTree
from exporter.collect.local.transport import LocalTransport
from exporter.config.settings import Paths
from exporter.model.facts import DirectoryCondition, NodeFacts
from exporter.model.files import Condition, KeyBlock
from exporter.model.host import Flags, Host, Process, Sight
from exporter.model.kubelet_files import Document, DocumentCondition
from exporter.model.node import LocalAccess, Node
from tests.test_kubeconfig import KUBEADM as KUBECONFIG
from tests.test_kubelet_config import HEAD
from tests.test_kubelet_config import KUBEADM as CONFIG
from tests.trees import CURRENT, NOW, Mint, dated, plain, rotate

STORE = Paths().store
CONF, BOOTSTRAP = "/etc/kubernetes/kubelet.conf", "/etc/kubernetes/bootstrap-kubelet.conf"
BOOTED = NOW - 100_000
FLAGS = (f"--kubeconfig={CONF}", f"--bootstrap-kubeconfig={BOOTSTRAP}", "--config", "/var/lib/kubelet/config.yaml")
CANARY = "s3cr3t"
IS_ROOT = os.geteuid() == 0


def read(root: Path, remembered: Flags = (), paths: Paths | None = None) -> NodeFacts:
    """One visit below ``root``, without its pause."""
    transport = LocalTransport(clock=lambda: float(NOW), sleep=lambda _: None)
    return transport.read(Node("worker-1", LocalAccess(str(root)), paths or Paths()), remembered)


def put(root: Path, path: str, content: str | bytes, mode: int = 0o644) -> Path:
    """A file of the node's."""
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    return plain(file, content.encode() if isinstance(content, str) else content, mode=mode)


def proc(root: Path) -> None:
    """A root with its release, and the /proc of a machine whose first process is to be seen."""
    put(root, "usr/lib/os-release", "NAME=x\n")
    put(root, "proc/stat", f"cpu 1 2 3\nbtime {BOOTED}\n")
    process(root, 1, "systemd", started=1)


def process(
    root: Path, pid: int, name: str, *arguments: str, started: int = 5000, uid: int = 0, state: str = "S"
) -> Path:
    """A process, as a snapshot of /proc has it; ``started`` in hundredths of a second since the boot."""
    folder = root / f"proc/{pid}"
    put(root, f"proc/{pid}/comm", f"{name}\n")
    put(root, f"proc/{pid}/stat", f"{pid} ({name}) x) {state} " + "0 " * 18 + f"{started} 0 0\n")
    put(root, f"proc/{pid}/cmdline", "".join(f"{word}\0" for word in (f"/usr/bin/{name}", *arguments)))
    put(root, f"proc/{pid}/status", f"Name:\t{name}\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n")
    return folder


def worker(path: Path) -> None:
    """A kubeadm worker below ``path``: its store, kubelet.conf, configuration and process."""
    proc(path)
    process(path, 700, "kubelet", *FLAGS)
    put(path, CONF, KUBECONFIG, 0o600)
    put(path, "/var/lib/kubelet/config.yaml", CONFIG)
    rotate(path / STORE[1:], Mint(), NOW)
    link = path / STORE[1:] / CURRENT
    target = link.resolve().name
    link.unlink()
    link.symlink_to(f"{STORE}/{target}")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Such a worker."""
    path = tmp_path / "root"
    worker(path)
    return path


# The machine.


def test_the_machine_is_told(root: Path) -> None:
    """Names, boot, clocks and zone, each from its file below the root."""
    put(root, "etc/hostname", "worker-1.prod\n")
    put(root, "etc/os-release", 'NAME="Debian GNU/Linux"\nID="debian"\nID_LIKE=x\n')
    put(root, "etc/machine-id", "0123456789abcdef\n")
    put(root, "proc/sys/kernel/random/boot_id", "81b21828-2f81\n")
    put(root, "proc/uptime", "100000.25 4000.00\n")
    put(
        root, "proc/timer_list", "Timer List Version: v0.9\nHRTIMER_MAX_CLOCK_BASES: 8\nnow at 99000500000000 nsecs\n\n"
    )
    shutil.copy("/usr/share/zoneinfo/Asia/Tokyo", root / "etc/localtime")
    machine = hashlib.sha256(b"0123456789abcdef\n").hexdigest()
    assert read(root).host == Host(
        "worker-1.prod", "debian", machine, "81b21828-2f81", BOOTED, 100000.25, 99000.5, 9 * 3600
    )


def test_names_have_their_second_places(root: Path) -> None:
    """Without /etc the kernel's own name counts, and the os-release below /usr."""
    put(root, "proc/sys/kernel/hostname", "worker-2\n")
    put(root, "usr/lib/os-release", "ID=fedora\n")
    host = read(root).host
    assert host
    assert (host.name, host.system) == ("worker-2", "fedora")


ODD_HOSTS = {
    "etc/hostname": "worker\x1b[31m one",
    "etc/os-release": "ID=\x00\xff\n",
    "proc/uptime": "NaN inf",
    "proc/timer_list": "now at -1 nsecs\n" * 3,
    "proc/sys/kernel/random/boot_id": "\n\n",
    "etc/localtime": "TZif2" + "\0" * 15 + "\x7f" * 200 + "\nCET-1CEST,M99.5.0,M10.5.0/3\n",
}


def test_odd_texts_of_the_machine_are_left_out(root: Path) -> None:
    """What is not plain, not a number or no rules of a zone is as if it were not there."""
    for path, content in ODD_HOSTS.items():
        put(root, path, content.encode("latin-1"))
    assert read(root).host == Host(booted=BOOTED)


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Etc/UTC", "Australia/Lord_Howe"]
)
@pytest.mark.parametrize("month", [1, 7])
def test_a_zone_is_what_the_library_says_of_it(zone: str, month: int, root: Path) -> None:
    """In winter and in summer, east and west, by half an hour and without a rule for summer."""
    put(root, "etc/localtime", (Path("/usr/share/zoneinfo") / zone).read_bytes())
    moment = datetime(2026, month, 15, tzinfo=UTC)
    with RootedTree(str(root)) as tree:
        found = read_host(tree, moment.timestamp()).zone
    wanted = moment.astimezone(zoneinfo.ZoneInfo(zone)).utcoffset()
    assert wanted is not None
    assert found == wanted.total_seconds()


@given(st.text("ABC<>+-,./:M0123456789JW", min_size=4, max_size=64))
def test_no_rule_of_a_zone_raises(rule: str) -> None:
    """Any characters that a rule may have give an offset, or none."""
    with tempfile.TemporaryDirectory() as folder, RootedTree(folder) as tree:
        put(Path(folder), "etc/localtime", f"\n{rule}\n")
        zone = read_host(tree, NOW).zone
    assert zone is None or abs(zone) < 8 * 86400


def test_an_empty_root_tells_nothing_of_its_machine(tmp_path: Path) -> None:
    """Nothing there: nothing told, and processes are hidden, not absent."""
    facts = read(tmp_path)
    assert (facts.host, facts.process) == (Host(), Process(Sight.HIDDEN))
    assert (facts.kubeconfig, facts.bootstrap, facts.config) == (None, None, ())


# The process.


def test_the_process_is_told(root: Path) -> None:
    """Name, start, user, flags and zone; nothing else of its arguments and its environment."""
    folder = process(root, 700, "kubelet", *FLAGS, f"--token={CANARY}", f"--v={CANARY}", CANARY)
    put(root, "proc/700/environ", f"SECRET={CANARY}\0TZ=Asia/Tokyo\0")
    put(root, "proc/700/attr/current", "system_u:system_r:kubelet_t:s0\0")
    facts = read(root)
    assert facts.process == Process(
        Sight.SEEN,
        "kubelet",
        1,
        BOOTED + 50.0,
        0,
        (("kubeconfig", CONF), ("bootstrap-kubeconfig", BOOTSTRAP), ("config", "/var/lib/kubelet/config.yaml")),
        "Asia/Tokyo",
        "system_u:system_r:kubelet_t:s0",
    )
    assert CANARY not in repr(facts)
    assert folder.is_dir()


COMMAND_LINES: dict[str, tuple[tuple[str, ...], Flags]] = {
    "equals": (("--config=/a",), (("config", "/a"),)),
    "next word": (("--config", "/a", "--cert-dir", "/b"), (("config", "/a"), ("cert-dir", "/b"))),
    "underscores": (("--cert_dir=/a",), (("cert-dir", "/a"),)),
    "bare switch": (("--rotate-certificates", "--config=/a"), (("rotate-certificates", "true"), ("config", "/a"))),
    "switch off": (("--rotate-certificates=false",), (("rotate-certificates", "false"),)),
    "twice": (("--config=/a", "--config=/b"), (("config", "/a"), ("config", "/b"))),
    "empty": (("--bootstrap-kubeconfig=",), (("bootstrap-kubeconfig", ""),)),
    "an empty word": (("--hostname-override", "", "--config=/a"), (("hostname-override", ""), ("config", "/a"))),
    "another flag as its value": (
        ("--kubeconfig", "--token=x", "--config=-a", "--cert-dir=/b"),
        (("kubeconfig", "?"), ("config", "?"), ("cert-dir", "/b")),
    ),
    "cut off": (("--config",), ()),
    "not plain": (("--config=/a b", "--cert-dir=/\xe9"), (("config", "?"), ("cert-dir", "?"))),
    "overlong": ((f"--config=/{'a' * 5000}",), (("config", "?"),)),
    "off the list": (("--token=x", "--node-labels", "a=b", "-v", "2", "config=/a"), ()),
    "behind the end": (("--", "--config=/a"), ()),
}


@pytest.mark.parametrize("case", COMMAND_LINES)
def test_flags_are_picked_from_a_command_line(case: str) -> None:
    """Each way of writing a flag (pflag), and nothing that is not on the list."""
    arguments, flags = COMMAND_LINES[case]
    assert parse(arguments) == flags


def kubelets(*others: tuple[int, str, dict[str, int]]) -> Callable[[Path], None]:
    """Further processes beside the worker's own: pid, name, and how they differ."""

    def make(root: Path) -> None:
        for pid, name, how in others:
            process(root, pid, name, "--config=/other", **how)  # type: ignore[arg-type]  # numbers alone

    return make


CHOICES: dict[str, tuple[Callable[[Path], None], str, int, float]] = {
    "one": (kubelets(), "kubelet", 1, 50.0),
    "a younger one": (kubelets((800, "kubelet", {"started": 6000})), "kubelet", 2, 50.0),
    "an older one": (kubelets((800, "kubelet", {"started": 400})), "kubelet", 2, 4.0),
    "an older one of a user's": (kubelets((800, "kubelet", {"started": 400, "uid": 1000})), "kubelet", 2, 50.0),
    "another program": (kubelets((800, "k3s-agent", {"started": 400})), "kubelet", 1, 50.0),
    "hyperkube of something else": (kubelets((800, "hyperkube", {"started": 400})), "kubelet", 1, 50.0),
    "a name that begins so": (kubelets((800, "kubelet-wrapper", {"started": 400})), "kubelet", 1, 50.0),
}


@pytest.mark.parametrize("case", CHOICES)
def test_of_several_processes_one_counts(case: str, root: Path) -> None:
    """Root's before a user's, one called kubelet before another program, the oldest of equals; their count is told."""
    make, name, count, age = CHOICES[case]
    make(root)
    found = read(root).process
    assert found
    assert (found.name, found.count, found.started) == (name, count, BOOTED + age)


def test_a_zombie_is_no_kubelet(root: Path) -> None:
    """A process that ended and was not waited for has no flags to read."""
    process(root, 700, "kubelet", state="Z")
    assert read(root).process == Process(Sight.ABSENT)


def test_hyperkubes_flags_follow_its_word(root: Path) -> None:
    """What stands before the word kubelet is hyperkube's own."""
    process(root, 700, "hyperkube", "--config=/a", "kubelet", "--config=/b")
    found = read(root).process
    assert found
    assert (found.name, found.flags) == ("hyperkube", (("config", "/b"),))


def test_a_program_that_holds_a_kubelet_has_flags_of_its_own(root: Path) -> None:
    """k3s' --config is not the kubelet's: none of its flags is told, and the table's places count."""
    process(root, 700, "k3s-agent", "agent", f"--token={CANARY}", "--config=/etc/rancher/k3s/config.yaml")
    facts = read(root)
    assert facts.process
    assert (facts.process.name, facts.process.flags) == ("k3s-agent", ())
    assert facts.kubeconfig
    assert facts.kubeconfig.document.path == CONF


def without_proc(root: Path) -> Path:
    """The place of /proc, which is empty now."""
    shutil.rmtree(root / "proc")
    return root / "proc"


HIDING: dict[str, tuple[Callable[[Path], object], Sight]] = {
    "none is a kubelet": (lambda root: shutil.rmtree(root / "proc/700"), Sight.ABSENT),
    "no /proc": (lambda root: shutil.rmtree(root / "proc"), Sight.HIDDEN),
    "an empty /proc": (lambda root: without_proc(root).mkdir(), Sight.HIDDEN),
    "a file": (lambda root: without_proc(root).touch(), Sight.HIDDEN),
    "a link out of the root": (lambda root: without_proc(root).symlink_to("../../../../proc"), Sight.HIDDEN),
    "no start": (lambda root: (root / "proc/700/stat").unlink(), Sight.HIDDEN),
    "an odd start": (lambda root: put(root, "proc/700/stat", "700 (kubelet) S x"), Sight.HIDDEN),
    "no command line": (lambda root: put(root, "proc/700/cmdline", ""), Sight.HIDDEN),
}


@pytest.mark.parametrize("case", HIDING)
def test_no_process_is_absent_or_hidden(case: str, root: Path) -> None:
    """Absent where others are to be seen, hidden where nobody is: two different things."""
    make, sight = HIDING[case]
    make(root)
    assert read(root).process == Process(sight)


def test_remembered_flags_count_where_no_process_is_seen(root: Path) -> None:
    """They name the files to read; a process that is seen has its own."""
    flags = (("kubeconfig", "/elsewhere/kubelet.conf"), ("cert-dir", "/pki"))
    assert (read(root, flags).process, read(root, flags).store.path) == (read(root).process, STORE)
    shutil.rmtree(root / "proc/700")
    facts = read(root, flags)
    assert facts.process == Process(Sight.ABSENT, flags=flags, remembered=True)
    assert facts.kubeconfig
    assert facts.kubeconfig.document == Document("/elsewhere/kubelet.conf", DocumentCondition.MISSING)
    assert (facts.store.path, facts.store.condition, facts.config) == ("/pki", DirectoryCondition.MISSING, ())


OWN_MOUNTS = 'cd "${2#*=}"; mount -t tmpfs x .; cd "$PWD"; touch $D-3.pem $D-4.pem; exec "$@"'
STARTS = {  # how a kubelet is started, whether in mounts of its own, and how many files its store has there
    "in the node's mounts": ("exec", False, 1),
    "in its own": (f"exec unshare --mount sh -euc '{OWN_MOUNTS}' -", True, 2),
}


@pytest.mark.skipif(not IS_ROOT, reason="namespaces need root")
@pytest.mark.parametrize("start", STARTS)
def test_a_real_process_is_seen_through_the_machines_own_proc(start: str, tmp_path: Path) -> None:
    """A program called kubelet, with real flags: found through a live /proc, and its files where it sees them."""
    how, own_mounts, count = STARTS[start]
    put(tmp_path, "pki/kubelet-client-2.pem", "")
    kubelet = tmp_path / "kubelet"
    kubelet.write_text("#!/bin/sh\nsleep 60\n")
    kubelet.chmod(0o755)
    show = (
        "from exporter.collect.local.transport import *; from exporter.config.settings import Paths;"
        "f = LocalTransport(sleep=lambda _: None).read(Node('n', LocalAccess('/'), Paths())); p = f.process;"
        "print(p.sight, p.name, p.count, p.uid, p.own_mounts, p.flags, f.store.path, f.store.dated_client, sep='|')"
    )
    script = (
        f"export D=kubelet-client; {how} '{kubelet}' --cert-dir={tmp_path}/pki --token={CANARY} & "
        'until [ "$(cat "/proc/$!/comm")" = kubelet ]; do sleep 0.01; done; '
        f'{sys.executable} -c "{show}"'
    )
    done = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    flags = (("cert-dir", f"{tmp_path}/pki"),)
    assert done.stdout.strip() == f"seen|kubelet|1|0|{own_mounts}|{flags}|{tmp_path}/pki|{count}"


# The kubelet's files.


def test_kubeadms_node_is_told_whole(root: Path) -> None:
    """kubelet.conf, the missing bootstrap file, the configuration, and each PEM file once, there or not."""
    put(root, "/etc/kubernetes/pki/ca.crt", Mint().leaf().certificate)
    facts = read(root)
    assert facts.kubeconfig
    assert facts.bootstrap
    assert facts.config
    document = facts.kubeconfig.document
    assert (document.condition, document.mode, document.size, document.modified) == (
        DocumentCondition.READ,
        0o600,
        len(KUBECONFIG),
        NOW,
    )
    assert facts.kubeconfig.certificate == facts.client
    assert facts.kubeconfig.key == facts.client
    assert facts.client.key is KeyBlock.WHOLE
    assert facts.bootstrap.document.condition is DocumentCondition.MISSING
    assert [file.settings.rotate_certificates for file in facts.config] == [True]
    assert [(file.path, file.condition) for file in facts.files] == [
        ("/etc/kubernetes/pki/ca.crt", Condition.READ),
        (f"{STORE}/kubelet.crt", Condition.MISSING),
        (f"{STORE}/kubelet.key", Condition.MISSING),
    ]


def test_flags_decide_the_paths(tmp_path: Path) -> None:
    """--cert-dir moves the store where the configuration has the default; --root-dir does not (kubernetes#53317)."""
    proc(tmp_path)
    process(tmp_path, 700, "kubelet", "--root-dir=/data", "--cert-dir=/data/pki/", "--tls-cert-file=/data/tls.crt")
    rotate(tmp_path / "data/pki", Mint(), NOW)
    facts = read(tmp_path)
    assert (facts.store.path, facts.client.path) == ("/data/pki", "/data/pki/kubelet-client-current.pem")
    assert "/data/tls.crt" in [file.path for file in facts.files]
    assert (facts.kubeconfig, facts.bootstrap, facts.config) == (None, None, ())
    assert read(tmp_path, paths=Paths(store="/mine")).store.path == "/mine"


PLACES: dict[str, tuple[str, str, str]] = {
    "kubeadm": (CONF, STORE, "kubelet-client-current.pem"),
    "k0s": ("/var/lib/k0s/kubelet.conf", "/var/lib/k0s/kubelet/pki", "kubelet-client-current.pem"),
    "k3s": ("/var/lib/rancher/k3s/agent/kubelet.kubeconfig", "/var/lib/rancher/k3s/agent", "client-kubelet.crt"),
    "rke2": ("/var/lib/rancher/rke2/agent/kubelet.kubeconfig", "/var/lib/rancher/rke2/agent", "client-kubelet.crt"),
}


@pytest.mark.parametrize("distribution", PLACES)
def test_without_a_process_the_places_of_distributions_count(distribution: str, tmp_path: Path) -> None:
    """The first kubeconfig and the first store that exist, and the names that the files have there."""
    kubeconfig, store, name = PLACES[distribution]
    put(tmp_path, kubeconfig, KUBECONFIG)
    put(tmp_path, f"{store}/{name}", Mint().leaf().certificate)
    facts = read(tmp_path)
    assert facts.kubeconfig
    assert facts.kubeconfig.document.path == kubeconfig
    assert (facts.store.path, facts.client.path, facts.client.condition) == (store, f"{store}/{name}", Condition.READ)


def test_openshifts_kubelet_conf_is_its_configuration(tmp_path: Path) -> None:
    """By its kind: the kubeconfig then lies elsewhere."""
    put(tmp_path, CONF, CONFIG)
    put(tmp_path, "/var/lib/kubelet/kubeconfig", KUBECONFIG)
    facts = read(tmp_path)
    assert facts.kubeconfig
    assert facts.config
    assert (facts.kubeconfig.document.path, facts.config[0].document.path) == ("/var/lib/kubelet/kubeconfig", CONF)


def test_embedded_data_are_read_and_numbered(root: Path) -> None:
    """Certificates of what is embedded, of the key whether it is whole, and of neither a byte more."""
    leaf = Mint().leaf()
    data = [base64.b64encode(part).decode() for part in (leaf.certificate, leaf.key)]
    user = f"    client-certificate-data: {data[0]}\n    client-key-data: {data[1]}\n    token: {CANARY}\n"
    put(root, CONF, KUBECONFIG.partition("    client-certificate:")[0] + user)
    facts = read(root)
    found = facts.kubeconfig
    assert found
    assert found.authority
    assert found.certificate
    assert found.key
    assert [file.path for file in (found.authority, found.certificate, found.key)] == ["#1", "#2", "#3"]
    assert (found.certificate.condition, len(found.certificate.certificates)) == (Condition.READ, 1)
    assert (found.key.condition, found.key.certificates, found.key.key) == (Condition.KEY_ONLY, (), KeyBlock.WHOLE)
    assert found.has_token
    assert CANARY not in repr(facts)
    assert data[1][:20] not in repr(facts)


def test_drop_ins_are_walked_as_the_kubelet_does(root: Path) -> None:
    """Names that end in .conf, in folders as well, in their order; other names and links to folders are passed over."""
    process(root, 700, "kubelet", "--config=/c.yaml", "--config-dir=/etc/drop")
    put(root, "c.yaml", CONFIG)
    for name in ("20.conf", "10.conf", "15/a.conf", "30.yaml", "15/b.conf.bak", ".5.conf", "a b.conf"):
        put(root, f"etc/drop/{name}", f"{HEAD}rotateCertificates: false\n")
    put(root, "elsewhere/1.conf", HEAD)
    (root / "etc/drop/99").symlink_to("/elsewhere")
    found = read(root).config
    assert found
    names = ["/c.yaml", *(f"/etc/drop/{name}" for name in (".5.conf", "10.conf", "15/a.conf", "20.conf")), "?"]
    assert [file.document.path for file in found] == names
    assert [file.settings.rotate_certificates for file in found] == [True, *[False] * 4, None]
    assert found[-1].document.condition is DocumentCondition.UNREADABLE


@pytest.mark.parametrize("is_whole", [True, False])
def test_what_is_not_mounted_is_not_missing(is_whole: bool, root: Path) -> None:
    """Of a node of which single folders are mounted nobody can say that a file is missing where none is mounted."""
    (root / CONF[1:]).unlink()
    (root / "var/lib/kubelet/config.yaml").unlink()
    if not is_whole:
        (root / "usr/lib/os-release").unlink()
    facts = read(root)
    wanted = DocumentCondition.MISSING if is_whole else DocumentCondition.UNREADABLE
    assert facts.kubeconfig
    assert facts.config
    assert facts.bootstrap
    documents = (facts.kubeconfig.document, facts.bootstrap.document, facts.config[0].document)
    assert [document.condition for document in documents] == [wanted] * 3
    assert facts.files[-1].condition is Condition.MISSING  # the store is mounted: its files are there
    put(root, "etc/kubernetes/kubelet.conf.bak", "")
    facts = read(root)
    assert facts.kubeconfig
    assert facts.kubeconfig.document.condition is DocumentCondition.MISSING


@pytest.mark.skipif(not IS_ROOT, reason="only root mounts")
def test_a_file_that_is_mounted_by_itself_is_not_believed_once_another_took_its_name(root: Path) -> None:
    """The mount shows the old file for ever; it has no name any more."""
    aside = root.parent / "kubelet.conf"
    shutil.copy(root / CONF[1:], aside)
    script = 'mount --bind "$0" "$1"; show; mv "$1.new" "$2"; mv "$2" "$0"; show'
    show = (
        "from exporter.collect.local.transport import *; from exporter.config.settings import Paths;"
        f"f = LocalTransport(sleep=lambda _: None).read(Node('n', LocalAccess('{root}'), Paths()));"
        "print(f.kubeconfig.document.condition)"
    )
    shutil.copy(aside, f"{root}{CONF}.new")
    function = f'show() {{ {sys.executable} -c "{show}"; }}'
    paths = (str(aside), f"{root}{CONF}", str(aside.parent / "x"))
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-euc", f"{function}; {script}", *paths],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split() == ["read", "unreadable"]


DROP_INS: dict[str, tuple[Callable[[Path], object], DocumentCondition]] = {
    "missing": (lambda root: None, DocumentCondition.MISSING),
    "a loop": (lambda root: (root / "etc").symlink_to("/etc"), DocumentCondition.OUTSIDE_ROOT),
    "out of the root": (lambda root: (root / "etc").symlink_to("../../.."), DocumentCondition.OUTSIDE_ROOT),
    "many": (
        lambda root: [put(root, f"etc/drop/{number}.conf", HEAD) for number in range(20)],
        DocumentCondition.TOO_LARGE,
    ),
}


@pytest.mark.parametrize("case", DROP_INS)
def test_a_folder_of_drop_ins_that_is_not_read_to_its_end_is_told(case: str, tmp_path: Path) -> None:
    """The folder stands in the place of what was not seen: the kubelet does not start without it."""
    make, condition = DROP_INS[case]
    proc(tmp_path)
    process(tmp_path, 700, "kubelet", "--config-dir=/etc/drop")
    make(tmp_path)
    found = read(tmp_path).config
    assert found
    assert found[-1].document == Document("/etc/drop", condition)


def test_what_a_kubelet_that_starts_would_make_its_link_is_read(root: Path) -> None:
    """With no current, or a dangling one, the updated file; with a current it does not matter."""
    store = root / STORE[1:]
    put(root, f"{STORE}/kubelet-client-updated.pem", Mint().leaf().certificate)
    assert f"{STORE}/kubelet-client-updated.pem" not in [file.path for file in read(root).files]
    (store / CURRENT).unlink()
    found = read(root).pem(f"{STORE}/kubelet-client-updated.pem")
    assert found
    assert found.condition is Condition.READ


def test_files_of_the_serving_side_are_read(root: Path) -> None:
    """The newest two dated server files, the link, and the pairs beside it; each in one place alone."""
    store = root / STORE[1:]
    newest, *_ = [dated(store, NOW - age, Mint().leaf().certificate, "kubelet-server") for age in range(3)]
    (store / "kubelet-server-current.pem").symlink_to(f"{STORE}/{newest.name}")
    put(root, f"{STORE}/kubelet.crt", Mint().leaf().certificate)
    facts = read(root)
    assert facts.serving
    assert facts.serving.path == f"{STORE}/kubelet-server-current.pem"
    names = [file.path.rpartition("/")[2] for file in facts.files]
    assert len(names) == len(set(names))
    assert [name for name in names if name.startswith("kubelet")][-2:] == ["kubelet.crt", "kubelet.key"]
    assert sum(name.startswith("kubelet-server-2") for name in names) == 2


# Hostile documents.

HOSTILE: dict[str, tuple[Callable[[Path], object], DocumentCondition]] = {
    "five megabytes": (lambda file: file.write_bytes(b"a: b\n" * 1_000_000), DocumentCondition.TOO_LARGE),
    "a FIFO": (os.mkfifo, DocumentCondition.NOT_REGULAR),
    "a folder": (lambda file: file.mkdir(), DocumentCondition.NOT_REGULAR),
    "a loop of links": (lambda file: file.symlink_to(CONF), DocumentCondition.OUTSIDE_ROOT),
    "a link out of the root": (lambda file: file.symlink_to("../../../../etc/passwd"), DocumentCondition.OUTSIDE_ROOT),
    "a link to a device": (lambda file: file.symlink_to("/dev/zero"), DocumentCondition.MISSING),
    "random bytes": (lambda file: file.write_bytes(bytes(range(256)) * 100), DocumentCondition.INTRICATE),
    "a bomb": (lambda file: file.write_text("a: &a [b]\nc: &c [*a,*a]\n" * 100), DocumentCondition.INTRICATE),
    "very deep JSON": (lambda file: file.write_text('{"a":' * 50_000), DocumentCondition.INTRICATE),
    "nothing": (lambda file: file.touch(), DocumentCondition.EMPTY),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_document_is_told_at_once(case: str, root: Path) -> None:
    """Whatever stands in a document's place: its condition, without waiting and without a crash."""
    make, condition = HOSTILE[case]
    for path in (CONF, "/var/lib/kubelet/config.yaml"):
        (root / path[1:]).unlink()
        make(root / path[1:])
    done: list[NodeFacts] = []
    reader = threading.Thread(target=lambda: done.append(read(root)), daemon=True)
    began = time.monotonic()
    reader.start()
    reader.join(20)
    assert done, f"no answer after {time.monotonic() - began:.0f} s"
    kubeconfig, config = done[0].kubeconfig, done[0].config
    assert kubeconfig
    assert config
    if case == "a loop of links":  # the second is a link to the first
        condition = DocumentCondition.OUTSIDE_ROOT
    assert (kubeconfig.document.condition, config[0].document.condition) == (condition, condition)


@pytest.mark.skipif(not IS_ROOT, reason="changes its user, which only root may")
def test_an_ordinary_user_is_told_what_it_cannot_see() -> None:
    """Closed doors are told as such; what only root knows is not known."""
    with tempfile.TemporaryDirectory(prefix="kce-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        worker(root)
        put(root, "proc/700/environ", "TZ=UTC\0", 0o400)
        os.seteuid(65534)
        try:
            facts = read(root)
        finally:
            os.seteuid(0)
    assert facts.process
    assert facts.kubeconfig
    assert facts.store.folder
    assert (facts.process.sight, facts.process.zone) == (Sight.SEEN, None)
    assert facts.kubeconfig.document.condition is DocumentCondition.DENIED
    assert (facts.kubeconfig.document.writable, facts.store.folder.writable) == (None, None)
    assert (facts.client.condition, facts.client.key) == (Condition.DENIED, KeyBlock.UNSEEN)


# The folder.


@pytest.mark.skipif(not IS_ROOT, reason="only root knows what can be written")
def test_the_folder_is_told(root: Path) -> None:
    """Mode, owner, room and file system as stat and statvfs have them."""
    folder = read(root).store.folder
    found = (root / STORE[1:]).stat()
    assert folder
    assert (folder.mode, folder.uid, folder.gid, folder.writable) == (found.st_mode & 0o7777, 0, found.st_gid, True)
    assert folder.filesystem
    assert folder.bytes_free is not None


def test_a_node_that_mounts_its_store_read_only_says_so_in_its_own_table(root: Path) -> None:
    """The kubelet's own mount table counts where it is of this root, by the device; another's is passed over."""
    device = (root / STORE[1:]).stat().st_dev
    line = f"1 1 {os.major(device)}:{os.minor(device)} / {{}} {{}},relatime - ext4 /dev/vda rw\n"
    put(root, "proc/700/mountinfo", line.format("/", "rw") + line.format("/var/lib/kubelet", "ro"))
    folder, document = read(root).store.folder, read(root).config
    assert folder
    assert document
    assert (folder.filesystem, folder.read_only, folder.writable) == ("ext4", True, False)
    assert document[0].document.writable is False
    put(root, "proc/700/mountinfo", line.format("/", "ro").replace(f"{os.major(device)}:", "4000:"))
    folder = read(root).store.folder
    assert folder
    assert (folder.read_only, folder.writable) == (None, True if IS_ROOT else None)


TABLE = b"""\
25 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
26 25 0:24 / /var rw - tmpfs tmpfs ro,size=1k
27 25 0:25 / /var/lib ro,nosuid shared:5 - xfs /dev/vdb rw
28 25 0:26 / /var/lib rw - btrfs /dev/vdc rw,subvol=/x
nonsense
29 25 x:y / /var/lib/kubelet rw - ext4 x rw
"""
ABOVE = {
    "/": ("ext4", False),
    "/etc": ("ext4", False),
    "/var/log": ("tmpfs", True),
    "/var/lib/kubelet": ("btrfs", False),
}


@pytest.mark.parametrize("path", ABOVE)
def test_a_path_lies_on_the_longest_mount_point(path: str) -> None:
    """The last of two at one place, read-only by the mount or by the file system; lines that are none are skipped."""
    mount = mounts.above(TABLE, path)
    assert mount
    assert (mount.filesystem, mount.is_read_only) == ABOVE[path]
    assert mounts.above(b"", path) is None


def test_a_kubelet_in_its_own_mounts_is_read_below_its_root(root: Path) -> None:
    """In a copy of /proc its root is a link, which leads nowhere but below ours; the host's own files are not its."""
    inner = root / "var/lib/machines/kubelet"
    rotate(inner / STORE[1:], Mint(), NOW, rotations=1)
    for pid, namespace, its_root in ((1, "mnt:[1]", "/"), (700, "mnt:[2]", "/var/lib/machines/kubelet")):
        (root / f"proc/{pid}/ns").mkdir()
        (root / f"proc/{pid}/ns/mnt").symlink_to(namespace)
        (root / f"proc/{pid}/root").symlink_to(its_root)
    facts = read(root)
    assert facts.process
    assert facts.process.own_mounts
    assert (facts.store.dated_client, facts.client.condition) == (1, Condition.DANGLING)
    (root / "proc/700/root").unlink()
    (root / "proc/700/root").symlink_to("../../../../../../..")
    assert read(root).store.condition is DirectoryCondition.DENIED


@pytest.mark.skipif(not IS_ROOT, reason="namespaces need root")
def test_no_descriptor_is_left_open(root: Path) -> None:
    """Fifty visits of a whole node leave as many open descriptors as there were."""
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        read(root)
    assert len(os.listdir("/proc/self/fd")) == before
