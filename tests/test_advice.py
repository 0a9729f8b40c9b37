"""Advice is typed as it stands: each command is good shell, and those that change files are run on real ones."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from exporter.demo.store import FileStore
from exporter.judge.advice import api, cluster, folder, kubelet, reissue, requests, serving, signer, steps, store
from exporter.judge.advice.conf import point_at_link
from exporter.judge.advice.steps import Advice
from exporter.judge.case import Case
from exporter.judge.certificate import parse
from exporter.judge.diagnosis import TABLE, findings
from exporter.model.files import Condition, KeyBlock, PemFile
from exporter.model.kubelet import Distribution
from exporter.model.kubelet_files import Document, DocumentCondition
from tests import trees
from tests.cases import aged, case, issuer, using
from tests.kubelets import CURRENT as LINK
from tests.kubelets import DAY, HEALTHY, document, kubeconfig, pair, pem
from tests.sick import SICK
from tests.trees import CURRENT, NOW, YEAR, Mint, armour, plain, unarmour

TOOLS = (
    *("sed", "grep", "awk", "mv", "cp", "rm", "ln", "ls", "mkdir", "chmod", "touch", "readlink", "date"),
    *("tail", "cat", "base64", "sh", "sleep", "timeout", "dirname", "true", "false", "uname", "sort", "df"),
)
# What reaches beyond the node's own files: it is written down that it was called, and fails where a test says so.
OUTSIDE = ("systemctl", "kubectl", "kubeadm", "curl", "findmnt", "dmesg", "mount", "lsattr", "chattr", "hostnamectl")
CONF = """apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: QQ==
    server: https://10.0.0.1:6443
  name: kubernetes
contexts:
- context:
    cluster: kubernetes
    user: system:node:worker-1
  name: system:node:worker-1@kubernetes
current-context: system:node:worker-1@kubernetes
kind: Config
preferences: {}
users:
- name: system:node:worker-1
  user:
