"""Where nodes come from: the configuration and file_sd files, through every way in which files change and break."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config.loading import load
from exporter.config.settings import HostKeyPolicy, Paths, Rotation, TransportKind
from exporter.errors import ConfigurationError
from exporter.inventory import file_sd
from exporter.inventory.catalogue import Catalogue
from exporter.model.node import LocalAccess, Node, SshAccess

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1wXm0l1h2v"
FINGERPRINT = "SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDT5f2pXcWNKe0u3eE"


def catalogue(folder: Path, text: str, older: Catalogue | None = None) -> Catalogue:
    """The nodes of a configuration with this text."""
    file = folder / "exporter.yaml"
    file.write_text(text)
    return Catalogue(*load(str(file)), older)


def watching(folder: Path, *files: str, more: str = "", older: Catalogue | None = None) -> Catalogue:
    """The nodes of file_sd files, or of patterns, beside the configuration."""
    return catalogue(folder, f"groups:\n  workers:\n    file_sd: {{files: {json.dumps(files)}}}\n{more}", older)


def put(file: Path, *targets: str, labels: dict[str, str] | None = None) -> None:
    """A file_sd file that a tool writes anew and moves into place."""
    text = json.dumps([{"targets": targets, **({"labels": labels} if labels else {})}])
    beside = file.with_name(f".{file.name}.new")
    beside.write_text(text)
    beside.replace(file)


def names(nodes: Catalogue) -> list[str]:
    """Who is in the catalogue now."""
    return [node.name for node in nodes.nodes]


def up(nodes: Catalogue) -> dict[str, bool]:
    """Which sources count, by the last part of their names."""
    return {os.path.basename(status.name): status.up for status in nodes.statuses}


def only(nodes: Catalogue) -> Node:
    """The one node of a catalogue."""
    (node,) = nodes.nodes
    return node


def ssh(node: Node) -> SshAccess:
    """How a node is logged in to."""
    assert isinstance(node.access, SshAccess)
    return node.access


def refused(folder: Path, text: str) -> list[str]:
    """The mistakes of a configuration, without the file's name."""
    with pytest.raises(ConfigurationError) as caught:
        catalogue(folder, text)
    return [str(mistake).replace(f"{folder}/exporter.yaml", "") for mistake in caught.value.mistakes]


def test_nodes_are_in_the_order_of_the_file(tmp_path: Path) -> None:
    """Static nodes come in the order in which the configuration names them, ranges in theirs."""
    nodes = catalogue(tmp_path, "groups:\n  b:\n    nodes: [z-1, 'w[08-10]']\n  a:\n    nodes: [a-1]\n")
    assert names(nodes) == ["z-1", "w08", "w09", "w10", "a-1"]
    assert nodes.statuses == ()


def test_a_node_says_where_it_is_named(tmp_path: Path) -> None:
    """A node's origin is the file, the line and the path of the entry that names it."""
    nodes = catalogue(tmp_path, "groups:\n  workers:\n    nodes:\n      - a\n      - name: 'b[1-2]'\n")
    assert [node.origin for node in nodes.nodes] == [
        f"{tmp_path}/exporter.yaml:4: groups.workers.nodes[0]",
        f"{tmp_path}/exporter.yaml:5: groups.workers.nodes[1]",
        f"{tmp_path}/exporter.yaml:5: groups.workers.nodes[1]",
    ]


def test_what_is_built_in(tmp_path: Path) -> None:
    """A node of which nothing is configured is reached by its name as root on port 22, with strict host keys."""
    node = only(catalogue(tmp_path, "groups:\n  workers:\n    nodes: [worker-1]\n"))
    assert node.access == SshAccess("worker-1", 22, "root", (), HostKeyPolicy.STRICT, "worker-1")
    assert (node.paths, node.rotation, node.labels) == (Paths(), Rotation.KUBELET, ())
    assert (node.transport, node.address, node.host_key_policy, node.cluster) == ("ssh", "worker-1", "strict", "")


def test_a_reading_of_another_extent_is_not_one_of_the_node() -> None:
    """What is asked of a node counts, and who owns its certificate; labels and where it is named do not."""
    node = Node("n", SshAccess("n"), Paths())
    others = (replace(node, compare_keys=True), replace(node, journal=True), replace(node, rotation=Rotation.MANUAL))
    assert not any(node.is_read_as(other) for other in others)
    assert node.is_read_as(replace(node, labels=(("a", "b"),), origin="elsewhere"))


