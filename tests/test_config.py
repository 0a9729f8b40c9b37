"""Configuration files: every mistake told at once and in its place, every default, every path."""

from __future__ import annotations

import os
import time
import traceback
from pathlib import Path

import pytest
from pydantic import ValidationError

from exporter.config.duration import parse_duration
from exporter.config.loading import load
from exporter.config.schema import Config
from exporter.config.settings import HostKeyPolicy, Pace, Paths, Privilege, Rotation, TransportKind
from exporter.config.value import RESERVED_LABELS
from exporter.errors import ConfigurationError, Mistake
from exporter.model.snapshot import ExporterCounters, SourceStatus
from exporter.serve.families import FAMILIES, FLEET_FAMILIES
from exporter.serve.health import HealthCollector

INVALID = Path(__file__).parent / "data" / "config" / "invalid"
MINIMAL = "groups:\n  workers:\n    nodes: [worker-1]\n"


def write(folder: Path, content: str | bytes) -> str:
    """A configuration file's path."""
    file = folder / "exporter.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(file)


def mistakes(path: str) -> tuple[Mistake, ...]:
    """What is wrong with a file, which must be something."""
    with pytest.raises(ConfigurationError) as caught:
        load(path)
    return caught.value.mistakes


def expected(file: Path) -> list[tuple[str, str]]:
    """Place and word of each line ``line: path: word`` of an .expect file; ``-`` stands for "none"."""
    lines = []
    for text in file.with_suffix(".expect").read_text().splitlines():
        line, path, word = text.split(": ", 2)
        where = str(file) if line == "-" else f"{file}:{line}"
        lines.append((where if path == "-" else f"{where}: {path}", word.replace("{file}", str(file))))
    return lines


@pytest.mark.parametrize("file", sorted(INVALID.glob("*.yaml")), ids=lambda file: file.stem)
def test_a_mistake_is_told_with_its_line_and_path(file: Path) -> None:
    """Each mistake of a file, and nothing else, is reported with its line, its path and a word that helps."""
    found = mistakes(str(file))
    assert sorted(mistake.place for mistake in found) == sorted(place for place, _ in expected(file))
    for place, word in expected(file):
        assert [word for mistake in found if mistake.place == place and word in mistake.message] == [word]


def test_there_are_files_for_many_mistakes() -> None:
    """The folder of mistakes is found, and each of its files says what is expected."""
    names = {file.stem for file in INVALID.glob("*.yaml")}
    assert len(names) >= 40
    assert names == {file.stem for file in INVALID.glob("*.expect")}


def test_twelve_mistakes_come_in_one_go() -> None:
    """Twelve mistakes of a file are all in one error, each on a line of its own, in the order of the file."""
    file = str(INVALID / "twelve-mistakes.yaml")
    with pytest.raises(ConfigurationError) as caught:
        load(file)
    told = [int(line.removeprefix(f"{file}:").partition(":")[0]) for line in str(caught.value).splitlines()]
    assert told == [1, 2, 4, 6, 8, 10, 13, 15, 18, 20, 22, 24]


def test_a_misplaced_order_of_intervals_does_not_wait_for_the_other_mistakes(tmp_path: Path) -> None:
    """A min_interval longer than interval is told together with the mistakes of other sections."""
    path = write(tmp_path, "interval: 1m\nmin_interval: 1h\nconcurrency: 0\n" + MINIMAL)
    assert len(mistakes(path)) == 2


def test_a_longest_interval_is_part_of_the_pace(tmp_path: Path) -> None:
    """max_interval reaches the schedule; it may be as short as interval."""
    config, _ = load(str(write(tmp_path, "interval: 2h\nmax_interval: 1d\n" + MINIMAL)))
    assert config.pace.max_interval == 86_400.0
    config, _ = load(str(write(tmp_path, "interval: 2h\nmax_interval: 2h\n" + MINIMAL)))
    assert config.pace.max_interval == 7_200.0