"""
EMBEDDED = '    client-certificate-data: QUJD\n    client-key-data: "WFla"\n'
NAMED = "    client-certificate: /old/kubelet-client-2020.pem\n    client-key: /old/key.pem\n"

RESTARTED = "systemctl restart kubelet"
YES = "yes\n"


@dataclass(frozen=True)
class Shell:
    """A shell in a folder, with the tools of one kind of system and no others."""

    tools: Path
    here: Path

    def run(self, command: str, answer: str = YES) -> str:
        """What a command prints; /root is below the test's folder."""
        (self.here / "root").mkdir(exist_ok=True)
        done = subprocess.run(
            [str(self.tools / "sh"), "-c", command.replace("/root/", f"{self.here}/root/")],
            cwd=self.here,
            env={"PATH": str(self.tools)},
            input=answer,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        return done.stdout

    def tried(self, command: str) -> str:
        """The same of a command that may fail, as a look does that finds nothing."""
        return self.run(f"{command} || true")

    def outside(self, tool: str, output: str = "", status: int = 0) -> None:
        """A tool that reaches beyond the node's files: what it prints, and how it ends."""
        script = f"#!/bin/sh\necho \"{tool} $*\" >> {self.here}/calls\nprintf '%s' '{output}'\nexit {status}\n"
        plain(self.tools / tool, script.encode(), mode=0o755)

    def calls(self) -> list[str]:
        """What was called of these, and is forgotten then."""
        path = self.here / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    def follow(self, advice: Advice, it: Case, answer: str = YES) -> str:
        """What a person types on the node who follows the advice, and no other machine's part of it."""
        local = [
            step for step in advice(it) if not step.purpose.startswith(ELSEWHERE) and "s_client" not in step.command
        ]
        assert local
        return "".join(self.run(step.command, answer) for step in local)


ELSEWHERE = (
    "with cluster access",
    "where the exporter runs",
    "on a control plane node",
    "on that control plane node",
    "on that machine",
    "on each control",
)


@pytest.fixture(params=["coreutils", "busybox"])
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Shell:
    """A shell of either kind of system."""
    return made(tmp_path, is_busybox=request.param == "busybox")


@pytest.fixture
def outer(tmp_path: Path) -> Shell:
    """A shell that calls ``mount`` and ``dmesg`` where the test put them: busybox has its own within."""
    return made(tmp_path, is_busybox=False)


def made(here: Path, *, is_busybox: bool) -> Shell:
    tools = here / "bin"
    tools.mkdir()
    for tool in (*TOOLS, "openssl"):
        target = shutil.which("busybox" if is_busybox and tool != "openssl" else tool)
        assert target
        (tools / tool).symlink_to(target)
    it = Shell(tools, here)
    for tool in OUTSIDE:
        it.outside(tool)
    return it


def at(here: Path, it: Case) -> Case:
    """The same case of a node whose kubelet.conf and store are in a folder of the test's."""
    conf = it.facts.kubeconfig
    assert conf
    facts = replace(
        it.facts,
        kubeconfig=replace(conf, document=replace(conf.document, path=str(here / "kubelet.conf"))),
        store=replace(it.facts.store, path=str(here / "pki")),
        client=replace(it.facts.client, path=str(here / "pki" / CURRENT)),
    )
    return replace(it, facts=facts)


def in_store(here: Path, now: int = NOW) -> FileStore:
    """Three pairs a day apart; they outlast any clock that this test may run under."""
    its, mint = FileStore(here / "pki"), Mint()
    for back in (2, 1, 0):
        its.update(mint.client("worker-1", now - back * DAY, 50 * YEAR), now - back * DAY)
    return its


def read(path: Path, named: Path | None = None) -> PemFile:
    """A pair as the exporter would have read it."""
    certificate = path.read_bytes().partition(trees.END)
    return pair(str(named or path), unarmour(certificate[0] + certificate[1]))


def copies(path: Path, word: str = "before") -> list[Path]:
    """What was kept of a file."""
    return sorted(path.parent.glob(f"{path.name}.{word}.*"))


@pytest.mark.parametrize(
    ("user", "certificate"),
    [
        (EMBEDDED, "#1"),
        (EMBEDDED.replace("\n", "\r\n"), "#1"),
        (EMBEDDED + NAMED, "#1"),
        (NAMED, "/old/kubelet-client-2020.pem"),
        (NAMED.replace("/old/key.pem", '"/old/key.pem" # the key'), "/old/kubelet-client-2020.pem"),
    ],
)
def test_kubelet_conf_is_pointed_at_the_link(shell: Shell, tmp_path: Path, user: str, certificate: str) -> None:
    """Afterwards both fields name the link, no data are left, and nothing else has changed; no secret is shown."""
    its = in_store(tmp_path)
    real = plain(tmp_path / "real.conf", (CONF + user).encode(), mode=0o640)
    conf = tmp_path / "kubelet.conf"
    conf.symlink_to(real)
    it = at(tmp_path, case(HEALTHY.with_kubeconfig(pair(certificate, b"any"))))
    shown = shell.follow(kubelet.point_at_link, it)
    link = str(its.current)
    whole = yaml.safe_load(conf.read_text())
    assert whole["users"][0].pop("user") == {"client-certificate": link, "client-key": link}
    before = yaml.safe_load(CONF)
    before["users"][0].pop("user")
    assert whole == before
    assert shown.count(link) == 2
    assert "WFla" not in shown
    assert shell.calls()[0] == RESTARTED
    assert conf.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert [path.read_bytes() for path in copies(conf)] == [(CONF + user).encode()]
    assert not list(tmp_path.glob("*.new"))


JSON = json.dumps({"users": [{"user": {"client-certificate-data": "QUJD", "client-key-data": "WFla"}}]})
QUOTED = EMBEDDED.replace("client-key-data", '"client-key-data"')


@pytest.mark.parametrize("text", [JSON, CONF + QUOTED, CONF, CONF + EMBEDDED + EMBEDDED], ids=range(4))
def test_what_cannot_be_changed_stays_as_it_is(shell: Shell, tmp_path: Path, text: str) -> None:
    """JSON, quoted keys, no user or several: nothing is changed, nothing is restarted, and it is said."""
    in_store(tmp_path)
    conf = plain(tmp_path / "kubelet.conf", text.encode())
    it = at(tmp_path, case(HEALTHY.with_kubeconfig(pair("#1", b"any"))))
    assert "STOP" in shell.run(kubelet.point_at_link(it)[0].command)
    assert conf.read_text() == text
    assert shell.calls() == []


def test_kubelet_conf_is_not_pointed_at_a_bad_pair(shell: Shell, tmp_path: Path) -> None:
    """The link's key is another's: kubelet.conf stays, and the kubelet with it."""
    its = in_store(tmp_path)
    certificate, _, key = Mint().leaf().certificate, None, Mint().leaf().key
    its.current.resolve().write_bytes(certificate + key)
    conf = plain(tmp_path / "kubelet.conf", (CONF + EMBEDDED).encode())
    it = at(tmp_path, case(HEALTHY.with_kubeconfig(pair("#1", b"any"))))
    assert "STOP" in shell.run(kubelet.point_at_link(it)[0].command)
    assert conf.read_text() == CONF + EMBEDDED
    assert shell.calls() == []


def test_a_second_run_loses_nothing(shell: Shell, tmp_path: Path) -> None:
    """What is done stays done, and the first copy is still the original."""
    in_store(tmp_path)
    conf = plain(tmp_path / "kubelet.conf", (CONF + EMBEDDED).encode())
    it = at(tmp_path, case(HEALTHY.with_kubeconfig(pair("#1", b"any"))))
    command = kubelet.point_at_link(it)[0].command
    shell.run(command)
    done = conf.read_bytes()
    shell.run(command)
    assert conf.read_bytes() == done
    assert copies(conf)[0].read_bytes() == (CONF + EMBEDDED).encode()


def reissued(here: Path) -> tuple[Case, tuple[str, str]]:
    """A node whose link leads nowhere: what is typed on the node, up to the new kubelet.conf and behind it."""
    in_store(here)
    (here / "root").mkdir()
    plain(here / "root/worker-1-kubelet.conf", (CONF + EMBEDDED).encode())
    plain(here / "kubelet.conf", b"old")
    it = at(here, case(HEALTHY.with_files(PemFile(LINK, Condition.DANGLING))))
    mend, again, wait = (step.command for step in reissue.reissue(it)[2:5])
    return it, (f"{mend}\n{again}", wait.replace("timeout 120", "timeout 1"))


def test_a_new_certificate_is_taken_up_in_two_restarts(shell: Shell, tmp_path: Path) -> None:
    """The new kubelet.conf, the old pairs aside, a restart; the link is there: kubelet.conf names it, a restart."""
    _, (put, wait) = reissued(tmp_path)
    conf, link = tmp_path / "kubelet.conf", tmp_path / "pki" / CURRENT
    assert "STOP" not in shell.run(put)
    assert shell.calls()[2:] == [RESTARTED]
    assert conf.read_text() == CONF + EMBEDDED
    assert copies(conf)[0].read_bytes() == b"old"
    assert os.listdir(tmp_path / "pki") == []
    in_store(tmp_path)
    assert "STOP" not in shell.run(wait)
    assert shell.calls() == [RESTARTED]
    user = yaml.safe_load(conf.read_text())["users"][0]["user"]
    assert user == {"client-certificate": str(link), "client-key": str(link)}


def test_without_a_new_link_the_node_keeps_what_works(shell: Shell, tmp_path: Path) -> None:
    """Pasted whole while nobody signs: kubelet.conf keeps its good certificate, and there is no second restart."""
    _, (put, wait) = reissued(tmp_path)
    assert "STOP" in shell.run(f"{put}\n{wait}")
    assert (tmp_path / "kubelet.conf").read_text() == CONF + EMBEDDED
    assert shell.calls()[2:] == [RESTARTED]


def test_a_new_kubelet_conf_that_does_not_let_in_changes_nothing(shell: Shell, tmp_path: Path) -> None:
    """Neither the old file nor the store is touched before the new one has proved itself."""
    _, (put, _) = reissued(tmp_path)
    shell.outside("kubectl", status=1)
    before = sorted(os.listdir(tmp_path / "pki"))
    assert "STOP" in shell.run(put)
    assert (tmp_path / "kubelet.conf").read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path / "pki")) == before
    assert RESTARTED not in shell.calls()


