"""The way to a host: what our configuration says, then what ssh_config says, then what is built in."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from exporter.collect.ssh.transport import SshTransport
from exporter.config.loading import load
from exporter.config.settings import AddressFamily, HostKeyPolicy, IdentityFile
from exporter.config.ssh import Ssh
from exporter.errors import ConfigurationError
from exporter.inventory.catalogue import Catalogue
from exporter.model.node import Hop, SshAccess
from tests.sshd import USER, Host, Sshd, address, make_key, needs_sshd, place_for_trees
from tests.test_ssh_config import DEBIAN, dump, jump_hosts, write

BIG_FILE = """
Host n1
  HostName n1.example.org
  Port 2201
  User ops
  IdentityFile /k/%n
  IdentityFile /k/second
  CertificateFile /k/second-cert.pub
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile /k/known /dev/null
  GlobalKnownHostsFile /k/everybody
  HostKeyAlias Fleet
  ConnectTimeout 7
  AddressFamily inet6
  BindAddress 2001:db8::9
"""


def catalogue(folder: Path, ssh_config: str, inventory: str, older: Catalogue | None = None) -> Catalogue:
    """The nodes of an inventory with this ssh_config beside it."""
    write(folder / "ssh_config", ssh_config)
    path = write(folder / "exporter.yaml", f"ssh: {{config: ssh_config}}\n{inventory}")
    return Catalogue(*load(path), older)


def accesses(folder: Path, ssh_config: str, inventory: str) -> dict[str, SshAccess]:
    """How each of its nodes is logged in to."""
    nodes = catalogue(folder, ssh_config, inventory).nodes
    return {node.name: node.access for node in nodes if isinstance(node.access, SshAccess)}


def access(folder: Path, ssh_config: str, entry: str, more: str = "") -> SshAccess:
    """How one node is logged in to."""
    (only,) = accesses(folder, ssh_config, f"groups: {{g: {{nodes: [{entry}]}}}}\n{more}").values()
    return only


def refused(folder: Path, ssh_config: str, inventory: str) -> list[str]:
    """What is wrong with both, the folder left out."""
    with pytest.raises(ConfigurationError) as caught:
        catalogue(folder, ssh_config, inventory)
    return [str(mistake).replace(f"{folder}/", "") for mistake in caught.value.mistakes]


def way(access: SshAccess) -> list[tuple[str, int, str]]:
    """Every login on the way to a host and there, the first one first."""
    return [*(way(access.via.access) if access.via else []), (access.address, access.port, access.user)]


def test_everything_that_the_file_says(tmp_path: Path) -> None:
    """All of a host's options become those of the node."""
    assert access(tmp_path, BIG_FILE, "n1") == SshAccess(
        address="n1.example.org",
        port=2201,
        user="ops",
        name="n1",
        host_key_alias="fleet",
        known_hosts=("/k/known", "/k/everybody"),
        identities=(IdentityFile("/k/n1"), IdentityFile("/k/second", "/k/second-cert.pub")),
        agent=False,
        identities_only=True,
        connect_timeout=7.0,
        address_family=AddressFamily.INET6,
        bind_address="2001:db8::9",
    )


def test_what_is_built_in_comes_last(tmp_path: Path) -> None:
    """A host that the file says nothing of is as without a file."""
    assert access(tmp_path, BIG_FILE, "n2") == SshAccess("n2", 22, "root", (), HostKeyPolicy.STRICT, name="n2")
    assert access(tmp_path, DEBIAN, "n1") == SshAccess("n1", name="n1")


