"""The audit of one visit, whichever way it is made: begun with it, and written at its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from exporter.collect.script import checksum
from exporter.collect.ssh.attempt import Attempt
from exporter.collect.ssh.audit import READ, Audit, Entry
from exporter.config.settings import Privilege
from exporter.errors import CollectError, Reason
from exporter.model.facts import NodeFacts
from exporter.model.node import SshAccess


class Trail:
    """``script`` is what is sent to the node, or what is to be installed there; ``clock`` is in epoch seconds."""

    def __init__(
        self, name: str, access: SshAccess, script: str, audit: Audit | None, clock: Callable[[], float]
    ) -> None:
        self._name = name
        self._access = access
        self._script = script
        self._audit = audit
        self._began, self._monotonic = clock(), time.monotonic()
        self.facts: NodeFacts | None = None

    @contextmanager
    def of(self, login: Callable[[], Attempt]) -> Iterator[None]:
        """What happens within is the visit; its end is written, whatever it is. :attr:`facts` are what it brought.

        ``login`` is asked at the end for the one that the visit came down to.
        """
        outcome = str(Reason.INTERNAL)
        try:
            yield
            outcome = READ
        except CollectError as error:
            outcome = error.reason
            raise
        finally:
            if self._audit:
                self._audit.write(self._entry(login(), outcome))

    def _entry(self, login: Attempt, outcome: str) -> Entry:
        access = self._access
        return Entry(
            time=self._began,
            node=self._name,
            address=access.address,
            port=access.port,
            hops=tuple(hop.name for hop in access.hops),
            user=access.user,
            privilege=access.privilege,
            identity=login.identity,
            host_key=login.host_key,
            script_version="" if self.facts is None else self.facts.script_version,
            script_sha256=self._script_that_ran() if login.identity else "",
            bytes=login.received,
            kept=login.is_renewed,
            duration=time.monotonic() - self._monotonic,
            outcome=outcome,
        )

    def _script_that_ran(self) -> str:
        """The checksum of what was sent, or what an installed script says of itself."""
        if self._access.privilege is Privilege.LOGIN:
            return checksum(self._script)
        return "" if self.facts is None else self.facts.script_sha256
