"""The commands, as a person or a script calls them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from exporter import __version__
from exporter.cli import arguments
from exporter.cli.main import main
from exporter.cli.words import duration, moment
from exporter.demo.signer import Authority
from exporter.demo.store import FileStore
from tests.sshd import make_key

DAY = 86400
ROOT = Path(__file__).parent.parent


COMMANDS = ("run", "visit", "explain", "forecast", "history", "node-script", "demo")


def mounted(root: Path, not_before: float, not_after: float) -> Path:
    """A mounted tree with one client certificate."""
    store = FileStore(root / "var/lib/kubelet/pki")
    path = store.update(Authority().issue("system:node:w1", not_before, not_after), min(not_before, time.time()))
    store.current.unlink()
    store.current.symlink_to(f"/var/lib/kubelet/pki/{path.name}")
    return root


@pytest.mark.parametrize(
    ("age", "left", "status", "state"),
    [
        (1 * DAY, 29 * DAY, 0, "fresh"),
        (24 * DAY, 6 * DAY, 0, "window"),
        (27 * DAY + 600, 3 * DAY - 600, 1, "late"),
        (28 * DAY, 2 * DAY, 1, "stalled"),
        (31 * DAY, -1 * DAY, 1, "expired"),
        (-1 * DAY, 31 * DAY, 1, "not_yet_valid"),
    ],
)
def test_visit_root_tells_the_state_by_word_and_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], age: float, left: float, status: int, state: str
) -> None:
    """visit --root needs no configuration; its exit status is 1 for late or worse, and for not yet valid."""
    root = mounted(tmp_path / "w1", time.time() - age, time.time() + left)
    assert main(["visit", "--root", str(root)]) == status
    assert state in capsys.readouterr().out


def test_visit_root_that_cannot_be_read_is_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A tree without a store gives exit status 2 and the reason."""
    assert main(["visit", "--root", str(tmp_path)]) == 2
    assert "store_missing" in capsys.readouterr().out
    assert main(["visit", "--root", str(tmp_path / "nowhere")]) == 2
    assert "root_missing" in capsys.readouterr().out


def test_visit_json_has_dates_as_iso_8601(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--format json gives one object a node, with dates and window."""
    root = mounted(tmp_path / "w1", 1893456000 - 30 * DAY, 1893456000)
    main(["visit", "--root", str(root), "--format", "json"])
    (node,) = json.loads(capsys.readouterr().out)
    assert (node["node"], node["up"], node["reason"], node["transport"]) == ("w1", True, None, "local")
    client = node["certificates"]["client"]
    assert client["not_after"] == "2030-01-01T00:00:00Z"
    assert client["rotation_window_start"] == "2029-12-23T00:00:00Z"
    assert client["rotation_window_end"] == "2029-12-29T00:00:00Z"
    assert client["subject"] == "CN=system:node:w1,O=system:nodes"


def test_visit_prometheus_is_exposition_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--format prometheus gives text that promtool accepts."""
    root = mounted(tmp_path / "w1", time.time() - DAY, time.time() + DAY)
    assert main(["visit", "--root", str(root), "--format", "prometheus"]) == 0
    text = capsys.readouterr().out
    assert 'kubelet_cert_node_up{node="w1"} 1' in text
    if shutil.which("promtool"):
        subprocess.run(["promtool", "check", "metrics"], input=text, text=True, check=True)


@pytest.mark.parametrize(("chosen", "told"), [("table", True), ("json", True), ("prometheus", False)])
def test_visit_tells_what_only_shows_across_nodes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], chosen: str, told: bool
) -> None:
    """Two nodes of one cloned image are each well, and together exit status 1; one of them alone is 0."""
    mounted(tmp_path / "w1", time.time() - DAY, time.time() + DAY)
    shutil.copytree(tmp_path / "w1", tmp_path / "w2", symlinks=True)
    config = tmp_path / "config.yaml"
    config.write_text(
        f"groups:\n  all:\n    transport: local\n    root: {tmp_path}/{{name}}\n"
        "    nodes: [w1, w2]\n    labels: {cluster: prod}\n"
    )
    assert main(["visit", "--config.file", str(config), "--format", chosen]) == 1
    captured = capsys.readouterr()
    words = "cluster prod: certificate-shared (critical): w1, w2 have one and the same client certificate"
    assert (words in captured.err) is told
    assert ("kubelet_cert_fleet_finding{" in captured.out) is not told
    assert main(["visit", "w1", "--config.file", str(config), "--format", chosen]) == 0
    assert "certificate-shared" not in "".join(capsys.readouterr())


