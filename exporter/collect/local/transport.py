"""The same facts as the node script gives, read under a mounted root, in Python and without a shell.

What a PEM file gives away to this process is said in ``pem_file``; of a kubeconfig or a configuration its outline
alone is kept, and of a command line the flags of a short list. What is kept between two visits is said in ``known``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from exporter.collect.local.filesystem import Devices
from exporter.collect.local.known import NOTHING, Asked, Known
from exporter.collect.local.mounts import OwnTable
from exporter.collect.local.rooted import RootedTree
from exporter.collect.local.trace import Trace
from exporter.collect.local.visit import LocalVisit
from exporter.collect.local.walk import NONE
from exporter.errors import CollectError, Reason
from exporter.model.facts import NodeFacts
from exporter.model.host import Flags
from exporter.model.node import LocalAccess, Node

_ROOT = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC


class LocalTransport:
    """Reads nodes whose root is mounted here. What has not changed since a node's last visit is not read again."""

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        kernel: Callable[[], int] = time.time_ns,
    ) -> None:
        """``kernel`` is the clock that files are dated by, in nanoseconds since the epoch."""
        self._clock = clock
        self._sleep = sleep
        self._kernel = kernel
        self._own = OwnTable()
        self._devices = Devices()
        self._version: int | None = None  # of the table that the devices were met in
        self._known: dict[str, Known] = {}
        self._kept: frozenset[str] | None = None  # None: whoever is visited

    def keep(self, names: Iterable[str]) -> None:
        """From now on nothing is kept of any other node."""
        self._kept = frozenset(names)
        for name in tuple(self._known):
            if name not in self._kept:
                self._known.pop(name, None)

    def read(self, node: Node, remembered: Flags = ()) -> NodeFacts:
        """One visit of a mounted root. Raises CollectError where the root itself is not there.

        ``remembered`` are the flags of an earlier visit: they count where no process is seen.
        """
        if not isinstance(node.access, LocalAccess):
            raise TypeError(f"{node.name} is not read from a mount")
        moment, version = self._kernel(), self._refreshed()
        asked = Asked(node.access.root, node.paths, remembered)
        known = self._known.pop(node.name, None)
        if known and not known.answers(asked, moment):
            known = None
        try:
            root = os.open(asked.root, _ROOT)
        except OSError as error:
            raise CollectError(Reason.ROOT_MISSING, f"{asked.root}: {error.strerror}") from error
        try:
            facts, known = self._visit(asked, root, known, moment, version)
        finally:
            os.close(root)
        if known and (self._kept is None or node.name in self._kept):
            self._known[node.name] = known
        return facts

    def _refreshed(self) -> int | None:
        version = self._own.refresh()
        if version != self._version:
            self._devices.forget()
            self._version = version
        return version

    def _visit(
        self, asked: Asked, root: int, known: Known | None, moment: int, version: int | None
    ) -> tuple[NodeFacts, Known | None]:
        """The facts below an open ``root``, and what is to be kept; ``version`` is that of our own table of mounts."""
        taken = self._clock()
        parts, unchanged = NOTHING, NONE
        if known:
            found = known.look(root)
            if None in found or known.version != version:
                parts, unchanged = known.parts_of(version), known.unchanged(found)
            elif facts := known.again(root, taken):
                return facts, known if facts.mark is known.facts.mark else replace(known, facts=facts)
            else:
                known = None
        trace = Trace(moment, self._devices)
        with RootedTree(".", directory=root, trace=trace) as tree:
            if known:
                tree.take_up(unchanged, known.footprint)
            visit = LocalVisit(tree, self._own, parts, self._sleep)
            facts = visit.facts(asked, taken)
            if version is None or not trace.is_whole:
                return facts, None
            room = tree.real_path(facts.store.path)[1:] if facts.store.folder else None
            moment = known.moment if known else moment
            return facts, Known(asked, moment, version, trace.footprint, facts, visit.parts, room)