def test_every_doubled_key_is_told_with_both_lines(tmp_path: Path) -> None:
    """A key given three times is told twice, and so is a doubled key of another section."""
    path = write(
        tmp_path, "interval: 1h\ninterval: 2h\n" + MINIMAL + "interval: 3h\nssh: {agent: true, agent: false}\n"
    )
    found = sorted(str(mistake).removeprefix(path) for mistake in mistakes(path))
    assert found == [
        ":2: interval: given twice, first on line 1",
        ":6: interval: given twice, first on line 1",
        ":7: ssh.agent: given twice, first on line 7",
    ]


def test_a_doubled_node_is_told_beside_mistakes_of_the_schema(tmp_path: Path) -> None:
    """Nodes named twice are looked for although other parts of the file are wrong."""
    path = write(tmp_path, "groups:\n  workers:\n    nodes: [a, b, a]\n    port: 0\n")
    assert sorted(mistake.place.removeprefix(path) for mistake in mistakes(path)) == [
        ":3: groups.workers.nodes[2]",
        ":4: groups.workers.port",
    ]


@pytest.mark.parametrize(
    "value",
    [
        "!!bool maybe",
        "!!int ''",
        "!!float ''",
        "!!timestamp soon",
        "!!binary '%'",
        "!secret x",
        "2024-13-01",
    ],
)
def test_a_value_that_yaml_cannot_read_is_a_mistake(tmp_path: Path, value: str) -> None:
    """A value whose YAML tag does not fit it is a mistake of the file, not a crash."""
    path = write(tmp_path, f"interval: {value}\n{MINIMAL}")
    (mistake,) = mistakes(path)
    assert mistake.place in (path, f"{path}:1", f"{path}:1: interval")


def _laughs() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{size}: &a{size} [{', '.join([f'*a{size - 1}'] * 10)}]" for size in range(1, 12)]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(_laughs(), id="billion laughs"),
        pytest.param("a: &a [*a, *a]\n", id="a list within itself"),
        pytest.param("a: &a {<<: *a}\n", id="a mapping merged into itself"),
        pytest.param("a: " + "[" * 100_000, id="deep brackets"),
        pytest.param("a: " + "[" * 500 + "]" * 500, id="deep lists"),
        pytest.param("a: " + "{a: " * 500 + "x" + "}" * 500, id="deep mappings"),
        pytest.param("a: " + "- " * 50_000, id="deep dashes"),
    ],
)
def test_a_document_that_would_unfold_without_end_is_refused(tmp_path: Path, content: str) -> None:
    """Aliases that multiply, values within themselves and bottomless nesting are refused before they cost anything."""
    path = write(tmp_path, content)
    started = time.monotonic()
    (mistake,) = mistakes(path)
    assert mistake.place.startswith(path)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "not a mapping"),
        (b"# nothing but a comment\n", "not a mapping"),
        (b"just text\n", "not a mapping"),
        (MINIMAL.encode() + b"# caf\xe9\n", "not UTF-8"),
        (MINIMAL.encode("utf-16"), "not UTF-8"),
        (MINIMAL.encode() + b"# \0\n", "not YAML"),
    ],
    ids=["empty", "comment", "text", "Latin-1", "UTF-16", "NUL"],
)
def test_a_file_without_settings_is_refused(tmp_path: Path, content: bytes, word: str) -> None:
    """What holds no settings at all, or is no text, is one mistake that names the file."""
    path = write(tmp_path, content)
    (mistake,) = mistakes(path)
    assert mistake.place == path
    assert word in mistake.message


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    """A file that an editor began with a byte order mark is read as if it had none."""
    config, _ = load(write(tmp_path, b"\xef\xbb\xbf" + MINIMAL.encode()))
    assert list(config.groups) == ["workers"]


def test_windows_line_ends_are_accepted(tmp_path: Path) -> None:
    """CR LF at the ends of lines changes neither values nor line numbers."""
    path = write(tmp_path, MINIMAL.replace("\n", "\r\n") + "zzz: 1\r\n")
    assert [mistake.place for mistake in mistakes(path)] == [f"{path}:4: zzz"]


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """A configuration that is not there is one mistake with the system's own words."""
    path = str(tmp_path / "missing.yaml")
    assert mistakes(path) == (Mistake(path, "cannot be read: No such file or directory"),)


