"""What the node script says of a node, in every shell: the machine, the process, the kubelet's own files."""

from __future__ import annotations

import base64
import hashlib
import os
import resource
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.collect.answer import answer
from exporter.collect.documents.outline import lines_of
from exporter.collect.local.transport import LocalTransport
from exporter.collect.script import node_script
from exporter.config.settings import Paths
from exporter.demo.store import FileStore
from exporter.model.facts import DirectoryCondition
from exporter.model.files import Condition, KeyBlock
from exporter.model.host import Host, JournalLine, JournalSign, Process, Sight
from exporter.model.kubelet_files import DocumentCondition, KubeletSettings
from exporter.model.node import LocalAccess, Node
from tests.nodes import (
    ALONE,
    BOOTED,
    BOOTSTRAP,
    CLUSTER_CA,
    CONFIG,
    CONFIGURATION,
    KUBEADM,
    KUBECONFIG,
    LINK,
    SHELLS,
    STARTED_TICKS,
    STORE,
    NodeTree,
    base64_of,
    embedded,
    kubeconfig,
    run,
)
from tests.trees import CURRENT, NOW, dated, plain, unarmour

NOBODY = 65534
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="changes its user, which only root may")
IN_EACH_SHELL = pytest.mark.parametrize("shell", SHELLS)


@pytest.fixture
def tree(tmp_path: Path) -> NodeTree:
    """A healthy kubeadm worker."""
    return NodeTree.worker(tmp_path / "root")


# All of a node.


@IN_EACH_SHELL
def test_a_worker_is_told_whole(shell: str, tree: NodeTree) -> None:
    """Machine, process, store, kubelet.conf, configuration and every PEM file that they name are facts."""
    facts = tree.facts(shell)
    assert facts.host == Host(
        name="worker-1",
        system="debian",
        machine=hashlib.sha256(b"0123456789abcdef0123456789abcdef\n").hexdigest(),
        boot="81b21828-2f81-4d13-9e7a-a2385e964c43",
        booted=BOOTED,
        uptime=1000000.5,
    )
    assert facts.process == Process(
        sight=Sight.SEEN,
        name="kubelet",
        count=1,
        started=BOOTED + STARTED_TICKS / 100,
        uid=0,
        flags=(("bootstrap-kubeconfig", BOOTSTRAP), ("kubeconfig", KUBECONFIG), ("config", CONFIG)),
        zone="Asia/Tokyo",
    )
    assert (facts.client.condition, facts.client.key) == (Condition.READ, KeyBlock.WHOLE)
    assert facts.store.folder is not None
    assert (facts.store.folder.mode, facts.store.folder.bytes_free is not None) == (0o755, True)
    assert facts.kubeconfig is not None
    assert (facts.kubeconfig.document.condition, facts.kubeconfig.document.mode) == (DocumentCondition.READ, 0o600)
    assert facts.kubeconfig.server == "https://10.0.0.1:6443"
    assert (facts.kubeconfig.certificate, facts.kubeconfig.key) == (facts.client, facts.client)
    assert facts.kubeconfig.authority == facts.pem(CLUSTER_CA)
    assert facts.bootstrap is not None
    assert facts.bootstrap.document.condition is DocumentCondition.MISSING
    assert facts.config is not None
    assert [file.settings for file in facts.config] == [
        KubeletSettings(rotate_certificates=True, client_ca_file=CLUSTER_CA)
    ]
    assert {file.path: file.condition for file in facts.files} == {
        CLUSTER_CA: Condition.READ,
        f"{STORE}/kubelet.crt": Condition.MISSING,
        f"{STORE}/kubelet.key": Condition.MISSING,
    }
    assert (facts.journal, facts.pairs, facts.service) == (None, (), None)


def test_the_three_shells_give_one_answer(tree: NodeTree) -> None:
    """Byte for byte, but for the time and for the room that is free meanwhile."""
    answers = {
        b"\n".join(line for line in tree.output(shell).split(b"\n") if not line.startswith((b"time ", b"folder free ")))
        for shell in SHELLS
    }
    assert len(answers) == 1


@IN_EACH_SHELL
def test_the_machine_id_leaves_the_node_as_a_hash(shell: str, tree: NodeTree) -> None:
    """It is confidential (machine-id(5)): two nodes with one of them show, and nothing else."""
    host = tree.facts(shell).host
    assert host is not None
    assert len(host.machine) == 64
    assert b"0123456789abcdef0123456789abcdef" not in tree.output(shell)


@pytest.mark.parametrize("kind", ["fifo", "device", "directory"])
@IN_EACH_SHELL
def test_what_is_no_file_does_not_tell_the_system(shell: str, kind: str, tree: NodeTree) -> None:
    """A FIFO or a device that never ends is passed over, and the second place of that file counts."""
    tree.at("/etc/os-release").unlink()
    if kind == "fifo":
        os.mkfifo(tree.at("/etc/os-release"))
    elif kind == "device":
        tree.link("/etc/os-release", "/dev/zero")
    else:
        tree.at("/etc/os-release").mkdir()
    tree.write("/usr/lib/os-release", "ID=fedora\n")
    host = tree.facts(shell).host
    assert host is not None
    assert (host.system, host.booted) == ("fedora", BOOTED)


