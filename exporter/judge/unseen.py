"""What a visit could not see, and why: told to people, so that silence is never taken for health."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.model.facts import DirectoryCondition, NodeFacts
from exporter.model.files import Condition, PemFile
from exporter.model.host import Sight
from exporter.model.kubelet_files import Document, DocumentCondition

_WHY: dict[Condition | DocumentCondition, str] = {
    DocumentCondition.INTRICATE: "written in a way that is not picked apart (anchors, flow style, several documents)",
    DocumentCondition.NOT_REGULAR: "not a regular file",
    DocumentCondition.TOO_LARGE: "too large to be read",
    DocumentCondition.OUTSIDE_ROOT: "leads out of the mounted root",
    DocumentCondition.UNREADABLE: "an input/output error",
    Condition.OUTSIDE_ROOT: "leads out of the mounted root",
    Condition.UNREADABLE: "an input/output error, or no tool on the node that decodes it",
    Condition.TOO_LARGE: "too large to be read",
}


def unseen(facts: NodeFacts) -> tuple[str, ...]:
    """One line each, most important first."""
    return tuple(dict.fromkeys(_lines(facts)))


def _lines(facts: NodeFacts) -> Iterator[str]:
    who = "" if facts.uid is None else f" as uid {facts.uid}"
    if facts.process is None and facts.kubeconfig is None and facts.script_version:
        yield f"everything but the store: the installed node script is version {facts.script_version}; install it anew"
        return
    if facts.store.condition is DirectoryCondition.DENIED:
        yield f"{facts.store.path}: not to be looked into{who}"
    yield from _process(facts)
    looked: list[tuple[str, Condition | DocumentCondition]] = [
        *((document.path, document.condition) for document in _documents(facts)),
        *((file.path, file.condition) for file in _files(facts)),
    ]
    for path, condition in looked:
        if condition in (Condition.DENIED, DocumentCondition.DENIED):
            yield f"{path}: not to be read{who}"
        elif condition in _WHY:
            yield f"{path}: {_WHY[condition]}"
    if not facts.pairs:
        yield f"whether keys fit their certificates: {_why(facts, 'compare_keys is off', 'the node has no openssl')}"
    if facts.journal is None:
        yield f"the journal: {_why(facts, 'journal is off', 'the node has none')}"


def _why(facts: NodeFacts, setting: str, lack: str) -> str:
    """Why something is missing that only a script with this setting tells, and that root alone may read."""
    if facts.uid is None:
        return "not to be had over a mount"
    return f"{setting}, or {f'not to be read as uid {facts.uid}' if facts.uid else lack}"


def _process(facts: NodeFacts) -> Iterator[str]:
    process = facts.process
    if process is None or process.sight is Sight.HIDDEN:
        yield "the kubelet's process and its flags: /proc does not show it"
    elif process.remembered:
        yield "the kubelet's flags: there is no process; those of an earlier visit count"
    elif process.sight is Sight.ABSENT:
        yield "the kubelet's flags: there is no process, and no earlier visit saw any"


def _files(facts: NodeFacts) -> Iterator[PemFile]:
    yield facts.client
    if facts.serving:
        yield facts.serving
    yield from (*facts.store.newest, *facts.files)


def _documents(facts: NodeFacts) -> Iterator[Document]:
    for kubeconfig in (facts.kubeconfig, facts.bootstrap):
        if kubeconfig:
            yield kubeconfig.document
    for config in facts.config or ():
        yield config.document