def test_where_the_store_is_good_kubelet_conf_alone_is_new(shell: Shell, tmp_path: Path) -> None:
    """A broken kubelet.conf: the new one names the link at once, and the copy is the broken one."""
    its = in_store(tmp_path)
    (tmp_path / "root").mkdir()
    plain(tmp_path / "root/worker-1-kubelet.conf", (CONF + EMBEDDED).encode())
    conf = plain(tmp_path / "kubelet.conf", b"old")
    shell.run(reissue.reissue(at(tmp_path, case()))[2].command)
    assert yaml.safe_load(conf.read_text())["users"][0]["user"]["client-key"] == str(its.current)
    assert [path.read_bytes() for path in copies(conf)] == [b"old"]
    assert conf.stat().st_mode & 0o777 == 0o600


def test_kubeadm_writes_beside_nothing_of_its_own() -> None:
    """A shell empties what it is to write to, even where the command fails; keys are nobody else's to read."""
    written = re.findall(r"> (\S+)", reissue.reissue(case())[0].command)
    assert written == ["/root/cluster.yaml", "/root/worker-1-kubelet.conf)"]
    assert reissue.reissue(case())[0].command.startswith("(umask 077")


def test_a_request_by_hand_ends_in_the_store(shell: Shell, tmp_path: Path) -> None:
    """No kubeadm: the key is made on the node and stays there, and only a pair of the two gets the link."""
    its, mint = in_store(tmp_path), Mint()
    it = at(tmp_path, case(HEALTHY.with_files(PemFile(LINK, Condition.DANGLING))))
    it = replace(it, kubelet=replace(it.kubelet, distribution=Distribution.UNKNOWN))
    ask, _, mend, again = (step.command for step in reissue.reissue(it)[:4])
    place = f"{mend}\n{again}"
    shell.run(ask)
    key = tmp_path / "root/node.key"
    assert key.stat().st_mode & 0o077 == 0
    before = its.current.resolve()
    plain(tmp_path / "root/node.crt", mint.leaf().certificate)
    assert "STOP" in shell.run(place)
    assert its.current.resolve() == before
    own = load_pem_private_key(key.read_bytes(), None)
    assert isinstance(own, EllipticCurvePrivateKey)
    issued = mint.issue("system:node:worker-1", NOW - DAY, NOW + 50 * YEAR, key=own)
    plain(tmp_path / "root/node.crt", issued.certificate)
    assert "STOP" not in shell.run(place)
    assert its.current.resolve() != before
    assert its.current.read_bytes() == issued.certificate + key.read_bytes()
    assert its.current.stat().st_mode & 0o777 == 0o600
    assert shell.calls() == [RESTARTED]


@pytest.mark.parametrize(
    ("distribution", "tool"),
    [
        (Distribution.EKS, "aws autoscaling terminate-instance-in-auto-scaling-group"),
        (Distribution.AKS, "az aks nodepool delete-machines"),
        (Distribution.GKE, "gcloud container node-pools update"),
        (Distribution.KOPS, "kops delete instance"),
    ],
)
def test_a_managed_node_gets_another_machine(distribution: Distribution, tool: str) -> None:
    """By the tool of who makes the machines: a Node object that is deleted leaves its machine behind."""
    it = case()
    told = reissue.reissue(replace(it, kubelet=replace(it.kubelet, distribution=distribution)))
    commands = [step.command for step in told]
    assert commands[0].startswith("kubectl drain worker-1 ")
    assert any(command.startswith(tool) for command in commands)
    assert not any("delete node" in command for command in commands)