def test_visit_of_an_unknown_node_names_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A name that the inventory does not have is an error that names it."""
    config = tmp_path / "c.yaml"
    config.write_text(f"groups:\n  a:\n    transport: local\n    root: {tmp_path}\n    nodes: [n1]\n")
    assert main(["visit", "--config.file", str(config), "n2"]) == 2
    assert capsys.readouterr().err == "n2: not a node of the inventory\n"


def test_a_table_fits_80_columns(tmp_path: Path) -> None:
    """The table of a node with a long reason is not cut at 80 columns."""
    root = mounted(tmp_path / "w1", time.time() - DAY, time.time() + DAY)
    store = root / "var/lib/kubelet/pki"
    content = (store / "kubelet-client-current.pem").readlink().name
    (store / "kubelet-client-current.pem").unlink()
    shutil.copy2(store / content, store / "kubelet-client-current.pem")
    done = subprocess.run(
        [sys.executable, "-m", "exporter", "visit", "--root", str(root)],
        capture_output=True,
        text=True,
        check=False,
        env={"COLUMNS": "80", "PATH": "/usr/bin:/bin"},
        cwd=ROOT,
    )
    assert "store-link-regular-file" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_mistakes_of_a_configuration_are_told_with_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A broken configuration ends run and visit with status 2 and one line a mistake."""
    config = tmp_path / "c.yaml"
    config.write_text("intervall: 1h\ngroups:\n  a:\n    nodes: [n1]\n    ports: 22\n")
    for command in ("run", "visit"):
        assert main([command, "--config.file", str(config)]) == 2
        assert capsys.readouterr().err.splitlines() == [
            f'{config}:1: intervall: unknown key; did you mean "interval"?',
            f'{config}:5: groups.a.ports: unknown key; did you mean "port"?',
        ]


def test_missing_identity_and_known_hosts_are_told_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A key file and a known_hosts file that are not there are both named, at once."""
    config = tmp_path / "c.yaml"
    config.write_text("ssh:\n  identities: [{file: key}]\n  known_hosts: hosts\ngroups: {a: {nodes: [n1]}}\n")
    assert main(["run", "--config.check", "--config.file", str(config)]) == 2
    told = capsys.readouterr().err
    assert f"{tmp_path}/hosts: cannot be read: No such file or directory" in told
    assert f"{tmp_path}/key: cannot be read: No such file or directory" in told
    group = "groups: {a: {identities: [{file: key}], nodes: [n1]}, b: {identities: [{file: key2}], nodes: [n2]}}\n"
    config.write_text(f"ssh: {{known_hosts: hosts}}\n{group}")
    assert main(["run", "--config.check", "--config.file", str(config)]) == 2
    assert sorted(line.partition(":")[0] for line in capsys.readouterr().err.splitlines()) == [
        f"{tmp_path}/hosts",
        f"{tmp_path}/key",
        f"{tmp_path}/key2",
    ]


def test_a_fleet_over_ssh_needs_an_identity(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nodes over SSH without any key are a mistake that is told before the first visit."""
    config = tmp_path / "c.yaml"
    config.write_text("ssh: {known_hosts: []}\ngroups: {a: {nodes: [n1]}}\n")
    assert main(["run", "--config.check", "--config.file", str(config)]) == 2
    assert "ssh.identities: needed to log in to n1" in capsys.readouterr().err


