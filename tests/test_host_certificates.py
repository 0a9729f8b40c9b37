"""Host certificates by a real CA, shown by a real sshd: which vouch for a node, and what is said of the others."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

import pytest

from exporter.collect.ssh import host_certificate
from exporter.collect.ssh.transport import SshTransport
from exporter.config.settings import HostKeyPolicy, Paths
from exporter.config.ssh import Identity, Ssh
from exporter.errors import CollectError, Reason
from exporter.model.node import Node, SshAccess
from tests.sshd import USER, Host, Sshd, address, make_key, needs_sshd, public, run
from tests.visits import PATIENT

NAME = "worker-1"


@dataclass(frozen=True)
class Case:
    """How the host's certificate is signed, and what known_hosts says; ``{…}`` are public keys."""

    signing: tuple[str, ...]
    reason: Reason | None
    known: str = "@cert-authority * {ca}"
    name: str = NAME
    kind: str = "ed25519"
    alias: str | None = None
    wildcards: bool = False


NAMED = ("-n", NAME)
CASES = {
    "named": Case(NAMED, None),
    "named among others": Case(("-n", "other,worker-1,third"), None),
    "named in capitals": Case(NAMED, None, name="WORKER-1"),
    "its ecdsa key": Case(NAMED, None, kind="ecdsa"),
    "its rsa key": Case(NAMED, None, kind="rsa"),
    "for this domain's hosts alone": Case(NAMED, None, known="@cert-authority [worker-*]:* {ca}"),
    "and its plain key, of an old image": Case(NAMED, None, known="@cert-authority * {ca}\n* {other}"),
    "by one of two authorities": Case(NAMED, None, known="@cert-authority * {other}\n@cert-authority * {ca}"),
    "under its alias": Case(("-n", "six"), None, alias="six"),
    "a pattern, where patterns count": Case(("-n", "worker-*"), None, wildcards=True),
    "a pattern": Case(("-n", "worker-*"), Reason.HOST_CERTIFICATE_OTHER_HOST),
    "another host": Case(("-n", "worker-10"), Reason.HOST_CERTIFICATE_OTHER_HOST),
    "its address alone": Case(("-n", address(250)), Reason.HOST_CERTIFICATE_OTHER_HOST),
    "its name, but not its alias": Case(NAMED, Reason.HOST_CERTIFICATE_OTHER_HOST, alias="six"),
    "no host at all": Case((), Reason.HOST_CERTIFICATE_OTHER_HOST),
    "ended": Case((*NAMED, "-V", "-2w:-1w"), Reason.HOST_CERTIFICATE_EXPIRED),
    "not begun": Case((*NAMED, "-V", "+1w:+2w"), Reason.HOST_CERTIFICATE_NOT_YET_VALID),
    "an unknown critical option": Case(
        (*NAMED, "-O", "critical:colour@example.org=blue"), Reason.HOST_CERTIFICATE_CRITICAL_OPTION
    ),
    "an unknown authority": Case(NAMED, Reason.HOST_CERTIFICATE_UNKNOWN_CA, known="@cert-authority * {other}"),
    "a revoked authority": Case(NAMED, Reason.HOST_KEY_REVOKED, known="@cert-authority * {ca}\n@revoked * {ca}"),
    "a revoked key": Case(NAMED, Reason.HOST_KEY_REVOKED, known="@cert-authority * {ca}\n@revoked * {host}"),
    "an authority for other hosts": Case(NAMED, Reason.HOST_KEY_UNKNOWN, known="@cert-authority *.prod {ca}"),
    "no known authority": Case(NAMED, Reason.HOST_KEY_UNKNOWN, known=""),
}


@needs_sshd
@pytest.mark.parametrize("name", CASES)
def test_a_host_certificate(name: str, tmp_path: Path) -> None:
    """A certificate that vouches for the node is enough; another one has its reason, and is shown no key of ours."""
    case = CASES[name]
    authority, other = make_key(tmp_path / "ca", "ed25519"), make_key(tmp_path / "other", "ed25519")
    key = make_key(tmp_path / "id", "ed25519")
    certified = tmp_path / f"host_{case.kind}"
    sshd = Sshd(tmp_path, [Host(address(250))], [key], (f"HostCertificate {certified}-cert.pub",))
    run("ssh-keygen", "-q", "-s", str(authority), "-h", "-I", "a host", *case.signing, f"{certified}.pub")
    known = case.known.format(ca=public(authority), other=public(other), host=public(certified))
    (tmp_path / "known_hosts").write_text(f"{known}\n")
    sshd.start()
    try:
        since = sshd.log_size()
        reason = _visit(tmp_path, sshd.port, case)
        log = sshd.log_of_next(since)
    finally:
        sshd.stop()
    assert reason is case.reason
    assert ("userauth-request" in log) == (case.reason is None)


