"""Our own two ways over SSH: the engine, and a thread for each visit."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench.clients.client import Round, Tally
from bench.site import Site
from exporter.collect.answer import answer
from exporter.collect.ssh.transport import SshTransport
from exporter.config.settings import SshEngine
from exporter.config.ssh import Ssh
from exporter.errors import CollectError
from exporter.model.facts import NodeFacts
from exporter.model.node import Node


def engine(site: Site, in_flight: int) -> Round:
    """As the daemon drives it: another visit begins where one ends."""
    transport = _transport(site, SshEngine.LOOP)
    nodes = site.nodes(channels=in_flight)

    def visits(tally: Tally) -> None:
        _tell_reading_apart(tally)
        _visit_all(transport, nodes, in_flight, tally)
        transport.close()

    return visits


def kept(site: Site, in_flight: int) -> Round:
    """The same on connections that earlier visits left open: of each node the second does."""
    transport = _transport(site, SshEngine.LOOP, keepalive="1h")
    nodes = site.nodes(channels=in_flight)
    for _ in range(2):
        _visit_all(transport, nodes, in_flight, Tally())

    def visits(tally: Tally) -> None:
        _tell_reading_apart(tally)
        _visit_all(transport, nodes, in_flight, tally)
        transport.close()

    return visits


def _visit_all(transport: SshTransport, nodes: Iterable[Node], in_flight: int, tally: Tally) -> None:
    places = threading.Semaphore(in_flight)

    def done(facts: NodeFacts | Exception) -> None:
        tally.take_facts(facts)
        places.release()

    for node in nodes:
        places.acquire()
        transport.begin(node, (), done)
    for _ in range(in_flight):  # all places are free: the last visit has ended
        places.acquire()


def threads(site: Site, in_flight: int) -> Round:
    """As the daemon drives it where the engine is off, or cannot take a node."""
    transport = _transport(site, SshEngine.THREADS)
    nodes = site.nodes(channels=in_flight)

    def visit(node: Node) -> NodeFacts | CollectError:
        try:
            return transport.read(node)
        except CollectError as error:
            return error

    def visits(tally: Tally) -> None:
        _tell_reading_apart(tally)
        with ThreadPoolExecutor(in_flight) as pool:
            for facts in pool.map(visit, nodes):
                tally.take_facts(facts)
        transport.close()

    return visits


def _tell_reading_apart(tally: Tally) -> None:
    """Ours reads an answer as it comes; this process ends with the round, so nothing is put back."""
    parse = answer.parse

    def read(*given: Any) -> NodeFacts:
        with tally.reads():
            return parse(*given)

    setattr(answer, "parse", read)  # noqa: B010 - an assignment to a module's function is none to mypy


def _transport(site: Site, engine: SshEngine, **more: object) -> SshTransport:
    ssh = Ssh.model_validate({"known_hosts": [site.known_hosts], "engine": engine, **more})
    return SshTransport(ssh, site.nodes(channels=1))