def test_little_time_left_has_a_way_out() -> None:
    """An approver that nobody mends in a day: then a certificate from outside, and not before."""
    for share, is_near in ((0.95, False), (0.9999, True), (1.01, True)):
        told = requests.client(case(using(aged(share))))
        assert any("kubeadm kubeconfig user" in step.command for step in told) is is_near


def test_the_way_out_does_not_lead_back_to_the_old_certificate(shell: Shell, tmp_path: Path) -> None:
    """A stalled pair that still holds: it goes aside, and kubelet.conf keeps the new key until then."""
    in_store(tmp_path)
    (tmp_path / "root").mkdir()
    plain(tmp_path / "root/worker-1-kubelet.conf", (CONF + EMBEDDED).encode())
    conf = plain(tmp_path / "kubelet.conf", (CONF + NAMED).encode())
    told = [step.command for step in requests.client(at(tmp_path, case(using(aged(0.9999)))))]
    put, wait = (command for command in told if RESTARTED in command)
    for command in (put, wait.replace("timeout 120", "timeout 1")):
        shell.run(command)
        assert conf.read_text() == CONF + EMBEDDED
        assert not (tmp_path / "pki" / CURRENT).exists()
    assert shell.calls().count(RESTARTED) == 1


def test_a_regular_file_becomes_a_link_to_the_same_pair(shell: Shell, tmp_path: Path) -> None:
    """The newest pair stands in the link's place: it becomes a dated file."""
    its = in_store(tmp_path)
    content = its.current.read_bytes()
    its.current.unlink()
    plain(its.current, content)
    it = at(tmp_path, case())
    shell.follow(store.regular_file, replace(it, facts=replace(it.facts, client=read(its.current))))
    assert its.current.is_symlink()
    assert its.current.read_bytes() == content
    target = its.current.resolve()
    assert target.parent == its.current.parent
    again = replace(it, facts=replace(it.facts, client=read(its.current)))
    assert "STOP" in shell.run(store.regular_file(again)[0].command)
    assert its.current.resolve() == target


def test_a_regular_file_gives_way_to_a_newer_pair(shell: Shell, tmp_path: Path) -> None:
    """A rotation was lost meanwhile: its file is newer than what stands in the link's place, which is kept aside."""
    its = in_store(tmp_path)
    newest, older = its.current.resolve(), sorted((tmp_path / "pki").glob("kubelet-client-2*"))[0]
    its.current.unlink()
    plain(its.current, older.read_bytes())
    it = at(tmp_path, case(newest=(read(newest),)))
    shell.follow(store.regular_file, replace(it, facts=replace(it.facts, client=read(its.current))))
    assert its.current.resolve() == newest
    assert [path.read_bytes() for path in copies(its.current, "aside")] == [older.read_bytes()]


def test_the_gap_is_closed(shell: Shell, tmp_path: Path) -> None:
    """updated becomes current, and points where it did."""
    its = in_store(tmp_path)
    target = its.current.resolve()
    its.current.rename(its.updated)
    shell.follow(store.gap, at(tmp_path, case()))
    assert its.current.is_symlink()
    assert its.current.resolve() == target
    assert not its.updated.is_symlink()


def test_a_broken_link_is_pointed_at_the_newest_good_pair(shell: Shell, tmp_path: Path) -> None:
    """Dangling, to an empty file, or missing: it points to the newest whole pair that is valid now."""
    its = in_store(tmp_path)
    old, newest = sorted((tmp_path / "pki").glob("kubelet-client-2*"))[1:]
    newest.write_bytes(b"")
    it = at(tmp_path, case(newest=(read(old), PemFile(str(newest), Condition.EMPTY))))
    for _ in range(2):
        shell.follow(store.relink, it)
        assert its.current.resolve() == old
        assert shell.calls() == [RESTARTED]
    its.current.unlink()
    shell.follow(store.relink, it)
    assert its.current.resolve() == old


def test_a_pair_that_does_not_match_is_not_linked_to(shell: Shell, tmp_path: Path) -> None:
    """A key of another's, one that has expired, or nothing there: the link stays, and the kubelet runs on."""
    its = in_store(tmp_path)
    target, mint = its.current.resolve(), Mint()
    it = at(tmp_path, case(newest=(read(target),)))
    its.current.unlink()
    expired = mint.client("worker-1", NOW - 9 * YEAR, YEAR)
    for content in (mint.leaf().certificate + mint.leaf().key, expired.certificate + expired.key, b""):
        target.write_bytes(content)
        assert "STOP" in shell.follow(store.relink, it)
        assert not its.current.is_symlink()
        assert shell.calls() == []


