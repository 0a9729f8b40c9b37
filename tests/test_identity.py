"""Private keys: which files are taken, which are refused and why, and that no secret is ever told."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, x25519

from exporter.collect.ssh.identity import LARGEST_KEY, Identity, load
from exporter.collect.ssh.keyring import Keyring
from exporter.config.settings import IdentityFile
from exporter.errors import ConfigurationError
from tests.sshd import IS_ROOT, make_key, run

PASSPHRASE = "open sesame, you 40 thieves"
AS_ROOT = pytest.mark.skipif(not IS_ROOT, reason="gives a file to another user, which only root may")
AS_OTHERS = pytest.mark.skipif(IS_ROOT, reason="root may read every file")


def files(key: Path, passphrase: Path | None = None) -> IdentityFile:
    """The files of one identity."""
    return IdentityFile(str(key), passphrase_file=str(passphrase) if passphrase else None)


def public(key: Path) -> str:
    """The public half beside a key, in base64."""
    return Path(f"{key}.pub").read_text().split()[1]


def loaded(key: Path, passphrase: Path | None = None) -> str:
    """What paramiko would show of the key, in base64."""
    identity = load(files(key, passphrase))
    assert identity.key is not None
    return identity.key.get_base64()


def secret(path: Path, text: str = PASSPHRASE, mode: int = 0o600) -> Path:
    """A file with a passphrase."""
    path.write_text(text)
    path.chmod(mode)
    return path


def refused(identity: IdentityFile) -> str:
    """What is said of the key."""
    with pytest.raises(ConfigurationError) as caught:
        load(identity)
    return str(caught.value)


@pytest.mark.parametrize(
    ("kind", "form"), [("ed25519", ""), ("ecdsa", ""), ("rsa", ""), ("ecdsa", "PEM"), ("rsa", "PEM")]
)
@pytest.mark.parametrize("passphrase", ["", PASSPHRASE], ids=["plain", "encrypted"])
def test_keys_that_ssh_keygen_makes(kind: str, form: str, passphrase: str, tmp_path: Path) -> None:
    """Keys of each type and form are loaded, with their passphrase where they have one."""
    key = make_key(tmp_path / "id", kind, passphrase, form)
    assert loaded(key, secret(tmp_path / "passphrase") if passphrase else None) == public(key)


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
@pytest.mark.parametrize("passphrase", ["", PASSPHRASE], ids=["plain", "encrypted"])
def test_a_key_in_pkcs8(kind: str, passphrase: str, tmp_path: Path) -> None:
    """A key in PKCS#8, which ssh(1) reads and paramiko alone does not, is loaded."""
    key = make_key(tmp_path / "id", kind, passphrase, "PKCS8")
    assert loaded(key, secret(tmp_path / "secret") if passphrase else None) == public(key)


def test_keys_are_tried_in_their_order(tmp_path: Path) -> None:
    """The order of the configuration is kept."""
    keys = [make_key(tmp_path / f"id_{number}", "ed25519") for number in range(4)]
    keyring = Keyring()
    keyring.load(map(files, keys))
    with keyring.keys(tuple(map(files, keys)), lambda: 1.0) as shown:
        assert [one.key.get_base64() for one in shown] == [public(key) for key in keys]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o660, 0o601, 0o777])
def test_a_key_of_ours_that_others_can_read(mode: int, tmp_path: Path) -> None:
    """Our own key file is refused where group or others may do anything with it, as ssh(1) refuses it."""
    key = make_key(tmp_path / "id", "ed25519")
    key.chmod(mode)
    assert f"{mode:04o}" in refused(files(key))


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700, 0o500])
def test_a_key_of_ours_that_nobody_else_can_read(mode: int, tmp_path: Path) -> None:
    """Our own key file is taken where it is ours alone."""
    key = make_key(tmp_path / "id", "ed25519")
    key.chmod(mode)
    assert loaded(key) == public(key)


@AS_ROOT
@pytest.mark.parametrize("mode", [0o640, 0o440, 0o644])
def test_a_key_that_is_mounted_for_a_group(mode: int, tmp_path: Path) -> None:
    """A key file of another owner is taken though its group can read it, as a secret mounted into a pod is."""
    key = make_key(tmp_path / "id", "ed25519")
    key.chmod(mode)
    os.chown(key, 1, os.getegid())
    assert loaded(key) == public(key)


