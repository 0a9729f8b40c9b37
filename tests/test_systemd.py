"""The systemd unit: how far it confines the exporter, and that the exporter runs within it.

There is no systemd as process 1 here. So the daemon is traced through its life, and each system call is held against
the unit's own filter.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import textwrap
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from exporter.cli import arguments
from exporter.config.loading import load
from exporter.demo.signer import Authority
from exporter.demo.store import FileStore
from exporter.inventory.catalogue import Catalogue
from tests.running import Running, reasons, samples, states
from tests.sshd import IS_ROOT, USER, Host, Sshd, make_key, needs_sshd, place_for_trees, public, run

UNIT = Path(__file__).parent.parent / "deploy/systemd/kubelet-cert-exporter.service"
INSTALLED = "/opt/kubelet-cert-exporter/bin/kubelet-cert-exporter"
MOST_EXPOSED = 1.5
USER_ID = 65534 if IS_ROOT else os.geteuid()  # who the daemon is: nobody, where we may choose
DAY = 86400

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="no strace here")


def settings(name: str) -> list[str]:
    """Every value that the unit gives to a setting, in order."""
    text = UNIT.read_text().replace("\\\n", " ")
    return [line.partition("=")[2].strip() for line in text.splitlines() if line.partition("=")[0] == name]


def allowed() -> frozenset[str]:
    """The system calls that the unit's filter lets through, its groups unfolded by systemd-analyze."""
    listed = run("systemd-analyze", "--no-pager", "syscall-filter")
    groups: dict[str, list[str]] = {}
    current: list[str] = []
    for line in listed.splitlines():
        if line.startswith("@"):
            groups[line] = current = []
        elif line.startswith("    ") and not line.strip().startswith("#"):
            current.append(line.strip())

    def unfold(word: str) -> set[str]:
        return {call for member in groups[word] for call in unfold(member)} if word.startswith("@") else {word}

    found = unfold("@default")  # every list of what is allowed has these
    for line in settings("SystemCallFilter"):
        words = {call for word in line.removeprefix("~").split() for call in unfold(word)}
        found = found - words if line.startswith("~") else found | words
    return frozenset(found)


@needs_systemd
def test_the_unit_is_confined() -> None:
    """systemd-analyze security finds the unit exposed by 1.5 at most."""
    told = run("systemd-analyze", "--no-pager", "security", "--offline=true", str(UNIT))
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", told)
    assert found
    assert float(found[1]) <= MOST_EXPOSED, told


