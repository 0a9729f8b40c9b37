"""Who we are: a private key file with its certificate and its passphrase, loaded once into what logs in."""

from __future__ import annotations

import base64
import io
import os
import stat
from dataclasses import dataclass, field

import paramiko
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import SSHCertificate, SSHCertificateType
from paramiko.message import Message
from paramiko.ssh_exception import SSHException

from exporter.collect.ssh.fingerprint import fingerprint
from exporter.config.file import read_bytes
from exporter.config.settings import IdentityFile
from exporter.errors import ConfigurationError, Mistake

LARGEST_KEY = 64 * 1024
FOR_EVER = 2**64 - 1  # valid_before of a certificate that never ends (PROTOCOL.certkeys)
_PUBLIC = (b"ssh-", b"ecdsa-", b"sk-")
_KINDS: tuple[tuple[type, type[paramiko.PKey]], ...] = (
    (ed25519.Ed25519PrivateKey, paramiko.Ed25519Key),
    (ec.EllipticCurvePrivateKey, paramiko.ECDSAKey),
    (rsa.RSAPrivateKey, paramiko.RSAKey),
)


@dataclass(frozen=True, slots=True)
class Identity:
    """What logs in. Without a key it only names one of the agent's. Times are epoch seconds."""

    files: IdentityFile
    blob: bytes  # the public half
    key: paramiko.PKey | None = field(default=None, repr=False)
    has_certificate: bool = False
    authority: str = ""  # the public key of the CA that signed the certificate, as authorized_keys has it
    not_before: float = 0.0
    not_after: float | None = None  # None: no certificate, or one that never ends

    @property
    def public_key(self) -> str:
        """As authorized_keys has it."""
        return f"{Message(self.blob).get_text()} {base64.b64encode(self.blob).decode('ascii')}"

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.blob)


def load(files: IdentityFile, *, agent: bool = False) -> Identity:
    """Raises ConfigurationError that names what cannot be used, and never what is in it.

    With ``agent`` the public half alone will do: the agent has the rest.
    """
    encoded = _read_secret(files.file, agent=agent)
    if encoded.startswith(_PUBLIC):
        if files.certificate_file:
            problem = f"{files.file} is the public half: its certificate is the agent's to show (ssh-add)"
            raise ConfigurationError(Mistake(files.certificate_file, problem))
        return Identity(files, _public_blob(files.file, encoded))
    key = _load_key(files, encoded)
    path = certificate_path(files)
    if path is None:
        return Identity(files, key.asbytes(), key)
    return _with_certificate(files, key, path)


def certificate_path(files: IdentityFile) -> str | None:
    """The file of the identity's certificate, if it has one."""
    beside = f"{files.file}-cert.pub"
    return files.certificate_file or (beside if os.path.exists(beside) else None)


def _with_certificate(files: IdentityFile, key: paramiko.PKey, path: str) -> Identity:
    text, _ = read_bytes(path, LARGEST_KEY)
    try:
        certificate = serialization.load_ssh_public_identity(text)
        if not isinstance(certificate, SSHCertificate) or certificate.type is not SSHCertificateType.USER:
            raise ConfigurationError(Mistake(path, "not an OpenSSH user certificate"))
        certificate.verify_cert_signature()
        certified = certificate.public_key().public_bytes(
            serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        )
        if _public_blob(path, certified) != key.asbytes():
            raise ConfigurationError(Mistake(path, f"certifies another key than {files.file}"))
        key.load_certificate(text.decode("ascii"))
    except (ValueError, InvalidSignature, UnsupportedAlgorithm, NotImplementedError, SSHException) as error:
        raise ConfigurationError(Mistake(path, "not an OpenSSH certificate, or a damaged one")) from error
    end = certificate.valid_before
    return Identity(
        files,
        key.asbytes(),
        key,
        has_certificate=True,
        authority=certificate.signature_key()
        .public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        .decode("ascii"),
        not_before=float(certificate.valid_after),
        not_after=None if end == FOR_EVER else float(end),
    )


def _load_key(files: IdentityFile, encoded: bytes) -> paramiko.PKey:
    passphrase = None
    if files.passphrase_file:
        passphrase = _read_secret(files.passphrase_file).rstrip(b"\r\n")
    problem = "not a private key of type ed25519, ECDSA or RSA"
    try:
        return _parse(encoded, passphrase)
    except TypeError:
        problem = (
            "not encrypted, yet a passphrase_file is given" if passphrase else "encrypted; give its passphrase_file"
        )
    except UnsupportedAlgorithm:
        problem = "a key type that is not supported; ed25519, ECDSA and RSA are"
    except (SSHException, ValueError):
        problem = "wrong passphrase, or a damaged key" if passphrase else problem
    raise ConfigurationError(Mistake(files.file, problem))


def _parse(encoded: bytes, passphrase: bytes | None) -> paramiko.PKey:
    """OpenSSH's own format, PKCS#1, SEC 1 or PKCS#8: paramiko alone does not read the last."""
    try:
        key: object = serialization.load_ssh_private_key(encoded, passphrase)
    except ValueError:
        key = serialization.load_pem_private_key(encoded, passphrase)
    if not isinstance(key, (ed25519.Ed25519PrivateKey, ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
        raise UnsupportedAlgorithm(type(key).__name__)
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    kind = next(ours for theirs, ours in _KINDS if isinstance(key, theirs))
    return kind.from_private_key(io.StringIO(plain.decode("ascii")))


def _public_blob(path: str, line: bytes) -> bytes:
    try:
        return paramiko.pkey.PublicBlob.from_string(line.decode("ascii")).key_blob
    except (ValueError, SSHException) as error:
        raise ConfigurationError(Mistake(path, "a damaged public key")) from error


def _read_secret(path: str, *, agent: bool = False) -> bytes:
    """A file's content; refused where it is ours and others can read it, as ssh(1) refuses a key.

    OpenSSH's ``sshkey_perm_ok`` looks only at files that the caller owns: a key mounted with a group for a pod is fine.
    """
    content, found = read_bytes(path, LARGEST_KEY)
    if content.startswith(_PUBLIC):
        if agent:
            return content
        raise ConfigurationError(Mistake(path, "this is the public half; name the private key"))
    if found.st_uid == os.geteuid() and found.st_mode & 0o077:
        mode = stat.S_IMODE(found.st_mode)
        raise ConfigurationError(Mistake(path, f"others can read it (mode {mode:04o}); chmod 600 it"))
    return content