def test_a_link_is_mended_before_kubelet_conf_names_it(shell: Shell, tmp_path: Path) -> None:
    """An embedded certificate that expired and a broken link, with a good pair beside: both in one go."""
    its = in_store(tmp_path)
    good = read(its.current.resolve())
    its.current.unlink()
    conf = plain(tmp_path / "kubelet.conf", (CONF + EMBEDDED).encode())
    sick = HEALTHY.with_kubeconfig(pair("#1", b"any")).with_files(PemFile(LINK, Condition.MISSING))
    shell.follow(kubelet.point_at_link, at(tmp_path, case(sick, newest=(good,))))
    assert str(its.current.resolve()) == good.path
    assert yaml.safe_load(conf.read_text())["users"][0]["user"]["client-key"] == str(its.current)
    assert shell.calls() == [RESTARTED]


def test_back_to_the_previous_pair_after_a_yes(shell: Shell, tmp_path: Path) -> None:
    """Not the newest, which is the one that is refused; and only once the signer is right."""
    its = in_store(tmp_path)
    previous, newest = sorted((tmp_path / "pki").glob("kubelet-client-2*"))[1:]
    it = at(tmp_path, case(newest=(read(previous), read(newest))))
    it = replace(it, client=it.client and replace(it.client, certificate=parse(read(newest).certificates[0])))
    for answer, target in (("no\n", newest), ("", newest), (YES, previous)):
        for advice in (signer.trust, signer.not_yet_valid):
            shell.follow(advice, it, answer)
            assert its.current.resolve() == target


def test_only_a_whole_and_valid_pair_is_linked_to(tmp_path: Path) -> None:
    """Neither a pair without a key, nor one that has ended or begins later, nor something under another name."""
    its = in_store(tmp_path)
    good = read(its.current.resolve())
    ended = read(plain(tmp_path / "kubelet-client-2020.pem", Mint().leaf(NOW - 2 * trees.YEAR).certificate))
    later = read(plain(tmp_path / "kubelet-client-2030.pem", Mint().leaf(NOW + trees.YEAR).certificate))
    for other in (replace(good, key=KeyBlock.CUT), ended, later, replace(good, path=f"{tmp_path}/mine.pem")):
        assert steps.good_file(at(tmp_path, case(newest=(other,)))) is None
    assert steps.good_file(at(tmp_path, case(newest=(ended, good, later)))) == good.path


def test_updated_goes_aside(shell: Shell, tmp_path: Path) -> None:
    """What stood in the way is kept under another name."""
    its = in_store(tmp_path)
    plain(its.updated, b"in the way")
    it = at(tmp_path, case(replace(HEALTHY, extra=SICK["updated left over"].case.facts.store.entries)))
    shell.follow(store.updated, it)
    assert not its.updated.exists()
    assert [path.read_bytes() for path in copies(its.updated, "aside")] == [b"in the way"]


KIND = "kind: KubeletConfiguration"


def without_rotation(path: Path) -> Case:
    """A node whose rotation is off by this file."""
    it = case(HEALTHY.with_settings(rotate_certificates=False))
    assert it.facts.config
    config = (replace(it.facts.config[0], document=document(str(path))),)
    return replace(it, facts=replace(it.facts, config=config))


@pytest.mark.parametrize("text", [f"rotateCertificates: false\n{KIND}\n", f"{KIND}\n", KIND])
def test_rotation_is_switched_on(shell: Shell, tmp_path: Path, text: str) -> None:
    """Where it is off in the file, and where the file does not say; a second run changes nothing."""
    path = plain(tmp_path / "config.yaml", text.encode())
    for _ in range(2):
        shell.follow(kubelet.rotation_off, without_rotation(path))
        assert yaml.safe_load(path.read_text()) == {"kind": "KubeletConfiguration", "rotateCertificates": True}
        assert shell.calls() == [RESTARTED]
    assert path.read_text().count("\n") == 2


def test_a_configuration_in_json_is_left_alone(shell: Shell, tmp_path: Path) -> None:
    """A line of YAML more and the kubelet would not start."""
    path = plain(tmp_path / "config.json", b'{"kind": "KubeletConfiguration"}')
    assert "STOP" in shell.follow(kubelet.rotation_off, without_rotation(path))
    assert path.read_bytes() == b'{"kind": "KubeletConfiguration"}'
    assert shell.calls() == []


def test_a_flag_is_taken_out_first(shell: Shell, tmp_path: Path) -> None:
    """A flag wins: as long as the unit has it, nothing is changed or restarted."""
    path = plain(tmp_path / "config.yaml", f"{KIND}\n".encode())
    it = without_rotation(path)
    assert it.facts.process
    flags = (*it.facts.process.flags, ("rotate-certificates", "false"))
    it = replace(it, facts=replace(it.facts, process=replace(it.facts.process, flags=flags)))
    shell.outside("systemctl", "ExecStart=/usr/bin/kubelet --rotate-certificates=false")
    assert "STOP" in shell.follow(kubelet.rotation_off, it)
    assert path.read_text() == f"{KIND}\n"
    shell.outside("systemctl", "ExecStart=/usr/bin/kubelet")
    shell.calls()
    shell.run(kubelet.rotation_off(it)[1].command)
    assert shell.calls()[-2:] == ["systemctl daemon-reload", RESTARTED]


