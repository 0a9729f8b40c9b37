"""The SSH transport: one conversation a visit, its output parsed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from exporter.collect import answer
from exporter.collect.script import node_script
from exporter.collect.ssh import host_key, known_hosts
from exporter.collect.ssh.conversation import Conversation
from exporter.collect.ssh.identity import Credentials, load
from exporter.collect.ssh.known_hosts import KnownHosts
from exporter.config.file import read_bytes
from exporter.config.schema import Ssh, Timeouts
from exporter.errors import Mistakes
from exporter.model.facts import NodeFacts
from exporter.model.node import Node, SshAccess

_LARGEST_KNOWN_HOSTS = 256 * 1024 * 1024


class SshTransport:
    """Reads nodes over SSH with one set of credentials and known hosts. Safe to share between threads."""

    def __init__(
        self,
        hosts: KnownHosts,
        credentials: Credentials,
        timeouts: Timeouts,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._hosts = hosts
        self._credentials = credentials
        self._timeouts = timeouts
        self._clock = clock
        self._open: set[Conversation] = set()
        self._closed = False

    @classmethod
    def from_config(cls, ssh: Ssh) -> SshTransport:
        """Reads known_hosts and key files once. Raises ConfigurationError that names what cannot be used."""
        mistakes = Mistakes()
        hosts, credentials = KnownHosts(()), Credentials(())
        with mistakes.gathered():
            hosts = read_known_hosts(ssh)
        with mistakes.gathered():
            credentials = load(ssh)
        mistakes.tell()
        return cls(hosts, credentials, ssh.timeouts)

    def read(self, node: Node) -> NodeFacts:
        """One visit. Raises CollectError."""
        if not isinstance(node.access, SshAccess):
            raise TypeError(f"{node.name} is not read over SSH")
        known = host_key.known(node.name, node.access, self._hosts)
        conversation = Conversation(node.access, known, self._timeouts, self._clock)
        self._open.add(conversation)
        if self._closed:
            conversation.close()
        try:
            output = conversation.run(node_script(node.paths), self._credentials)
        finally:
            self._open.discard(conversation)
        return answer.parse(output.text, node.paths, output.asked, output.answered)

    def is_idle(self) -> bool:
        return not self._open

    def close(self) -> None:
        """End every conversation at once, and each that would begin later: the daemon stops."""
        self._closed = True
        for conversation in tuple(self._open):
            conversation.close()


def read_known_hosts(ssh: Ssh) -> KnownHosts:
    """All files that exist; one that the configuration names must."""
    lines: list[known_hosts.Line] = []
    mistakes = Mistakes()
    named = "known_hosts" in ssh.model_fields_set
    for path in map(os.path.expanduser, ssh.known_hosts):
        if named or os.path.exists(path):
            with mistakes.gathered():
                content, _ = read_bytes(path, _LARGEST_KNOWN_HOSTS)
                lines.extend(known_hosts.parse(content.decode("utf-8", "replace")))
    mistakes.tell()
    return KnownHosts(lines)
