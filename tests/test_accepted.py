"""host_key_policy accept-new: a host's first key is kept, told, and held to; another one later is refused."""

from __future__ import annotations

import base64
import fcntl
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from exporter.collect.ssh.accepted import AcceptedKeys
from exporter.collect.ssh.transport import SshTransport
from exporter.config.settings import HostKeyPolicy, Paths
from exporter.config.ssh import Identity, Ssh
from exporter.errors import CollectError, ConfigurationError, Reason
from exporter.model.node import Node, SshAccess
from tests.sshd import IS_ROOT, USER, Host, Sshd, address, fingerprint, make_key, needs_sshd, public, run
from tests.visits import PATIENT, reason_of

NODE = address(180)
ED = "ssh-ed25519"


@dataclass
class Site:
    directory: Path
    sshd: Sshd
    key: Path

    @property
    def file(self) -> Path:
        return self.directory / "accepted"

    def transport(self, known: str = "") -> SshTransport:
        (self.directory / "known_hosts").write_text(known)
        return SshTransport(
            Ssh(
                known_hosts=(str(self.directory / "known_hosts"),),
                accepted_host_keys=str(self.file),
                identities=(Identity(file=str(self.key)),),
                timeouts=PATIENT,
            )
        )

    def node(self, **access: object) -> Node:
        policy = HostKeyPolicy.ACCEPT_NEW
        reached = SshAccess(NODE, self.sshd.port, USER, name="worker-1", policy=policy, **access)  # type: ignore[arg-type]
        return Node("worker-1", reached, Paths())


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    key = make_key(tmp_path / "id", "ed25519")
    sshd = Sshd(tmp_path, [Host(NODE)], [key])
    sshd.start()
    try:
        yield Site(tmp_path, sshd, key)
    finally:
        sshd.stop()


@needs_sshd
def test_the_first_key_is_kept(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """It is written as known_hosts has it, told in the log and counted; the second visit keeps nothing more."""
    ours = site.transport()
    assert ours.status.accepted_host_keys == 0
    assert reason_of(ours, site.node()) is None
    line = f"[worker-1]:{site.sshd.port} {public(site.sshd.host_keys['ed25519'])}\n"
    assert site.file.read_text() == line
    assert site.file.stat().st_mode & 0o777 == 0o600
    assert ours.status.accepted_host_keys == 1
    logged = [vars(one) for one in caplog.records if one.getMessage() == "first host key accepted"]
    assert [(one["node"], one["key"]) for one in logged] == [
        ("worker-1", f"{ED} {fingerprint(site.sshd.host_keys['ed25519'])}")
    ]
    assert reason_of(ours, site.node()) is None
    assert site.file.read_text() == line


@needs_sshd
def test_another_key_later_is_refused(site: Site) -> None:
    """A node that was re-imaged has its own reason; ssh-keygen -R is the way out, without a restart."""
    other = make_key(site.directory / "other", "ed25519")
    site.file.write_text(f"[worker-1]:{site.sshd.port} {public(other)}\n")
    ours = site.transport()
    assert reason_of(ours, site.node()) is Reason.HOST_KEY_CHANGED
    run("ssh-keygen", "-R", f"[worker-1]:{site.sshd.port}", "-f", str(site.file))
    assert reason_of(ours, site.node()) is None
    assert public(site.sshd.host_keys["ed25519"]) in site.file.read_text()


@needs_sshd
@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_a_key_of_another_type_is_no_new_one(kind: str, site: Site) -> None:
    """A host of which one type is known is not new with another; what it has of that type must be the known one."""
    other = make_key(site.directory / "other", kind)
    assert (
        reason_of(site.transport(f"[worker-1]:{site.sshd.port} {public(other)}\n"), site.node())
        is Reason.HOST_KEY_CHANGED
    )
    assert not site.file.exists() or site.file.read_text() == ""


@needs_sshd
def test_what_known_hosts_says_comes_first(site: Site) -> None:
    """A known key is not kept again; a revoked one is refused though it is new; a pinned one that differs, too."""
    own = public(site.sshd.host_keys["ed25519"])
    name = f"[worker-1]:{site.sshd.port}"
    assert reason_of(site.transport(f"{name} {own}\n"), site.node()) is None
    assert reason_of(site.transport(f"@revoked * {own}\n"), site.node()) is Reason.HOST_KEY_REVOKED
    pin = fingerprint(make_key(site.directory / "other", "ed25519"))
    assert reason_of(site.transport(), site.node(host_keys=(pin,))) is Reason.HOST_KEY_CHANGED
    assert not site.file.exists()


def test_two_first_keys_at_once(tmp_path: Path) -> None:
    """Of two different first keys of one host, one is kept, in whatever order and by whatever process they come."""
    stores = [AcceptedKeys(str(tmp_path / "accepted")) for _ in range(8)]
    start = threading.Barrier(8)

    def accept(number: int) -> Reason | None:
        start.wait()
        try:
            stores[number].accept("worker-1", 22, ED, bytes([number]) * 32)
        except CollectError as error:
            return error.reason
        return None

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(accept, range(8)))
    assert sorted(outcomes, key=str) == [None, *[Reason.HOST_KEY_CHANGED] * 7]
    assert len((tmp_path / "accepted").read_text().splitlines()) == 1