@IN_EACH_SHELL
def test_a_bare_node_is_told(shell: str, tmp_path: Path) -> None:
    """A root without anything gives an answer that says so."""
    facts = NodeTree(tmp_path / "root").facts(shell)
    assert facts.process == Process(Sight.ABSENT)
    assert (facts.store.condition, facts.client.condition) == (DirectoryCondition.MISSING, Condition.MISSING)
    assert (facts.kubeconfig, facts.bootstrap, facts.config) == (None, None, ())


# The process.

FLAGS: dict[str, tuple[tuple[str, ...], tuple[tuple[str, str], ...]]] = {
    "with an equals sign": (("--kubeconfig=/k",), (("kubeconfig", "/k"),)),
    "as the next word": (("--kubeconfig", "/k"), (("kubeconfig", "/k"),)),
    "a boolean alone": (
        ("--rotate-certificates", "--kubeconfig=/k"),
        (("rotate-certificates", "true"), ("kubeconfig", "/k")),
    ),
    "a boolean that is off": (("--rotate-server-certificates=false",), (("rotate-server-certificates", "false"),)),
    "twice": (("--config=/a", "--config=/b"), (("config", "/a"), ("config", "/b"))),
    "underscores": (("--bootstrap_kubeconfig=/k",), (("bootstrap-kubeconfig", "/k"),)),
    "behind the end of flags": (("--", "--config=/a"), ()),
    "no flag of ours": (("--token=secret", "--v=2", "--node-labels=a=b", "kubeconfig=/k", "-config=/k"), ()),
    "a flag that begins like ours": (("--kubeconfig-is-secret=/k",), ()),
    "no plain text": (
        ("--config=/a b", "--cert-dir=/$(id)", "--root-dir=/\x1b[2J"),
        (("config", "?"), ("cert-dir", "?"), ("root-dir", "?")),
    ),
    "a newline": (("--config=/a\n--kubeconfig=/evil",), (("config", "?"),)),
    "all of the list": (
        tuple(f"--{name}=/x" for name in ("cert-dir", "root-dir", "hostname-override", "tls-cert-file", "config-dir")),
        (
            ("cert-dir", "/x"),
            ("root-dir", "/x"),
            ("hostname-override", "/x"),
            ("tls-cert-file", "/x"),
            ("config-dir", "/x"),
        ),
    ),
    "without its value": (("--config",), ()),
    "empty": (("--bootstrap-kubeconfig=", "--config=/a"), (("bootstrap-kubeconfig", ""), ("config", "/a"))),
    "an empty word": (
        ("--hostname-override", "", "--kubeconfig=/k", "--config", ""),
        (("hostname-override", ""), ("kubeconfig", "/k"), ("config", "")),
    ),
    "empty words between": (("", "--kubeconfig=/k", "", "", "--config=/a"), (("kubeconfig", "/k"), ("config", "/a"))),
    "another flag as its value": (
        ("--hostname-override", "--token=secret", "--kubeconfig=-k", "--config", "--kubeconfig=/k"),
        (("hostname-override", "?"), ("kubeconfig", "?"), ("config", "?")),
    ),
    "a separator of ours": (("--config=/a\x1e--kubeconfig=/evil",), (("config", "?"),)),
}


@pytest.mark.parametrize("name", FLAGS)
@IN_EACH_SHELL
def test_flags_of_the_list_alone_are_told(shell: str, name: str, tmp_path: Path) -> None:
    """Each in its order, by its value where that is plain text; nothing else of the command line."""
    arguments, flags = FLAGS[name]
    tree = NodeTree(tmp_path / "root")
    tree.process(7, ("/usr/bin/kubelet", *arguments))
    output = tree.output(shell)
    process = answer.parse(output, Paths(), NOW, NOW).process
    assert process is not None
    assert process.flags == flags
    assert b"secret" not in output


# Name, user and start of processes 11, 12, ...; then which of them is the kubelet, and how many are called so.
PROCESSES: dict[str, tuple[tuple[tuple[str, int, int], ...], str, int, int]] = {
    "one": ((("kubelet", 0, 500),), "kubelet", 500, 1),
    "k3s": ((("containerd", 0, 1), ("k3s-server", 0, 500)), "k3s-server", 500, 1),
    "kubelet before k0s": ((("k0s", 0, 400), ("kubelet", 0, 500)), "kubelet", 500, 1),
    "the oldest": ((("kubelet", 0, 900), ("kubelet", 0, 500), ("kubelet", 0, 700)), "kubelet", 500, 3),
    "an impostor": ((("kubelet", 1000, 1), ("kubelet", 0, 900)), "kubelet", 900, 2),
    "an impostor beside k3s": ((("kubelet", 1000, 1), ("k3s-agent", 0, 900)), "k3s-agent", 900, 1),
    "no root at all": ((("kubelet", 1000, 100),), "kubelet", 100, 1),
    "a name with another inside": ((("kubelet2", 0, 1), ("my-kubelet", 0, 2), ("kubelet", 0, 300)), "kubelet", 300, 1),
}


@pytest.mark.parametrize("name", PROCESSES)
@IN_EACH_SHELL
def test_which_process_is_the_kubelet(shell: str, name: str, tmp_path: Path) -> None:
    """Root's first, then one called kubelet, then the oldest: nobody's program of that name takes its place."""
    processes, called, ticks, count = PROCESSES[name]
    tree = NodeTree(tmp_path / "root")
    for number, (its_name, uid, its_ticks) in enumerate(processes, 11):
        tree.process(number, (f"/usr/bin/{its_name}",), its_name, uid, its_ticks)
    process = tree.facts(shell).process
    assert process is not None
    assert (process.name, process.started, process.count) == (called, BOOTED + ticks / 100, count)