def test_a_file_that_nobody_names_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without ``ssh.config`` the usual files of ssh(1) do not count."""
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / ".ssh/config", BIG_FILE)
    (node,) = Catalogue(*load(write(tmp_path / "exporter.yaml", "groups: {g: {nodes: [n1]}}\n"))).nodes
    assert node.access == SshAccess("n1", name="n1")


@pytest.mark.parametrize("level", ["node", "group", "defaults"])
def test_our_own_configuration_wins(level: str, tmp_path: Path) -> None:
    """What a node, its group or the defaults say counts before what the file says."""
    said = {
        "user": "ann",
        "port": 2299,
        "host_key_alias": "{name}.fleet",
        "host_key_policy": "insecure",
        "identities": [{"file": "/k/own"}],
    }
    node = {"name": "n1", **(said if level == "node" else {})}
    group = {"nodes": [node], **(said if level == "group" else {})}
    inventory = f"groups: {json.dumps({'g': group})}\ndefaults: {json.dumps(said if level == 'defaults' else {})}\n"
    (found,) = accesses(tmp_path, f"{BIG_FILE}  StrictHostKeyChecking no\n", inventory).values()
    assert (found.user, found.port, found.host_key_alias) == ("ann", 2299, "n1.fleet")
    assert (found.policy, found.identities) == (HostKeyPolicy.INSECURE, (IdentityFile("/k/own"),))
    assert (found.address, found.connect_timeout) == ("n1.example.org", 7.0)


@pytest.mark.parametrize(
    ("entry", "alias"),
    [
        ("n1", "n1"),
        ("{name: n1, address: 192.0.2.7}", "192.0.2.7"),
        ("{name: n1, address: '{name}.x'}", "n1.x"),
        ("{name: n1, address: '[2001:db8::7]'}", "2001:db8::7"),
    ],
)
def test_the_file_is_asked_for_the_address(entry: str, alias: str, tmp_path: Path) -> None:
    """By the address where there is one, else by the name, as ssh(1) would be called."""
    found = access(tmp_path, f"Host {alias}\n  HostName found\n", entry)
    assert (found.address, found.name) == ("found", "n1")


@pytest.mark.parametrize(
    ("text", "known_hosts"),
    [
        ("Port 22", None),
        ("UserKnownHostsFile /k/u", ("/k/u", "/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")),
        ("GlobalKnownHostsFile /k/g", ("~/.ssh/known_hosts", "~/.ssh/known_hosts2", "/k/g")),
        ("UserKnownHostsFile none\nGlobalKnownHostsFile none", ()),
    ],
)
def test_known_hosts_of_the_file(text: str, known_hosts: tuple[str, ...] | None, tmp_path: Path) -> None:
    """One of the two options alone leaves ssh's own files for the other; neither leaves those of the section."""
    assert access(tmp_path, text, "n1").known_hosts == known_hosts


JUMPS = """
Host n1
  ProxyJump outer,adm@inner:2222
Host n2
  ProxyJump inner
Host n3
  ProxyJump ssh://adm@inner:2222
Host n4
  ProxyJump [2001:db8::5]:2205
Host n5
  ProxyJump none
Host n6
  HostName six.example.org
  ProxyJump jump-%h
Host inner
  HostName 192.0.2.2
  Port 2202
  ProxyJump gate
  IdentityFile /k/%n
Host outer
  HostName outer.example.org
  ConnectTimeout 3
Host *
  User ops
"""


def way_of_ssh(path: str, host: str, *flags: str) -> list[tuple[str, int, str]]:
    """The same as ssh(1) would go: a process for each host, told the hosts before it by -J."""
    said = dump(path, host, *flags)
    assert said is not None
    here = (said["hostname"][0], int(said["port"][0]), said["user"][0])
    hops = [word for word in said.get("proxyjump", ["none"])[0].split(",") if word != "none"]
    if not hops:
        return [here]
    (last,) = jump_hosts(hops[-1])
    name = last.host.replace("%h", said["hostname"][0])
    return [
        *way_of_ssh(
            path,
            name,
            *(["-l", last.user] if last.user else []),
            *(["-p", str(last.port)] if last.port else []),
            *(["-J", ",".join(hops[:-1])] if hops[:-1] else []),
        ),
        here,
    ]


@pytest.mark.parametrize("name", ["n1", "n2", "n3", "n4", "n5", "n6", "n7"])
def test_hosts_to_jump_through(name: str, tmp_path: Path) -> None:
    """Each is looked up in the file itself; those before it in ProxyJump are the way to it, else its own are."""
    found = access(tmp_path, JUMPS, name)
    assert way(found) == way_of_ssh(str(tmp_path / "ssh_config"), name)


def test_what_the_file_says_of_a_host_to_jump_through(tmp_path: Path) -> None:
    """Keys, names and times are its own."""
    assert access(tmp_path, JUMPS, "n2").via == Hop(
        SshAccess(
            address="192.0.2.2",
            port=2202,
            user="ops",
            name="inner",
            identities=(IdentityFile("/k/inner"),),
            via=Hop(SshAccess("gate", user="ops", name="gate")),
        )
    )


def test_nodes_share_the_hosts_that_they_jump_through(tmp_path: Path) -> None:
    """A thousand nodes behind the same hosts have one way: bastions are told apart by what they are."""
    text = "Host n*\n  ProxyJump outer,inner\nHost m*\n  ProxyJump inner\nHost inner\n  ProxyJump outer\n"
    found = accesses(tmp_path, text, "groups: {g: {nodes: ['n[001-500]', 'm[001-500]']}}")
    assert len(found) == 1000
    assert len({one.via for one in found.values()}) == 1


