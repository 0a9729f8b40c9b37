"""What ssh_config says of one host."""

from __future__ import annotations

from dataclasses import dataclass

from exporter.config.settings import AddressFamily, IdentityFile
from exporter.config.ssh_config.jump import Jump
from exporter.config.ssh_config.words import Line


@dataclass(frozen=True, slots=True)
class Given:
    """What is settled before the file is asked, as by options of ssh(1)'s command line."""

    user: str | None = None
    port: int | None = None
    host_key_alias: str | None = None
    identities: bool = False
    policy: bool = False  # what an unknown host key means
    way: bool = False  # through which bastions, or none

    @property
    def settled(self) -> frozenset[str]:
        """The options that do not count any more."""
        return frozenset(
            [
                *(["user"] if self.user is not None else []),
                *(["port"] if self.port is not None else []),
                *(["hostkeyalias"] if self.host_key_alias is not None else []),
                *(["identityfile", "certificatefile"] if self.identities else []),
                *(["stricthostkeychecking"] if self.policy else []),
                *(["proxyjump", "proxycommand"] if self.way else []),
            ]
        )


@dataclass(frozen=True, slots=True)
class Refusal:
    """An option that counts for the host, and that we do not do, or cannot do like this."""

    place: str
    problem: str

    @classmethod
    def of(cls, line: Line, problem: str) -> Refusal:
        return cls(line.place, f"{line.written}: {problem}")


@dataclass(frozen=True, slots=True)
class HostOptions:
    """Each None where the file does not say; what the file says comes with its tokens expanded."""

    hostname: str | None = None
    port: int | None = None
    user: str | None = None
    identities: tuple[IdentityFile, ...] | None = None
    identities_only: bool | None = None
    agent: bool | None = None
    jump: Jump | None = None
    user_known_hosts: tuple[str, ...] | None = None
    global_known_hosts: tuple[str, ...] | None = None
    host_key_alias: str | None = None
    connect_timeout: float | None = None
    address_family: AddressFamily | None = None
    bind_address: str | None = None
    refusals: tuple[Refusal, ...] = ()
