"""Engines for the daemon's tests: a transport's answers without a thread of the daemon's, or answers by hand."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from exporter.collect import Engine, Transport
from exporter.config.settings import Pace, TransportKind
from exporter.errors import CollectError, Reason
from exporter.model.facts import NodeFacts
from exporter.model.host import Flags
from exporter.model.node import Node
from exporter.rounds.fleet import Fleet

Outcome = NodeFacts | Exception
Done = Callable[[Outcome], None]


class ByThreads:
    """What a transport reads, each node in a thread of this engine's own."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def takes(self, node: Node) -> bool:
        return True

    def begin(self, node: Node, remembered: Flags, done: Done) -> None:
        threading.Thread(target=self._read, args=(node, remembered, done), name="engine", daemon=True).start()

    def _read(self, node: Node, remembered: Flags, done: Done) -> None:
        try:
            outcome: Outcome = self._transport.read(node, remembered)
        except Exception as error:  # noqa: BLE001 - an engine gives whatever it meets
            outcome = error
        done(outcome)


@dataclass
class ByHand:
    """Visits that are under way until the test ends them; ``answer`` ends them at once instead."""

    answer: Callable[[Node], Outcome] | None = None
    names: Callable[[str], bool] = lambda name: True  # whom it takes
    begun: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)  # begun while they were under way
    _under_way: dict[str, Done] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def takes(self, node: Node) -> bool:
        return self.names(node.name)

    def begin(self, node: Node, remembered: Flags, done: Done) -> None:
        with self._lock:
            self.begun.append(node.name)
            if node.name in self._under_way:
                self.twice.append(node.name)
            self._under_way[node.name] = done
        if self.answer:
            self.end(self.answer(node), node.name)

    @property
    def under_way(self) -> list[str]:
        with self._lock:
            return list(self._under_way)

    def end(self, outcome: Outcome, *names: str) -> None:
        """The named visits, or all that are under way, come to this."""
        with self._lock:
            ended = [self._under_way.pop(name) for name in names or tuple(self._under_way)]
        for done in ended:
            done(outcome)

    def close(self) -> None:
        self.end(CollectError(Reason.CONNECTION_LOST))

    def is_idle(self) -> bool:
        return not self.under_way


class Nobody:
    """The transport of nodes that the engine has to take."""

    def read(self, node: Node, remembered: Flags = ()) -> NodeFacts:
        raise AssertionError(f"{node.name} is the engine's")


class Ways:
    """Fleets read by threads, or by an engine; one transport is one configuration."""

    def __init__(self, *, by_engine: bool) -> None:
        self._by_engine = by_engine
        self._known: list[tuple[Transport, dict[TransportKind, Transport], Engine | None]] = []

    def fleet(
        self,
        nodes: tuple[Node, ...],
        transport: Transport,
        pace: Pace | None = None,
        concurrency: int = 4,
        labels: tuple[str, ...] = (),
    ) -> Fleet:
        transports, engine = self._ways(transport)
        return Fleet(nodes, labels, pace or Pace(), transports, concurrency, engine)

    def _ways(self, transport: Transport) -> tuple[dict[TransportKind, Transport], Engine | None]:
        for known, transports, engine in self._known:
            if known is transport:
                return transports, engine
        over_ssh: Transport = Nobody() if self._by_engine else transport
        found = ({TransportKind.SSH: over_ssh}, ByThreads(transport) if self._by_engine else None)
        self._known.append((transport, *found))
        return found


@contextlib.contextmanager
def threads_of(name: str) -> Iterator[Callable[[], int]]:
    """How many threads there are whose name begins so."""
    yield lambda: sum(thread.name.startswith(name) for thread in threading.enumerate())


both_ways = pytest.mark.parametrize("ways", [Ways(by_engine=False), Ways(by_engine=True)], ids=["threads", "engine"])