LEVELS: dict[str, tuple[str, tuple[str, str, str, str]]] = {
    # setting: how the node shows it, and (node's, group's, defaults', built-in)
    "user": ("{user}", ("ann", "bob", "cid", "root")),
    "port": ("{port}", ("2201", "2202", "2203", "22")),
    "host_key": ("{host_key}", (FINGERPRINT, KEY, f"{KEY} third", "")),
    "host_key_policy": ("{policy}", ("strict", "insecure", "strict", "strict")),
    "compare_keys": ("{compare_keys}", ("True", "False", "True", "False")),
    "journal": ("{journal}", ("False", "True", "True", "False")),
    "rotation": ("{rotation}", ("manual", "kubelet", "manual", "kubelet")),
    "paths.store": ("{store}", ("/n/pki", "/g/pki", "/d/pki", "/var/lib/kubelet/pki")),
    "paths.client_certificate": ("{client}", ("/n/c.pem", "/g/c.pem", "/d/c.pem", "None")),
    "paths.serving_certificate": ("{serving}", ("/n/s.pem", "/g/s.pem", "/d/s.pem", "None")),
    "labels.rack": ("{rack}", ("n", "g", "d", "")),
}


def _shown(node: Node, form: str) -> str:
    access = ssh(node)
    return form.format(
        user=access.user,
        port=access.port,
        host_key=",".join(access.host_keys),
        policy=access.policy,
        rotation=node.rotation,
        compare_keys=node.compare_keys,
        journal=node.journal,
        store=node.paths.store,
        client=node.paths.client_certificate,
        serving=node.paths.serving_certificate,
        rack=dict(node.labels).get("rack", ""),
    )


def _level(setting: str, value: str, *, given: bool) -> dict[str, Any]:
    if not given:
        return {}
    outer, _, inner = setting.rpartition(".")
    typed: Any = int(value) if setting == "port" else {"True": True, "False": False}.get(value, value)
    return {outer: {inner: typed}} if outer else {setting: typed}


@pytest.mark.parametrize("setting", LEVELS)
@pytest.mark.parametrize("given", [(n, g, d) for n in (True, False) for g in (True, False) for d in (True, False)])
def test_the_nearest_level_counts(tmp_path: Path, setting: str, given: tuple[bool, bool, bool]) -> None:
    """Each setting, path and label is the node's own, else the group's, else the defaults', else the built-in one."""
    form, values = LEVELS[setting]
    node, group, defaults = (_level(setting, value, given=here) for value, here in zip(values, given, strict=False))
    text = json.dumps({"defaults": defaults, "groups": {"g": {**group, "nodes": [{"name": "a", **node}]}}})
    nearest = next((value for value, here in zip(values, given, strict=False) if here), values[3])
    assert _shown(only(catalogue(tmp_path, text)), form) == nearest


@pytest.mark.parametrize(
    ("node", "group", "defaults", "root"),
    [
        ("/n/{name}", "/g/{name}", "/d/{name}", "/n/a"),
        (None, "/g/{name}/of/{name}", "/d/{name}", "/g/a/of/a"),
        (None, None, "/d/{name}", "/d/a"),
        (None, None, "/", "/"),
    ],
)
def test_the_nearest_root_counts(
    tmp_path: Path, node: str | None, group: str | None, defaults: str | None, root: str
) -> None:
    """The nearest root holds a mounted node's files, with the node's name in place of {name}."""
    text = json.dumps(
        {
            "defaults": {"transport": "local", "root": defaults},
            "groups": {"g": {"root": group, "nodes": [{"name": "a", "root": node}]}},
        }
    )
    found = only(catalogue(tmp_path, text))
    assert found.access == LocalAccess(root)
    assert (found.transport, found.address, found.host_key_policy) == ("local", root, "")


@pytest.mark.parametrize(
    ("node", "group", "defaults", "transport"),
    [
        ("local", "ssh", "ssh", TransportKind.LOCAL),
        ("ssh", "local", "local", TransportKind.SSH),
        (None, "local", "ssh", TransportKind.LOCAL),
        (None, None, "local", TransportKind.LOCAL),
        (None, None, None, TransportKind.SSH),
    ],
)
def test_the_nearest_transport_counts(
    tmp_path: Path, node: str | None, group: str | None, defaults: str | None, transport: TransportKind
) -> None:
    """A node is read as its own level says, else its group's, else the defaults', else over SSH."""
    text = json.dumps(
        {
            "defaults": {"transport": defaults, "root": "/mnt"},
            "groups": {"g": {"transport": group, "nodes": [{"name": "a", "transport": node}]}},
        }
    )
    assert only(catalogue(tmp_path, text)).transport is transport


def test_paths_are_set_key_by_key(tmp_path: Path) -> None:
    """A path set at one level leaves the other paths to the next."""
    node = only(
        catalogue(
            tmp_path,
            """
defaults: {paths: {store: /d/pki, client_certificate: /d/c.pem, serving_certificate: /d/s.pem}}
groups:
  g:
    paths: {client_certificate: /g/c.pem/}
    nodes:
      - {name: a, paths: {serving_certificate: /n/s.pem}}
""",
        )
    )
    assert node.paths == Paths("/d/pki", "/g/c.pem", "/n/s.pem")