@IN_EACH_SHELL
def test_a_zombie_is_no_kubelet(shell: str, tree: NodeTree) -> None:
    """A kubelet that has ended and was not waited for does not run."""
    where = tree.at("/proc/100/stat")
    where.write_text(where.read_text().replace(") S ", ") Z "))
    assert tree.facts(shell).process == Process(Sight.ABSENT)


@IN_EACH_SHELL
def test_hyperkube_is_a_kubelet_where_it_says_so(shell: str, tmp_path: Path) -> None:
    """One program for all components: its first argument tells."""
    tree = NodeTree(tmp_path / "root")
    tree.process(7, ("/hyperkube", "kube-proxy", "--config=/p"), "hyperkube", ticks=1)
    assert tree.facts(shell).process == Process(Sight.ABSENT)
    tree.process(8, ("/hyperkube", "kubelet", "--config=/k"), "hyperkube")
    process = tree.facts(shell).process
    assert process is not None
    assert (process.name, process.flags) == ("hyperkube", (("config", "/k"),))


@IN_EACH_SHELL
def test_flags_of_another_program_are_none_of_the_kubelets(shell: str, tmp_path: Path) -> None:
    """k3s has a --config of its own; the distribution's places count."""
    tree = NodeTree(tmp_path / "root")
    tree.process(
        7, ("/usr/bin/k3s", "agent", "--config=/etc/rancher/k3s/config.yaml", "--token", "K10secret"), "k3s-agent"
    )
    agent = "/var/lib/rancher/k3s/agent"
    leaf = tree.mint.leaf()
    tree.write(f"{agent}/client-kubelet.crt", leaf.certificate)
    tree.write(f"{agent}/client-kubelet.key", leaf.key)
    tree.write(f"{agent}/serving-kubelet.crt", tree.mint.leaf().certificate)
    pair = f"client-certificate: {agent}/client-kubelet.crt\n    client-key: {agent}/client-kubelet.key"
    tree.write(f"{agent}/kubelet.kubeconfig", kubeconfig(pair, f"certificate-authority: {agent}/server-ca.crt"))
    facts = tree.facts(shell)
    assert facts.process is not None
    assert (facts.process.name, facts.process.flags) == ("k3s-agent", ())
    assert (facts.store.path, facts.client.path) == (agent, f"{agent}/client-kubelet.crt")
    assert facts.client.certificates == (unarmour(leaf.certificate),)
    assert facts.serving is not None
    assert facts.serving.path == f"{agent}/serving-kubelet.crt"
    assert facts.kubeconfig is not None
    assert facts.kubeconfig.key is not None
    assert facts.kubeconfig.key.key is KeyBlock.WHOLE
    assert facts.kubeconfig.authority is not None
    assert facts.kubeconfig.authority.condition is Condition.MISSING


@IN_EACH_SHELL
def test_a_disk_without_proc_hides_processes(shell: str, tree: NodeTree) -> None:
    """Where no process at all is to be seen, none is missing."""
    shutil.rmtree(tree.at("/proc"))
    assert tree.facts(shell).process == Process(Sight.HIDDEN)


@IN_EACH_SHELL
def test_flags_are_remembered_while_the_kubelet_is_down(shell: str, tmp_path: Path) -> None:
    """Flags of an earlier visit decide what is read where no process is seen; a process that is seen counts alone."""
    tree = NodeTree(tmp_path / "root")
    tree.rotate(1, "/data/pki")
    tree.write("/data/kubelet.conf", kubeconfig())
    flags = (("cert-dir", "/data/pki"), ("kubeconfig", "/data/kubelet.conf"))
    output = tree.output(shell, flags=flags)
    facts = answer.parse(output, Paths(), NOW, NOW, flags)
    assert facts.process == Process(Sight.ABSENT, flags=flags, remembered=True)
    assert (facts.store.path, facts.client.condition) == ("/data/pki", Condition.READ)
    assert facts.kubeconfig is not None
    assert facts.kubeconfig.document.path == "/data/kubelet.conf"
    tree.process(7, ("/usr/bin/kubelet", "--cert-dir=/elsewhere"))
    facts = answer.parse(tree.output(shell, flags=flags), Paths(), NOW, NOW, flags)
    assert facts.process is not None
    assert (facts.process.flags, facts.process.remembered) == ((("cert-dir", "/elsewhere"),), False)
    assert (facts.store.path, facts.kubeconfig) == ("/elsewhere", None)


def test_an_installed_script_remembers_nothing() -> None:
    """It is printed once and runs for years."""
    flags = (("cert-dir", "/data/pki"),)
    assert "FLAGS=''\n" in node_script(Paths(), "/usr/local/libexec/script", flags=flags)
    assert "FLAGS='cert-dir /data/pki'\n" in node_script(Paths(), flags=flags)


# Where things are.


@IN_EACH_SHELL
def test_a_configured_folder_wins_over_the_flag(shell: str, tree: NodeTree) -> None:
    """The kubelet's --cert-dir counts where the configuration has the default, and there alone."""
    tree.rotate(1, "/data/pki")
    tree.process(100, (*KUBEADM, "--cert-dir=/data/pki/"))
    moved = tree.facts(shell)
    assert (moved.store.path, moved.client.path) == ("/data/pki", f"/data/pki/{CURRENT}")
    assert moved.client.condition is Condition.READ
    other = tree.facts(shell, Paths(store="/var/lib/../lib/kubelet/pki"))
    assert other.store.path == "/var/lib/../lib/kubelet/pki"
    named = tree.facts(shell, Paths(client_certificate=LINK))
    assert (named.store.path, named.client.path) == ("/data/pki", f"/data/pki/{CURRENT}")


