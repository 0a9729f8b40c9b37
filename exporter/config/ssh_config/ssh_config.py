"""The file that ``ssh.config`` names, read once, asked for every host."""

from __future__ import annotations

from dataclasses import dataclass

from exporter.config.ssh import DEFAULT_USER
from exporter.config.ssh_config.host_options import Given, HostOptions
from exporter.config.ssh_config.lookup import Lookup
from exporter.config.ssh_config.reading import File, read
from exporter.config.ssh_config.tokens import Local

NOTHING_GIVEN = Given()


@dataclass(frozen=True, slots=True)
class SshConfig:
    """A configuration, and the machine that it is read on."""

    file: File
    local: Local

    @classmethod
    def read(cls, path: str) -> SshConfig:
        """Raises ConfigurationError with every mistake in the file and in those that it includes."""
        return cls(read(path), Local.here())

    def host(self, alias: str, given: Given = NOTHING_GIVEN, default_user: str = DEFAULT_USER) -> HostOptions:
        """What it says of a host, by the name that ssh(1) would be told."""
        lookup = Lookup(alias, given, default_user, self.local)
        lookup.walk(self.file)
        return lookup.options()