def test_the_gate_is_taken_out(shell: Shell, tmp_path: Path) -> None:
    """The gate's line goes, other gates stay."""
    gates = "featureGates:\n  RotateKubeletServerCertificate: false\n  NodeSwap: true\nserverTLSBootstrap: true\n"
    path = plain(tmp_path / "config.yaml", gates.encode())
    it = SICK["gate off"].case
    assert it.facts.config
    config = (replace(it.facts.config[0], document=document(str(path))),)
    shell.follow(kubelet.gate, replace(it, facts=replace(it.facts, config=config)))
    assert yaml.safe_load(path.read_text()) == {"featureGates": {"NodeSwap": True}, "serverTLSBootstrap": True}
    assert shell.calls() == [RESTARTED]
    path.write_text(odd := '{"featureGates": {\n"RotateKubeletServerCertificate": false}}')
    assert "STOP" in shell.follow(kubelet.gate, replace(it, facts=replace(it.facts, config=config)))
    assert path.read_text() == odd
    assert shell.calls() == []


def test_the_serving_pair_goes_aside_whole_or_half(shell: Shell, tmp_path: Path) -> None:
    """One of the two, or both; never one alone stays."""
    (tmp_path / "pki").mkdir()
    for there in (("kubelet.crt",), ("kubelet.key",), ("kubelet.crt", "kubelet.key")):
        for name in there:
            plain(tmp_path / "pki" / name, b"")
        shell.follow(serving.pair, at(tmp_path, case()))
        assert not [name for name in os.listdir(tmp_path / "pki") if ".aside." not in name]
        assert shell.calls() == [RESTARTED]


AUTHORITY = armour(issuer(Mint(), NOW - DAY, NOW + 50 * YEAR))


@pytest.mark.parametrize(("ca", "status", "changes"), [(AUTHORITY, 0, True), (AUTHORITY, 60, False), (b"", 0, False)])
def test_the_cluster_ca_is_put_into_kubelet_conf(
    shell: Shell, tmp_path: Path, ca: bytes, status: int, changes: bool
) -> None:
    """Where it is a certificate, and the API server is known by it; else nothing is changed."""
    conf = plain(tmp_path / "kubelet.conf", (CONF + NAMED).encode())
    (tmp_path / "root").mkdir()
    plain(tmp_path / "root/cluster-ca.crt", ca)
    shell.outside("curl", status=status)
    shell.follow(api.authority, at(tmp_path, case()))
    cluster_of = yaml.safe_load(conf.read_text())["clusters"][0]["cluster"]
    assert cluster_of["certificate-authority-data"] == (base64.b64encode(ca).decode() if changes else "QQ==")
    assert (RESTARTED in shell.calls()) is changes


def test_a_named_ca_is_replaced_in_its_file() -> None:
    """kubelet.conf names a file: there is no line to edit."""
    it = case(HEALTHY.with_kubeconfig(pair("#2", b"any"), authority=pem("/etc/ca.crt", b"any")))
    command = api.authority(it)[1].command
    assert "cat /root/cluster-ca.crt > /etc/ca.crt" in command
    assert "certificate-authority-data" not in command


def test_the_client_ca_is_put_in_place(shell: Shell, tmp_path: Path) -> None:
    """Only a certificate, and its folder is made where it is not there."""
    path = tmp_path / "new/ca.crt"
    it = case(HEALTHY.with_settings(client_ca_file=str(path)))
    (tmp_path / "root").mkdir()
    for content, is_put in ((b"", False), (AUTHORITY, True), (AUTHORITY, True)):
        plain(tmp_path / "root/client-ca.crt", content)
        shell.follow(kubelet.client_ca, it)
        assert path.exists() is is_put
        assert shell.calls() == ([RESTARTED] if is_put else [])


def test_a_store_is_moved_to_a_disk(shell: Shell, tmp_path: Path) -> None:
    """The copy's link points into the copy; kubelet.conf follows only once the flag is set."""
    its = in_store(tmp_path)
    conf, there = plain(tmp_path / "kubelet.conf", (CONF + EMBEDDED).encode()), tmp_path / "disk/pki"
    it = at(tmp_path, case(HEALTHY.with_kubeconfig(pair("#1", b"any"))))
    move, _, change = (step.command.replace("/var/lib/kubelet/pki", str(there)) for step in folder.tmpfs(it)[:3])
    shell.outside("findmnt", "tmpfs")
    assert "STOP" in shell.run(move)
    assert not there.exists()
    shell.outside("findmnt", "ext4")
    assert "STOP" not in shell.run(move)
    assert (there / CURRENT).resolve().parent == there
    assert (there / CURRENT).read_bytes() == its.current.read_bytes()
    assert "STOP" in shell.run(change)
    assert conf.read_text() == CONF + EMBEDDED
    shell.outside("systemctl", f"--cert-dir={there}")
    assert "STOP" not in shell.run(change)
    assert yaml.safe_load(conf.read_text())["users"][0]["user"]["client-key"] == str(there / CURRENT)


@pytest.mark.parametrize(
    ("log", "mounts"),
    [("EXT4-fs (sda1): mounted filesystem", True), ("EXT4-fs (sda1): Remounting filesystem read-only", False)],
)
def test_a_disk_with_errors_is_not_remounted(outer: Shell, log: str, mounts: bool) -> None:
    """A mount that an error made read-only stays so."""
    outer.outside("dmesg", log)
    printed = outer.run(folder.not_writable(SICK["folder read-only"].case)[1].command)
    assert ("STOP" in printed) is not mounts
    assert any(call.startswith("mount ") for call in outer.calls()) is mounts


