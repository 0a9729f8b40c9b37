"""Lives of visits that see less than the ones before: no alarm ends, nobody new is accused, no date is lost.

Each tree of the corpus is read through the local reader, and again as an ordinary user, an older script or a mount
without ``/proc`` would see it; then as at first.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from exporter.collect.local.transport import LocalTransport
from exporter.config.settings import Pace, Paths, Rotation
from exporter.judge import rotation
from exporter.judge.assess import assess
from exporter.model.assessment import Reading
from exporter.model.facts import DirectoryCondition, NodeFacts, StoreFacts
from exporter.model.files import Condition, KeyBlock, PemFile
from exporter.model.finding import Cause
from exporter.model.host import Process, Sight
from exporter.model.kubelet_files import ConfigFile, DocumentCondition, Kubeconfig
from exporter.model.node import LocalAccess, Node
from exporter.model.report import NodeReport, Visit
from tests.corpus.build import build_all, scenarios
from tests.corpus_machines import is_readable_in_place

PACE = Pace()
NODE = Node("n", LocalAccess("/mnt"), Paths())
GAP = 60.0


def _denied(file: PemFile) -> PemFile:
    """A file that may not be opened; that it is not there still shows."""
    if file.condition.is_absent:
        return file
    return replace(file, condition=Condition.DENIED, certificates=(), key=KeyBlock.UNSEEN)


def _closed(conf: Kubeconfig | None) -> Kubeconfig | None:
    if conf is None or conf.is_missing:
        return conf
    return Kubeconfig(replace(conf.document, condition=DocumentCondition.DENIED))


def _without_keys(facts: NodeFacts) -> NodeFacts:
    def keyless(file: PemFile) -> PemFile:
        return replace(file, key=KeyBlock.UNSEEN)

    return replace(
        facts,
        client=keyless(facts.client),
        serving=facts.serving and keyless(facts.serving),
        store=replace(facts.store, newest=tuple(map(keyless, facts.store.newest))),
        files=tuple(map(keyless, facts.files)),
    )


def conf_denied(facts: NodeFacts) -> NodeFacts:
    """kubelet.conf may not be read."""
    return replace(facts, kubeconfig=_closed(facts.kubeconfig))


def config_denied(facts: NodeFacts) -> NodeFacts:
    """Neither configuration nor drop-ins may be read."""
    closed = [replace(file.document, condition=DocumentCondition.DENIED) for file in facts.config or ()]
    return replace(facts, config=tuple(map(ConfigFile, closed)) if facts.config is not None else None)


def process_hidden(facts: NodeFacts) -> NodeFacts:
    """A /proc of other users' processes (hidepid), or none."""
    return replace(facts, process=Process(Sight.HIDDEN))


def files_denied(facts: NodeFacts) -> NodeFacts:
    """No PEM file beside the client's and the serving one may be read."""
    return replace(facts, files=tuple(map(_denied, facts.files)))


def store_denied(facts: NodeFacts) -> NodeFacts:
    """The store may not be looked into."""
    path = facts.store.path
    files = tuple(_unknown(file) if file.path.startswith(path) else file for file in facts.files)
    client = replace(_unknown(facts.client), link=None)
    serving = facts.serving and _unknown(facts.serving)
    return replace(
        facts, store=StoreFacts(path, DirectoryCondition.DENIED), client=client, serving=serving, files=files
    )


def _unknown(file: PemFile) -> PemFile:
    return replace(file, condition=Condition.DENIED, certificates=(), key=KeyBlock.UNSEEN)


def ordinary_user(facts: NodeFacts) -> NodeFacts:
    """What is root's is closed, and what root alone may try is not known."""
    folder = facts.store.folder and replace(facts.store.folder, writable=None)
    store = replace(facts.store, newest=tuple(map(_denied, facts.store.newest)), folder=folder)
    return replace(
        files_denied(facts),
        client=_denied(facts.client),
        store=store,
        uid=1000,
        kubeconfig=_closed(facts.kubeconfig),
        bootstrap=_closed(facts.bootstrap),
    )


