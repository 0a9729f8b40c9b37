"""One visit: what earlier ones knew goes into it, to the reader and to the judge."""

from __future__ import annotations

import time
from dataclasses import replace

from exporter.config.settings import Paths, TransportKind
from exporter.demo.signer import Authority
from exporter.model.facts import DirectoryCondition, NodeClock, NodeFacts, StoreFacts
from exporter.model.files import Condition, PemFile
from exporter.model.host import Flags, Process, Sight
from exporter.model.node import LocalAccess, Node
from exporter.model.report import NodeReport
from exporter.rounds.visit import visit
from tests.trees import unarmour

NODE = Node("w1", LocalAccess("/mnt"), Paths())
FLAGS = (("config", "/var/lib/kubelet/config.yaml"), ("kubeconfig", "/etc/kubernetes/kubelet.conf"))
DAY = 86_400


class Telling:
    """A transport that was told what a node looks like, and notes what it was asked with."""

    def __init__(self, facts: NodeFacts) -> None:
        self.facts = facts
        self.remembered: list[Flags] = []

    def read(self, node: Node, remembered: Flags = ()) -> NodeFacts:
        self.remembered.append(remembered)
        return self.facts


def facts(moment: float, started: float) -> NodeFacts:
    """A certificate of a day, past its grace, and a kubelet that runs."""
    pair = Authority().issue("system:node:w1", moment - 0.96 * DAY, moment + 0.04 * DAY)
    store = StoreFacts("/var/lib/kubelet/pki", DirectoryCondition.OK)
    client = PemFile(f"{store.path}/kubelet-client-current.pem", Condition.READ, (unarmour(pair.certificate),))
    process = Process(Sight.SEEN, "kubelet", 1, started, flags=FLAGS)
    return NodeFacts(moment, store, client, None, NodeClock(moment, moment, moment), process=process)


def test_the_flags_of_the_last_process_are_handed_to_the_reader() -> None:
    """None while a process is seen; those of the last one once it was seen to be down."""
    now = time.time()
    telling = Telling(facts(now, now - 60))
    report = NodeReport(NODE)
    for _ in range(2):
        report = report.after(visit(NODE, report, {TransportKind.LOCAL: telling}))
    telling.facts = replace(telling.facts, process=Process(Sight.ABSENT, flags=FLAGS, remembered=True))
    report = report.after(visit(NODE, report, {TransportKind.LOCAL: telling}))
    visit(NODE, report, {TransportKind.LOCAL: telling})
    assert telling.remembered == [(), (), (), FLAGS]


def test_what_was_seen_before_is_handed_to_the_judge() -> None:
    """A witness stays though the node's clock steps back; new starts in a row excuse no more."""
    now = time.time()
    first = facts(now, now - 60)
    telling, report = Telling(first), NodeReport(NODE)
    excuses = []
    for number in range(5):
        process = Process(Sight.SEEN, "kubelet", 1, now - 10 + 50 * number, flags=FLAGS)
        telling.facts = replace(first, taken=now + 50 * number, process=process)
        report = report.after(visit(NODE, report, {TransportKind.LOCAL: telling}))
        assert report.client
        excuses.append(report.client.excused_until > now)
    assert excuses == [True, True, True, False, False]
    assert report.client
    witnessed = report.client.witness
    telling.facts = replace(first, taken=now + 250, clock=NodeClock(now - DAY, now + 250, now + 250))
    report = report.after(visit(NODE, report, {TransportKind.LOCAL: telling}))
    assert report.client
    assert report.client.witness == witnessed
