"""Ways in which a visit sees less: the same node without a permission, a tool, a clock, or a newer script."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from exporter.judge.case import Case
from exporter.model.facts import DirectoryCondition, Folder, NodeFacts, StoreFacts
from exporter.model.files import Condition, PemFile
from exporter.model.finding import Finding
from exporter.model.host import Process, Sight
from exporter.model.kubelet_files import ConfigFile, Document, DocumentCondition, Kubeconfig
from tests.cases import of

Hide = Callable[[NodeFacts], NodeFacts]


def _denied(file: PemFile) -> PemFile:
    return PemFile(file.path, Condition.DENIED, link=file.link) if file.condition is not Condition.MISSING else file


def _unread(document: Document) -> Document:
    return Document(document.path, DocumentCondition.DENIED)


def _kubeconfig(kubeconfig: Kubeconfig | None) -> Kubeconfig | None:
    return Kubeconfig(_unread(kubeconfig.document)) if kubeconfig else None


def _store(facts: NodeFacts) -> NodeFacts:
    nothing = StoreFacts(facts.store.path, DirectoryCondition.DENIED)
    inside = f"{facts.store.path}/"
    client = PemFile(facts.client.path, Condition.DENIED) if facts.client.path.startswith(inside) else facts.client
    files = tuple(PemFile(it.path, Condition.DENIED) if it.path.startswith(inside) else it for it in facts.files)
    serving = PemFile(facts.serving.path, Condition.DENIED) if facts.serving else None
    return replace(facts, store=nothing, client=client, files=files, serving=serving)


HIDE: dict[str, Hide] = {
    "process": lambda facts: replace(facts, process=Process(Sight.HIDDEN) if facts.process else None),
    "service": lambda facts: replace(facts, service=None),
    "host": lambda facts: replace(facts, host=None),
    "kubeconfig": lambda facts: replace(facts, kubeconfig=_kubeconfig(facts.kubeconfig)),
    "bootstrap": lambda facts: replace(facts, bootstrap=_kubeconfig(facts.bootstrap)),
    "config": lambda facts: replace(
        facts, config=tuple(ConfigFile(_unread(it.document)) for it in facts.config) if facts.config else facts.config
    ),
    "client": lambda facts: replace(facts, client=_denied(facts.client)),
    "serving": lambda facts: replace(facts, serving=_denied(facts.serving) if facts.serving else None),
    "files": lambda facts: replace(facts, files=tuple(_denied(file) for file in facts.files)),
    "newest": lambda facts: replace(
        facts, store=replace(facts.store, newest=tuple(_denied(file) for file in facts.store.newest))
    ),
    "folder": lambda facts: replace(facts, store=replace(facts.store, folder=Folder())),
    "store": _store,
    "clock": lambda facts: replace(facts, clock=None),
    "journal": lambda facts: replace(facts, journal=None),
}


def without(case: Case, *names: str, findings: tuple[Finding, ...] = ()) -> Case:
    """The same node as a visit that cannot see ``names``, the last visit having had these findings."""
    facts = case.facts
    for name in names:
        facts = HIDE[name](facts)
    client = case.memory.client or case.client
    memory = replace(case.memory, findings=findings, client=client, serving=case.serving)
    return of(facts, memory, case.owner, case.serving_live)
