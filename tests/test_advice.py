"""Advice is typed as it stands: each command is good shell, and those that change files are run on real ones."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from exporter.demo.store import FileStore
from exporter.judge.advice import cluster, kubelet, steps, store
from exporter.judge.advice.steps import Advice
from exporter.judge.case import Case
from exporter.judge.diagnosis import TABLE, findings
from exporter.model.files import Condition, KeyBlock, PemFile
from exporter.model.kubelet import Distribution
from exporter.model.kubelet_files import Document, DocumentCondition
from tests import trees
from tests.cases import case
from tests.kubelets import HEALTHY, document, kubeconfig, pair, pem
from tests.sick import SICK
from tests.trees import CURRENT, NOW, Mint, plain, rotate, unarmour

TOOLS = ("sed", "grep", "mv", "ln", "mkdir", "install", "date", "tail", "cat", "base64", "sh", "echo", "test", "cut")
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

Shell = Callable[[str, Path], str]


@pytest.fixture(params=["coreutils", "busybox"])
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Shell:
    """Runs a command in a folder, with the tools of one kind of system and no others."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in TOOLS:
        target = shutil.which("busybox" if request.param == "busybox" else tool)
        assert target
        (tools / tool).symlink_to(target)

    def run(command: str, where: Path) -> str:
        done = subprocess.run(
            [str(tools / "sh"), "-c", command],
            cwd=where,
            env={"PATH": str(tools)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        return done.stdout

    return run


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


def follow(shell: Shell, here: Path, advice: Advice, it: Case) -> str:
    """What a person types who follows the advice up to what this machine cannot do."""
    local = [step.command for step in advice(it) if not step.command.startswith(("systemctl", "kubectl", "kubeadm"))]
    assert local
    return "".join(shell(command, here) for command in local)


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
    conf = plain(tmp_path / "kubelet.conf", (CONF + user).encode())
    it = at(tmp_path, case(HEALTHY.with_kubeconfig(pair(certificate, b"any"))))
    shown = follow(shell, tmp_path, kubelet.point_at_link, it)
    link = str(tmp_path / "pki" / CURRENT)
    whole = yaml.safe_load(conf.read_text())
    assert whole["users"][0].pop("user") == {"client-certificate": link, "client-key": link}
    before = yaml.safe_load(CONF)
    before["users"][0].pop("user")
    assert whole == before
    assert shown.count(link) == 2
    assert "WFla" not in shown
    assert conf.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "kubelet.conf.bak").read_bytes() == (CONF + user).encode()


def test_json_is_left_as_it_is(shell: Shell, tmp_path: Path) -> None:
    """A kubelet.conf in JSON is no longer one after half an edit: nothing is changed in it."""
    text = json.dumps({"users": [{"user": {"client-certificate-data": "QUJD", "client-key-data": "WFla"}}]})
    conf = plain(tmp_path / "kubelet.conf", text.encode())
    it = at(tmp_path, case(HEALTHY.with_kubeconfig(pair("#1", b"any"))))
    shell(steps.point_at_link(it)[0].command, tmp_path)
    assert conf.read_text() == text


def test_after_a_new_kubelet_conf_it_is_pointed_at_the_link_as_well(shell: Shell, tmp_path: Path) -> None:
    """The last steps of a new certificate by kubeadm, on what kubeadm writes."""
    conf = plain(tmp_path / "kubelet.conf", (CONF + EMBEDDED).encode())
    shell(steps.point_at_link_after_embedding(at(tmp_path, case()))[0].command, tmp_path)
    link = str(tmp_path / "pki" / CURRENT)
    assert yaml.safe_load(conf.read_text())["users"][0]["user"] == {"client-certificate": link, "client-key": link}


def in_store(here: Path, now: int = NOW) -> FileStore:
    return rotate(here / "pki", Mint(), now)


def read(path: Path, named: Path | None = None) -> PemFile:
    """A pair as the exporter would have read it."""
    certificate = path.read_bytes().partition(trees.END)
    return pair(str(named or path), unarmour(certificate[0] + certificate[1]))


def test_a_regular_file_becomes_a_link_to_the_same_pair(shell: Shell, tmp_path: Path) -> None:
    """The newest pair stands in the link's place: it becomes a dated file."""
    its = in_store(tmp_path)
    content = its.current.read_bytes()
    its.current.unlink()
    plain(its.current, content)
    it = at(tmp_path, case())
    follow(shell, tmp_path, store.regular_file, replace(it, facts=replace(it.facts, client=read(its.current))))
    assert its.current.is_symlink()
    assert its.current.read_bytes() == content
    assert its.current.resolve().parent == its.current.parent


def test_a_regular_file_gives_way_to_a_newer_pair(shell: Shell, tmp_path: Path) -> None:
    """A rotation was lost meanwhile: its file is newer than what stands in the link's place, which is kept aside."""
    its = in_store(tmp_path)
    newest, older = its.current.resolve(), sorted((tmp_path / "pki").glob("kubelet-client-2*"))[0]
    its.current.unlink()
    plain(its.current, older.read_bytes())
    it = at(tmp_path, case(newest=(read(newest),)))
    follow(shell, tmp_path, store.regular_file, replace(it, facts=replace(it.facts, client=read(its.current))))
    assert its.current.resolve() == newest
    assert (tmp_path / "pki" / f"{CURRENT}.aside").read_bytes() == older.read_bytes()


def test_the_gap_is_closed(shell: Shell, tmp_path: Path) -> None:
    """updated becomes current, and leads where it led."""
    its = in_store(tmp_path)
    target = its.current.resolve()
    its.current.rename(its.updated)
    follow(shell, tmp_path, store.gap, at(tmp_path, case()))
    assert its.current.is_symlink()
    assert its.current.resolve() == target
    assert not its.updated.is_symlink()


def test_a_broken_link_leads_to_the_newest_good_pair(shell: Shell, tmp_path: Path) -> None:
    """Dangling, to an empty file, or missing: it leads to the newest whole pair that is valid now."""
    its = in_store(tmp_path)
    old, newest = sorted((tmp_path / "pki").glob("kubelet-client-2*"))[1:]
    newest.write_bytes(b"")
    it = at(tmp_path, case(newest=(read(old), PemFile(str(newest), Condition.EMPTY))))
    for advice in (store.unlinked, steps.relink):
        follow(shell, tmp_path, advice, it)
        assert its.current.resolve() == old
    its.current.unlink()
    follow(shell, tmp_path, store.unlinked, it)
    assert its.current.resolve() == old


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
    follow(shell, tmp_path, store.updated, it)
    assert not its.updated.exists()
    assert (tmp_path / "pki/kubelet-client-updated.pem.aside").read_bytes() == b"in the way"


@pytest.mark.parametrize(
    "text", ["kind: KubeletConfiguration\nrotateCertificates: false\n", "kind: KubeletConfiguration\n"]
)
def test_rotation_is_switched_on(shell: Shell, tmp_path: Path, text: str) -> None:
    """Where it is off in the file, and where the file does not say."""
    path = plain(tmp_path / "config.yaml", text.encode())
    off = HEALTHY.with_settings(rotate_certificates=False if "rotate" in text else None)
    it = case(off)
    assert it.facts.config
    config = (replace(it.facts.config[0], document=document(str(path))),)
    follow(shell, tmp_path, kubelet.rotation_off, replace(it, facts=replace(it.facts, config=config)))
    assert yaml.safe_load(path.read_text()) == {"kind": "KubeletConfiguration", "rotateCertificates": True}


def test_the_gate_is_taken_out(shell: Shell, tmp_path: Path) -> None:
    """The gate's line goes, other gates stay."""
    gates = "featureGates:\n  RotateKubeletServerCertificate: false\n  NodeSwap: true\nserverTLSBootstrap: true\n"
    path = plain(tmp_path / "config.yaml", gates.encode())
    it = SICK["gate off"].case
    assert it.facts.config
    config = (replace(it.facts.config[0], document=document(str(path))),)
    follow(shell, tmp_path, kubelet.gate, replace(it, facts=replace(it.facts, config=config)))
    assert yaml.safe_load(path.read_text()) == {"featureGates": {"NodeSwap": True}, "serverTLSBootstrap": True}


def test_the_serving_pair_goes_aside_whole_or_half(shell: Shell, tmp_path: Path) -> None:
    """One of the two, or both; never one alone stays."""
    (tmp_path / "pki").mkdir()
    for there in (("kubelet.crt",), ("kubelet.key",), ("kubelet.crt", "kubelet.key")):
        for name in there:
            plain(tmp_path / "pki" / name, b"")
        follow(shell, tmp_path, cluster.serving_pair, at(tmp_path, case()))
        assert not [name for name in os.listdir(tmp_path / "pki") if not name.endswith(".bak")]


def test_the_cluster_ca_is_put_into_kubelet_conf(shell: Shell, tmp_path: Path) -> None:
    """Embedded where it was embedded."""
    conf = plain(tmp_path / "kubelet.conf", (CONF + NAMED).encode())
    plain(tmp_path / "ca.crt", b"a/new+CA\n" * 20)
    follow(shell, tmp_path, cluster.server_ca, at(tmp_path, case()))
    whole = yaml.safe_load(conf.read_text())
    assert whole["clusters"][0]["cluster"]["certificate-authority-data"].startswith("YS9uZXcrQ0EK")
    it = case(HEALTHY.with_kubeconfig(pair("#2", b"any"), authority=pem("/etc/ca.crt", b"any")))
    assert "install -m 644 ca.crt /etc/ca.crt" in [step.command for step in cluster.server_ca(it)]


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


def test_talos_has_no_shell() -> None:
    """There every step is one of its own API's."""
    for sick in SICK.values():
        it = replace(sick.case, kubelet=replace(sick.case.kubelet, distribution=Distribution.TALOS))
        it = replace(it, facts=replace(it.facts, service=None))
        commands = [step.command for finding in findings(it) for step in finding.steps]
        assert [command for command in commands if not command.startswith("talosctl ")] == []
