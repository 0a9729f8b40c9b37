"""The SSH transport: one conversation a visit, its output parsed, its trace audited."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from exporter.collect.answer import answer
from exporter.collect.script import checksum, script_for
from exporter.collect.ssh import audit, known_hosts
from exporter.collect.ssh.accepted import AcceptedKeys
from exporter.collect.ssh.audit import Audit
from exporter.collect.ssh.bastion import Bastions
from exporter.collect.ssh.conversation import Conversation
from exporter.collect.ssh.host_key import Trust
from exporter.collect.ssh.keyring import Keyring
from exporter.collect.ssh.known_hosts import KnownHosts
from exporter.collect.ssh.attempt import Means
from exporter.config.file import read_bytes
from exporter.config.settings import Privilege
from exporter.config.ssh import Ssh
from exporter.errors import CollectError, ConfigurationError, Mistakes, Reason
from exporter.model.facts import NodeFacts
from exporter.model.files import Condition, PemFile
from exporter.model.host import Flags
from exporter.model.node import Node, SshAccess
from exporter.model.report import SshStatus

_LARGEST_KNOWN_HOSTS = 256 * 1024 * 1024


class SshTransport:
    """Reads nodes over SSH with one set of keys and known hosts. Safe to share between threads."""

    def __init__(self, ssh: Ssh, nodes: Iterable[Node] = (), clock: Callable[[], float] = time.time) -> None:
        """Reads every file that ``ssh`` and the nodes name. Raises ConfigurationError with all that cannot be used."""
        self._ssh = ssh
        self._clock = clock
        self._keyring = Keyring(agent=ssh.agent, clock=clock)
        self._trusts: dict[tuple[str, ...] | None, Trust] = {}
        self._accepted: AcceptedKeys | None = None
        self._audit: Audit | None = None
        mistakes = Mistakes()
        identities = tuple(one.files for one in ssh.identities)
        with mistakes.gathered():
            self._accepted = AcceptedKeys(ssh.accepted_host_keys) if ssh.accepted_host_keys else None
        with mistakes.gathered():
            self._audit = Audit(ssh.audit) if ssh.audit else None
        with mistakes.gathered():
            self._keyring.load(identities)
        with mistakes.gathered():
            self._trust(None)
        for access in _accesses(nodes):
            with mistakes.gathered():
                self._keyring.load(access.identities or (), agent=access.agent)
            with mistakes.gathered():
                self._trust(access.known_hosts)
        mistakes.tell()
        self._means = Means(self._keyring, self._trust_of, ssh.timeouts, identities, ssh.identities_only, clock)
        self._bastions = Bastions(self._means)
        self._open: set[Conversation] = set()
        self._closed = False

    def read(self, node: Node, remembered: Flags = ()) -> NodeFacts:
        """One visit. Raises CollectError."""
        access = node.access
        if not isinstance(access, SshAccess):
            raise TypeError(f"{node.name} is not read over SSH")
        script = script_for(node, remembered)
        conversation = Conversation(access, self._means, self._bastions.of(access.via) if access.via else None)
        self._open.add(conversation)
        if self._closed:
            conversation.close()
        began, monotonic = self._clock(), time.monotonic()
        facts, outcome = None, str(Reason.INTERNAL)
        try:
            output = conversation.run(script)
            facts = answer.parse(output.text, node.paths, output.asked, output.answered, remembered)
            if node.serving_port:
                facts = _with_handshake(facts, conversation, f"{access.address}:{node.serving_port}", node.serving_port)
            outcome = audit.READ
        except CollectError as error:
            outcome = error.reason
            raise
        finally:
            self._open.discard(conversation)
            if self._audit:
                trace = conversation.login
                self._audit.write(
                    audit.Entry(
                        time=began,
                        node=node.name,
                        address=access.address,
                        port=access.port,
                        hops=tuple(hop.name for hop in access.hops),
                        user=access.user,
                        privilege=access.privilege,
                        identity=trace.identity,
                        host_key=trace.host_key,
                        script_version="" if facts is None else facts.script_version,
                        script_sha256=_script_that_ran(access, script, facts) if trace.identity else "",
                        bytes=trace.received,
                        duration=time.monotonic() - monotonic,
                        outcome=outcome,
                    )
                )
        return facts

    @property
    def status(self) -> SshStatus:
        """What the exporter tells of its own keys and of the keys that it took on first sight."""
        return SshStatus(
            credentials=tuple(sorted(self._keyring.not_after.items())),
            accepted_host_keys=self._accepted.count if self._accepted else None,
        )

    def is_idle(self) -> bool:
        return not self._open

    def close(self) -> None:
        """End every conversation at once, and each that would begin later: the daemon stops."""
        self._closed = True
        for conversation in tuple(self._open):
            conversation.close()
        self._bastions.close()

    def _trust_of(self, access: SshAccess) -> Trust:
        try:
            return self._trust(access.known_hosts)
        except ConfigurationError as error:
            raise CollectError(Reason.HOST_KEY_UNKNOWN, str(error)) from error

    def _trust(self, files: tuple[str, ...] | None) -> Trust:
        """What is trusted of hosts with these known_hosts files; None: the configuration's."""
        if files not in self._trusts:
            named = files is None and "known_hosts" in self._ssh.model_fields_set
            paths = self._ssh.known_hosts if files is None else files
            hosts = read_known_hosts(map(os.path.expanduser, paths), must_exist=named)
            self._trusts[files] = Trust(hosts, self._accepted, self._ssh.host_ca_wildcards, self._clock)
        return self._trusts[files]


def _with_handshake(facts: NodeFacts, conversation: Conversation, where: str, port: int) -> NodeFacts:
    """And what the kubelet serves with; that it shows nothing is a fact, and no failure of the visit."""
    outcome, certificate = conversation.look_at(port)
    live = PemFile(where, Condition.READ, (certificate,)) if certificate else None
    return replace(facts, handshake=outcome, live=live)


def _script_that_ran(access: SshAccess, script: str, facts: NodeFacts | None) -> str:
    """The checksum of what was sent, or what an installed script says of itself."""
    if access.privilege is Privilege.LOGIN:
        return checksum(script)
    return "" if facts is None else facts.script_sha256


def _accesses(nodes: Iterable[Node]) -> set[SshAccess]:
    """Every access whose files are its own: nodes' and their bastions'."""
    direct = [node.access for node in nodes if isinstance(node.access, SshAccess)]
    bastions = {hop.access for access in direct for hop in access.hops}
    return {access for access in (*direct, *bastions) if access.identities or access.known_hosts is not None}


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
