"""Who we are: private key files, loaded once, and the SSH agent."""

from __future__ import annotations

import io
import os
import socket
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from paramiko.agent import AgentSSH
from paramiko.ssh_exception import SSHException

from exporter.config.file import read_bytes
from exporter.config.schema import Identity, Ssh
from exporter.errors import CollectError, ConfigurationError, Mistake, Mistakes, Reason

LARGEST_KEY = 64 * 1024
_KINDS: tuple[tuple[type, type[paramiko.PKey]], ...] = (
    (ed25519.Ed25519PrivateKey, paramiko.Ed25519Key),
    (ec.EllipticCurvePrivateKey, paramiko.ECDSAKey),
    (rsa.RSAPrivateKey, paramiko.RSAKey),
)


class _Agent(AgentSSH):
    """The SSH agent over a socket of ours, with its time-out: paramiko's own waits for ever."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self._connect(connection)  # type: ignore[attr-defined]  # what paramiko's own agents call

    def _send_message(self, msg: bytes) -> object:
        try:
            return super()._send_message(msg)  # type: ignore[misc]  # paramiko's, not in its types
        except OSError as error:  # paramiko's thread does not survive a time-out here
            raise SSHException("the agent does not answer") from error


@dataclass(frozen=True, slots=True)
class Credentials:
    """What logs in: loaded keys in order, then those of the agent where it is asked for."""

    keys: tuple[paramiko.PKey, ...] = field(repr=False)
    agent: bool = False

    @contextmanager
    def all(self, timeout: float) -> Iterator[tuple[paramiko.PKey, ...]]:
        """Every key to try, in order; the agent has ``timeout`` seconds for each answer.

        Raises CollectError where only the agent could have a key and does not.
        """
        if not self.agent:
            yield self.keys
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            try:
                connection.settimeout(timeout)
                connection.connect(os.environ.get("SSH_AUTH_SOCK", ""))
                from_agent = _Agent(connection).get_keys()
            except (SSHException, OSError, struct.error) as error:
                if not self.keys:
                    raise CollectError(Reason.AGENT_FAILED, "no agent, or it does not answer") from error
                from_agent = ()
            if not self.keys and not from_agent:
                raise CollectError(Reason.AGENT_FAILED, "the agent holds no key")
            yield (*self.keys, *from_agent)


def load(ssh: Ssh) -> Credentials:
    """Raises ConfigurationError that names every key file that cannot be used, and never what is in it."""
    keys: list[paramiko.PKey] = []
    mistakes = Mistakes()
    for identity in ssh.identities:
        with mistakes.gathered():
            keys.append(_load(identity))
    mistakes.tell()
    return Credentials(tuple(keys), ssh.agent)


def _load(identity: Identity) -> paramiko.PKey:
    encoded, passphrase = _read_secret(identity.file), None
    if identity.passphrase_file:
        passphrase = _read_secret(identity.passphrase_file).rstrip(b"\r\n")
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
    raise ConfigurationError(Mistake(identity.file, problem))


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


def _read_secret(path: str) -> bytes:
    """A file's content; refused where it is ours and others can read it, as ssh(1) refuses a key.

    OpenSSH's ``sshkey_perm_ok`` looks only at files that the caller owns: a key mounted with a group for a pod is fine.
    """
    content, found = read_bytes(path, LARGEST_KEY)
    if content.startswith((b"ssh-", b"ecdsa-", b"sk-")):
        raise ConfigurationError(Mistake(path, "this is the public half; name the private key"))
    if found.st_uid == os.geteuid() and found.st_mode & 0o077:
        mode = stat.S_IMODE(found.st_mode)
        raise ConfigurationError(Mistake(path, f"others can read it (mode {mode:04o}); chmod 600 it"))
    return content