@IN_EACH_SHELL
def test_openshifts_kubelet_conf_is_a_configuration(shell: str, tmp_path: Path) -> None:
    """Without flags the first of the distributions' places that exists counts, by what it is."""
    tree = NodeTree(tmp_path / "root")
    tree.write(KUBECONFIG, CONFIGURATION)
    tree.write("/var/lib/kubelet/kubeconfig", kubeconfig())
    tree.write("/etc/kubernetes/kubeconfig", kubeconfig("token: secret"))
    facts = tree.facts(shell)
    assert facts.config is not None
    assert [file.document.path for file in facts.config] == [KUBECONFIG]
    assert facts.kubeconfig is not None
    assert facts.kubeconfig.document.path == "/var/lib/kubelet/kubeconfig"
    assert facts.bootstrap is not None
    assert facts.bootstrap.has_token


@IN_EACH_SHELL
def test_a_standalone_kubelet_has_no_kubeconfig(shell: str, tree: NodeTree) -> None:
    """A kubelet whose flags name none uses none, whatever lies in the distributions' places."""
    tree.process(100, ("/usr/bin/kubelet", "--pod-manifest-path=/etc/kubernetes/manifests"))
    facts = tree.facts(shell)
    assert (facts.kubeconfig, facts.bootstrap, facts.config) == (None, None, ())


@IN_EACH_SHELL
def test_links_stay_below_the_root(shell: str, tree: NodeTree, tmp_path: Path) -> None:
    """An absolute link, of a folder or of a file, begins at the node's root; one that climbs out leads nowhere."""
    secret = plain(tmp_path / "outside.pem", tree.mint.leaf().certificate)
    tree.at(STORE).rename(tree.at("/var/lib/kubelet/other"))
    tree.link(STORE, "/var/lib/kubelet/other")
    tree.link("/etc/kubernetes/pki/loop.crt", "loop.crt")
    tree.link("/etc/kubernetes/pki/outside.crt", f"../../../../{secret.name}")
    tree.link("/etc/kubernetes/pki/absolute.crt", str(secret))
    tree.link("/etc/kubernetes/pki/relative.crt", "../pki/./ca.crt")
    for name in ("loop", "outside", "absolute", "relative"):
        tree.process(100, (*KUBEADM, f"--client-ca-file=/etc/kubernetes/pki/{name}.crt"))
        facts = tree.facts(shell)
        assert facts.client.condition is Condition.READ
        file = facts.pem(f"/etc/kubernetes/pki/{name}.crt")
        assert file is not None
        assert (name, file.condition) == (
            name,
            {
                "loop": Condition.OUTSIDE_ROOT,
                "outside": Condition.OUTSIDE_ROOT,
                "absolute": Condition.DANGLING,
                "relative": Condition.READ,
            }[name],
        )


# The kubelet's own files.


def test_embedded_data_are_decoded_on_the_node(tree: NodeTree) -> None:
    """Certificates come out whole; of the key, whether it is whole and nothing else."""
    pair = tree.mint.leaf()
    authority = f"certificate-authority-data: {base64_of(tree.at(CLUSTER_CA).read_bytes())}"
    tree.write(KUBECONFIG, kubeconfig(embedded(pair), authority))
    for shell in SHELLS:
        found = tree.facts(shell).kubeconfig
        assert found is not None
        assert found.certificate is not None
        assert found.authority is not None
        assert found.key is not None
        assert found.certificate.certificates == (unarmour(pair.certificate),)
        assert found.authority.condition is Condition.READ
        assert (found.key.condition, found.key.key, found.key.certificates) == (Condition.KEY_ONLY, KeyBlock.WHOLE, ())


DOCUMENTS: dict[str, tuple[str | bytes | None, DocumentCondition]] = {
    "good": (CONFIGURATION, DocumentCondition.READ),
    "crlf": (CONFIGURATION.replace("\n", "\r\n"), DocumentCondition.READ),
    "a byte order mark": ("\ufeff" + CONFIGURATION, DocumentCondition.READ),
    "json": (
        '{"kind": "KubeletConfiguration", "apiVersion": "kubelet.config.k8s.io/v1beta1",\n "x": [1, {"y": {}}]}',
        DocumentCondition.READ,
    ),
    "missing": (None, DocumentCondition.MISSING),
    "empty": (b"", DocumentCondition.EMPTY),
    "comments": ("# nothing\n\n---\n", DocumentCondition.EMPTY),
    "no yaml": (CONFIGURATION + "kind: a: b\n", DocumentCondition.BROKEN),
    "an anchor": (CONFIGURATION + "x: &x\n", DocumentCondition.INTRICATE),
    "a bomb": ("a: &a [x,x]\n" + "".join(f"b{n}: &b{n} [*a,*a]\n" for n in range(50)), DocumentCondition.INTRICATE),
    "a flow": (CONFIGURATION + "x: {a: b}\n", DocumentCondition.INTRICATE),
    "another kind": (kubeconfig(), DocumentCondition.BROKEN),
    "many lines": ("kind: x\n" * 700, DocumentCondition.INTRICATE),
    "five megabytes": (b"a: b\n" * 1_000_000, DocumentCondition.TOO_LARGE),
    "one long line": (b"a: " + b"b" * 600_000, DocumentCondition.TOO_LARGE),
    "zeros": (bytes(4000), DocumentCondition.BROKEN),
    "binary": (bytes(range(256)) * 20, DocumentCondition.INTRICATE),
    "deep": ("".join(" " * depth + "a:\n" for depth in range(200)), DocumentCondition.INTRICATE),
}