def test_a_passphrase_that_others_can_read(tmp_path: Path) -> None:
    """A passphrase file is as secret as a key."""
    key = make_key(tmp_path / "id", "ed25519", PASSPHRASE)
    told = refused(files(key, secret(tmp_path / "passphrase", mode=0o644)))
    assert str(tmp_path / "passphrase") in told
    assert "0644" in told


@AS_OTHERS
def test_a_key_that_we_may_not_read(tmp_path: Path) -> None:
    """A key file without permission says so."""
    key = make_key(tmp_path / "id", "ed25519")
    key.chmod(0)
    assert "Permission denied" in refused(files(key))


def _missing(path: Path) -> None:
    """Nothing is made."""


def _directory(path: Path) -> None:
    path.mkdir()


def _empty(path: Path) -> None:
    path.write_text("")


def _garbage(path: Path) -> None:
    path.write_bytes(os.urandom(500))


def _text(path: Path) -> None:
    path.write_text("swordfish is the key to nothing\n" * 20)


def _public(path: Path) -> None:
    Path(f"{make_key(path, 'ed25519')}.pub").rename(path)


def _certificate(path: Path) -> None:
    path.write_text("-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUX\n-----END CERTIFICATE-----\n")


def _cut(path: Path) -> None:
    whole = make_key(path, "ed25519").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def _damaged(path: Path) -> None:
    lines = make_key(path, "ed25519").read_text().splitlines(keepends=True)
    lines[3] = lines[3][:20] + ("AAAA" if lines[3][20:24] != "AAAA" else "BBBB") + lines[3][24:]
    path.write_text("".join(lines))


def _armour_alone(path: Path) -> None:
    path.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----\n")


def _huge(path: Path) -> None:
    path.write_bytes(b"x" * (LARGEST_KEY * 2))


def _dsa(path: Path) -> None:
    make_key(path, "dsa")


def _dsa_pem(path: Path) -> None:
    make_key(path, "dsa", form="PEM")


def _pkcs8(key: ed448.Ed448PrivateKey | x25519.X25519PrivateKey | ec.EllipticCurvePrivateKey, path: Path) -> None:
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _x25519(path: Path) -> None:
    _pkcs8(x25519.X25519PrivateKey.generate(), path)


def _ed448(path: Path) -> None:
    _pkcs8(ed448.Ed448PrivateKey.generate(), path)


def _other_curve(path: Path) -> None:
    _pkcs8(ec.generate_private_key(ec.SECP256K1()), path)


def _unknown_curve(path: Path) -> None:
    run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp112r1", "-out", str(path))