def test_the_whole_fleet_has_one_set_of_labels(tmp_path: Path) -> None:
    """Every node has every label that is configured anywhere, sorted by name, empty where it is not set."""
    put(tmp_path / "nodes.json", "c", labels={"zone": "z", "os": "dropped"})
    nodes = catalogue(
        tmp_path,
        """
defaults: {labels: {cluster: north}}
groups:
  g:
    labels: {zone: a}
    nodes: [{name: a, labels: {rack: r7, cluster: ""}}, b]
  h:
    file_sd: {files: [nodes.json]}
""",
    )
    assert {node.name: node.labels for node in nodes.nodes} == {
        "a": (("cluster", ""), ("rack", "r7"), ("zone", "a")),
        "b": (("cluster", "north"), ("rack", ""), ("zone", "a")),
        "c": (("cluster", "north"), ("rack", ""), ("zone", "z")),
    }
    assert [node.cluster for node in nodes.nodes] == ["", "north", "north"]


@pytest.mark.parametrize(
    ("name", "address", "reached"),
    [
        ("a", "10.0.0.7", "10.0.0.7"),
        ("a", "a.example.net", "a.example.net"),
        ("a", "{name}.nodes.example.net", "a.nodes.example.net"),
        ("a", "2001:db8::7", "2001:db8::7"),
        ("a", "[2001:db8::7]", "2001:db8::7"),
        ("a", "[2001:DB8:0:0:0:0:0:7]", "2001:db8::7"),
        ("2001:db8::7", None, "2001:db8::7"),
        ("10.0.0.7", None, "10.0.0.7"),
    ],
)
def test_an_address_is_apart_from_the_name(tmp_path: Path, name: str, address: str | None, reached: str) -> None:
    """A node is reached at its address where it has one, an IPv6 address written with brackets or without."""
    text = json.dumps({"groups": {"g": {"nodes": [{"name": name, "address": address}]}}})
    node = only(catalogue(tmp_path, text))
    assert (node.name, node.address) == (name, reached)


def test_a_range_reaches_each_of_its_nodes(tmp_path: Path) -> None:
    """In a range, {name} in the address is each node's own name."""
    text = json.dumps({"groups": {"g": {"nodes": [{"name": "w[1-2]", "address": "{name}.prod"}]}}})
    assert [node.address for node in catalogue(tmp_path, text).nodes] == ["w1.prod", "w2.prod"]


def test_brackets_around_anything_else_are_refused(tmp_path: Path) -> None:
    """Brackets that hold no IPv6 address are a mistake of the entry."""
    (mistake,) = refused(tmp_path, "groups:\n  g:\n    nodes:\n      - {name: a, address: '[10.0.0.7]'}\n")
    assert mistake.startswith(":4: groups.g.nodes[0]: ")


def test_every_mounted_node_without_a_root_is_told(tmp_path: Path) -> None:
    """Each entry that is to be read from a mount, and has none, is a mistake of its own."""
    text = (
        "defaults: {transport: local}\ngroups:\n  g:\n    nodes:\n      - a\n      - {name: b, root: /b}\n      - c\n"
    )
    assert refused(tmp_path, text) == [
        ':5: groups.g.nodes[0]: transport "local" needs a root, such as /mnt/nodes/{name}',
        ':7: groups.g.nodes[2]: transport "local" needs a root, such as /mnt/nodes/{name}',
    ]


YAML_FILE = """
- targets: [a:9100, 'b']
  labels: {rack: r1}
- targets:
    - "[2001:db8::7]:9100"
"""


def test_file_sd_in_yaml_and_json(tmp_path: Path) -> None:
    """Both forms of a file_sd file name the same nodes."""
    (tmp_path / "one.yml").write_text(YAML_FILE)
    (tmp_path / "two.json").write_text(
        '[{"targets": ["c:9100", "d"], "labels": {"rack": "r1"}}, {"targets": ["[2001:db8::8]:9100"]}]'
    )
    nodes = watching(tmp_path, "one.yml", "two.json", more="defaults: {labels: {rack: ''}}\n")
    assert [(node.name, node.address, dict(node.labels)["rack"], ssh(node).port) for node in nodes.nodes] == [
        ("a", "a", "r1", 22),
        ("b", "b", "r1", 22),
        ("2001:db8::7", "2001:db8::7", "", 22),
        ("c", "c", "r1", 22),
        ("d", "d", "r1", 22),
        ("2001:db8::8", "2001:db8::8", "", 22),
    ]
    assert nodes.nodes[2].origin == f"{tmp_path}/one.yml:5: [1].targets[0]"
    assert nodes.nodes[3].origin == f"{tmp_path}/two.json: [0].targets[0]"
    assert up(nodes) == {"one.yml": True, "two.json": True}


@pytest.mark.parametrize("content", ["[]", '[{"targets": []}]', '[{"targets": [], "labels": {}}]'])
@pytest.mark.parametrize("file", ["nodes.json", "nodes.yaml"])
def test_a_file_without_targets_is_in_order(tmp_path: Path, file: str, content: str) -> None:
    """A file that names nobody counts."""
    (tmp_path / file).write_text(content)
    assert up(watching(tmp_path, file)) == {file: True}