@pytest.mark.parametrize("name", DOCUMENTS)
@IN_EACH_SHELL
def test_what_a_configuration_file_is_found_to_be(shell: str, name: str, tree: NodeTree) -> None:
    """Whatever stands there gives a condition: never a crash, never a hang."""
    content, condition = DOCUMENTS[name]
    tree.at(CONFIG).unlink()
    if content is not None:
        tree.write(CONFIG, content)
    facts = tree.facts(shell)
    assert facts.config is not None
    assert [file.document.condition for file in facts.config] == [condition]


@pytest.mark.parametrize("kind", ["fifo", "directory", "device", "dangling", "relative"])
@IN_EACH_SHELL
def test_what_is_no_file_is_not_opened(shell: str, kind: str, tree: NodeTree) -> None:
    """A FIFO, a folder or a device in a file's place is told, and nobody waits for it; nor is a link to nowhere."""
    tree.at(CONFIG).unlink()
    wanted = DocumentCondition.NOT_REGULAR
    match kind:
        case "fifo":
            os.mkfifo(tree.at(CONFIG))
        case "directory":
            tree.at(CONFIG).mkdir()
        case "device":
            os.mkfifo(tree.at("/zero"))
            tree.link(CONFIG, "/zero")
        case "dangling":
            tree.link(CONFIG, "/nowhere")
            wanted = DocumentCondition.MISSING
        case "relative":
            tree.process(100, ("/usr/bin/kubelet", "--config=config.yaml"))
            wanted = DocumentCondition.UNREADABLE
    facts = tree.facts(shell)
    assert facts.config is not None
    assert [file.document.condition for file in facts.config] == [wanted]


@IN_EACH_SHELL
def test_drop_ins_come_in_the_kubelets_order(shell: str, tree: NodeTree) -> None:
    """Names that end in .conf, by name, also below folders; others are passed over, and too many are told."""
    tree.process(100, (*KUBEADM, "--config-dir=/etc/kubelet.d"))
    for name in ("20-b.conf", "10-a.conf", "15/x.conf", "15-c.conf", "readme.txt", "bad name.conf"):
        tree.write(f"/etc/kubelet.d/{name}", CONFIGURATION)
    facts = tree.facts(shell)
    assert facts.config is not None
    assert [file.document.path.removeprefix("/etc/kubelet.d/") for file in facts.config[1:]] == [
        *("10-a.conf", "15/x.conf", "15-c.conf", "20-b.conf", "?")
    ]
    for number in range(30):
        tree.write(f"/etc/kubelet.d/30-{number}.conf", CONFIGURATION)
    facts = tree.facts(shell)
    assert facts.config is not None
    assert DocumentCondition.TOO_LARGE in [file.document.condition for file in facts.config]


PIECES = st.sampled_from(
    [
        *("kind: Config", "kind : x", "server: https://h:1", "server: http://u:p@h", "token: abc", "name: 'a b'"),
        *("exec:", "  command: a", "  - command: b", "  args:", "    - name: c", "    command: d", "token:"),
        *("users:", "- name: x", "-   user:", "  - a", "- a: b: c", "a: b: c", "x: &a y", "y: *a", "<<: *a", "z: |"),
        *(
            '"kind": "Config"',
            "'name': ''",
            'x: "a\\"b"',
            'x: "open',
            "rotateCertificates: true # now",
            "x: #c",
            "x#c: y",
        ),
        *(
            "rotateCertificates: 'true'",
            "featureGates: {}",
            "x: []",
            "x: {a: b}",
            "x: [1,",
            "]",
            "---",
            "...",
            "%a",
            "# c",
        ),
        *(
            "client-key-data: QUJD",
            "client-key-data: QUJ",
            "\tx: y",
            "\t# c",
            "x: y\t",
            "x:\ty",
            "text",
            "- text",
            "-",
            "- - a",
        ),
        *("x: null", "x: ~", "- null", "x: -1", "x: - y", "? x", "@x: y", "x: \x1b[2J", "é: ü", "a.b/c: d", "", "   "),
        *('{"a": {"kind": "x", "users": [{"name": "y"}, 1, []]}}', "{", "}", "{}", "{'a': b}"),
    ]
)
TEXTS = st.lists(st.tuples(st.sampled_from([0, 0, 2, 4, 5]), PIECES), max_size=8).map(
    lambda lines: "\n".join(" " * indent + piece for indent, piece in lines)
)


