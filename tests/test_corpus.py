"""Each tree of the corpus, read through every transport: the whole verdict, so that nothing else is accused either."""

from __future__ import annotations

import base64
import os
import re
import time
from dataclasses import dataclass

import pytest
import yaml

from exporter.collect import answer
from exporter.collect.local import LocalTransport
from exporter.collect.script import node_script
from exporter.config.settings import Pace, Paths, Rotation
from exporter.judge import rotation
from exporter.judge.assess import assess
from exporter.model.assessment import Assessment, Memory, Reading, State
from exporter.model.facts import NodeFacts
from exporter.model.finding import Cause, Severity
from exporter.model.host import Process, Sight
from exporter.model.kubelet import Distribution, Kubelet
from exporter.model.node import LocalAccess, Node
from exporter.model.restart import Ending, RestartReason
from tests.corpus.build import EXPECTED, build_all, scenarios
from tests.corpus.tree import CANARY, Tree
from tests.corpus_machines import answer_to_nobody, answers, is_readable_in_place, machine, why_no_machines

Verdict = dict[str, object]
WANTED: dict[str, Verdict] = yaml.safe_load(EXPECTED.read_text())
NAMES = sorted(scenarios())
_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\n([^-]*)")
_KEY_DATA = re.compile(r"client-key-data: (\S+)")
FLEET = {  # found by comparing nodes, or by a handshake, or in the journal: no tree of one node shows them
    *(Cause.CERTIFICATE_SHARED, Cause.FLEET_STALLED, Cause.FLEET_ISSUER_CHANGED, Cause.FLEET_CA_CAPS),
    *(Cause.KUBECONFIG_CA_DIFFERS, Cause.EXPORTER_CLOCK_OFF, Cause.SERVING_LIVE_DIFFERS),
    *(Cause.API_CA_UNKNOWN, Cause.API_UNREACHABLE, Cause.CSR_UNAUTHORIZED, Cause.CSR_FORBIDDEN, Cause.CSR_DENIED),
}


@dataclass(frozen=True, slots=True)
class Visit:
    """One reading of a tree: by which way, what the script answered (nothing over a mount), and the facts."""

    way: str
    output: bytes
    facts: NodeFacts


@dataclass(frozen=True, slots=True)
class Visited:
    """A node of the corpus after all its visits; ``by_nobody`` is that of an ordinary user, where it can be had."""

    name: str
    tree: Tree
    visits: tuple[Visit, ...]
    by_nobody: Visit | None


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tree]:
    """The whole corpus, built once."""
    return build_all(tmp_path_factory.mktemp("corpus"), int(time.time()))


@pytest.fixture(scope="module", params=NAMES)
def node(request: pytest.FixtureRequest, corpus: dict[str, Tree]) -> Visited:
    """One node, visited once through each transport that can read it here."""
    tree = corpus[request.param]
    visits: list[Visit] = []
    by_nobody = None
    in_place = is_readable_in_place(tree)
    if tree.real and not why_no_machines():
        with machine(tree) as its:
            visits += [told(tree, f"{shell}, real process", it) for shell, it in answers(script(tree), its).items()]
            visits.append(mounted(tree, "mount, real process", its.root))
            by_nobody = told(tree, "an ordinary user", answer_to_nobody(script(tree), its))
    elif in_place and not tree.own_mounts:
        visits += [told(tree, f"{shell}, static", it) for shell, it in answers(script(tree, str(tree.root))).items()]
    if in_place:
        visits.append(mounted(tree, "mount, static", str(tree.root)))
    return Visited(request.param, tree, tuple(visits), by_nobody)


def script(tree: Tree, root: str = "") -> str:
    """The node script as it is sent to this node."""
    return node_script(Paths(), flags=tuple(tree.earlier.flags.items()), root=root)


def told(tree: Tree, way: str, output: bytes) -> Visit:
    """A script's answer, by a clock that is as far behind the node's as the scenario says."""
    moment = time.time() - tree.clock
    return Visit(way, output, answer.parse(output, Paths(), moment, moment))


def mounted(tree: Tree, way: str, root: str) -> Visit:
    """What the local reader sees below a root."""
    transport = LocalTransport(sleep=lambda _: None)
    facts = transport.read(Node(tree.name, LocalAccess(root), Paths()), tuple(tree.earlier.flags.items()))
    return Visit(way, b"", facts)


def remembered(tree: Tree) -> Memory:
    """What earlier visits knew, as the scenario says."""
    earlier, now = tree.earlier, tree.now
    process = Process(Sight.SEEN, "kubelet", 1, flags=tuple(earlier.flags.items())) if earlier.flags else None
    return Memory(
        starts=tuple(None if age is None else now - age for age in earlier.starts),
        newest=None if earlier.newest is None else int(now - earlier.newest),
        process=process,
    )


def verdict(facts: NodeFacts, memory: Memory) -> Verdict:
    """What the exporter makes of the facts, in the words of expected.yaml."""
    found = assess(facts, Rotation.KUBELET, memory)
    kubelet, restart = found.kubelet, found.restart
    return {
        "state": {"client": client_state(found, facts), "serving": serving_state(found, facts)},
        "cause": str(found.findings[0].cause) if found.findings else None,
        "findings": {str(finding.cause): str(finding.severity) for finding in found.findings},
        "restart": {
            "safe": None if restart is None or restart.safe is None else int(restart.safe),
            "reason": str(restart.reason) if restart else None,
            "ending": str(restart.ending) if restart and restart.ending else None,
        },
        "rotation_enabled": {
            "client": kubelet.rotates if kubelet else None,
            "serving": serving_rotates(kubelet) if kubelet else None,
        },
        "distribution": (kubelet.distribution or None) and str(kubelet.distribution) if kubelet else None,
    }


