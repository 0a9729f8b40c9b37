"""Our own credentials over time: read again when they change, the last good pair kept, an end told once and in time."""

from __future__ import annotations

import base64
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from exporter.collect.ssh import keyring as module
from exporter.collect.ssh.fingerprint import fingerprint
from exporter.collect.ssh.keyring import Keyring
from exporter.config.settings import IdentityFile
from exporter.errors import CollectError, ConfigurationError, Reason
from tests.sshd import agent, make_key, public, run

NOW = 1_800_000_000.0
MINUTE = 60.0


def stamp(seconds: float) -> str:
    """As ``ssh-keygen -V`` takes it."""
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(seconds))


@dataclass
class Desk:
    """A CA, an identity, and a keyring whose clock stands where it is put."""

    directory: Path
    now: float = NOW
    ring: Keyring = field(init=False)

    def __post_init__(self) -> None:
        make_key(self.directory / "ca", "ed25519")
        make_key(self.directory / "id", "ed25519")
        self.ring = Keyring(clock=lambda: self.now)

    @property
    def files(self) -> IdentityFile:
        return IdentityFile(str(self.directory / "id"))

    @property
    def certificate(self) -> Path:
        return self.directory / "id-cert.pub"

    def sign(self, begins: float, ends: float, key: str = "id") -> None:
        """A certificate from ``begins`` to ``ends``, seconds from NOW."""
        validity = f"{stamp(NOW + begins)}:{stamp(NOW + ends)}"
        command = ["ssh-keygen", "-q", "-s", str(self.directory / "ca"), "-I", "us", "-n", "root", "-V", validity]
        run(*command, str(self.directory / f"{key}.pub"))

    def shown(self, *files: IdentityFile, identities_only: bool = False) -> list[str]:
        """Which certificates or keys would be shown now, as base64."""
        with self.ring.keys(files or (self.files,), lambda: 5.0, identities_only=identities_only) as keys:
            blobs = [one.key.public_blob.key_blob if one.key.public_blob else one.key.asbytes() for one in keys]
        return [base64.b64encode(blob).decode() for blob in blobs]

    def refusal(self) -> Reason:
        with pytest.raises(CollectError) as caught:
            self.shown()
        return caught.value.reason

    def current(self) -> str:
        """The certificate that is on disk."""
        return self.certificate.read_text().split()[1]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_renewed_certificate_is_taken(desk: Desk) -> None:
    """A new certificate beside the key is shown from the next login on, and its end is told."""
    desk.sign(-MINUTE, 10 * MINUTE)
    desk.ring.load([desk.files])
    first = desk.current()
    assert desk.shown() == [first]
    assert desk.ring.not_after == {desk.files.file: NOW + 10 * MINUTE}
    desk.sign(-MINUTE, 20 * MINUTE)
    assert desk.shown() == [desk.current()] != [first]
    assert desk.ring.not_after == {desk.files.file: NOW + 20 * MINUTE}


def test_a_new_pair_replaced_one_file_after_the_other(desk: Desk) -> None:
    """Between the new key and its certificate the old pair is shown, as it was loaded."""
    desk.sign(-MINUTE, 10 * MINUTE)
    desk.ring.load([desk.files])
    first = desk.current()
    make_key(desk.directory / "next", "ed25519")
    (desk.directory / "next").replace(desk.directory / "id")
    assert desk.shown() == [first]
    (desk.directory / "next.pub").replace(desk.directory / "id.pub")
    desk.sign(-MINUTE, 10 * MINUTE)
    assert desk.shown() == [desk.current()] != [first]