@given(st.lists(TEXTS, min_size=16, max_size=16), st.sampled_from(sorted(SHELLS)))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_both_readers_pick_documents_apart_alike(tmp_path: Path, texts: list[str], shell: str) -> None:
    """Whatever a document is made of, the script's outline is the one that the local reader makes."""
    tree = NodeTree(tmp_path / "root")
    tree.process(7, ("/usr/bin/kubelet", "--config-dir=/etc/d"))
    wanted, data = [], 0
    for number, text in enumerate(texts):
        tree.write(f"/etc/d/{number:02}.conf", text)
        condition, lines = lines_of(text.encode(), lambda _key, _data: "#") if text else (DocumentCondition.EMPTY, ())
        data += sum(line.value == "#" for line in lines)
        shown = [f"line {line.indent} {'-' if line.is_item else '.'} {line.key} {line.value}" for line in lines]
        wanted.append((f"document drop_in {condition} /etc/d/{number:02}.conf", shown))
    if data > 12:
        return
    got: list[tuple[str, list[str]]] = []
    for line in tree.output(shell).decode("ascii").split("\n"):
        if line.startswith("document "):
            got.append((line, []))
        elif line.startswith("line "):
            got[-1][1].append(line.rstrip("0123456789") if " #" in line else line)
    assert sorted(got) == sorted(wanted)


# What a node with much of it costs.

PATIENCE = 3.0  # seconds of CPU, of which a tenth is used on a slow machine; what grows with the square takes more


def spent(tree: NodeTree, shell: str) -> tuple[bytes, float]:
    """What the script prints, and the CPU of the shell and of all that it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    output = tree.output(shell)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return output, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@IN_EACH_SHELL
def test_a_store_of_forty_thousand_files_takes_no_long_time(shell: str, tree: NodeTree) -> None:
    """All are counted; the newest by name are listed and read, as by the local reader."""
    folder = tree.at(STORE)
    there = len(list(folder.glob("kubelet-client-2*")))
    for kind, count in (("client", 40_000), ("server", 100)):
        for number in range(count):
            os.mknod(folder / f"kubelet-{kind}-2025-01-01-{number:06}.pem", 0o600)
    output, seconds = spent(tree, shell)
    facts = answer.parse(output, Paths(), NOW, NOW)
    mounted = LocalTransport(sleep=lambda _: None).read(Node("worker-1", LocalAccess(str(tree.root)), Paths()))
    assert seconds < PATIENCE
    assert (facts.store.dated_client, facts.store.dated_server) == (40_000 + there, 100)
    assert [entry.name for entry in facts.store.entries] == [entry.name for entry in mounted.store.entries]
    assert facts.store.newest == mounted.store.newest


COSTLY = {
    "json": '{"kind": "x", "a": [' + "1, " * 5_000 + "1]}",
    "json in lines": '{"kind": "x", "a": [\n' + "1,\n" * 5_000 + "1]}",
    "json of texts": '{"kind": "x", "a": [' + '"b", ' * 3_000 + '"b"]}',
    "json of quotes": '{"kind": "x", "a": "' + '\\"' * 8_000 + '"}',
    "json beyond measure": '{"kind": "x", "a": [' + '"b", ' * 12_000 + '"b"]}',
    "quotes": 'a: "' + '\\"' * 200_000 + '"',
    "single quotes": "a: '" + "''" * 200_000 + "'",
    "backslashes": 'a: "' + "\\" * 400_000 + '"',
    "quoted": 'a: "' + "b" * 400_000 + '"',
}


@pytest.mark.parametrize("name", COSTLY)
@IN_EACH_SHELL
def test_a_document_takes_no_long_time(shell: str, name: str, tree: NodeTree) -> None:
    """Whatever a configuration is made of it is told soon, as the local reader tells it."""
    tree.write(CONFIG, COSTLY[name])
    output, seconds = spent(tree, shell)
    facts = answer.parse(output, Paths(), NOW, NOW)
    mounted = LocalTransport(sleep=lambda _: None).read(Node("worker-1", LocalAccess(str(tree.root)), Paths()))
    assert seconds < PATIENCE
    assert facts.config == mounted.config


# PEM files.


def _pem_tree(tree: NodeTree, content: bytes) -> None:
    tree.write(CLUSTER_CA, content)


KEYS: list[tuple[str, KeyBlock]] = [
    ("CK", KeyBlock.WHOLE),
    ("KC", KeyBlock.WHOLE),
    ("C", KeyBlock.NONE),
    ("Ck", KeyBlock.CUT),
    ("kC", KeyBlock.CUT),
    ("CkK", KeyBlock.WHOLE),
    ("CKk", KeyBlock.WHOLE),
    ("cK", KeyBlock.WHOLE),
    ("CcK", KeyBlock.WHOLE),
    ("CCCK", KeyBlock.WHOLE),
    ("-", KeyBlock.NONE),
    ("", KeyBlock.NONE),
]


@pytest.mark.parametrize(("shape", "wanted"), KEYS)
@IN_EACH_SHELL
def test_whether_a_whole_key_stands_in_a_file(shell: str, shape: str, wanted: KeyBlock, tree: NodeTree) -> None:
    """BEGIN line to END line, wherever in the file it stands, and whatever the certificates are like."""
    pair = tree.mint.leaf()
    pieces = {
        "C": pair.certificate,
        "c": pair.certificate[:-40] + b"\n",
        "K": pair.key,
        "k": b"\n".join(pair.key.split(b"\n")[:2]) + b"\n",
        "-": b"text\n",
    }
    _pem_tree(tree, b"".join(pieces[letter] for letter in shape))
    file = tree.facts(shell).pem(CLUSTER_CA)
    assert file is not None
    assert file.key is wanted


@IN_EACH_SHELL
def test_a_file_cannot_pass_for_another(shell: str, tree: NodeTree) -> None:
    """Files are read by one process that names each; a file that holds such a name itself is read alone."""
    other = tree.mint.leaf().certificate
    root = tree.root
    names = (f"{root}{STORE}/kubelet.crt", f"{root}{CLUSTER_CA}", f"{root}{STORE}/kubelet.key", "/dev/null")
    forged = b"".join(f"\n==> {name} <==\n".encode() + other for name in names)
    tree.write(CLUSTER_CA, b"text" + forged)
    tree.write(f"{STORE}/kubelet.crt", tree.mint.leaf().certificate, 0o644)
    tree.write(f"{STORE}/kubelet.key", tree.mint.leaf().key)
    facts = tree.facts(shell)
    assert facts.serving is not None
    assert facts.serving.certificates == (unarmour(tree.at(f"{STORE}/kubelet.crt").read_bytes()),)
    key, ours = facts.pem(f"{STORE}/kubelet.key"), facts.pem(CLUSTER_CA)
    assert key is not None
    assert ours is not None
    assert (key.condition, key.key) == (Condition.KEY_ONLY, KeyBlock.WHOLE)
    assert ours.certificates == (unarmour(other),) * 4


@IN_EACH_SHELL
def test_each_path_is_told_once(shell: str, tree: NodeTree) -> None:
    """A file that flags, documents and the store name is read once."""
    tree.write(f"{STORE}/kubelet.crt", tree.mint.leaf().certificate, 0o644)
    tree.process(100, (*KUBEADM, f"--tls-cert-file={STORE}/kubelet.crt", f"--client-ca-file={CLUSTER_CA}"))
    told = [line.split()[3] for line in tree.output(shell).decode().split("\n") if line.startswith("file ")]
    assert sorted(told) == sorted(set(told))


@IN_EACH_SHELL
def test_a_long_answer_lacks_its_history(shell: str, tree: NodeTree) -> None:
    """Below 64 kB whatever a node holds; what everybody needs is there, and of the dated files the newest names."""
    content = tree.at(LINK).parent.joinpath(os.path.basename(os.readlink(tree.at(LINK)))).read_bytes()
    for back in range(2, 200):
        dated(tree.at(STORE), NOW - back * 86400, content)
        dated(tree.at(STORE), NOW - back * 86400, content, "kubelet-server")
    many = "".join(f"a{number}: b\n" for number in range(550))
    tree.process(100, (*KUBEADM, "--config-dir=/etc/d"))
    for number in range(10):
        tree.write(f"/etc/d/{number}.conf", many)
    _pem_tree(tree, b"".join(tree.mint.leaf().certificate for _ in range(25)))
    output = tree.output(shell)
    assert len(output) < 64_000
    facts = answer.parse(output, Paths(), NOW, NOW)
    assert facts.client.condition is Condition.READ
    assert facts.kubeconfig is not None
    assert facts.kubeconfig.document.condition is DocumentCondition.READ
    assert facts.store.dated_client > 190
    names = [entry.name for entry in facts.store.entries]
    assert os.path.basename(os.readlink(tree.at(LINK))) in names


@IN_EACH_SHELL
def test_a_bundle_that_is_too_large_to_tell_is_told_as_such(shell: str, tree: NodeTree) -> None:
    """Sixty certificates in one file fill no answer."""
    certificate = tree.mint.leaf().certificate
    _pem_tree(tree, certificate * 60)
    file = tree.facts(shell).pem(CLUSTER_CA)
    assert file is not None
    assert (file.condition, file.certificates) == (Condition.TOO_LARGE, ())


# What is asked for.


@IN_EACH_SHELL
def test_pairs_are_compared_where_that_is_asked_for(shell: str, tree: NodeTree) -> None:
    """A yes or no for the store's pair, for two files and for embedded data; nothing without compare_keys."""
    pair, other = tree.mint.leaf(), tree.mint.leaf()
    tree.write(KUBECONFIG, kubeconfig(embedded(pair)))
    tree.write(
        BOOTSTRAP,
        kubeconfig(
            f"client-certificate-data: {base64_of(pair.certificate)}\n    client-key-data: {base64_of(other.key)}"
        ),
    )
    tree.write("/etc/s.crt", pair.certificate)
    tree.write("/etc/s.key", other.key)
    tree.process(100, (*KUBEADM, "--tls-cert-file=/etc/s.crt", "--tls-private-key-file=/etc/s.key"))
    assert set(tree.facts(shell, compare=True).pairs) == {
        ("#1", "#2", True),
        ("#3", "#4", False),
        (LINK, LINK, True),
        ("/etc/s.crt", "/etc/s.key", False),
    }
    assert tree.facts(shell).pairs == ()