def serving_rotates(kubelet: Kubelet) -> bool | None:
    """serverTLSBootstrap, and its gate not off."""
    on = kubelet.server_tls_bootstrap
    return None if on is None else on and kubelet.serving_gate is not False


def client_state(found: Assessment, facts: NodeFacts) -> str:
    return str(State.UNMANAGED if found.has_no_certificate_by_design else state(found.client, facts))


def serving_state(found: Assessment, facts: NodeFacts) -> str | None:
    return None if found.serving_absent else str(state(found.serving, facts))


def state(reading: Reading | None, facts: NodeFacts) -> State:
    return rotation.state(reading, facts.taken, Pace())


def test_the_whole_verdict(node: Visited) -> None:
    """State, cause, findings, restart and whose node it is: the same through every transport, and as expected."""
    memory = remembered(node.tree)
    clocked = [visit for visit in node.visits if not (node.tree.clock and visit.facts.clock is None)]
    seen = {visit.way: verdict(visit.facts, memory) for visit in clocked}
    if not seen:
        pytest.skip(why_no_machines())
    assert seen == dict.fromkeys(seen, WANTED[node.name])


def test_no_secret_leaves(node: Visited) -> None:
    """No token, password, key or command-line secret is in an answer, in facts or in a verdict."""
    secrets = secrets_of(node.tree)
    for visit in (*node.visits, *filter(None, [node.by_nobody])):
        told_of_it = (repr(visit.facts), repr(assess(visit.facts, Rotation.KUBELET, remembered(node.tree))))
        everything = visit.output.decode("ascii") + "".join(told_of_it)
        assert [secret for secret in secrets if secret in everything] == [], visit.way


def test_nothing_looks_healthy_for_want_of_permission(node: Visited) -> None:
    """An ordinary user's visit accuses nobody whom root's does not, and clears nobody whom root's does not."""
    if node.by_nobody is None:
        pytest.skip(why_no_machines() or "read in place, where everything is of one owner")
    memory = remembered(node.tree)
    theirs, wanted = verdict(node.by_nobody.facts, memory), WANTED[node.name]
    state, restart, findings = theirs["state"], theirs["restart"], theirs["findings"]
    assert isinstance(state, dict)
    assert isinstance(restart, dict)
    assert isinstance(findings, dict)
    assert isinstance(wanted["state"], dict)
    assert isinstance(wanted["restart"], dict)
    assert isinstance(wanted["findings"], dict)
    assert state["client"] in ("unknown", wanted["state"]["client"])
    assert restart["safe"] in (None, wanted["restart"]["safe"])
    assert set(findings) <= set(wanted["findings"])
    assert assess(node.by_nobody.facts, Rotation.KUBELET, memory).unseen


def secrets_of(tree: Tree) -> set[str]:
    """The canary, each line of each private key, and each piece of a key that a kubeconfig embeds."""
    found = {CANARY}
    for path in tree.root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            text = path.read_text("ascii", "replace")
            found |= {line for key in _KEY.findall(text) for line in key.split()}
            for data in _KEY_DATA.findall(text):
                found |= {data[at : at + 64] for at in range(0, len(data), 64)}
                found |= {line for key in _KEY.findall(base64.b64decode(data).decode()) for line in key.split()}
    return {secret for secret in found if len(secret) > 16}


def test_every_scenario_has_its_verdict() -> None:
    """expected.yaml speaks of every scenario, and of nothing else."""
    assert sorted(WANTED) == NAMES


def test_the_verdicts_use_the_exporters_words() -> None:
    """Every identifier in expected.yaml is one of the closed lists, and the cause is the first finding."""
    for name, wanted in WANTED.items():
        findings, restart = wanted["findings"], wanted["restart"]
        assert isinstance(findings, dict)
        assert isinstance(restart, dict)
        assert wanted["cause"] == next(iter(findings), None), name
        assert set(findings) <= set(Cause), name
        assert set(findings.values()) <= set(Severity), name
        assert restart["reason"] in set(RestartReason), name
        assert restart["ending"] in {None, *Ending}, name
        assert (restart["ending"] is not None) == (restart["safe"] == 0), name
        assert wanted["distribution"] in {None, *Distribution}, name


def test_every_cause_is_the_first_of_some_tree() -> None:
    """Each cause that one node's files can show names the cause of a tree."""
    assert {str(cause) for cause in Cause} - {str(wanted["cause"]) for wanted in WANTED.values()} == FLEET


def test_every_reason_decides_some_restart() -> None:
    """Each reason of a restart that files as root without openssl can give is that of a tree."""
    elsewhere = {RestartReason.NOT_SEEN, RestartReason.ROTATION_UNKNOWN, RestartReason.KUBECONFIG_MISMATCHED}
    given = {str(wanted["restart"]["reason"]) for wanted in WANTED.values() if isinstance(wanted["restart"], dict)}
    assert {str(reason) for reason in RestartReason} - given == elsewhere


def test_the_corpus_describes_itself(corpus: dict[str, Tree]) -> None:
    """Each scenario says in words what happened, and its tree has the process that its data name."""
    for name, tree in corpus.items():
        assert scenarios()[name].text.endswith("."), name
        comms = {path.read_text().strip() for path in (tree.root / "proc").glob("[0-9]*/comm")}
        assert comms == {"systemd", *(process.name for process in tree.processes)}, name
        assert os.access(tree.root, os.X_OK), name