@pytest.mark.parametrize(
    ("target", "host", "port"),
    [
        ("node", "node", None),
        ("node:9100", "node", 9100),
        ("node.example.net:22", "node.example.net", 22),
        ("10.0.0.7:22", "10.0.0.7", 22),
        ("2001:db8::7", "2001:db8::7", None),
        ("::1", "::1", None),
        ("[2001:db8::7]", "2001:db8::7", None),
        ("[2001:db8::7]:22", "2001:db8::7", 22),
    ],
)
def test_a_target_is_an_address_and_perhaps_a_port(target: str, host: str, port: int | None) -> None:
    """A target's port is told apart from its host, also where the host is an IPv6 address."""
    assert file_sd.split_address(target) == (host, port)


@pytest.mark.parametrize("target", ["node:", "node:ssh", "[::1", "[::1]22", "[::1]:", "[::1]:x"])
def test_a_target_with_half_a_port_is_refused(target: str) -> None:
    """A colon or a bracket without what belongs to it makes a target no address."""
    with pytest.raises(ValueError, match=r"address|int\(\)"):
        file_sd.split_address(target)


@pytest.mark.parametrize(("use", "port"), [("true", 9100), ("false", 2222)])
def test_the_targets_port_counts_only_where_it_is_asked_for(tmp_path: Path, use: str, port: int) -> None:
    """A target's port is node_exporter's unless the group says that it is sshd's."""
    put(tmp_path / "nodes.json", "a:9100")
    nodes = catalogue(
        tmp_path,
        f"groups:\n  g:\n    port: 2222\n    file_sd: {{files: [nodes.json], use_target_port: {use}}}\n",
    )
    assert ssh(only(nodes)).port == port


def test_a_target_without_a_port_has_the_groups(tmp_path: Path) -> None:
    """Where targets' ports count, a target that has none is reached on its group's."""
    put(tmp_path / "nodes.json", "a", "[2001:db8::7]:2223", labels={})
    nodes = catalogue(
        tmp_path, "groups:\n  g:\n    port: 2222\n    file_sd: {files: [nodes.json], use_target_port: true}\n"
    )
    assert [ssh(node).port for node in nodes.nodes] == [2222, 2223]


def test_a_label_of_ours_comes_before_the_targets_port(tmp_path: Path) -> None:
    """The port that a file's own label sets is nearer than the one of the target."""
    put(tmp_path / "nodes.json", "a:9100", labels={"__kubelet_cert_port__": "2224"})
    nodes = catalogue(tmp_path, "groups:\n  g:\n    file_sd: {files: [nodes.json], use_target_port: true}\n")
    assert ssh(only(nodes)).port == 2224


def test_labels_become_settings(tmp_path: Path) -> None:
    """The labels of the table in file_sd's docstring become this node's name, settings, paths and labels."""
    put(
        tmp_path / "nodes.json",
        "10.0.0.7:9100",
        labels={
            "node": "worker-7",
            "__kubelet_cert_user__": "probe",
            "__kubelet_cert_port__": "2222",
            "__kubelet_cert_host_key__": KEY,
            "__kubelet_cert_transport__": "ssh",
            "__kubelet_cert_rotation__": "manual",
            "__kubelet_cert_store__": "/srv/pki",
            "__kubelet_cert_client_certificate__": "/srv/client.pem",
            "__kubelet_cert_serving_certificate__": "/srv/serving.pem",
            "rack": "r7",
            "job": "node",
            "__meta_kubernetes_node_name": "other",
        },
    )
    text = """
defaults: {labels: {rack: r0, cluster: north}}
groups: {g: {user: root, file_sd: {files: [nodes.json]}}}
"""
    assert only(catalogue(tmp_path, text)) == Node(
        name="worker-7",
        access=SshAccess("10.0.0.7", 2222, "probe", (KEY,), HostKeyPolicy.STRICT, "worker-7"),
        paths=Paths("/srv/pki", "/srv/client.pem", "/srv/serving.pem"),
        rotation=Rotation.MANUAL,
        labels=(("cluster", "north"), ("rack", "r7")),
        origin=f"{tmp_path}/nodes.json: [0].targets[0]",
    )


