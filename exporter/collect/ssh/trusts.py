"""What is trusted of hosts, by the known_hosts files that it stands in: each list of files is read once."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable

from exporter.collect.ssh import known_hosts
from exporter.collect.ssh.accepted import AcceptedKeys
from exporter.collect.ssh.host_key import Trust
from exporter.collect.ssh.known_hosts import KnownHosts
from exporter.config.file import read_bytes
from exporter.config.ssh import Ssh
from exporter.errors import CollectError, ConfigurationError, Mistakes, Reason
from exporter.model.node import SshAccess

_LARGEST_KNOWN_HOSTS = 256 * 1024 * 1024


class Trusts:
    """Safe to share between threads."""

    def __init__(self, ssh: Ssh, accepted: AcceptedKeys | None, clock: Callable[[], float] = time.time) -> None:
        self._ssh = ssh
        self._accepted = accepted
        self._clock = clock
        self._known: dict[tuple[str, ...] | None, Trust] = {}

    def of(self, access: SshAccess) -> Trust:
        """What is trusted of a host. Raises CollectError where its files cannot be read."""
        try:
            return self.load(access.known_hosts)
        except ConfigurationError as error:
            raise CollectError(Reason.HOST_KEY_UNKNOWN, str(error)) from error

    def load(self, files: tuple[str, ...] | None) -> Trust:
        """What is trusted with these known_hosts files; None: the configuration's. Raises ConfigurationError."""
        if files not in self._known:
            named = files is None and "known_hosts" in self._ssh.model_fields_set
            paths = self._ssh.known_hosts if files is None else files
            hosts = read_known_hosts(map(os.path.expanduser, paths), must_exist=named)
            self._known[files] = Trust(hosts, self._accepted, self._ssh.host_ca_wildcards, self._clock)
        return self._known[files]


def read_known_hosts(paths: Iterable[str], *, must_exist: bool) -> KnownHosts:
    """All of these files, those that are missing left out unless they must exist. Raises ConfigurationError."""
    lines: list[known_hosts.Line] = []
    mistakes = Mistakes()
    for path in paths:
        if must_exist or os.path.exists(path):
            with mistakes.gathered():
                content, _ = read_bytes(path, _LARGEST_KNOWN_HOSTS)
                lines.extend(known_hosts.parse(content.decode("utf-8", "replace")))
    mistakes.tell()
    return KnownHosts(lines)
