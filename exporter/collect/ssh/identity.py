"""Who we are: private key files, loaded once, and the SSH agent."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import paramiko
from paramiko.pkey import UnknownKeyType
from paramiko.ssh_exception import PasswordRequiredException, SSHException

from exporter.config.schema import Identity, Ssh
from exporter.errors import CollectError, ConfigurationError, Mistake, Mistakes, Reason

LARGEST_KEY = 64 * 1024


@dataclass(frozen=True, slots=True)
class Credentials:
    """What logs in: loaded keys in order, then those of the agent where it is asked for."""

    keys: tuple[paramiko.PKey, ...] = field(repr=False)
    agent: bool = False

    @contextmanager
    def all(self) -> Iterator[tuple[paramiko.PKey, ...]]:
        """Every key to try, in order. Raises CollectError where only the agent could have one and does not."""
        if not self.agent:
            yield self.keys
            return
        try:
            agent = paramiko.Agent()
        except (SSHException, OSError) as error:
            raise CollectError(Reason.AGENT_FAILED, "the agent does not answer") from error
        try:
            keys = (*self.keys, *agent.get_keys())
            if not keys:
                raise CollectError(Reason.AGENT_FAILED, "no agent, or it holds no key")
            yield keys
        finally:
            agent.close()


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
    _read_secret(identity.file)
    passphrase = None
    if identity.passphrase_file:
        passphrase = _read_secret(identity.passphrase_file).rstrip(b"\r\n")
    problem = "not a private key of type ed25519, ECDSA or RSA"
    try:
        return paramiko.PKey.from_path(identity.file, passphrase)  # type: ignore[arg-type]  # bytes, says cryptography
    except TypeError:
        problem = (
            "not encrypted, yet a passphrase_file is given" if passphrase else "encrypted; give its passphrase_file"
        )
    except (PasswordRequiredException, SSHException, ValueError):
        problem = "wrong passphrase, or a damaged key" if passphrase else problem
    except UnknownKeyType:
        problem = "a key type that is not supported; ed25519, ECDSA and RSA are"
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    raise ConfigurationError(Mistake(identity.file, problem))


def _read_secret(path: str) -> bytes:
    """A file's content; refused where it is ours and others can read it, as ssh(1) refuses a key.

    OpenSSH's ``sshkey_perm_ok`` looks only at files that the caller owns: a key mounted with a group for a pod is fine.
    """
    try:
        with Path(path).open("rb") as file:
            found = os.fstat(file.fileno())
            if found.st_uid == os.geteuid() and found.st_mode & 0o077:
                mode = stat.S_IMODE(found.st_mode)
                raise ConfigurationError(Mistake(path, f"others can read it (mode {mode:04o}); chmod 600 it"))
            return file.read(LARGEST_KEY)
    except OSError as error:
        raise ConfigurationError(Mistake(path, f"cannot be read: {error.strerror}")) from error
