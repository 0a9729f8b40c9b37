"""The demonstration with Prometheus and Alertmanager: what it prints and serves, and how it begins and ends."""

from __future__ import annotations

import datetime
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest
import yaml

from grafana.demo_stack import configuration, programs, stack
from grafana.demo_stack.addresses import Addresses
from grafana.demo_stack.configuration import Links
from grafana.demo_stack.introduction import introduction
from grafana.demo_stack.leash import leash
from grafana.demo_stack.page import Page
from grafana.demo_stack.part import Part, PartError
from grafana.demo_stack.probe import alerts_page
from grafana.demo_stack.receiver import Receiver
from tests.alertmanagers import wait_for
from tests.demo_stacks import demo
from tests.machines import free_port

needs_programs = pytest.mark.skipif(
    not shutil.which("prometheus") or not shutil.which("prometheus-alertmanager"),
    reason="Debian's prometheus and prometheus-alertmanager are not installed",
)


def test_a_newcomer_is_told_what_to_expect() -> None:
    """Of a node that is just off: nothing at first, and what the rules say after which time."""
    now = datetime.datetime(2026, 1, 1, 21, 0, tzinfo=datetime.UTC)
    text = introduction(Addresses(), Path("/folder"), "http://p/alerts", None, now)
    assert "touch /folder/demo/nodes/worker-01.prod.off" in text
    patience = {
        rule["alert"]: rule["for"]
        for rules_file in (configuration.ALERTMANAGER.parent.parent / "alerts").glob("*.yaml")
        for group in yaml.safe_load(rules_file.read_text())["groups"]
        for rule in group["rules"]
        if rule.get("alert") in ("KubeletCertBlind", "KubeletCertNeverRead")
    }
    assert patience == {"KubeletCertBlind": "15m", "KubeletCertNeverRead": "1h"}
    assert "nobody could see it for 15 minutes" in text
    assert "told after an hour (KubeletCertNeverRead)" in text


def test_the_shipped_rules_and_routes_are_not_bent(tmp_path: Path) -> None:
    """The copies differ from what is shipped in links and receivers alone."""
    links = Links("http://127.0.0.1:1/runbooks", "http://127.0.0.1:1")
    configuration.write_rules(tmp_path / "rules", links)
    for file in (tmp_path / "rules").iterdir():
        back = file.read_text().replace(links.runbooks, "https://runbooks.example.com")
        back = back.replace(links.grafana, "https://grafana.example.com")
        assert back == (configuration.ALERTMANAGER.parent.parent / "alerts" / file.name).read_text()
    shipped = configuration.ALERTMANAGER.read_text()
    bent = json.loads(configuration.alertmanager(shipped, "http://127.0.0.1:1"))
    pager, tickets = bent["receivers"][1:3]
    assert pager["webhook_configs"] == [{"url": "http://127.0.0.1:1/notify/kubelet-cert-pager"}]
    pager["webhook_configs"][0]["url"] = "https://pager.example.com/kubelet-cert"
    tickets["webhook_configs"][0]["url"] = "https://tickets.example.com/kubelet-cert"
    assert bent == yaml.safe_load(shipped)


def test_missing_programs_are_named_with_their_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without them it says what to install, and that Debian starts services nobody asked for."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(programs.MissingProgramError, match=r"prometheus and alertmanager.*\n.*apt-get install") as told:
        programs.installed()
    assert "systemctl disable --now prometheus prometheus-alertmanager" in str(told.value)


def test_a_part_that_ends_is_named_with_its_last_words(tmp_path: Path) -> None:
    """The others are ended with it."""
    script = "import http.server as h; h.HTTPServer(('127.0.0.1', {}), h.SimpleHTTPRequestHandler).serve_forever()"
    port = free_port()
    stays = Part("one", [sys.executable, "-c", script.format(port)], f"http://127.0.0.1:{port}", tmp_path / "one.log")
    ends = Part("two", [sys.executable, "-c", "exit('no more')"], "http://127.0.0.1:9", tmp_path / "two.log")
    with (
        pytest.raises(PartError, match=r"two ended with status 1.*\n  no more"),
        stack.running([stays, ends], threading.Event()),
    ):
        pytest.fail("never ready")
    with pytest.raises(PartError, match="one ended by signal 15"):
        stays.check()


@pytest.mark.parametrize("there", ["/alerts", "/classic/alerts"])
def test_the_page_of_the_alerts_is_the_one_that_answers(there: str) -> None:
    """Builds of Prometheus have it at different paths."""
    with Receiver(0, lambda _: None, lambda target: Page(200 if target == there else 404, b"")) as prometheus:
        assert alerts_page(prometheus.url) == f"{prometheus.url}{there}"


@needs_programs
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything(number: signal.Signals) -> None:
    """Ctrl-C, a plain kill and a closed terminal leave no process and no file."""
    with demo() as found:
        children = found.children()
        assert len(children) == 3
        (folder,) = re.findall(r"Logs and data: (\S+),", found.text)
        assert Path(folder).is_dir()
        opened = re.findall(r"^(?:Open)? +(?:Prometheus|metrics|runbooks) +(\S+)$", found.text, re.MULTILINE)
        assert len(opened) == 3
        for address in opened:
            with urllib.request.urlopen(address) as answer:
                assert answer.status == 200, address
        assert found.end(number) == 0, found.text
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)
    assert not Path(folder).exists()


@needs_programs
@pytest.mark.skipif(not leash(), reason="setpriv of util-linux is not installed")
def test_a_killed_stack_leaves_no_process() -> None:
    """It cannot end anything any more: the kernel tells its programs."""
    with demo() as found:
        children = found.children()
        assert len(children) == 3
        (folder,) = re.findall(r"Logs and data: (\S+),", found.text)
        assert found.end(signal.SIGKILL) == -signal.SIGKILL
    wait_for(lambda: not any(runs(pid) for pid in children), "something still runs", 30)
    shutil.rmtree(folder)


def runs(pid: int) -> bool:
    """Whether it has not ended; nobody may have asked for its status yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("script", [None, "echo unrecognized option >&2; exit 1"])
def test_without_a_leash_programs_start_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None
) -> None:
    """No setpriv, or one that has no such option."""
    if script:
        (tmp_path / "setpriv").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "setpriv").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    leash.cache_clear()
    assert leash() == ()
    leash.cache_clear()


@needs_programs
def test_everything_ends_with_the_first_part_that_dies() -> None:
    """Which, with its log's end; and the exit status tells."""
    with demo() as found:
        children = found.children()
        prometheus = next(pid for pid in children if b"prometheus.yml" in Path(f"/proc/{pid}/cmdline").read_bytes())
        os.kill(prometheus, signal.SIGKILL)
        assert found.end(None) == 1
    assert "Prometheus ended by signal 9; the end of its log" in found.text
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)


@needs_programs
def test_a_taken_port_is_told_before_anything_starts() -> None:
    """Which, and by which flag another one is chosen."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "grafana.demo_stack", f"--prometheus-port={port}"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 1
    assert f"127.0.0.1:{port} is taken: choose another port for it by --prometheus-port" in done.stderr
