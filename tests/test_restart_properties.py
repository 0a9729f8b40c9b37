"""Would the kubelet come back, over any facts: it never raises, no order matters, nothing unseen looks healthier."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.judge.kubelet import understand
from exporter.judge.restart import verdict
from exporter.model.assessment import Memory
from exporter.model.facts import DirectoryCondition, Folder, NodeFacts
from exporter.model.files import Condition, KeyBlock, PemFile
from exporter.model.host import Process, Sight
from exporter.model.kubelet_files import ConfigFile, DocumentCondition, Kubeconfig
from exporter.model.restart import Restart, RestartReason
from tests.kubelets import (
    BOOTSTRAP_CONF,
    CA,
    CONFIG,
    CURRENT,
    DATED,
    EXPIRED,
    FUTURE,
    GOOD,
    HEALTHY,
    KUBELET_CONF,
    PKI,
    SERVER_CURRENT,
    SERVER_UPDATED,
    UPDATED,
    Worker,
    document,
)
from tests.restarts import BOOTSTRAP, BROKEN_CA, EMPTY_CA
from tests.test_restart_bootstrap import CLAUSES as OF_BOOTSTRAP
from tests.test_restart_bootstrap import TO_BOOTSTRAP
from tests.test_restart_client import CLAUSES as OF_CLIENT
from tests.test_restart_store import CLAUSES as OF_STORE
from tests.trees import NOW

Change = Callable[[Worker], Worker]

BASES = [
    tree for clauses in (OF_STORE, OF_BOOTSTRAP, OF_CLIENT) for row in clauses.values() for tree in (row[0], row[2])
]
NAMED = ("/etc/ssl/node.crt", "/etc/ssl/node.key")
PATHS = (
    *(CURRENT, UPDATED, f"{PKI}/kubelet-client.crt", f"{PKI}/kubelet-client.key"),
    *(SERVER_CURRENT, SERVER_UPDATED, f"{PKI}/kubelet-server.crt", f"{PKI}/kubelet-server.key"),
    *(f"{PKI}/kubelet.crt", f"{PKI}/kubelet.key", CA, *NAMED),
)
READ = [(GOOD,), (EXPIRED,), (FUTURE,), (GOOD, EXPIRED), (b"0",)]
KUBECONFIGS = [*TO_BOOTSTRAP.values(), BROKEN_CA, EMPTY_CA, None]
SETTINGS: list[dict[str, Any]] = [
    {"rotate_certificates": False},
    {"server_tls_bootstrap": True},
    {"server_tls_bootstrap": True, "serving_gate": False},
    {"tls_cert_file": NAMED[0], "tls_private_key_file": NAMED[1]},
    {"tls_cert_file": NAMED[0]},
    {"client_ca_file": None},
]
FLAGS: list[dict[str, str | None]] = [
    {"bootstrap_kubeconfig": None},
    {"kubeconfig": None},
    {"rotate_certificates": "true"},
    {"rotate_certificates": "?"},
    {"cert_dir": "/other"},
    {"cert_dir": "?"},
]
FOLDERS = [
    None,
    Folder(),
    Folder(writable=False, bytes_free=10**9, files_free=10**6, filesystem="ext4"),
    Folder(writable=True, bytes_free=0, files_free=10**6, filesystem="ext4"),
    Folder(writable=True, bytes_free=10**9, files_free=0, filesystem="btrfs"),
    Folder(writable=True, bytes_free=10**9, files_free=0, filesystem="ext4"),
]


def files_at(path: str) -> Iterator[PemFile]:
    """A file in every condition."""
    for link in (None, DATED):
        yield from (PemFile(path, Condition.READ, certificates, link, key) for certificates in READ for key in KeyBlock)
        yield from (PemFile(path, condition, (), link, key) for condition in Condition for key in KeyBlock)


def changed(name: str, value: object) -> Change:
    """One piece of a worker exchanged."""
    return lambda worker: replace(worker, **{name: value})  # type: ignore[arg-type]  # a piece by its name


def set_to(settings: dict[str, Any]) -> Change:
    return lambda worker: worker.with_settings(**settings)


def started_with(flags: dict[str, str | None]) -> Change:
    return lambda worker: worker.with_flags(**flags)


def holding(file: PemFile) -> Change:
    return lambda worker: worker.with_files(file)


PIECES: list[Change] = [
    *(changed("kubeconfig", conf) for conf in KUBECONFIGS),
    *(changed("kubeconfig", Kubeconfig(document(KUBELET_CONF, it))) for it in DocumentCondition),
    *(changed("bootstrap", Kubeconfig(document(BOOTSTRAP_CONF, it))) for it in DocumentCondition),
    *(changed("bootstrap", conf) for conf in (BOOTSTRAP, replace(BOOTSTRAP, server=None), None)),
    *(changed("config", (ConfigFile(document(CONFIG, it)),)) for it in DocumentCondition),
    *(changed("folder", folder) for folder in FOLDERS),
    *(changed("process", process) for process in (None, Process(Sight.HIDDEN))),
    *(changed("pairs", ((one, other, False),)) for one, other in ((CURRENT, CURRENT), ("#2", "#3"), NAMED)),
    *(set_to(settings) for settings in SETTINGS),
    *(started_with(flags) for flags in FLAGS),
]
FILES: list[Change] = [holding(file) for path in PATHS for file in files_at(path)]


@st.composite
def workers(draw: st.DrawFn) -> NodeFacts:
    """A tree that shows a clause, with some details changed."""
    worker = draw(st.sampled_from(BASES))
    for change in draw(st.lists(st.one_of(st.sampled_from(PIECES), st.sampled_from(FILES)), max_size=4)):
        worker = change(worker)
    condition = draw(st.sampled_from([*[DirectoryCondition.OK] * 9, *DirectoryCondition]))
    return replace(worker.facts, store=replace(worker.facts.store, condition=condition))


def judged(facts: NodeFacts) -> Restart | None:
    """The verdict from facts alone."""
    return verdict(facts, understand(facts, Memory()), NOW)


def unread(file: PemFile) -> Iterator[PemFile]:
    """A file of which less was seen."""
    if file.condition.is_seen:
        yield PemFile(file.path, Condition.DENIED, link=file.link)
        yield replace(file, key=KeyBlock.UNSEEN)


def less_of(conf: Kubeconfig | None) -> Iterator[Kubeconfig | None]:
    """A kubeconfig of which less was seen."""
    if conf is None:
        return
    yield None
    yield Kubeconfig(replace(conf.document, condition=DocumentCondition.INTRICATE))
    yield replace(conf, document=replace(conf.document, writable=None))
    yield replace(conf, server=None)
    for name in ("authority", "certificate", "key"):
        file = getattr(conf, name)
        for less in unread(file) if file else ():
            yield replace(conf, **{name: less})  # type: ignore[arg-type]  # one of three names, each a PemFile's


def with_less(facts: NodeFacts) -> Iterator[NodeFacts]:
    """The same facts with one of them not seen, each in turn."""
    for number, file in enumerate(facts.files):
        for less in unread(file):
            yield replace(facts, files=(*facts.files[:number], less, *facts.files[number + 1 :]))
    yield from (replace(facts, client=less) for less in unread(facts.client))
    yield from (replace(facts, serving=less) for less in (unread(facts.serving) if facts.serving else ()))
    yield from (replace(facts, kubeconfig=less) for less in less_of(facts.kubeconfig))
    yield from (replace(facts, bootstrap=less) for less in less_of(facts.bootstrap))
    yield replace(facts, store=replace(facts.store, condition=DirectoryCondition.DENIED, entries=()))
    yield replace(facts, store=replace(facts.store, folder=None))
    for name in [it.name for it in fields(Folder)]:
        folder = replace(facts.store.folder or Folder(), **{name: getattr(Folder(), name)})
        yield replace(facts, store=replace(facts.store, folder=folder))
    yield replace(facts, process=Process(Sight.HIDDEN))
    yield replace(facts, config=None)
    for number, own in enumerate(facts.config or ()):
        hidden = ConfigFile(replace(own.document, condition=DocumentCondition.DENIED))
        config = facts.config or ()
        yield replace(facts, config=(*config[:number], hidden, *config[number + 1 :]))


@given(workers())
@settings(max_examples=400, deadline=None)
def test_no_combination_of_facts_raises(facts: NodeFacts) -> None:
    """Any facts give a verdict of the closed list in one sentence of plain text; a 0 says how it looks."""
    found = judged(facts)
    if found is None:
        assert (facts.process, facts.kubeconfig) == (None, None)
        return
    assert found.reason in RestartReason
    assert (found.safe is True) is (found.reason is RestartReason.COMES_BACK)
    assert (found.ending is None) is (found.safe is not False)
    assert found.until is None or found.reason is RestartReason.NOT_YET_VALID
    assert found.words.isprintable()
    assert found.words.endswith(".")


@given(workers(), st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_no_order_matters(facts: NodeFacts, chance: random.Random) -> None:
    """Files, lines of the listing and pairs may come in any order."""
    entries, files, pairs = list(facts.store.entries), list(facts.files), list(facts.pairs)
    for many in (entries, files, pairs):
        chance.shuffle(many)
    shuffled = replace(
        facts, store=replace(facts.store, entries=tuple(entries)), files=tuple(files), pairs=tuple(pairs)
    )
    assert judged(shuffled) == judged(facts)


@given(workers())
@settings(max_examples=300, deadline=None)
def test_what_is_not_seen_never_looks_healthier(facts: NodeFacts) -> None:
    """A fact that gets lost turns neither 0 nor absent into 1, nor 1 or absent into 0."""
    never_healthier(facts)


def never_healthier(facts: NodeFacts) -> None:
    before = judged(facts)
    known = before.safe if before else None
    for less in with_less(facts):
        after = judged(less)
        assert after is None or after.safe in (None, known), f"{before} became {after} by {_difference(facts, less)}"


def _difference(facts: NodeFacts, less: NodeFacts) -> str:
    names = [it.name for it in fields(NodeFacts)]
    return ", ".join(f"{name} {getattr(less, name)}" for name in names if getattr(facts, name) != getattr(less, name))


@pytest.mark.parametrize("less", list(with_less(HEALTHY.facts)))
def test_a_healthy_worker_of_which_less_is_seen(less: NodeFacts) -> None:
    """It is good where the fact does not matter, and else not known; never condemned."""
    found = judged(less)
    assert found is not None
    assert found.safe is not False


def test_every_clause_of_which_less_is_seen() -> None:
    """The same as above over every tree of the tables."""
    for tree in BASES:
        never_healthier(tree.facts)
