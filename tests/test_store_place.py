"""Where the store is: as configured, or where this user keeps state; never where it happens to be started."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from exporter.config.loading import load
from exporter.rounds.store.place import place


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's home, and no word from systemd."""
    for name in ("STATE_DIRECTORY", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("store: none", None),
        ("store: kept/it.sqlite", "{folder}/kept/it.sqlite"),
        ("store: /var/it.sqlite", "/var/it.sqlite"),
        ("store: ~/it.sqlite", "{folder}/home/it.sqlite"),
    ],
)
def test_as_configured(tmp_path: Path, line: str, expected: str | None) -> None:
    """A relative path is below the configuration's folder, wherever the process was started."""
    config = tmp_path / "config.yaml"
    config.write_text(f"{line}\ngroups: {{g: {{nodes: [a]}}}}\n")
    settings, _ = load(str(config))
    assert place(settings.store) == (expected and expected.format(folder=tmp_path))


def test_under_systemd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The first of the unit's state directories, before all else; one that is no absolute path does not count."""
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/a:/var/lib/b")
    assert place(None, str(tmp_path)) == "/var/lib/a/store.sqlite"
    monkeypatch.setenv("STATE_DIRECTORY", "a")
    assert place(None, str(tmp_path)) == f"{tmp_path}/store.sqlite"


def test_in_the_machines_folder(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is there, and this user may write to it: root finds the service's own."""
    machine = tmp_path / "machine"
    assert place(None, str(machine)) == f"{home}/.local/state/kubelet-cert-exporter/store.sqlite"
    machine.mkdir()
    assert place(None, str(machine)) == f"{machine}/store.sqlite"
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    assert place(None, str(machine)) == f"{home}/.local/state/kubelet-cert-exporter/store.sqlite"


def test_in_the_users_folder(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the XDG Base Directory Specification has it: a relative path there is no path."""
    nowhere = str(tmp_path / "nowhere")
    monkeypatch.setenv("XDG_STATE_HOME", "/xdg")
    assert place(None, nowhere) == "/xdg/kubelet-cert-exporter/store.sqlite"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert place(None, nowhere) == f"{home}/.local/state/kubelet-cert-exporter/store.sqlite"