def test_labels_can_name_a_mount(tmp_path: Path) -> None:
    """A file_sd file can say that a node's files are mounted, and where."""
    labels = {"__kubelet_cert_transport__": "local", "__kubelet_cert_root__": "/mnt/{name}"}
    put(tmp_path / "nodes.json", "a", "b", labels=labels)
    assert [node.address for node in watching(tmp_path, "nodes.json").nodes] == ["/mnt/a", "/mnt/b"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[",
        "null",
        "{}",
        '"a"',
        "7",
        "[7]",
        '["a"]',
        "[null]",
        "[{}]",
        '[{"targets": "a"}]',
        '[{"targets": null}]',
        '[{"targets": [7]}]',
        '[{"targets": [""]}]',
        '[{"targets": ["a"], "label": {}}]',
        '[{"targets": ["a"], "labels": ["x"]}]',
        '[{"targets": ["a"], "labels": {"x": 7}}]',
        '[{"targets": ["a:b"]}]',
        '[{"targets": ["a b"]}]',
        '[{"targets": ["../a"]}]',
        '[{"targets": [":22"]}]',
        '[{"targets": ["a", "a"]}]',
        '[{"targets": ["a"], "labels": {"node": ""}}]',
        '[{"targets": ["a"], "labels": {"__kubelet_cert_port__": "0"}}]',
        '[{"targets": ["a"], "labels": {"__kubelet_cert_port__": "ssh"}}]',
        '[{"targets": ["a"], "labels": {"__kubelet_cert_transport__": "local"}}]',
        '[{"targets": ["a"], "labels": {"__kubelet_cert_transport__": "rsh"}}]',
        '[{"targets": ["a"], "labels": {"__kubelet_cert_store__": "pki"}}]',
        '[{"targets": ["\\ud800"]}]',
        '[{"targets": ["a"], "labels": {"node": "\\ud800"}}]',
        "[" + "1" * 5000 + "]",
        "[" * 100_000,
        '[{"targets": ["a"]}]garbage',
    ],
    ids=lambda content: content[:60] or "empty",
)
def test_a_file_that_cannot_be_used_is_down(tmp_path: Path, content: str) -> None:
    """Whatever a file_sd file holds, at worst it is a source that does not count; an empty list is none of these."""
    (tmp_path / "nodes.json").write_text(content)
    nodes = watching(tmp_path, "nodes.json")
    assert names(nodes) == []
    # null is what a writer leaves that has only emptied the file yet: no reason to forget its nodes
    assert up(nodes) == {"nodes.json": False}


