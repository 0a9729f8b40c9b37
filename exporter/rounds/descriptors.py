"""File descriptors: how many the process may have, and how many visits at once they are enough for."""

from __future__ import annotations

import contextlib
import logging
import resource
import sys
from collections.abc import Iterable

from exporter.config.settings import TransportKind
from exporter.model.node import Hop, Node, SshAccess
from exporter.rounds.fleet import Fleet

log = logging.getLogger(__name__)

OWN = 128  # listeners, logs, files of the configuration and the store, event loops, lookups that hang
A_VISIT = {TransportKind.SSH: 2, TransportKind.LOCAL: 24}  # at most; of SSH: its connection, and the agent's


def raised_limit() -> int:
    """How many the process may have, once it may have as many as it can allow itself: as Go programs do at their start.

    Nothing here waits by select(2), which knows the first 1,024 alone.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):  # it may be forbidden, or beyond the kernel's own limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft


def places(free: int, nodes: Iterable[Node]) -> int:
    """How many of these nodes' visits can be under way at once with so many descriptors; one at least."""
    kinds: set[TransportKind] = set()
    bastions: set[Hop] = set()
    for node in nodes:
        kinds.add(node.transport)
        if isinstance(node.access, SshAccess):
            bastions.update(node.access.hops)
    dearest = max((A_VISIT[kind] for kind in kinds), default=1)
    lasting = 2 * len(bastions)  # a reload's new connections beside the old ones
    return max(1, (free - lasting) // dearest)


class Descriptors:
    """What is left for visits. Tells once where that is not enough."""

    def __init__(self, limit: int = sys.maxsize, connections: int = 0) -> None:
        """Of ``limit`` as many are kept for clients of the web side."""
        self._limit = limit
        self._free = limit - OWN - connections
        self._told = limit

    def most(self, fleet: Fleet) -> int:
        """The visits of a fleet that may be under way at once: ``concurrency``, or as many as there are places for."""
        found = places(self._free, fleet.nodes)
        if found >= fleet.concurrency:
            return fleet.concurrency
        if found != self._told:
            fields = {"visits": found, "concurrency": fleet.concurrency, "descriptors": self._limit}
            log.warning("fewer visits at once than configured: too few file descriptors", extra=fields)
        self._told = found
        return found