def _visit(directory: Path, port: int, case: Case) -> Reason | None:
    ours = SshTransport(
        Ssh(
            known_hosts=(str(directory / "known_hosts"),),
            host_ca_wildcards=case.wildcards,
            identities=(Identity(file=str(directory / "id")),),
            timeouts=PATIENT,
        )
    )
    access = SshAccess(address(250), port, USER, name=case.name, host_key_alias=case.alias)
    try:
        ours.read(Node(case.name, access, Paths()))
    except CollectError as error:
        return error.reason
    return None


@needs_sshd
@pytest.mark.parametrize(
    ("known", "policy", "reason"),
    [
        ("@cert-authority * {ca}", HostKeyPolicy.STRICT, Reason.HOST_KEY_NEEDS_CA),
        ("@cert-authority * {ca}", HostKeyPolicy.ACCEPT_NEW, Reason.HOST_KEY_NEEDS_CA),
        ("@cert-authority * {ca}\n* {host}", HostKeyPolicy.STRICT, None),
    ],
)
def test_a_plain_key_where_an_authority_is_known(
    known: str, policy: HostKeyPolicy, reason: Reason | None, tmp_path: Path
) -> None:
    """A host without a certificate counts only by its own key; it is not new."""
    authority, key = make_key(tmp_path / "ca", "ed25519"), make_key(tmp_path / "id", "ed25519")
    sshd = Sshd(tmp_path, [Host(address(250))], [key])
    text = known.format(ca=public(authority), host=public(sshd.host_keys["ed25519"]))
    (tmp_path / "known_hosts").write_text(f"{text}\n")
    ours = SshTransport(
        Ssh(
            known_hosts=(str(tmp_path / "known_hosts"),),
            accepted_host_keys=str(tmp_path / "accepted"),
            identities=(Identity(file=str(key)),),
            timeouts=PATIENT,
        )
    )
    sshd.start()
    try:
        node = Node(NAME, SshAccess(address(250), sshd.port, USER, name=NAME, policy=policy), Paths())
        if reason is None:
            ours.read(node)
        else:
            with pytest.raises(CollectError) as caught:
                ours.read(node)
            assert caught.value.reason is reason
    finally:
        sshd.stop()


# What no real sshd would show.


def signed(directory: Path, *signing: str, ca: str = "ed25519", kind: str = "ed25519") -> bytes:
    """A certificate that ssh-keygen made."""
    authority, key = make_key(directory / "ca", ca), make_key(directory / "host", kind)
    run("ssh-keygen", "-q", "-s", str(authority), "-I", "a host", *signing, f"{key}.pub")
    return base64.b64decode(Path(f"{key}-cert.pub").read_text().split()[1])


def refusal(blob: bytes) -> Reason | None:
    return host_certificate.refusal(blob, (NAME,), 1e9, wildcards=False)


def test_a_users_certificate(tmp_path: Path) -> None:
    """A user's certificate is no host's, even where it has the host's name."""
    assert refusal(signed(tmp_path, *NAMED)) is Reason.HOST_CERTIFICATE_WRONG_TYPE


@pytest.mark.parametrize("algorithm", ["ssh-rsa", "rsa-sha2-256", "rsa-sha2-512"])
def test_an_authority_that_signs_with_sha_1(algorithm: str, tmp_path: Path) -> None:
    """A signature with SHA-1 vouches for nothing; the other two of an RSA authority do."""
    blob = signed(tmp_path, "-h", *NAMED, "-t", algorithm, ca="rsa")
    malformed = Reason.HOST_CERTIFICATE_MALFORMED if algorithm == "ssh-rsa" else None
    assert refusal(blob) is malformed
    assert (host_certificate.authority(blob) is None) == (algorithm == "ssh-rsa")


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_every_damage_is_refused(kind: str, tmp_path: Path) -> None:
    """Not one byte of a certificate may be another one, and none may be missing."""
    blob = signed(tmp_path, "-h", *NAMED, kind=kind)
    assert refusal(blob) is None
    for at in range(len(blob)):
        assert refusal(blob[:at] + bytes([blob[at] ^ 0x41]) + blob[at + 1 :]) is not None
        assert refusal(blob[:at]) is not None
    assert refusal(blob + b"\0") is not None