def test_a_label_does_not_ask_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the configuration may name a node by a variable: who writes targets cannot have the environment told."""
    monkeypatch.setenv("SECRET", "swordfish")
    put(tmp_path / "nodes.json", "a", labels={"node": "$SECRET"})
    nodes = watching(tmp_path, "nodes.json")
    assert names(nodes) == []
    assert up(nodes) == {"nodes.json": False}


def test_every_mistake_of_a_file_is_told_with_its_place(tmp_path: Path) -> None:
    """The mistakes of a file_sd file are all in one error, each with its line and path."""
    file = tmp_path / "nodes.yml"
    file.write_text(
        "- targets: ['a:x', b]\n- targets: [c]\n  label: {}\n- targets: [d]\n  labels: {__kubelet_cert_port__: '0'}\n"
    )
    with pytest.raises(ConfigurationError) as caught:
        file_sd.read(str(file), (), use_target_port=False)
    assert [mistake.place for mistake in caught.value.mistakes] == [
        f"{file}:1: [0].targets[0]",
        f"{file}:2: [1]",
        f"{file}:4: [2].targets[0]: __kubelet_cert_port__",
    ]


def test_a_broken_file_keeps_its_nodes(tmp_path: Path) -> None:
    """What a file gave before it broke stays, and its status goes down; mended, it counts at once."""
    file = tmp_path / "nodes.json"
    put(file, "a", "b")
    nodes = watching(tmp_path, "nodes.json")
    assert (names(nodes), up(nodes)) == (["a", "b"], {"nodes.json": True})
    file.write_text('[{"targets": ["a", ')
    assert nodes.refresh()
    assert (names(nodes), up(nodes)) == (["a", "b"], {"nodes.json": False})
    put(file, "b", "c")
    assert nodes.refresh()
    assert (names(nodes), up(nodes)) == (["b", "c"], {"nodes.json": True})


def test_a_file_that_is_as_it_was_is_not_read_again(tmp_path: Path) -> None:
    """Nothing has changed where no file has, be it broken or missing."""
    put(tmp_path / "good.json", "a")
    (tmp_path / "bad.json").write_text("[")
    nodes = watching(tmp_path, "good.json", "bad.json", "missing.json", "none-*.json")
    assert not nodes.refresh()
    assert not nodes.refresh()
    assert names(nodes) == ["a"]


def test_a_missing_file_keeps_its_nodes(tmp_path: Path) -> None:
    """A file named in full that goes away keeps its nodes, down, until it is back."""
    file = tmp_path / "nodes.json"
    put(file, "a")
    nodes = watching(tmp_path, "nodes.json")
    file.unlink()
    assert nodes.refresh()
    assert (names(nodes), up(nodes)) == (["a"], {"nodes.json": False})
    put(file, "b")
    assert nodes.refresh()
    assert (names(nodes), up(nodes)) == (["b"], {"nodes.json": True})


def test_a_file_that_was_never_there_is_down(tmp_path: Path) -> None:
    """A file named in full that does not exist is a source that is down, and counts once it is there."""
    nodes = watching(tmp_path, "nodes.json")
    assert (names(nodes), up(nodes)) == ([], {"nodes.json": False})
    put(tmp_path / "nodes.json", "a")
    assert nodes.refresh()
    assert (names(nodes), up(nodes)) == (["a"], {"nodes.json": True})


def test_a_file_of_a_pattern_comes_and_goes(tmp_path: Path) -> None:
    """A file that a pattern matches adds its nodes, and takes them along when it goes."""
    put(tmp_path / "b.json", "b")
    nodes = watching(tmp_path, "*.json")
    put(tmp_path / "a.json", "a")
    assert nodes.refresh()
    assert (names(nodes), up(nodes)) == (["a", "b"], {"a.json": True, "b.json": True})
    (tmp_path / "b.json").unlink()
    assert nodes.refresh()
    assert (names(nodes), up(nodes)) == (["a"], {"a.json": True})


def test_a_pattern_without_a_match_is_down(tmp_path: Path) -> None:
    """A pattern that matches no file is a source that is down, until it matches one and again after."""
    nodes = watching(tmp_path, "rack-*.json")
    assert up(nodes) == {"rack-*.json": False}
    put(tmp_path / "rack-1.json", "a")
    assert nodes.refresh()
    assert up(nodes) == {"rack-1.json": True}
    (tmp_path / "rack-1.json").unlink()
    assert nodes.refresh()
    assert (names(nodes), up(nodes)) == ([], {"rack-*.json": False})
    assert not nodes.refresh()


def test_a_folder_whose_name_looks_like_a_pattern(tmp_path: Path) -> None:
    """Only what the configuration says can be a pattern, not the folder that it happens to be in."""
    folder = tmp_path / "fleet[1]"
    folder.mkdir()
    put(folder / "nodes.json", "a")
    put(folder / "more-1.json", "b")
    assert names(watching(folder, "nodes.json", "more-*.json")) == ["b", "a"]


@pytest.mark.parametrize("order", [("a.json", "b.json"), ("b.json", "a.json")])
def test_a_node_moves_from_one_file_to_another(tmp_path: Path, order: tuple[str, str]) -> None:
    """A node that leaves one file and enters another between two looks is there all the time, in either order."""
    put(tmp_path / "a.json", "x", "y")
    put(tmp_path / "b.json", "z")
    nodes = watching(tmp_path, *order)
    put(tmp_path / "a.json", "y")
    put(tmp_path / "b.json", "x", "z")
    assert nodes.refresh()
    assert names(nodes) == ["y", "x", "z"]
    assert up(nodes) == {"a.json": True, "b.json": True}


@pytest.mark.parametrize("order", [("a.json", "b.json"), ("b.json", "a.json")])
def test_a_node_is_in_both_files_for_a_while(tmp_path: Path, order: tuple[str, str]) -> None:
    """A node that enters its new file before it leaves the old one is there once, and both files count in the end."""
    put(tmp_path / "a.json", "x")
    put(tmp_path / "b.json", "z")
    nodes = watching(tmp_path, *order)
    put(tmp_path / "b.json", "x", "z")
    assert nodes.refresh()
    assert (names(nodes), up(nodes)) == (["x", "z"], {"a.json": True, "b.json": False})
    put(tmp_path / "a.json", "y")
    assert nodes.refresh()
    assert (names(nodes), up(nodes)) == (["y", "x", "z"], {"a.json": True, "b.json": True})


@pytest.mark.parametrize("order", [("a.json", "b.json"), ("b.json", "a.json")])
def test_two_nodes_change_places(tmp_path: Path, order: tuple[str, str]) -> None:
    """Two files that swap their nodes between two looks both count."""
    put(tmp_path / "a.json", "x")
    put(tmp_path / "b.json", "y")
    nodes = watching(tmp_path, *order)
    put(tmp_path / "a.json", "y")
    put(tmp_path / "b.json", "x")
    assert nodes.refresh()
    assert names(nodes) == ["y", "x"]
    assert up(nodes) == {"a.json": True, "b.json": True}


@pytest.mark.parametrize("order", ["abc", "acb", "bac", "bca", "cab", "cba"])
def test_nodes_move_along_a_row_of_files(tmp_path: Path, order: str) -> None:
    """Nodes that each move one file on between two looks are all in their new files after one look."""
    for file, node in ("a", "x"), ("b", "y"), ("c", "z"):
        put(tmp_path / f"{file}.json", node)
    nodes = watching(tmp_path, *(f"{file}.json" for file in order))
    put(tmp_path / "a.json")
    put(tmp_path / "b.json", "x")
    put(tmp_path / "c.json", "y")
    assert nodes.refresh()
    assert names(nodes) == ["x", "y"]
    assert up(nodes) == {"a.json": True, "b.json": True, "c.json": True}


def test_a_file_claims_the_nodes_of_one_that_went(tmp_path: Path) -> None:
    """A file that was refused for a node of another counts as soon as that other file is gone."""
    put(tmp_path / "a.json", "x")
    put(tmp_path / "b.json", "x", "y")
    nodes = watching(tmp_path, "*.json")
    assert up(nodes) == {"a.json": True, "b.json": False}
    (tmp_path / "a.json").unlink()
    assert nodes.refresh()
    assert (names(nodes), up(nodes)) == (["x", "y"], {"b.json": True})


def problem(nodes: Catalogue, file: Path) -> str:
    """Why a file does not count."""
    return nodes._told[str(file)]


def test_a_node_of_both_the_configuration_and_a_file_names_both_places(tmp_path: Path) -> None:
    """A static node that a file names too stays as it is, the file's others count, and the error names both places."""
    put(tmp_path / "nodes.json", "b", "a")
    nodes = catalogue(tmp_path, "groups:\n  g:\n    nodes: [a]\n    file_sd: {files: [nodes.json]}\n")
    assert (names(nodes), up(nodes)) == (["a", "b"], {"nodes.json": False})
    assert problem(nodes, tmp_path / "nodes.json") == (
        f"{tmp_path}/nodes.json: [0].targets[1]: "
        f"node 'a' is already named at {tmp_path}/exporter.yaml:3: groups.g.nodes[0]"
    )


