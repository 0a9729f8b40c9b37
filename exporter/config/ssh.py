"""How nodes are logged in to: the ``ssh`` section."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from exporter.config.duration import Seconds
from exporter.config.section import Section
from exporter.config.settings import HostKeyPolicy, IdentityFile, SshEngine
from exporter.config.value import AuditTo, FilePath, HostKeys, HostWord, Port, Word, as_tuple, no_boolean

DEFAULT_PORT, DEFAULT_USER = 22, "root"  # where neither the configuration nor ssh_config says
NO_BASTION = "none"  # as ssh_config's ProxyJump has it

Rate = Annotated[float, BeforeValidator(no_boolean), Field(gt=0, le=10_000, allow_inf_nan=False)]
Channels = Annotated[int, BeforeValidator(no_boolean), Field(ge=1, le=1024)]


class Identity(Section):
    """A private key file that logs in, its OpenSSH certificate, and where its passphrase stands."""

    file: FilePath
    certificate_file: FilePath | None = None
    passphrase_file: FilePath | None = None

    @property
    def files(self) -> IdentityFile:
        return IdentityFile(self.file, self.certificate_file, self.passphrase_file)


class Timeouts(Section):
    """How long each phase of a visit may take, and the visit as a whole."""

    connect: Seconds = 10.0
    banner: Seconds = 10.0
    handshake: Seconds = 10.0
    auth: Seconds = 15.0
    command: Seconds = 20.0
    visit: Seconds = 45.0


class Bastion(Section):
    """A host through which nodes are reached; what is not set is as for nodes."""

    address: Word | None = None
    port: Port = DEFAULT_PORT
    user: Word = DEFAULT_USER
    host_key: HostKeys = ()
    host_key_alias: HostWord | None = None
    host_key_policy: HostKeyPolicy = HostKeyPolicy.STRICT
    identities: tuple[Identity, ...] | None = None
    bastion: Word | None = None
    channels: Channels = 10
    logins_per_second: Rate = 10.0


class Ssh(Section):
    """How nodes are logged in to."""

    known_hosts: Annotated[tuple[FilePath, ...], BeforeValidator(as_tuple)] = (
        "~/.ssh/known_hosts",
        "/etc/ssh/ssh_known_hosts",
    )
    accepted_host_keys: FilePath | None = None
    host_ca_wildcards: bool = False
    identities: tuple[Identity, ...] = ()
    identities_only: bool = False
    agent: bool = False
    bastions: dict[HostWord, Bastion] = Field(default_factory=dict)
    config: FilePath | None = None
    logins_per_second: Rate = 20.0
    audit: AuditTo | None = None
    engine: SshEngine = SshEngine.AUTO
    keepalive: Seconds | None = None
    timeouts: Timeouts = Timeouts()