@pytest.mark.parametrize(
    "content", [b"", b"ssh-ed25519-cert-v01@openssh.com AAAA", b"half"], ids=["empty", "cut", "text"]
)
def test_a_half_written_certificate(content: bytes, desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """The last good one stays while it is valid; what is wrong is told once it has lasted, and once alone."""
    desk.sign(-MINUTE, 10 * MINUTE)
    desk.ring.load([desk.files])
    first = desk.current()
    desk.certificate.write_bytes(content)
    assert desk.shown() == [first]
    assert told(caplog) == []
    for _ in range(3):
        desk.now += module.RENEWAL + 1
        assert desk.shown() == [first]
    assert len(told(caplog)) == 1
    desk.now = NOW + 10 * MINUTE
    assert desk.refusal() is Reason.SSH_CREDENTIAL_EXPIRED
    desk.sign(-MINUTE, 30 * MINUTE)
    assert desk.shown() == [desk.current()]


def test_a_certificate_that_is_taken_away(desk: Desk) -> None:
    """It stays to its end; the key alone is never shown, unless it is loaded anew."""
    desk.sign(-MINUTE, 10 * MINUTE)
    desk.ring.load([desk.files])
    first = desk.current()
    desk.certificate.unlink()
    desk.now += 9 * MINUTE
    assert desk.shown() == [first]
    desk.now += MINUTE
    assert desk.refusal() is Reason.SSH_CREDENTIAL_EXPIRED
    desk.ring = Keyring(clock=lambda: desk.now)
    desk.ring.load([desk.files])
    assert desk.shown() == [public(desk.directory / "id").split()[1]]


@pytest.mark.parametrize("validity", [(-10, -1), (1, 60)], ids=["ended", "not begun"])
def test_a_worse_certificate_does_not_count(validity: tuple[int, int], desk: Desk) -> None:
    """One that has ended, or that a CA's clock made too early, does not take the place of one that holds."""
    desk.sign(-MINUTE, 10 * MINUTE)
    desk.ring.load([desk.files])
    first = desk.current()
    desk.sign(validity[0] * MINUTE, validity[1] * MINUTE)
    assert desk.shown() == [first]
    desk.now += 2 * MINUTE
    assert desk.shown() == [first if validity[1] < 0 else desk.current()]


def test_an_end_is_a_reason_before_it_is_tried(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """From half a minute before its end a certificate is not shown any more; that is told once, not once a node."""
    desk.sign(-MINUTE, 10 * MINUTE)
    desk.ring.load([desk.files])
    desk.now = NOW + 10 * MINUTE - module.MARGIN - 1
    assert desk.shown() == [desk.current()]
    desk.now += 1
    assert {desk.refusal() for _ in range(50)} == {Reason.SSH_CREDENTIAL_EXPIRED}
    assert len(told(caplog)) == 1
    desk.sign(-MINUTE, 30 * MINUTE)
    assert desk.shown() == [desk.current()]


def test_a_certificate_that_has_ended_before_the_start(desk: Desk) -> None:
    """The exporter starts with it, says its reason, and takes the next one."""
    desk.sign(-10 * MINUTE, -MINUTE)
    desk.ring.load([desk.files])
    assert desk.refusal() is Reason.SSH_CREDENTIAL_EXPIRED
    desk.sign(-MINUTE, MINUTE)
    assert desk.shown() == [desk.current()]


def test_a_certificate_that_begins_later(desk: Desk) -> None:
    """It is not shown before it counts."""
    desk.sign(MINUTE, 10 * MINUTE)
    desk.ring.load([desk.files])
    assert desk.refusal() is Reason.SSH_CREDENTIAL_UNUSABLE
    desk.now += MINUTE
    assert desk.shown() == [desk.current()]


def test_the_next_identity_takes_over(desk: Desk) -> None:
    """Where one of two certificates has ended the other one is shown."""
    make_key(desk.directory / "spare", "ed25519")
    spare = IdentityFile(str(desk.directory / "spare"))
    desk.sign(-10 * MINUTE, -MINUTE)
    desk.ring.load([desk.files, spare])
    assert desk.shown(desk.files, spare) == [public(desk.directory / "spare").split()[1]]


def test_a_certificate_for_ever(desk: Desk) -> None:
    """One that never ends has no end to tell."""
    command = ["ssh-keygen", "-q", "-s", str(desk.directory / "ca"), "-I", "us", "-n", "root", "-V", "always:forever"]
    run(*command, str(desk.directory / "id.pub"))
    desk.ring.load([desk.files])
    assert desk.shown() == [desk.current()]
    assert desk.ring.not_after == {}


@pytest.mark.parametrize("wrong", ["another key", "a host", "a plain key", "damaged"])
def test_a_certificate_that_cannot_be_used_at_the_start(wrong: str, desk: Desk) -> None:
    """A pair that does not fit is a mistake of the configuration, named by its file."""
    make_key(desk.directory / "other", "ed25519")
    desk.sign(-MINUTE, MINUTE, key="other" if wrong == "another key" else "id")
    if wrong == "another key":
        (desk.directory / "other-cert.pub").replace(desk.certificate)
    elif wrong == "a host":
        run("ssh-keygen", "-q", "-s", str(desk.directory / "ca"), "-h", "-I", "us", str(desk.directory / "id.pub"))
    elif wrong == "a plain key":
        desk.certificate.write_text((desk.directory / "id.pub").read_text())
    else:
        kind, encoded = desk.certificate.read_text().split()[:2]
        desk.certificate.write_text(f"{kind} {encoded[:-24]}{'A' * 24}\n")
    with pytest.raises(ConfigurationError) as caught:
        desk.ring.load([desk.files])
    assert [mistake.place for mistake in caught.value.mistakes] == [str(desk.certificate)]


def test_a_certificate_elsewhere(desk: Desk) -> None:
    """certificate_file takes the place of the one beside the key, and must be there."""
    desk.sign(-MINUTE, MINUTE)
    desk.certificate.replace(desk.directory / "elsewhere.pub")
    files = IdentityFile(str(desk.directory / "id"), str(desk.directory / "elsewhere.pub"))
    desk.ring.load([files])
    assert desk.shown(files) == [(desk.directory / "elsewhere.pub").read_text().split()[1]]
    with pytest.raises(ConfigurationError, match=r"gone\.pub: cannot be read"):
        desk.ring.load([IdentityFile(str(desk.directory / "id"), str(desk.directory / "gone.pub"))])


# The agent.


@pytest.fixture
def with_agent(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Two keys in a real agent; one of them is also certified there."""
    for name in ("first", "second"):
        make_key(desk.directory / name, "ed25519")
    desk.sign(-MINUTE, 10 * MINUTE, key="first")
    desk.ring = Keyring(agent=True, clock=lambda: desk.now)
    with agent(desk.directory, desk.directory / "first", desk.directory / "second") as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", path)
        yield desk


def names(desk: Desk, *, identities: tuple[IdentityFile, ...], only: bool) -> list[str]:
    with desk.ring.keys(identities, lambda: 5.0, identities_only=only) as keys:
        return [one.fingerprint for one in keys]


def of(desk: Desk, name: str) -> str:
    return fingerprint(base64.b64decode(public(desk.directory / name).split()[1]))


def test_only_what_an_identity_names(with_agent: Desk) -> None:
    """With identities_only those of the agent's keys alone are shown that an identity names by its public half."""
    desk = with_agent
    named = IdentityFile(str(desk.directory / "second.pub"))
    desk.ring.load([named], agent=True)
    assert names(desk, identities=(named,), only=True) == [of(desk, "second")]
    assert set(names(desk, identities=(named,), only=False)) >= {of(desk, "first"), of(desk, "second")}


def test_a_certificate_file_for_an_agents_key(with_agent: Desk) -> None:
    """Its certificate is the agent's to show: naming a file for it is a mistake."""
    desk = with_agent
    files = IdentityFile(str(desk.directory / "first.pub"), str(desk.directory / "first-cert.pub"))
    with pytest.raises(ConfigurationError, match="the agent's to show"):
        desk.ring.load([files], agent=True)


def test_an_agents_certificate(with_agent: Desk) -> None:
    """A certificate in the agent goes by its key's name."""
    desk = with_agent
    named = IdentityFile(str(desk.directory / "first.pub"))
    desk.ring.load([named], agent=True)
    assert set(names(desk, identities=(named,), only=True)) == {of(desk, "first")}