def test_a_bastion_of_ours_wins(tmp_path: Path) -> None:
    """A level that names a bastion, or none, leaves neither ProxyJump nor ProxyCommand anything to say."""
    text = "Host n1\n  ProxyJump gate\nHost n2\n  ProxyCommand nc %h %p\n"
    bastions = "ssh: {config: ssh_config, bastions: {ours: {}}}"
    for entry, via in (("ours", "ours"), ("none", None)):
        inventory = f"groups: {{g: {{bastion: {entry}, nodes: [n1, n2]}}}}\n"
        write(tmp_path / "ssh_config", text)
        nodes = Catalogue(*load(write(tmp_path / "exporter.yaml", f"{bastions}\n{inventory}"))).nodes
        assert [node.bastion.name if node.bastion else None for node in nodes] == [via, via]


def test_the_file_says_how_bastions_of_ours_are_reached(tmp_path: Path) -> None:
    """What ``ssh.bastions`` does not set comes from the file, for the bastion's address or its name."""
    write(
        tmp_path / "ssh_config",
        "Host one\n  HostName 192.0.2.1\n  User ops\n  Port 2201\nHost two.x\n  ProxyJump one\n",
    )
    bastions = "{one: {port: 22}, two: {address: two.x, channels: 3}}"
    inventory = "groups: {g: {bastion: two, nodes: [n1]}}\n"
    text = f"ssh: {{config: ssh_config, bastions: {bastions}}}\n{inventory}"
    (node,) = Catalogue(*load(write(tmp_path / "exporter.yaml", text))).nodes
    one = Hop(SshAccess("192.0.2.1", 2201, "ops", name="one"))
    assert node.bastion == Hop(SshAccess("two.x", name="two", via=one), channels=3)


def test_a_refusal_names_file_line_option_and_node(tmp_path: Path) -> None:
    """All of them at once, and for no other node."""
    text = "Host n2 n4\n  ProxyCommand nc %h %p\nMatch host n4 exec true\n  Port 1\n"
    assert refused(tmp_path, text, "groups: {g: {nodes: [n1, n2, n3, n4]}}") == [
        "ssh_config:2: ProxyCommand: not supported; counts for node 'n2', node 'n4'",
        "ssh_config:3: Match: 'exec' cannot be told here; counts for node 'n4'",
    ]
    assert list(accesses(tmp_path, text, "groups: {g: {nodes: [n1, n3]}}")) == ["n1", "n3"]


def test_a_refusal_of_many_nodes_is_told_once(tmp_path: Path) -> None:
    """A line that counts for a whole fleet is one mistake, as is a mistake of each node beside it."""
    inventory = "groups: {g: {nodes: ['n[1-500]', x, {name: l, transport: local}]}}"
    assert refused(tmp_path, "Ciphers aes256-ctr\n", inventory) == [
        "ssh_config:1: Ciphers: not supported; counts for node 'n1', node 'n2', node 'n3' and 498 more",
        'exporter.yaml:2: groups.g.nodes[2]: transport "local" needs a root, such as /mnt/nodes/{name}',
    ]


def test_a_refusal_on_the_way(tmp_path: Path) -> None:
    """A host to jump through, and a bastion of ours, are looked at like nodes; a mounted node is not looked up."""
    text = "Host n1\n  ProxyJump gate\nHost gate\n  StrictHostKeyChecking no\n"
    told = "ssh_config:4: StrictHostKeyChecking: not supported; counts for "
    assert refused(tmp_path, text, "groups: {g: {nodes: [n1]}}") == [f"{told}gate, on the way to node 'n1'"]
    local = "groups: {g: {transport: local, root: '/mnt/{name}', nodes: [n1]}}"
    assert accesses(tmp_path, text, local) == {}
    write(tmp_path / "ssh_config", text)
    bastions = "ssh: {config: ssh_config, bastions: {gate: {}, other: {}}}\n"
    with pytest.raises(ConfigurationError) as caught:
        Catalogue(*load(write(tmp_path / "exporter.yaml", f"{bastions}{local}\n")))
    assert str(caught.value) == f"{tmp_path}/{told}bastion 'gate'"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Host *\n  ProxyJump gate\n", 2),
        ("Host n1\n  ProxyJump a\nHost a\n  ProxyJump b\nHost b\n  ProxyJump a\n", 6),
        ("Host *\n  ProxyJump more-%h\n", 2),
    ],
)
def test_a_way_without_end(text: str, line: int, tmp_path: Path) -> None:
    """Hosts that are reached through themselves are told; ssh(1) sees some of these circles."""
    (told,) = refused(tmp_path, text, "groups: {g: {nodes: [n1]}}")
    assert told.startswith(f"ssh_config:{line}: ProxyJump: leads back to itself; counts for ")
    assert told.endswith(" on the way to node 'n1'")