def older_script(facts: NodeFacts) -> NodeFacts:
    """A script of version 1.1 tells of the store alone, and of no key."""
    keyless = _without_keys(facts)
    store = replace(keyless.store, folder=None)
    return NodeFacts(facts.taken, store, keyless.client, keyless.serving, facts.clock, "1.1")


def no_folder(facts: NodeFacts) -> NodeFacts:
    """Nobody looked at the folder itself."""
    return replace(facts, store=replace(facts.store, folder=None))


OF_THE_LINK = {Cause.STORE_TARGET_BROKEN, Cause.STORE_UPDATED_LEFTOVER}
LESS = (
    conf_denied,
    config_denied,
    process_hidden,
    files_denied,
    store_denied,
    ordinary_user,
    older_script,
    no_folder,
    _without_keys,
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> dict[str, NodeFacts]:
    """What the local reader sees of each tree that can be read in place."""
    trees = build_all(tmp_path_factory.mktemp("corpus"), int(time.time()))
    transport = LocalTransport(sleep=lambda _: None)
    return {
        name: transport.read(Node(name, LocalAccess(str(tree.root)), Paths()), tuple(tree.earlier.flags.items()))
        for name, tree in trees.items()
        if is_readable_in_place(tree)
    }


def later(facts: NodeFacts, seconds: float) -> NodeFacts:
    """The same, seen so much later."""
    return replace(facts, taken=facts.taken + seconds)


def after(report: NodeReport, facts: NodeFacts) -> NodeReport:
    """The report once a visit saw these facts."""
    seen = assess(facts, Rotation.KUBELET, report.memory)
    return report.after(Visit(NODE, facts.taken, 0.0, seen.reason, "", facts, seen))


def causes(report: NodeReport) -> set[tuple[str, str]]:
    """What is found, and how bad it is."""
    return {(str(finding.cause), str(finding.severity)) for finding in report.findings}


def dates(reading: Reading | None) -> str | None:
    """Which certificate."""
    return reading.certificate.fingerprint if reading else None


@pytest.mark.parametrize("less", LESS, ids=lambda less: less.__name__.strip("_"))
@pytest.mark.parametrize("name", sorted(scenarios()))
def test_a_visit_that_sees_less(
    name: str, less: Callable[[NodeFacts], NodeFacts], corpus: dict[str, NodeFacts]
) -> None:
    """Findings, states and certificates stay as they were, and a whole visit after it finds what the first one did."""
    if name not in corpus:
        pytest.skip("this tree needs mounts of its own")
    facts = corpus[name]
    whole = after(NodeReport(NODE), facts)
    dim = after(whole, later(less(facts), GAP))
    again = after(dim, later(facts, 2 * GAP))
    assert causes(dim) == causes(whole)
    assert causes(again) == causes(whole)
    for kept in (dim, again):
        moment = facts.taken + GAP
        assert rotation.client_state(kept, moment, PACE) is rotation.client_state(whole, moment, PACE)
        assert dates(kept.client) == dates(whole.client)
        assert dates(kept.serving) == dates(whole.serving)


@pytest.mark.parametrize("less", LESS, ids=lambda less: less.__name__.strip("_"))
@pytest.mark.parametrize("name", sorted(scenarios()))
def test_a_first_visit_that_sees_less(
    name: str, less: Callable[[NodeFacts], NodeFacts], corpus: dict[str, NodeFacts]
) -> None:
    """It finds nothing that a whole one would not, and nothing worse.

    What an older script tells is the store alone: its link is judged as the kubelet's until another visit knows better.
    """
    if name not in corpus:
        pytest.skip("this tree needs mounts of its own")
    facts = corpus[name]
    whole, dim = (causes(after(NodeReport(NODE), one)) for one in (facts, less(facts)))
    dim = {(cause, severity) for cause, severity in dim if less is not older_script or cause not in OF_THE_LINK}
    assert {cause for cause, _ in dim} <= {cause for cause, _ in whole}
    assert all(severity == "warning" or (cause, severity) in whole for cause, severity in dim)