def test_requests_are_read_before_one_is_approved(shell: Shell) -> None:
    """This node's alone, the newest of them, shown, and approved after a yes; pasted whole, nothing is approved."""
    listed = "csr-a system:node:worker-1\ncsr-b system:node:worker-1\ncsr-c system:node:worker-10\n"
    shell.outside("kubectl", listed)
    for advice in (requests.client, requests.serving):
        commands = [step.command for step in advice(SICK["not signed"].case)]
        newest, show, approve = commands[1:4]
        assert shell.run(newest).strip() == "csr-b"
        for answer, is_approved in ((YES, True), ("no\n", False), ("", False), ("n=1\n", False)):
            shell.calls()
            shell.run(f"{newest}\n{approve}", answer)
            assert ("kubectl certificate approve csr-b" in shell.calls()) is is_approved
        assert "openssl req" in show
        shell.outside("kubectl")
        shell.calls()
        shell.run(f"{newest}\n{approve}")
        assert not any("approve" in call for call in shell.calls())
        shell.outside("kubectl", listed)


@pytest.mark.parametrize(
    ("listed", "status", "answer", "is_made"),
    [
        ("a  ClusterRole/other", 0, YES, True),
        ("a  ClusterRole/other", 0, "no\n", False),
        ("a  ClusterRole/other", 0, "", False),
        ("a  ClusterRole/system:certificates.k8s.io:certificatesigningrequests:selfnodeclient", 0, YES, False),
        ("", 1, YES, False),
    ],
)
def test_a_binding_is_made_after_a_yes(shell: Shell, listed: str, status: int, answer: str, is_made: bool) -> None:
    """It counts for a whole cluster: only where it was seen that nobody has it, and a look makes none."""
    shell.outside("kubectl", listed, status)
    told = [step.command for step in requests.client(SICK["not signed"].case)]
    look, make = (command for command in told if "clusterrolebinding" in command)
    shell.tried(look)
    assert not any("create" in call for call in shell.calls())
    printed = shell.run(make, answer)
    assert any("create clusterrolebinding" in call for call in shell.calls()) is is_made
    assert ("STOP" in printed) is not is_made


def test_the_kubelets_own_words_are_found(shell: Shell) -> None:
    """Its journal begins a sentence with a capital (pkg/kubelet, certificate_manager.go)."""
    shell.outside("journalctl", "certificate_manager.go:562] Certificate request was not signed: timed out\n")
    for told in (requests.client(SICK["not signed"].case), api.unauthorized(SICK["not signed"].case)):
        (command,) = [step.command for step in told if step.command.startswith("journalctl")]
        assert "was not signed" in shell.run(command)


def test_a_request_by_token_is_found_by_its_subject(shell: Shell, tmp_path: Path) -> None:
    """Without a certificate a node asks under its bootstrap token's name: the subject alone says who asks."""
    for name in ("worker-1", "worker-10"):
        subject = f"/O=system:nodes/CN=system:node:{name}"
        key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
        shell.run(f"openssl req -new {key} -keyout {name}.key -subj {subject} 2>&1 | base64 -w0 > {name}.request")
    names = {"csr-a": "worker-1", "csr-b": "worker-10"}
    cases = "".join(f"*get\\ csr\\ {csr}*) cat {tmp_path}/{name}.request;;" for csr, name in names.items())
    listed = "".join(f"{csr} system:bootstrap:abcdef\\n" for csr in names)
    script = f'#!/bin/sh\ncase "$*" in {cases} *) printf "{listed}";; esac\n'
    plain(shell.tools / "kubectl", script.encode(), mode=0o755)
    newest = requests.client(SICK["no first certificate"].case)[1].command
    assert shell.run(newest).strip() == "csr-a"


@pytest.mark.parametrize("answer", ["no\n", "", YES])
def test_a_node_that_works_is_mended_without_a_restart(shell: Shell, tmp_path: Path, answer: str) -> None:
    """A restart is a step of its own, after a yes: what runs needs none at once."""
    its = in_store(tmp_path)
    conf = plain(tmp_path / "kubelet.conf", (CONF + EMBEDDED).encode())
    shell.follow(kubelet.point_at_link, at(tmp_path, case(HEALTHY.with_kubeconfig(pair("#1", b"any")))), answer)
    assert str(its.current) in conf.read_text()
    assert shell.calls() == ([RESTARTED] if answer == YES else [])
    content = its.current.read_bytes()
    its.current.unlink()
    plain(its.current, content)
    it = at(tmp_path, case())
    shell.follow(store.regular_file, replace(it, facts=replace(it.facts, client=read(its.current))), answer)
    assert its.current.is_symlink()
    assert shell.calls() == ([RESTARTED] if answer == YES else [])
    target = its.current.resolve()
    its.current.unlink()
    it = at(tmp_path, case(HEALTHY.with_files(PemFile(LINK, Condition.DANGLING)), newest=(read(target),)))
    shell.follow(store.relink, it, answer)
    assert its.current.resolve() == target
    assert shell.calls() == ([RESTARTED] if answer == YES else [])