def test_a_node_of_two_files_names_both_places(tmp_path: Path) -> None:
    """The later of two files that name a node is refused, and the error names both places."""
    put(tmp_path / "a.json", "x")
    put(tmp_path / "b.json", "x")
    nodes = watching(tmp_path, "a.json", "b.json")
    assert problem(nodes, tmp_path / "b.json") == (
        f"{tmp_path}/b.json: [0].targets[0]: node 'x' is already named at {tmp_path}/a.json: [0].targets[0]"
    )


def test_a_node_twice_in_a_file_names_both_places(tmp_path: Path) -> None:
    """A file that names a node twice is refused, and the error names both places."""
    (tmp_path / "nodes.yml").write_text("- targets: [a]\n- targets: [b]\n  labels: {node: a}\n")
    nodes = watching(tmp_path, "nodes.yml")
    assert problem(nodes, tmp_path / "nodes.yml") == (
        f"{tmp_path}/nodes.yml:2: [1].targets[0]: node 'a' is already named at {tmp_path}/nodes.yml:1: [0].targets[0]"
    )


def test_a_reload_keeps_the_nodes_of_a_broken_file(tmp_path: Path) -> None:
    """A file that is broken when the configuration is read again keeps its nodes, and counts once mended."""
    put(tmp_path / "nodes.json", "a", "b")
    older = watching(tmp_path, "nodes.json")
    (tmp_path / "nodes.json").write_text("[")
    newer = watching(tmp_path, "nodes.json", more="interval: 2h\n", older=older)
    assert (names(newer), up(newer)) == (["a", "b"], {"nodes.json": False})
    put(tmp_path / "nodes.json", "c")
    assert newer.refresh()
    assert (names(newer), up(newer)) == (["c"], {"nodes.json": True})


def test_a_reload_keeps_the_nodes_of_a_missing_file(tmp_path: Path) -> None:
    """A file named in full that is missing when the configuration is read again keeps its nodes."""
    put(tmp_path / "nodes.json", "a")
    older = watching(tmp_path, "nodes.json")
    (tmp_path / "nodes.json").unlink()
    newer = watching(tmp_path, "nodes.json", older=older)
    assert (names(newer), up(newer)) == (["a"], {"nodes.json": False})


def test_a_reload_takes_no_node_twice(tmp_path: Path) -> None:
    """What a broken file gave and the new configuration names itself is there once, as the configuration says."""
    put(tmp_path / "nodes.json", "a", "b")
    older = watching(tmp_path, "nodes.json")
    (tmp_path / "nodes.json").write_text("[")
    newer = watching(tmp_path, "nodes.json", more="    nodes: [a]\n", older=older)
    assert names(newer) == ["a", "b"]
    assert newer.nodes[0].origin.endswith("groups.workers.nodes[0]")


def test_a_reload_drops_a_source_that_is_no_longer_named(tmp_path: Path) -> None:
    """Nodes of a file that the new configuration does not name are gone although the file broke."""
    put(tmp_path / "old.json", "a")
    put(tmp_path / "new.json", "b")
    older = watching(tmp_path, "old.json")
    (tmp_path / "old.json").write_text("[")
    newer = watching(tmp_path, "new.json", older=older)
    assert names(newer) == ["b"]


def test_a_good_file_inherits_nothing(tmp_path: Path) -> None:
    """A file that counts at a reload gives what it says now, though that be nobody."""
    put(tmp_path / "nodes.json", "a")
    older = watching(tmp_path, "nodes.json")
    put(tmp_path / "nodes.json")
    newer = watching(tmp_path, "nodes.json", older=older)
    assert (names(newer), up(newer)) == ([], {"nodes.json": True})