JOURNAL = Path(__file__).parent / "data" / "journal.txt"  # lines as kubelets of 1.20 to 1.37 write them


@IN_EACH_SHELL
def test_signs_of_the_journal_are_counted(shell: str, tmp_path: Path) -> None:
    """Lines are known by the beginning of their message and told as counts; nothing without `journal`."""
    program = tmp_path / "bin" / "journalctl"
    program.parent.mkdir()
    plain(program, f"#!/bin/sh\ncat '{JOURNAL}'\n".encode(), mode=0o755)
    paths = Paths(store=str(tmp_path / "pki"))
    text = node_script(paths, journal=True).replace("\nPATH=", f"\nPATH={program.parent}:")
    facts = answer.parse(run(shell, text, before=ALONE), paths, NOW, NOW)
    assert facts.journal == (
        JournalLine(JournalSign.NOT_SIGNED, 1),
        JournalLine(JournalSign.UNAUTHORIZED, 3),
        JournalLine(JournalSign.UNKNOWN_AUTHORITY, 1),
        JournalLine(JournalSign.BACKOFF, 1),
        JournalLine(JournalSign.ROTATED, 1),
    )
    without = node_script(paths).replace("\nPATH=", f"\nPATH={program.parent}:")
    assert answer.parse(run(shell, without, before=ALONE), paths, NOW, NOW).journal is None
    plain(program, b"#!/bin/sh\nexit 1\n", mode=0o755)
    assert answer.parse(run(shell, text, before=ALONE), paths, NOW, NOW).journal is None


