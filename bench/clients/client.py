"""What a client of the race is: a function that prepares a round of visits, outside of what is measured."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.site import Site, facts_of, is_answer
from exporter.errors import CollectError
from exporter.model.facts import NodeFacts


@dataclass(slots=True)
class Tally:
    """What came of a round; any thread may add to it."""

    outcomes: list[str] = field(default_factory=list)  # "" for an answer, else why there is none
    threads: int = 0  # most at once, of Python's
    reading: float = 0.0  # seconds of CPU that the answers took to be read, which is no part of SSH

    def take(self, text: bytes) -> None:
        """A peer's answer: it is read as ours is, so that every node is known to have given one."""
        try:
            with self.reads():
                facts = facts_of(text)
            self.take_facts(facts)
        except CollectError as error:
            self.take_facts(error)

    @contextmanager
    def reads(self) -> Iterator[None]:
        """What is done in here is reading."""
        began = time.thread_time()
        try:
            yield
        finally:
            self.reading += time.thread_time() - began

    def take_facts(self, facts: NodeFacts | Exception) -> None:
        self.threads = max(self.threads, threading.active_count())
        if isinstance(facts, Exception):
            self.outcomes.append(str(facts))
        else:
            self.outcomes.append("" if is_answer(facts) else "no client certificate")


Round = Callable[[Tally], None]
"""Visits every node of a site once, and gives the tally each answer."""

Prepare = Callable[[Site, int], Round]
"""Loads keys and whatever else is shared by all visits; the number is how many may be in flight."""


@dataclass(frozen=True, slots=True)
class Client:
    """``module`` and ``prepare`` name its function; ``library`` or ``program`` is what it cannot do without."""

    title: str
    module: str
    prepare: str
    library: str = ""
    program: str = ""
    nodes: int | None = None  # so many at most: what takes seconds a node has said enough after a hundred

    @property
    def lacks(self) -> str:
        """What is not installed; empty where it can run."""
        if self.library and importlib.util.find_spec(self.library) is None:
            return self.library
        return self.program if self.program and not shutil.which(self.program) else ""

    def load(self) -> Prepare:
        found: Prepare = getattr(importlib.import_module(f"bench.clients.{self.module}"), self.prepare)
        return found