def test_a_node_that_is_out_is_mended_and_restarted_in_one() -> None:
    """Nobody is asked where the kubelet does not run, or its certificate has ended."""
    down = case(replace(HEALTHY, process=SICK["down"].case.facts.process))
    for it, is_asked in ((case(), True), (down, False), (case(using(aged(1.01))), False)):
        assert any("read -r yes" in step.command for step in point_at_link(it)) is is_asked


def test_nobody_is_started_without_a_yes(shell: Shell) -> None:
    """What only a person can tell is asked for: stopped on purpose, a file mended by hand, a clock that is right."""
    asked = {
        kubelet.down: SICK["down"].case,
        kubelet.config: SICK["drop-in broken"].case,
        serving.incomplete: SICK["tls half set"].case,
        cluster.clock: SICK["clock a year ahead"].case,
    }
    for advice, it in asked.items():
        for answer in ("no\n", YES):
            shell.calls()
            for step in advice(it):
                if "read -r yes" in step.command:
                    shell.run(step.command, answer)
            assert (RESTARTED in shell.calls()) is (answer == YES)


@pytest.mark.parametrize("advice", [kubelet.down, kubelet.loop])
def test_a_start_alone_does_not_mend_an_expired_certificate(advice: Advice) -> None:
    """Then the way to a new one stands behind it; not where the certificate holds, or something else renews it."""
    absent = SICK["down"].case.facts.process
    ended, good = (case(replace(using(aged(share)), process=absent)) for share in (1.01, 0.5))
    of_k3s = replace(ended, kubelet=replace(ended.kubelet, distribution=Distribution.K3S))
    for it, has_way in ((ended, True), (good, False), (of_k3s, False)):
        assert any("kubeadm kubeconfig user" in step.command for step in advice(it)) is has_way


def test_the_name_is_right_before_a_restart(shell: Shell) -> None:
    """The host's, and the flag's."""
    restart = cluster.name(SICK["name by the host"].case)[4].command
    assert "STOP" in shell.run(restart)
    flag = cluster.name(SICK["name by the flag"].case)[3].command
    for given, is_left in {
        "--hostname-override=worker-2": True,
        '--hostname-override "worker-2" --v=2': True,
        "--hostname-override=worker-20": False,
        "--hostname-override=worker-1": False,
    }.items():
        shell.outside("systemctl", given)
        assert ("STOP" in shell.run(flag)) is is_left
        assert (RESTARTED in shell.calls()) is not is_left


@pytest.mark.parametrize("name", ["name by the host", "name by the flag"])
def test_a_name_is_given_to_one_machine_alone(name: str) -> None:
    """Two clones ask for the same way back: before it, whether another machine has that certificate or name."""
    purposes = [step.purpose for step in cluster.name(SICK[name].case)]
    assert "KubeletCertShared" in purposes[0]
    assert purposes[1].startswith("with cluster access: addresses")


def test_a_gate_in_a_flag_is_taken_out_first(shell: Shell) -> None:
    """One of several in its list."""
    it = SICK["gate off"].case
    command = kubelet.gate(replace(it, facts=replace(it.facts, config=())))[1].command
    for given, is_left in {
        "--feature-gates=A=true,RotateKubeletServerCertificate=false,B=true": True,
        "--feature-gates=A=true,B=true": False,
    }.items():
        shell.outside("systemctl", given)
        assert ("STOP" in shell.run(command)) is is_left
        assert (RESTARTED in shell.calls()) is not is_left


def every_case() -> list[Case]:
    """Each case as each distribution has it, and with a kubelet.conf that is not there."""
    there = [sick.case for sick in SICK.values()]
    others = [replace(it, kubelet=replace(it.kubelet, distribution=one)) for it in there[::7] for one in Distribution]
    gone = kubeconfig(document=Document("/etc/kubernetes/kubelet.conf", DocumentCondition.MISSING))
    return [*there, *others, *(replace(it, facts=replace(it.facts, kubeconfig=gone)) for it in there[::7])]


def test_every_command_is_good_shell(tmp_path: Path) -> None:
    """Each row's advice for each kind of node: shellcheck finds nothing in it."""
    commands = sorted({step.command for it in every_case() for row in TABLE for step in row.advice(it)})
    script = plain(tmp_path / "all.sh", "\n".join(["#!/bin/sh", *commands, ""]).encode())
    # 2016: templates of kubectl are meant as they stand; 2015: a || b that may both run; 2002, 2012: for people to read
    done = subprocess.run(
        ["shellcheck", "-s", "sh", "-e", "SC2016,SC2015,SC2002,SC2012", str(script)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""
    assert len(commands) > 50


def test_no_restart_follows_a_change_whatever_became_of_that() -> None:
    """Pasted whole: a restart is the first thing, or chained to what must have succeeded before it."""
    for it in every_case():
        for row in TABLE:
            commands = [step.command for step in row.advice(it)]
            assert steps.again(it) not in commands[1:]


def test_talos_has_no_shell() -> None:
    """There every step is one of its own API's."""
    for sick in SICK.values():
        it = replace(sick.case, kubelet=replace(sick.case.kubelet, distribution=Distribution.TALOS))
        it = replace(it, facts=replace(it.facts, service=None))
        commands = [step.command for finding in findings(it) for step in finding.steps]
        assert [command for command in commands if not command.startswith("talosctl ")] == []