# Who asks, and what never leaves.


@AS_ROOT
@IN_EACH_SHELL
def test_an_ordinary_user_says_what_was_not_seen(shell: str, tree: NodeTree) -> None:
    """Listing, process and open files remain; closed ones are denied, and what root alone can know is unknown."""
    for folder, _, _ in os.walk(tree.root):
        os.chmod(folder, 0o755)
    tree.root.parent.chmod(0o755)
    for parent in tree.root.parents:
        if parent.stat().st_uid == os.geteuid() and parent not in (Path("/"), Path("/tmp")):
            parent.chmod(parent.stat().st_mode | 0o011)
    for name in ("comm", "cmdline", "stat", "status"):
        tree.at(f"/proc/100/{name}").chmod(0o444)
    tree.at("/proc/stat").chmod(0o444)
    facts = tree.facts(shell, user=NOBODY)
    assert facts.uid == NOBODY
    assert (facts.client.condition, facts.client.key) == (Condition.DENIED, KeyBlock.UNSEEN)
    assert facts.store.dated_client == 3
    assert facts.store.folder is not None
    assert facts.store.folder.writable is None
    assert facts.process is not None
    assert (facts.process.sight, facts.process.zone) == (Sight.SEEN, None)
    assert facts.kubeconfig is not None
    assert (facts.kubeconfig.document.condition, facts.kubeconfig.document.writable) == (DocumentCondition.DENIED, None)
    assert facts.config is not None
    assert facts.config[0].settings.rotate_certificates is True


CANARY = "CANARY4711"


@IN_EACH_SHELL
def test_no_secret_leaves_the_node(shell: str, tree: NodeTree) -> None:
    """Not a token, a password, a key or a word of command line or environment, wherever it stands; nor its base64."""
    pair = tree.mint.leaf()
    user = f"{embedded(pair)}\n    token: {CANARY}\n    username: {CANARY}\n    password: {CANARY}\n    other: {CANARY}"
    tree.write(KUBECONFIG, f"# {CANARY}\n" + kubeconfig(user).replace("https://", f"https://u:{CANARY}@"))
    tree.write(BOOTSTRAP, kubeconfig(f"token: {CANARY}").replace("kind: Config", f"kind: Config\nextensions: {CANARY}"))
    tree.write(CONFIG, CONFIGURATION + f"staticPodURLHeader:\n  Authorization:\n  - {CANARY}\n{CANARY}: x\n")
    tree.write(f"{STORE}/kubelet.key", f"{CANARY}\n".encode() + tree.mint.leaf().key)
    tree.write(f"{STORE}/{CANARY}.key", tree.mint.leaf().key)
    tree.write(CLUSTER_CA, f"Bag Attributes {CANARY}\n".encode() + tree.mint.leaf().certificate)
    tree.process(100, (*KUBEADM, "--token", CANARY, f"--cloud-config={CANARY}", CANARY))
    tree.write("/proc/100/environ", f"SECRET={CANARY}\0TZX={CANARY}\0TZ=UTC\0PASSWORD={CANARY}\0")
    output = tree.output(shell, compare=True)
    assert answer.parse(output, Paths(), NOW, NOW).kubeconfig is not None
    assert CANARY.encode() not in output
    for key in tree.mint.keys:
        body = unarmour(key)
        assert base64.b64encode(body)[:40] not in output.replace(b"\n", b"")
        assert base64.b64encode(key)[:40] not in output
    assert not any(line in output for line in tree.mint.key_lines())
    assert b"PRIVATE" not in output


@IN_EACH_SHELL
def test_nothing_is_written(shell: str, tree: NodeTree) -> None:
    """No name, size or time below the node's root changes."""

    def listing() -> dict[str, tuple[int, int, int]]:
        found = {}
        for folder, names, files in os.walk(tree.root):
            for name in (".", *names, *files):
                seen = os.lstat(os.path.join(folder, name))
                found[os.path.join(folder, name)] = (seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
        return found

    before = listing()
    tree.output(shell, compare=True)
    assert listing() == before


def test_a_serving_store_is_read(tree: NodeTree) -> None:
    """The serving link, and the newest dated server files beside it."""
    server = FileStore(tree.at(STORE), "kubelet-server")
    for moment in (NOW - 500, NOW - 400, NOW - 300):
        server.update(tree.mint.issue("system:node:worker-1", moment, moment + 1000, serving=True), moment)
    target = os.path.basename(os.readlink(server.current))
    server.current.unlink()
    server.current.symlink_to(f"{STORE}/{target}")
    for shell in SHELLS:
        facts = tree.facts(shell)
        assert facts.serving is not None
        assert (facts.serving.condition, facts.serving.key) == (Condition.READ, KeyBlock.WHOLE)
        read = [file for file in facts.files if "kubelet-server-20" in file.path]
        assert [file.condition for file in read] == [Condition.READ, Condition.READ]