def test_a_directory_in_place_of_the_file_is_told(tmp_path: Path) -> None:
    """A directory under the file's name is one mistake with the system's own words."""
    assert mistakes(str(tmp_path)) == (Mistake(str(tmp_path), "not a regular file"),)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1ms", 0.001),
        ("250ms", 0.25),
        ("30s", 30.0),
        ("90s", 90.0),
        ("5m", 300.0),
        ("1h", 3600.0),
        ("1h30m", 5400.0),
        ("1d", 86400.0),
        ("7d", 604800.0),
        ("1w", 604800.0),
        ("1d12h30m15s500ms", 131415.5),
        ("007s", 7.0),
    ],
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    """A duration is a number and a unit, once or several times."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "value",
    [
        "",
        "5",
        5,
        5.0,
        True,
        None,
        [],
        "s",
        "5 s",
        " 5s",
        "5s ",
        "5s\n",
        "-5s",
        "+5s",
        "1.5h",
        "5S",
        "5sec",
        "0s",
        "0h0m",
    ],
)
def test_what_is_no_duration_is_refused(value: object) -> None:
    """A bare number, a sign, a fraction, a blank, an unknown unit and nothing at all are no durations."""
    with pytest.raises(ValueError, match=r"duration|longer than nothing"):
        parse_duration(value)


@pytest.mark.parametrize("digits", [400, 5000])
def test_an_endless_duration_is_refused(tmp_path: Path, digits: int) -> None:
    """A duration longer than a number can say is a mistake like any other."""
    path = write(tmp_path, f"interval: {'9' * digits}s\n{MINIMAL}")
    assert [mistake.place for mistake in mistakes(path)] == [f"{path}:1: interval"]


def test_every_label_of_ours_is_reserved() -> None:
    """No label that a metric of ours carries can be configured, but for cluster, which is meant to be."""
    ours = {"node"} | {label for family in (*FAMILIES, *FLEET_FAMILIES) for label in family.labels}
    assert ours - {"cluster"} <= RESERVED_LABELS
    assert "cluster" not in RESERVED_LABELS


def test_every_label_of_the_exporters_health_is_reserved() -> None:
    """No label of the exporter's own health can be configured, but for those that no node carries."""
    collector = HealthCollector(lambda: ExporterCounters(sources=(SourceStatus("nodes.json", up=True),)))
    labels = {label for metric in collector.collect() for sample in metric.samples for label in sample.labels}
    of_itself = {"version", "shard", "total_shards"}
    assert labels == {"outcome", "reason", "source"} | of_itself
    assert labels - of_itself <= RESERVED_LABELS


@pytest.mark.parametrize("label", sorted(RESERVED_LABELS))
def test_a_reserved_label_is_refused(tmp_path: Path, label: str) -> None:
    """A label that the exporter or Prometheus sets itself cannot be configured."""
    path = write(tmp_path, f"{MINIMAL}defaults: {{labels: {{{label}: x}}}}\n")
    assert [mistake.place for mistake in mistakes(path)] == [f"{path}:4: defaults.labels.{label}"]