def _hardware_key(path: Path) -> None:
    """What ssh-keygen -t ed25519-sk leaves in a file: a handle, and no key that could sign."""
    import base64  # noqa: PLC0415 - for this one form alone
    import struct  # noqa: PLC0415

    def string(content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + content

    kind = b"sk-ssh-ed25519@openssh.com"
    public = string(kind) + string(os.urandom(32)) + string(b"ssh:")
    private = public + b"\1" + string(os.urandom(64)) + string(b"") + string(b"comment")
    inner = bytes(8) + private
    inner += bytes(range(1, 8 - len(inner) % 8 + 1)) if len(inner) % 8 else b""
    blob = b"openssh-key-v1\0" + string(b"none") + string(b"none") + string(b"") + struct.pack(">I", 1)
    text = base64.encodebytes(blob + string(public) + string(inner)).decode()
    path.write_text(f"-----BEGIN OPENSSH PRIVATE KEY-----\n{text}-----END OPENSSH PRIVATE KEY-----\n")


NO_KEYS: dict[Callable[[Path], None], str] = {
    _missing: "cannot be read: No such file or directory",
    _directory: "not a regular file",
    _empty: "not a private key",
    _garbage: "not a private key",
    _text: "not a private key",
    _public: "this is the public half",
    _certificate: "not a private key",
    _cut: "not a private key",
    _damaged: "not a private key",
    _armour_alone: "not a private key",
    _huge: "larger than 64 KiB",
    _dsa: "not supported",
    _dsa_pem: "not supported",
    _x25519: "",
    _ed448: "",
    _other_curve: "",
    _unknown_curve: "",
    _hardware_key: "not supported",
}


@pytest.mark.filterwarnings("ignore:SSH DSA keys are deprecated")
@pytest.mark.parametrize(("make", "problem"), NO_KEYS.items(), ids=lambda it: getattr(it, "__name__", ""))
def test_what_is_no_key(make: Callable[[Path], None], problem: str, tmp_path: Path) -> None:
    """A file that is no usable key is refused by its name and with what is wrong, and with nothing of its content."""
    key = tmp_path / "id"
    make(key)
    if key.is_file():
        key.chmod(0o600)
    told = refused(files(key))
    assert told.startswith(f"{key}: ")
    assert problem in told
    assert_nothing_of(key, told)


def assert_nothing_of(key: Path, told: str) -> None:
    """No piece of a file's content is in what is told."""
    if not key.is_file():
        return
    content = key.read_bytes().decode("latin-1")
    words = told.replace(str(key), "")
    assert not any(content[at : at + 12] in words for at in range(len(content) - 11))


ENCRYPTED = [("ed25519", ""), ("ecdsa", ""), ("rsa", ""), ("rsa", "PEM"), ("ecdsa", "PEM")]


@pytest.mark.parametrize(("kind", "form"), ENCRYPTED)
def test_an_encrypted_key_without_its_passphrase(kind: str, form: str, tmp_path: Path) -> None:
    """An encrypted key asks for its passphrase_file."""
    told = refused(files(make_key(tmp_path / "id", kind, PASSPHRASE, form)))
    assert "encrypted; give its passphrase_file" in told


@pytest.mark.parametrize(("kind", "form"), ENCRYPTED)
def test_an_encrypted_key_with_another_passphrase(kind: str, form: str, tmp_path: Path) -> None:
    """A wrong passphrase is told as such, and neither the wrong one nor the right one."""
    key = make_key(tmp_path / "id", kind, PASSPHRASE, form)
    told = refused(files(key, secret(tmp_path / "passphrase", "wrong and still secret")))
    assert "wrong passphrase" in told
    assert "still secret" not in told
    assert PASSPHRASE not in told


@pytest.mark.parametrize(("kind", "form"), [("ed25519", ""), ("ecdsa", ""), ("rsa", "PEM")])
def test_a_passphrase_for_a_key_that_has_none(kind: str, form: str, tmp_path: Path) -> None:
    """A passphrase for a key that is not encrypted is a mistake, and is not told."""
    told = refused(files(make_key(tmp_path / "id", kind, form=form), secret(tmp_path / "passphrase")))
    assert "not encrypted" in told
    assert PASSPHRASE not in told


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_an_empty_passphrase_file(kind: str, tmp_path: Path) -> None:
    """An empty passphrase file opens no encrypted key."""
    key = make_key(tmp_path / "id", kind, PASSPHRASE)
    told = refused(files(key, secret(tmp_path / "passphrase", "\n")))
    assert told.startswith(str(tmp_path))


def test_a_passphrase_file_that_is_not_there(tmp_path: Path) -> None:
    """A missing passphrase file is named, not the key."""
    key = make_key(tmp_path / "id", "ed25519", PASSPHRASE)
    assert refused(files(key, tmp_path / "gone")).startswith(f"{tmp_path / 'gone'}: cannot be read")


def test_every_bad_key_is_told_at_once(tmp_path: Path) -> None:
    """Two bad keys are two mistakes, and a good one between them is none."""
    good, missing, garbage = make_key(tmp_path / "good", "ed25519"), tmp_path / "missing", tmp_path / "garbage"
    secret(garbage, "nothing")
    with pytest.raises(ConfigurationError) as caught:
        Keyring().load(map(files, (missing, good, garbage)))
    assert [mistake.place for mistake in caught.value.mistakes] == [str(missing), str(garbage)]


def test_a_repr_without_secrets(tmp_path: Path) -> None:
    """The repr of what is loaded shows no key, and no passphrase."""
    key = make_key(tmp_path / "id", "ed25519", PASSPHRASE)
    identity = load(files(key, secret(tmp_path / "passphrase")))
    assert isinstance(identity, Identity)
    assert "PKey" not in repr(identity)
    assert PASSPHRASE not in repr(identity)
    keyring = Keyring()
    keyring.load([identity.files])
    assert str(tmp_path) not in repr(keyring)


def test_the_cause_chain_holds_no_secret(tmp_path: Path) -> None:
    """What a traceback would show of a refused key holds no passphrase either."""
    key = make_key(tmp_path / "id", "rsa", PASSPHRASE, "PEM")
    with pytest.raises(ConfigurationError) as caught:
        load(files(key, secret(tmp_path / "passphrase", "wrong and still secret")))
    error: BaseException | None = caught.value
    while error:
        assert "still secret" not in f"{error} {error!r}"
        error = error.__cause__ or error.__context__