def test_a_groups_own_identity_is_enough(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where each node has a key of its own or of its group, none is needed for all."""
    make_key(tmp_path / "key", "ed25519")
    config = tmp_path / "c.yaml"
    config.write_text(
        "ssh: {known_hosts: []}\ngroups: {a: {identities: [{file: key}], nodes: [n1]}, b: {nodes: [n2]}}\n"
    )
    assert main(["run", "--config.check", "--config.file", str(config)]) == 2
    assert "ssh.identities: needed to log in to n2" in capsys.readouterr().err
    config.write_text("ssh: {known_hosts: []}\ngroups: {a: {identities: [{file: key}], nodes: [n1]}}\n")
    assert main(["run", "--config.check", "--config.file", str(config)]) == 0


def test_config_check_of_the_example(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """config.example.yaml is without mistakes once its files are there."""
    example = (ROOT / "config.example.yaml").read_text()
    (tmp_path / "known_hosts").touch()
    (tmp_path / "targets").mkdir()
    (tmp_path / "targets/nodes.json").write_text("[]")
    (tmp_path / "targets/nodes.yaml").write_text("- targets: [192.0.2.8]\n")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    config = tmp_path / "config.yaml"
    config.write_text(
        example.replace("/etc/kubelet-cert-exporter/known_hosts", "known_hosts")
        .replace("/etc/kubelet-cert-exporter/id_ed25519", "key")
        .replace("/etc/kubelet-cert-exporter/id_six", "key")
    )
    assert main(["run", "--config.check", f"--config.file={config}"]) == 0
    store = "/var/lib/kubelet-cert-exporter/store.sqlite"
    assert capsys.readouterr().out == f"{config}: no mistakes; nodes: 128\nstore: {store}\n"


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("store: none", "none: what is learned ends with the process"),
        ("store: kept/store.sqlite", "{folder}/kept/store.sqlite"),
        ("{}", "/state/store.sqlite (`store` is not set: by the environment, and the user who runs it)"),
    ],
)
def test_config_check_names_the_store(
    setting: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that a start would use; it makes none."""
    monkeypatch.setenv("STATE_DIRECTORY", "/state")
    config = tmp_path / "config.yaml"
    groups = "groups: {a: {transport: local, root: '/mnt/{name}', nodes: [n1]}}\n"
    config.write_text(groups if setting == "{}" else f"{setting}\n{groups}")
    assert main(["run", "--config.check", f"--config.file={config}"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [f"store: {told.format(folder=tmp_path)}"]
    assert list(tmp_path.iterdir()) == [config]


def test_a_web_config_file_that_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    """A check tells of both files, the configuration and the web configuration, in one go."""
    assert main(["run", "--config.check", "--config.file=c.yaml", "--web.config.file=web.yaml"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "web.yaml: cannot be read: No such file or directory",
        "c.yaml: cannot be read: No such file or directory",
    ]


def test_an_address_that_cannot_be_had_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A listen address that is none, or taken, is an error that names it."""
    config = tmp_path / "c.yaml"
    config.write_text(f"groups:\n  a:\n    transport: local\n    root: {tmp_path}\n    nodes: [n1]\n")
    assert main(["run", f"--config.file={config}", "--web.listen-address=nonsense"]) == 2
    assert capsys.readouterr().err.startswith("--web.listen-address=nonsense: not an address")


def test_node_script_is_what_runs_on_a_node(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """node-script prints a script that gives a whole answer, with a node's own paths baked in."""
    assert main(["node-script"]) == 0
    script = capsys.readouterr().out
    done = subprocess.run(["sh", "-s"], input=script, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("kubelet-cert-exporter answer 1.2 begin\n")
    assert done.stdout.endswith("kubelet-cert-exporter answer 1.2 end\n")
    assert done.stderr == ""
    config = tmp_path / "c.yaml"
    config.write_text("groups: {a: {nodes: [n1], paths: {store: /srv/it's here}}}\n")
    assert main(["node-script", "--config.file", str(config), "n1"]) == 0
    script = capsys.readouterr().out
    done = subprocess.run(["sh", "-s"], input=script, capture_output=True, text=True, check=True)
    assert "path store /srv/it's here\n" in done.stdout


def test_flags_alone_mean_run() -> None:
    """Flags without a command run the daemon, as with other exporters."""
    assert arguments.parse(["--config.file=x"]).command == "run"
    assert arguments.parse(["visit"]).command == "visit"


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    """--version and --help answer with status 0, and help names every command."""
    for flag in ("--version", "--help"):
        with pytest.raises(SystemExit) as ended:
            main([flag])
        assert ended.value.code == 0
    told = capsys.readouterr().out
    assert f"kubelet-cert-exporter {__version__}" in told
    assert all(command in told for command in COMMANDS)


def test_every_command_is_documented() -> None:
    """The README names every command."""
    readme = (ROOT / "README.md").read_text()
    missing = [command for command in (*COMMANDS, "--config.check", "SIGHUP") if command not in readme]
    assert missing == []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59, "59s"), (61, "1m1s"), (3600, "1h"), (90061, "1d1h"), (-5, "0s"), (35 * DAY + 4 * 3600, "35d4h")],
)
def test_durations_have_two_units(seconds: float, text: str) -> None:
    """A duration is told by its two largest units."""
    assert duration(seconds) == text


def test_moments_beyond_the_calendar_are_numbers() -> None:
    """A date that Python's calendar does not have is told as its number, not as a crash."""
    assert moment(0) == "1970-01-01T00:00:00Z"
    assert moment(1e15) == "1000000000000000.0"