def test_the_defaults() -> None:
    """What is not configured has these values; changing one of them is changing the product."""
    nothing = {"store": None, "client_certificate": None, "serving_certificate": None}
    node = {
        "transport": None,
        "user": None,
        "port": None,
        "host_key": None,
        "host_key_alias": None,
        "host_key_policy": None,
        "identities": None,
        "bastion": None,
        "privilege": None,
        "script": None,
        "compare_keys": None,
        "journal": None,
        "root": None,
        "rotation": None,
        "serving_handshake": None,
        "paths": nothing,
        "labels": {},
    }
    config = Config.model_validate({"groups": {"workers": {"nodes": ["worker-1"], "file_sd": {"files": ["a.json"]}}}})
    assert config.model_dump() == {
        "interval": 3600.0,
        "min_interval": 60.0,
        "max_interval": None,
        "concurrency": 32,
        "ready_after": 300.0,
        "file_sd_refresh": 5.0,
        "store": None,
        "visits": "scheduled",
        "modules": {},
        "ssh": {
            "known_hosts": ("~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts"),
            "accepted_host_keys": None,
            "host_ca_wildcards": False,
            "identities": (),
            "identities_only": False,
            "agent": False,
            "bastions": {},
            "config": None,
            "logins_per_second": 20.0,
            "audit": None,
            "engine": "auto",
            "keepalive": None,
            "timeouts": {
                "connect": 10.0,
                "banner": 10.0,
                "handshake": 10.0,
                "auth": 15.0,
                "command": 20.0,
                "visit": 45.0,
            },
        },
        "defaults": node,
        "groups": {
            "workers": {
                **node,
                "nodes": ({**node, "name": "worker-1", "address": None},),
                "file_sd": {"files": ("a.json",), "use_target_port": False},
            }
        },
    }
    assert config.pace == Pace(3600.0, 60.0) == Pace()
    assert config.label_names == ()


def test_the_default_paths_are_kubeadms() -> None:
    """Without paths, the store and its two certificates are where kubeadm has them."""
    assert Paths().store == "/var/lib/kubelet/pki"
    assert Paths().client == "/var/lib/kubelet/pki/kubelet-client-current.pem"
    assert Paths().serving == (
        "/var/lib/kubelet/pki/kubelet-server-current.pem",
        "/var/lib/kubelet/pki/kubelet.crt",
    )
    moved = Paths("/srv/pki", "/srv/client.pem", "/srv/serving.pem")
    assert (moved.client, moved.serving) == ("/srv/client.pem", ("/srv/serving.pem",))


def test_the_words_of_the_settings() -> None:
    """The words that a configuration may use for a setting are these."""
    assert [str(kind) for kind in TransportKind] == ["ssh", "local"]
    assert [str(rotation) for rotation in Rotation] == ["kubelet", "manual"]
    assert [str(policy) for policy in HostKeyPolicy] == ["strict", "accept-new", "insecure"]
    assert [str(privilege) for privilege in Privilege] == ["login", "sudo", "forced_command"]


def test_a_full_configuration_is_read(tmp_path: Path) -> None:
    """Every setting of every section arrives where it belongs."""
    config, document = load(
        write(
            tmp_path,
            """
interval: 30m
min_interval: 2m
concurrency: 8
ready_after: 1m
file_sd_refresh: 30s
ssh:
  known_hosts: /etc/exporter/known_hosts
  identities:
    - file: /etc/exporter/id
      passphrase_file: /run/secrets/passphrase
  agent: true
  timeouts: {connect: 1s, banner: 2s, handshake: 3s, auth: 4s, command: 5s, visit: 6s}
defaults:
  user: probe
  labels: {cluster: north, rack: ""}
groups:
  workers:
    port: 2222
    host_key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1wXm0l1h2v comment
    nodes:
      - worker-1
      - name: worker-2
        labels: {zone: b}
""",
        )
    )
    assert config.pace == Pace(1800.0, 120.0)
    assert (config.concurrency, config.ready_after, config.file_sd_refresh) == (8, 60.0, 30.0)
    assert config.ssh.known_hosts == ("/etc/exporter/known_hosts",)
    assert config.ssh.identities[0].passphrase_file == "/run/secrets/passphrase"
    assert list(config.ssh.timeouts.model_dump().values()) == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert config.groups["workers"].host_key == ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1wXm0l1h2v comment",)
    assert [node.name for node in config.groups["workers"].nodes] == ["worker-1", "worker-2"]
    assert config.label_names == ("cluster", "rack", "zone")
    assert document.place(("groups", "workers", "nodes", 1)).endswith(":23: groups.workers.nodes[1]")


SECRET = "correct-horse-battery-staple"


