"""One contract for both readers, of whole nodes: process, the kubelet's own files and what they name."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.collect.local.transport import LocalTransport
from exporter.config.settings import Paths
from exporter.demo.store import FileStore
from exporter.model.facts import NodeFacts
from exporter.model.node import LocalAccess, Node
from tests.nodes import (
    BOOTSTRAP,
    CLUSTER_CA,
    CONFIG,
    CONFIGURATION,
    KUBEADM,
    KUBECONFIG,
    SHELLS,
    STORE,
    NodeTree,
    base64_of,
    embedded,
    kubeconfig,
)
from tests.trees import NOW, dated

Change = Callable[[NodeTree], None]
CHANGES: dict[str, Change] = {}


def change(make: Change) -> Change:
    """A worker that differs in one detail from a healthy one."""
    CHANGES[make.__name__] = make
    return make


@change
def healthy(tree: NodeTree) -> None:
    """Nothing differs."""


@change
def embedded_data(tree: NodeTree) -> None:
    authority = f"certificate-authority-data: {base64_of(tree.at(CLUSTER_CA).read_bytes())}"
    tree.write(KUBECONFIG, kubeconfig(embedded(tree.mint.leaf()), authority))


@change
def data_that_are_none(tree: NodeTree) -> None:
    tree.write(KUBECONFIG, kubeconfig("client-certificate-data: QUJ\n    client-key-data: QUJD"))


@change
def a_key_in_place_of_a_certificate(tree: NodeTree) -> None:
    key = base64_of(tree.mint.leaf().key)
    tree.write(KUBECONFIG, kubeconfig(f"client-certificate-data: {key}\n    client-key-data: {key}"))


@change
def a_dated_file_named(tree: NodeTree) -> None:
    path = f"{STORE}/{os.path.basename(os.readlink(tree.at(f'{STORE}/kubelet-client-current.pem')))}"
    tree.write(KUBECONFIG, kubeconfig(f"client-certificate: {path}\n    client-key: {path}"))


@change
def relative_paths(tree: NodeTree) -> None:
    up = "../../var/lib/kubelet/./pki"
    tree.write(KUBECONFIG, kubeconfig(f"client-certificate: {up}/gone.crt\n    client-key: {up}/gone.key"))


@change
def a_token(tree: NodeTree) -> None:
    tree.write(KUBECONFIG, kubeconfig("token: abc"))


@change
def an_exec_plugin(tree: NodeTree) -> None:
    plugin = "exec:\n      command: aws-iam-authenticator\n      args:\n      - token\n      env: null"
    tree.write(KUBECONFIG, kubeconfig(plugin))


@change
def a_bootstrap_file(tree: NodeTree) -> None:
    tree.write(BOOTSTRAP, kubeconfig("token: abcdef.0123456789abcdef"))


@change
def kubeconfig_missing(tree: NodeTree) -> None:
    tree.at(KUBECONFIG).unlink()


@change
def kubeconfig_is_no_yaml(tree: NodeTree) -> None:
    tree.write(KUBECONFIG, kubeconfig() + "a: b: c\n")


@change
def kubeconfig_is_intricate(tree: NodeTree) -> None:
    tree.write(KUBECONFIG, kubeconfig() + "a: &b c\n")


@change
def kubeconfig_is_json(tree: NodeTree) -> None:
    tree.write(
        KUBECONFIG,
        '{"kind": "Config", "apiVersion": "v1", "clusters": [{"name": "k", "cluster": {"server": "https://k:6443"}}],\n'
        ' "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}], "current-context": "c",\n'
        ' "users": [{"name": "u", "user": {"token": "abc"}}], "preferences": {}}',
    )


@change
def config_missing(tree: NodeTree) -> None:
    tree.at(CONFIG).unlink()


@change
def config_is_a_folder(tree: NodeTree) -> None:
    tree.at(CONFIG).unlink()
    tree.at(CONFIG).mkdir()


@change
def serving_rotation(tree: NodeTree) -> None:
    tree.write(CONFIG, CONFIGURATION + "serverTLSBootstrap: true\n")
    server = FileStore(tree.at(STORE), "kubelet-server")
    for moment in (NOW - 500, NOW - 400, NOW - 300):
        server.update(tree.mint.issue("system:node:worker-1", moment, moment + 1000, serving=True), moment)
    target = os.path.basename(os.readlink(server.current))
    server.current.unlink()
    server.current.symlink_to(f"{STORE}/{target}")


@change
def a_self_signed_pair(tree: NodeTree) -> None:
    pair = tree.mint.issue("w@1", NOW, NOW + 1000, serving=True)
    tree.write(f"{STORE}/kubelet.crt", pair.certificate, 0o644)
    tree.write(f"{STORE}/kubelet.key", pair.key)


@change
def an_empty_pair(tree: NodeTree) -> None:
    tree.write(f"{STORE}/kubelet.crt", b"")
    tree.write(f"{STORE}/kubelet.key", b"")


@change
def serving_files_by_flags(tree: NodeTree) -> None:
    pair = tree.mint.leaf()
    tree.write("/etc/s.crt", pair.certificate)
    tree.write("/etc/s.key", pair.key[:100])
    tree.process(100, (*KUBEADM, "--tls-cert-file=/etc/s.crt", "--tls-private-key-file", "/etc/s.key"))


@change
def drop_ins(tree: NodeTree) -> None:
    tree.process(100, (*KUBEADM, "--config-dir=/etc/kubelet.d"))
    for name in ("20-b.conf", "10-a.conf", "15/x.conf", "15-c.conf", "readme.txt"):
        tree.write(f"/etc/kubelet.d/{name}", CONFIGURATION)


@change
def drop_ins_missing(tree: NodeTree) -> None:
    tree.process(100, (*KUBEADM, "--config-dir=/etc/kubelet.d"))


@change
def empty_flags(tree: NodeTree) -> None:
    tree.process(
        100,
        ("kubelet", "--hostname-override", "", f"--kubeconfig={KUBECONFIG}", "--bootstrap-kubeconfig=", "--config", ""),
    )


@change
def flags_in_place_of_values(tree: NodeTree) -> None:
    tree.process(100, ("kubelet", "--kubeconfig", "--token=secret", "--cert-dir", "--config=/x"))


@change
def another_folder(tree: NodeTree) -> None:
    tree.rotate(2, "/data/pki")
    tree.process(100, (*KUBEADM, "--cert-dir=/data/pki"))


@change
def another_root(tree: NodeTree) -> None:
    tree.process(100, (*KUBEADM, "--root-dir=/data"))


@change
def no_process(tree: NodeTree) -> None:
    for path in tree.at("/proc/100").iterdir():
        path.unlink()


@change
def k3s(tree: NodeTree) -> None:
    tree.process(100, ("/usr/bin/k3s", "agent", "--token=abc"), "k3s-agent")
    tree.at(STORE).rename(tree.at("/var/lib/kubelet/gone"))
    agent, pair = "/var/lib/rancher/k3s/agent", tree.mint.leaf()
    tree.write(f"{agent}/client-kubelet.crt", pair.certificate)
    tree.write(f"{agent}/client-kubelet.key", pair.key)
    tree.write(f"{agent}/kubelet.kubeconfig", kubeconfig(f"client-certificate: {agent}/client-kubelet.crt"))


@change
def openshift(tree: NodeTree) -> None:
    no_process(tree)
    tree.write(KUBECONFIG, CONFIGURATION)
    tree.write("/var/lib/kubelet/kubeconfig", kubeconfig())


@change
def two_kubelets(tree: NodeTree) -> None:
    tree.process(7, ("/tmp/kubelet", "--cert-dir=/evil"), uid=1000, ticks=1)


@change
def orphans(tree: NodeTree) -> None:
    dated(tree.at(STORE), NOW + 100, b"")
    pair = tree.mint.leaf()
    dated(tree.at(STORE), NOW + 200, pair.certificate + pair.key[:80])


@change
def as_many_dated_as_are_listed_twice(tree: NodeTree) -> None:
    for number in range(125):
        dated(tree.at(STORE), NOW - 10_000 * number - 500_000, b"")
    assert len(list(tree.at(STORE).glob("kubelet-client-2*"))) == 128


@change
def an_odd_authority(tree: NodeTree) -> None:
    tree.write(CONFIG, CONFIGURATION.replace(CLUSTER_CA, '"/etc/my ca.crt"'))


def told(facts: NodeFacts) -> NodeFacts:
    """Facts without what only one reader can know; what is free changes from one look to the next."""
    folder = facts.store.folder
    if folder:
        folder = replace(folder, bytes_free=None, files_free=None, filesystem="", read_only=None)
    return replace(
        facts,
        taken=0.0,
        clock=None,
        script_version="",
        uid=None,
        store=replace(facts.store, folder=folder),
        files=tuple(sorted(facts.files, key=lambda file: file.path)),
    )


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("name", CHANGES)
def test_both_readers_see_the_same_node(name: str, shell: str, tmp_path: Path) -> None:
    """The script in each shell and the local reader give equal facts."""
    tree = NodeTree.worker(tmp_path / "root")
    CHANGES[name](tree)
    mounted = LocalTransport(sleep=lambda _: None).read(Node("worker-1", LocalAccess(str(tree.root)), Paths()))
    assert told(tree.facts(shell)) == told(mounted)