def test_a_file_that_is_lost_or_broken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Who is known stays known while the file cannot be read; who was taken out of it is new again."""
    path = tmp_path / "accepted"
    kept = AcceptedKeys(str(path))
    kept.accept("worker-1", 22, ED, b"a" * 32)
    content = path.read_text()
    path.unlink()
    path.mkdir()
    assert kept.lookup("worker-1", 22).keys
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    path.rmdir()
    path.write_text(content)
    assert kept.lookup("worker-1", 22).keys
    path.write_text("")
    assert not kept.lookup("worker-1", 22).keys


@pytest.mark.skipif(IS_ROOT, reason="root may write everywhere")
def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    """A key that could not be kept is never taken: that is a mistake of the configuration."""
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigurationError, match="cannot be written"):
        AcceptedKeys(str(tmp_path / "accepted"))
    tmp_path.chmod(0o700)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """The same where the folder is missing."""
    with pytest.raises(ConfigurationError, match="cannot be written"):
        AcceptedKeys(str(tmp_path / "none" / "accepted"))


def test_a_line_that_was_left_open(tmp_path: Path) -> None:
    """Behind a line that a full disk or a person left open, a key still stands on a line of its own."""
    path = tmp_path / "accepted"
    path.write_text(f"other {ED} AAAA")
    kept = AcceptedKeys(str(path))
    kept.accept("worker-1", 22, ED, b"a" * 32)
    assert len(path.read_text().splitlines()) == 2
    with pytest.raises(CollectError, match="host_key_changed"):
        AcceptedKeys(str(path)).accept("worker-1", 22, ED, b"b" * 32)


def test_a_key_that_is_not_kept_is_not_taken(tmp_path: Path) -> None:
    """A name that known_hosts would read otherwise keeps nothing, so its key is refused."""
    kept = AcceptedKeys(str(tmp_path / "accepted"))
    for name in ("jump host", "#1", "@edge"):
        with pytest.raises(CollectError, match="host_key_unknown"):
            kept.accept(name, 22, ED, b"a" * 32)


def test_a_file_that_another_process_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is waited for a moment, then the key is not taken; a scrape does not wait at all."""
    monkeypatch.setattr("exporter.collect.ssh.accepted._PATIENCE", 0.2)
    path = tmp_path / "accepted"
    kept = AcceptedKeys(str(path))
    with path.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(CollectError, match="cannot be kept"):
            kept.accept("worker-1", 22, ED, b"a" * 32)
    kept.accept("worker-1", 22, ED, b"a" * 32)
    assert kept.count == 1


def test_a_revoked_first_key(tmp_path: Path) -> None:
    """@revoked counts in this file as well."""
    (tmp_path / "accepted").write_text(f"@revoked * {ED} {base64.b64encode(b'a' * 32).decode()}\n")
    assert AcceptedKeys(str(tmp_path / "accepted")).lookup("worker-1", 22).revoked == {b"a" * 32}