@pytest.mark.parametrize(
    "content",
    [
        f"ssh:\n  identities:\n    - file: id\n      passphrase: {SECRET}\n",
        f"ssh:\n  identities:\n    - file: id\n      passphrase_file: [{SECRET}]\n",
        f"ssh:\n  identities:\n    - {SECRET}\n",
        f"ssh:\n  identities: {SECRET}\n",
        f"ssh: {SECRET}\n",
        f"ssh:\n  agent: {SECRET}\n",
        f"ssh:\n  agent: {SECRET}\n  agent: {SECRET}\n",
        f"ssh:\n  timeouts:\n    auth: {SECRET}\n",
        f"defaults:\n  port: {SECRET}\n",
        f"defaults:\n  host_key: {SECRET}\n",
        f"defaults:\n  transport: {SECRET}\n",
        f"defaults:\n  user: ' {SECRET}'\n",
        f"defaults:\n  paths:\n    store: {SECRET}\n",
        f"defaults:\n  labels:\n    node: {SECRET}\n",
        f"password: {SECRET}\n",
        f"password: '{SECRET}\n",
        f"password: @{SECRET}\n",
        f"password: *{SECRET}\n",
    ],
)
def test_no_value_is_quoted_in_an_error(tmp_path: Path, content: str) -> None:
    """Whatever is wrong, neither the error nor its traceback shows a value, for it may be a secret gone astray."""
    path = write(tmp_path, MINIMAL + content)
    with pytest.raises(ConfigurationError) as caught:
        load(path)
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value.mistakes)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_section_shows_no_value_in_its_repr(tmp_path: Path) -> None:
    """A section's repr never shows a value, as its class promises."""
    config, _ = load(write(tmp_path, MINIMAL + "ssh: {identities: [{file: /etc/exporter/id-of-the-fleet}]}\n"))
    assert "id-of-the-fleet" not in repr(config)
    assert "id-of-the-fleet" not in repr(config.ssh.identities[0])


def test_relative_paths_are_beside_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path is relative to the folder of the configuration, wherever the exporter was started."""
    folder = tmp_path / "etc"
    folder.mkdir()
    write(
        folder,
        """
ssh:
  known_hosts: [known_hosts, /etc/ssh/ssh_known_hosts]
  identities:
    - {file: keys/id, passphrase_file: ../secret}
    - {file: /run/credentials/exporter.service/id}
groups:
  workers:
    file_sd: {files: [nodes.json, "inventory/*.yaml", /etc/prometheus/nodes.yml]}
""",
    )
    monkeypatch.chdir(tmp_path)
    config, _ = load("etc/exporter.yaml")
    first, second = config.ssh.identities
    assert config.ssh.known_hosts == (f"{folder}/known_hosts", "/etc/ssh/ssh_known_hosts")
    assert first.file == f"{folder}/keys/id"
    assert os.path.normpath(first.passphrase_file or "") == f"{tmp_path}/secret"
    assert (second.file, second.passphrase_file) == ("/run/credentials/exporter.service/id", None)
    sources = config.groups["workers"].file_sd
    assert sources is not None
    assert sources.files == (f"{folder}/nodes.json", f"{folder}/inventory/*.yaml", "/etc/prometheus/nodes.yml")


def test_a_tilde_is_the_users_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A configured path that begins with ~ is in the user's home."""
    monkeypatch.setenv("HOME", "/home/exporter")
    section = "ssh: {known_hosts: ~/known_hosts, identities: [{file: ~/.ssh/id, passphrase_file: ~/secret}]}\n"
    config, _ = load(write(tmp_path, MINIMAL + section))
    (identity,) = config.ssh.identities
    assert config.ssh.known_hosts == ("/home/exporter/known_hosts",)
    assert (identity.file, identity.passphrase_file) == ("/home/exporter/.ssh/id", "/home/exporter/secret")


def test_known_hosts_that_nobody_configured_may_be_missing(tmp_path: Path) -> None:
    """The default known_hosts files are told apart from configured ones, which must be there."""
    default, _ = load(write(tmp_path, MINIMAL))
    assert "known_hosts" not in default.ssh.model_fields_set
    named, _ = load(write(tmp_path, MINIMAL + "ssh: {known_hosts: known_hosts}\n"))
    assert "known_hosts" in named.ssh.model_fields_set