@needs_systemd
def test_systemd_has_nothing_to_say_of_the_unit(tmp_path: Path) -> None:
    """systemd-analyze verify is silent: no unknown setting, no value that is passed over."""
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace(INSTALLED, "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "--no-pager", "verify", str(copy)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_its_command_is_one_of_ours() -> None:
    """The exporter takes the unit's arguments; they name the folder of the configuration that the unit makes."""
    program, *words = shlex.split(settings("ExecStart")[0])
    given = arguments.parse(words)
    assert program == INSTALLED
    assert given.command == "run"
    assert os.path.dirname(given.config_file) == "/etc/" + settings("ConfigurationDirectory")[0]


def test_the_configuration_may_name_its_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines that deploy/README.md gives for the unit load, with the credential where systemd puts it."""
    text = (UNIT.parent.parent / "README.md").read_text()
    given = re.search(r"```yaml\n( +ssh:\n.*?)```", text, re.DOTALL)
    assert given
    lines = textwrap.dedent(given[1])
    credential, _, source = settings("LoadCredential")[0].partition(":")
    assert f"$CREDENTIALS_DIRECTORY/{credential}" in lines
    assert source == f"/etc/kubelet-cert-exporter/{credential}"
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    make_key(credentials / credential, "ed25519")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    config = tmp_path / "config.yaml"
    config.write_text(lines)
    loaded, document = load(str(config))
    assert loaded.ssh.identities[0].file == str(credentials / credential)
    assert f"accepted_host_keys: /var/lib/{settings('StateDirectory')[0]}/" in lines
    assert len(Catalogue(loaded, document).nodes) == 120


@dataclass(frozen=True)
class Trace:
    """What strace saw, less what it was told to refuse as the unit would."""

    text: str

    @property
    def calls(self) -> frozenset[str]:
        return frozenset(re.findall(r"^[0-9]+ +(?:<\.\.\. )?(\w+)(?:\(| resumed)", self.text, re.MULTILINE))

    @property
    def families(self) -> frozenset[str]:
        return frozenset(re.findall(r"\bsocket(?:pair)?\((AF_\w+)", self.text))

    def lines(self, pattern: str) -> list[str]:
        return [line for line in self.text.splitlines() if re.search(pattern, line)]


def traced(file: Path, *refused: str) -> list[str]:
    """A wrapper that traces a command as an ordinary user; with ``refused`` calls answered as the unit would.

    The user may read what it likes: a clone below /root must not spoil the test. Nothing else of root is left.
    """
    user = ["setpriv", f"--reuid={USER_ID}", f"--regid={USER_ID}", "--clear-groups", "--no-new-privs"]
    user += [
        "--bounding-set=-all,+dac_read_search",
        "--inh-caps=-all,+dac_read_search",
        "--ambient-caps=+dac_read_search",
    ]
    tracer = ["strace", "-D", "-f", "-qq", "-s", "0", "-e", "signal=none", "-o", str(file)]
    return [*(user if IS_ROOT else ()), *tracer, *(word for one in refused for word in ("-e", f"inject={one}"))]


@pytest.fixture(scope="module")
def trace() -> Iterator[Trace]:
    """The life of a daemon: visits by every way, scrapes, the unit's own reload, more visits, a stop."""
    with place_for_trees() as place:
        key, state = make_key(place / "key", "ed25519"), place / "state"
        state.mkdir(mode=0o700)
        for path in (key, state):
            os.chown(path, USER_ID, USER_ID)
        probe = subprocess.run([*traced(state / "probe"), "true"], capture_output=True, text=True, check=False)
        if probe.returncode:
            pytest.skip(f"no process can be traced here: {probe.stderr.strip()}")
        server = Sshd(place, [Host("127.0.0.1")], [key])
        server.start()
        try:
            yield Trace(life(configuration(place, state, key, server), state))
        finally:
            server.stop()


def configuration(place: Path, state: Path, key: Path, server: Sshd) -> Path:
    """Nodes by every way: an address, a name, a bastion, a first host key, a mount."""
    now = time.time()
    store = place / "store"
    FileStore(store).update(Authority().client("node", now - 60, 365 * DAY), now - 60)
    (place / "known_hosts").write_text(server.known_hosts("ed25519"))
    node = {"address": "127.0.0.1", "host_key": public(server.host_keys["ed25519"])}
    ssh = {
        "known_hosts": str(place / "known_hosts"),
        "identities": [{"file": str(key)}],
        "bastions": {"bastion": {**node, "port": server.port, "user": USER}},
        "accepted_host_keys": str(state / "accepted_host_keys"),
        "audit": str(state / "audit"),
    }
    nodes = [
        {"name": "by-address", **node},
        {"name": "by-name", **node, "address": "localhost"},
        {"name": "by-bastion", **node, "bastion": "bastion"},
        {"name": "first-key", "address": "127.0.0.1", "host_key_alias": "new", "host_key_policy": "accept-new"},
        {"name": "mounted", "transport": "local", "root": "/"},
    ]
    group = {"user": USER, "port": server.port, "paths": {"store": str(store)}, "nodes": nodes}
    file = place / "config.yaml"
    pace = {"interval": "1s", "min_interval": "1s", "file_sd_refresh": "200ms"}
    file.write_text(json.dumps({**pace, "store": str(state / "store.sqlite"), "ssh": ssh, "groups": {"nodes": group}}))
    return file


def life(config: Path, state: Path) -> str:
    """What strace wrote of the daemon, and of the command that reloaded it."""
    daemon, reloader = state / "daemon", state / "reloader"

    def visits() -> float:
        return sum(samples(exporter.scrape())["kubelet_cert_exporter_visits_total"].values())

    def loads() -> int:
        return sum("configuration loaded" in line for line in exporter.log)

    # io_uring by the filter, clone3 by RestrictNamespaces: there, too, it must do without
    wrapper = traced(daemon, "io_uring_setup:error=EPERM", "clone3:error=ENOSYS")
    with Running(config, "--web.enable-lifecycle", wrapper=wrapper) as exporter:
        exporter.wait_for(lambda: exporter.get("/-/ready")[0] == 200)
        text = exporter.scrape()
        assert set(states(text).values()) == {"fresh"}, text
        assert reasons(text) == {}
        assert "process_cpu_seconds_total" in text
        compressed = urllib.request.Request(exporter.url + "/metrics", headers={"Accept-Encoding": "gzip"})
        with urllib.request.urlopen(compressed, timeout=10) as answer:
            answer.read()
        reload = shlex.split(settings("ExecReload")[0].replace("$MAINPID", str(exporter.process.pid)))
        subprocess.run([*traced(reloader), *reload], check=True)
        exporter.wait_for(lambda: loads() == 2)
        before = visits()
        exporter.wait_for(lambda: visits() > before + 5)
        exporter.get("/-/reload", method="POST")
    assert exporter.process.returncode == 0, exporter.log
    deadline = time.monotonic() + 10
    while "exit_group" not in reloader.read_text():  # its tracer outlives it by a moment
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return daemon.read_text() + reloader.read_text()


@needs_sshd
@needs_strace
@needs_systemd
def test_the_filter_lets_through_all_that_the_exporter_does(trace: Trace) -> None:
    """No system call of a visit, a scrape, a reload or a stop is one that the filter denies, but io_uring's."""
    assert sorted(trace.calls - allowed() - {"io_uring_setup"}) == []


@needs_sshd
@needs_strace
@needs_systemd
def test_the_trace_saw_it_all(trace: Trace) -> None:
    """The trace holds what only visits, scrapes, the reload, the written files and the end can have called."""
    assert {"connect", "accept4", "kill", "flock", "fsync", "exit_group"} <= trace.calls
    assert trace.calls & {"epoll_wait", "epoll_pwait"}


@needs_sshd
@needs_strace
def test_no_memory_is_both_written_and_run(trace: Trace) -> None:
    """MemoryDenyWriteExecute refuses such mappings, and every mprotect that makes memory executable."""
    assert settings("MemoryDenyWriteExecute") == ["yes"]
    assert trace.lines(r"mmap\(.*PROT_WRITE\|PROT_EXEC") == []
    assert trace.lines(r"(mprotect|pkey_mprotect)\(.*PROT_EXEC") == []


@needs_sshd
@needs_strace
def test_sockets_are_of_the_families_that_may_be(trace: Trace) -> None:
    """Every socket is of a family that RestrictAddressFamilies lists."""
    assert "AF_INET" in trace.families
    assert trace.families <= set(settings("RestrictAddressFamilies")[0].split())


@needs_sshd
@needs_strace
def test_it_writes_below_its_state_directory_alone(trace: Trace) -> None:
    """ProtectSystem=strict leaves nothing else to be written."""
    written = trace.lines(r"open(at)?\(.*O_(WRONLY|RDWR|CREAT)")
    assert written
    assert [line for line in written if "/state/" not in line] == []