def test_inherited_nodes_have_the_new_set_of_labels(tmp_path: Path) -> None:
    """Nodes kept over a reload have the labels of the new configuration, as every node of the fleet has."""
    put(tmp_path / "nodes.json", "a", labels={"rack": "r1"})
    older = watching(tmp_path, "nodes.json", more="defaults: {labels: {rack: '', zone: z}}\n")
    (tmp_path / "nodes.json").write_text("[")
    newer = watching(tmp_path, "nodes.json", more="defaults: {labels: {cluster: north, rack: ''}}\n", older=older)
    assert [label for label, _ in only(newer).labels] == ["cluster", "rack"]
    assert dict(only(newer).labels)["rack"] == "r1"


@pytest.mark.skipif(os.geteuid() != 0, reason="changes its user, which only root may")
def test_a_file_counts_once_it_may_be_read() -> None:
    """A file that was refused for its permissions counts as soon as they are mended, though its text is the same."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        put(folder / "nodes.json", "a")
        (folder / "nodes.json").chmod(0o600)
        (folder / "exporter.yaml").write_text("groups: {g: {file_sd: {files: [nodes.json]}}}\n")
        loaded = load(str(folder / "exporter.yaml"))
        os.seteuid(65534)
        try:
            nodes = Catalogue(*loaded)
        finally:
            os.seteuid(0)
        before = up(nodes)
        (folder / "nodes.json").chmod(0o644)
        nodes.refresh()
    assert before == {"nodes.json": False}
    assert (names(nodes), up(nodes)) == (["a"], {"nodes.json": True})


def test_a_file_of_ten_thousand_nodes_loads(tmp_path: Path) -> None:
    """A file of ten thousand target groups, as large fleets have them, gives ten thousand nodes."""
    groups = [
        {"targets": [f"10.{number >> 8}.{number & 255}.1:9100"], "labels": {"node": f"worker-{number:05d}", "os": "x"}}
        for number in range(10_000)
    ]
    (tmp_path / "nodes.json").write_text(json.dumps(groups))
    nodes = watching(tmp_path, "nodes.json")
    assert up(nodes) == {"nodes.json": True}
    assert len({node.name for node in nodes.nodes}) == len({node.address for node in nodes.nodes}) == 10_000


TEXT = st.one_of(st.sampled_from(["a", "a:22", "[::1]:22", "10.0.0.1", "w[1-3]", "7", ""]), st.text(max_size=8))
LABEL = st.one_of(
    st.sampled_from(["node", "rack", *(f"__kubelet_cert_{word}__" for word in ("port", "user", "store", "root"))]),
    st.text(max_size=6),
)
VALUE = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(LABEL, inner, max_size=3)),
    max_leaves=8,
)
TARGETS = st.fixed_dictionaries(
    {"targets": st.lists(TEXT, max_size=3)}, optional={"labels": st.dictionaries(LABEL, TEXT, max_size=4)}
)


def entries_or_mistakes(content: bytes, kind: str, *, use_target_port: bool) -> list[str]:
    """The places of what a file_sd file with this content gives: of its entries, or of its mistakes."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"nodes.{kind}"
        file.write_bytes(content)
        try:
            found = file_sd.read(str(file), ("rack",), use_target_port=use_target_port)
        except ConfigurationError as error:
            return [mistake.place.removeprefix(folder) for mistake in error.mistakes] or ["an error without mistakes"]
    return [place.removeprefix(folder) for _, place in found]


@settings(deadline=None, max_examples=200)
@given(
    st.one_of(VALUE, st.lists(st.one_of(TARGETS, VALUE), max_size=3)), st.booleans(), st.sampled_from(["json", "yml"])
)
def test_any_json_value_is_entries_or_mistakes(content: object, use_target_port: bool, kind: str) -> None:
    """Whatever JSON a file_sd file holds, reading it gives entries or ConfigurationError, each with its place."""
    places = entries_or_mistakes(json.dumps(content).encode(), kind, use_target_port=use_target_port)
    assert all(place.startswith(f"/nodes.{kind}") for place in places)


@settings(deadline=None, max_examples=200)
@given(st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode)), st.sampled_from(["json", "yml"]))
def test_any_bytes_are_entries_or_mistakes(content: bytes, kind: str) -> None:
    """Whatever bytes a file_sd file holds, reading it gives entries or ConfigurationError, each with its place."""
    places = entries_or_mistakes(content, kind, use_target_port=False)
    assert all(place.startswith(f"/nodes.{kind}") for place in places)


@pytest.mark.parametrize("port", ["0", "65536", "00002299999", "22a", "\u0662\u0662", "-22"])
def test_a_target_whose_port_is_none(tmp_path: Path, port: str) -> None:
    """A target's port is one from 1 to 65535, in digits; else its file does not count."""
    put(tmp_path / "nodes.json", f"a:{port}")
    nodes = catalogue(tmp_path, "groups:\n  g:\n    file_sd: {files: [nodes.json], use_target_port: true}\n")
    assert nodes.nodes == ()
    assert "port" in str(nodes.problems)