def test_mistakes_in_the_file(tmp_path: Path) -> None:
    """A file that ssh(1) could not read is no configuration, whoever its nodes are; nor is one that is not there."""
    assert refused(tmp_path, "Port x\nOdd y\n", "groups: {g: {nodes: [n1]}}") == [
        "ssh_config:1: Port: 'x' is not a port from 1 to 65535",
        "ssh_config:2: Odd: ssh_config has no such option, and no IgnoreUnknown names it for every host",
    ]
    path = write(tmp_path / "exporter.yaml", "ssh: {config: gone}\ngroups: {g: {nodes: [n1]}}\n")
    with pytest.raises(ConfigurationError, match="gone: cannot be read"):
        Catalogue(*load(path))


def test_nodes_of_file_sd(tmp_path: Path) -> None:
    """They are looked up by their target; one that is refused costs the file, which says so."""
    targets = tmp_path / "nodes.json"
    targets.write_text(json.dumps([{"targets": ["192.0.2.1:9100"], "labels": {"node": "n1"}}]))
    text = "Host 192.0.2.1\n  User ops\nHost 192.0.2.2\n  ProxyCommand nc %h %p\n"
    nodes = catalogue(tmp_path, text, "groups: {g: {file_sd: {files: [nodes.json]}}}")
    (node,) = nodes.nodes
    assert isinstance(node.access, SshAccess)
    assert (node.name, node.access.user, nodes.problems) == ("n1", "ops", {})
    targets.write_text(json.dumps([{"targets": ["192.0.2.1", "192.0.2.2"]}]))
    assert nodes.refresh()
    assert [node.name for node in nodes.nodes] == ["n1"]
    told = f"{tmp_path}/ssh_config:4: ProxyCommand: not supported; counts for node '192.0.2.2'"
    assert nodes.problems == {str(targets): told}


def test_a_change_of_an_included_file(tmp_path: Path) -> None:
    """A reload reads every file again; until then what was read stays."""
    included = tmp_path / "more"
    write(included, "Port 1\n")
    inventory = "groups: {g: {file_sd: {files: [nodes.json]}}}"
    (tmp_path / "nodes.json").write_text('[{"targets": ["n1"]}]')
    first = catalogue(tmp_path, f"Include {included}\n", inventory)
    write(included, "Port 2\n")
    (tmp_path / "nodes.json").write_text('[{"targets": ["n1", "n2"]}]')
    assert first.refresh()
    assert [way_port(node.access) for node in first.nodes] == [1, 1]
    second = catalogue(tmp_path, f"Include {included}\n", inventory, first)
    assert [way_port(node.access) for node in second.nodes] == [2, 2]


def way_port(access: object) -> int:
    """The port of a node that is read over SSH."""
    assert isinstance(access, SshAccess)
    return access.port


@needs_sshd
def test_a_node_behind_another_is_read_as_ssh_reaches_it(tmp_path: Path) -> None:
    """A real sshd behind a real one, keys and known hosts from the file alone: what ssh(1) does, a visit does."""
    with place_for_trees() as place:
        gate, inner = Host(address(231)), Host(address(232))
        key = make_key(place / "id", "ed25519")
        sshd = Sshd(place, (gate, inner), (key,))
        sshd.start()
        try:
            write(place / "known", sshd.known_hosts())
            text = (
                f"Host gate\n  HostName {gate.address}\nHost inner\n  HostName {inner.address}\n  ProxyJump gate\n"
                f"Host *\n  User {USER}\n  Port {sshd.port}\n  IdentityFile {key}\n"
                f"  UserKnownHostsFile {place}/known\n  GlobalKnownHostsFile none\n"
            )
            nodes = catalogue(tmp_path, text, "groups: {g: {nodes: [inner]}}").nodes
            ssh = ["ssh", "-F", str(tmp_path / "ssh_config"), "-o", "BatchMode=yes", "inner", "true"]
            assert subprocess.run(ssh, check=False, capture_output=True, timeout=60).returncode == 0
            transport = SshTransport(Ssh(known_hosts=(), identities=()), nodes)
            try:
                assert transport.read(nodes[0]).script_version
            finally:
                transport.close()
            assert sshd.log.read_text().count("Accepted publickey") == 4  # two of ssh's, two of ours
        finally:
            sshd.stop()