def test_systemds_credentials_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """$CREDENTIALS_DIRECTORY at a path's beginning is where systemd put the service's credentials, and only there."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/exporter.service")
    section = "ssh: {identities: [{file: $CREDENTIALS_DIRECTORY/id}, {file: a/$CREDENTIALS_DIRECTORY/id}]}\n"
    config, _ = load(write(tmp_path, MINIMAL + section))
    assert [identity.file for identity in config.ssh.identities] == [
        "/run/credentials/exporter.service/id",
        f"{tmp_path}/a/$CREDENTIALS_DIRECTORY/id",
    ]


def test_credentials_without_systemd_are_no_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of systemd, $CREDENTIALS_DIRECTORY stays as it is written, so that the missing file can be told."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    config, _ = load(write(tmp_path, MINIMAL + "ssh: {identities: [{file: $CREDENTIALS_DIRECTORY/id}]}\n"))
    assert config.ssh.identities[0].file == f"{tmp_path}/$CREDENTIALS_DIRECTORY/id"


def test_a_node_is_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``$NODE_NAME`` is what the environment has: each pod of a DaemonSet gets its node's name by that alone."""
    path = write(tmp_path, "groups:\n  a:\n    nodes: [$NODE_NAME]\n")
    monkeypatch.setenv("NODE_NAME", "worker-1.prod")
    config, _ = load(path)
    assert [node.name for node in config.groups["a"].nodes] == ["worker-1.prod"]


@pytest.mark.parametrize("value", [None, "", "[1-3]", "a b", "$HOME", "\udcff"])
def test_an_environment_without_a_name_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    """A variable that is not there, or that holds no name of one node, is a mistake in its place."""
    path = write(tmp_path, "groups:\n  a:\n    nodes: [$NODE_NAME]\n")
    monkeypatch.delenv("NODE_NAME", raising=False)
    if value is not None:
        monkeypatch.setenv("NODE_NAME", value)
    assert [mistake.place for mistake in mistakes(path)] == [f"{path}:3: groups.a.nodes[0].name"]


def test_a_name_out_of_the_environment_is_doubled_as_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that is named once in full and once by the environment is named twice."""
    monkeypatch.setenv("NODE_NAME", "w1")
    path = write(tmp_path, "groups:\n  a:\n    nodes: [w1, $NODE_NAME]\n")
    assert [str(mistake) for mistake in mistakes(path)] == [
        f"{path}:3: groups.a.nodes[1]: node 'w1' is already named at {path}:3: groups.a.nodes[0]"
    ]


def test_a_home_that_nobody_knows_is_no_crash(tmp_path: Path) -> None:
    """A path below the home of an unknown user stays as it is written, beside the file."""
    config, _ = load(write(tmp_path, MINIMAL + "ssh: {identities: [{file: ~no-such-user/id}]}\n"))
    assert config.ssh.identities[0].file == f"{tmp_path}/~no-such-user/id"


def test_a_configuration_is_frozen(tmp_path: Path) -> None:
    """No setting of a loaded configuration can be assigned."""
    config, _ = load(write(tmp_path, MINIMAL))
    for section, field in (
        (config, "interval"),
        (config.ssh, "agent"),
        (config.ssh.timeouts, "visit"),
        (config.defaults, "port"),
        (config.groups["workers"], "user"),
        (config.groups["workers"].nodes[0], "name"),
    ):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(section, field, None)


def test_the_example_configuration_loads() -> None:
    """The example that comes with the exporter is a valid configuration."""
    config, _ = load(str(Path(__file__).parent.parent / "config.example.yaml"))
    assert config.groups


def test_a_fifo_is_no_configuration(tmp_path: Path) -> None:
    """A FIFO in place of a file is refused at once: reading it would wait for ever."""
    os.mkfifo(tmp_path / "exporter.yaml")
    with pytest.raises(ConfigurationError, match="not a regular file"):
        load(str(tmp_path / "exporter.yaml"))
