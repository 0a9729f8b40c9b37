"""Trees of the corpus visited and judged: facts through every transport, and the verdict in expected.yaml's words."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass

from exporter.collect.answer import answer
from exporter.collect.local.transport import LocalTransport
from exporter.collect.script import node_script
from exporter.config.settings import Pace, Paths, Rotation
from exporter.judge import rotation
from exporter.judge.assess import assess
from exporter.model.assessment import Assessment, Memory, Reading, State
from exporter.model.facts import NodeFacts
from exporter.model.host import Process, Sight
from exporter.model.kubelet import Kubelet
from exporter.model.node import LocalAccess, Node
from tests.corpus.tree import Tree
from tests.corpus_machines import answer_to_nobody, answers, is_readable_in_place, machine, why_no_machines

HAS_OPENSSL = shutil.which("openssl") is not None


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

    @property
    def able(self) -> tuple[Visit, ...]:
        """Those that can see what is wrong: a mount shows no clock, and its reader compares no keys."""
        is_for_all = not (self.tree.clock or self.tree.compared)
        return tuple(visit for visit in self.visits if is_for_all or visit.output)


def visit(name: str, tree: Tree) -> Visited:
    """Read a tree once through each transport that can read it here."""
    visits: list[Visit] = []
    by_nobody = None
    in_place = is_readable_in_place(tree)
    if tree.compared and not HAS_OPENSSL:
        return Visited(name, tree, (), None)
    if tree.real and not why_no_machines():
        with machine(tree) as its:
            visits += [_told(tree, f"{shell}, real process", it) for shell, it in answers(_script(tree), its).items()]
            visits.append(_mounted(tree, "mount, real process", its.root))
            by_nobody = _told(tree, "an ordinary user", answer_to_nobody(_script(tree), its))
    elif in_place and not tree.own_mounts:
        static = answers(_script(tree, str(tree.root)))
        visits += [_told(tree, f"{shell}, static", it) for shell, it in static.items()]
    if in_place:
        visits.append(_mounted(tree, "mount, static", str(tree.root)))
    return Visited(name, tree, tuple(visits), by_nobody)


def _script(tree: Tree, root: str = "") -> str:
    """The node script as it is sent to this node."""
    return node_script(Paths(), flags=_flags(tree), compare=tree.compared, root=root)


def _flags(tree: Tree) -> tuple[tuple[str, str], ...]:
    return tuple(tree.earlier.flags.items())


def _told(tree: Tree, way: str, output: bytes) -> Visit:
    """A script's answer, by a clock that is as far behind the node's as the scenario says."""
    moment = time.time() - tree.clock
    return Visit(way, output, answer.parse(output, Paths(), moment, moment, _flags(tree)))


def _mounted(tree: Tree, way: str, root: str) -> Visit:
    """What the local reader sees below a root."""
    transport = LocalTransport(sleep=lambda _: None)
    return Visit(way, b"", transport.read(Node(tree.name, LocalAccess(root), Paths()), _flags(tree)))


def judged(tree: Tree, facts: NodeFacts) -> Assessment:
    """What the exporter makes of the facts, with what the scenario says that earlier visits knew."""
    earlier, now = tree.earlier, tree.now
    memory = Memory(
        starts=tuple(None if age is None else now - age for age in earlier.starts),
        newest=None if earlier.newest is None else int(now - earlier.newest),
        process=Process(Sight.SEEN, "kubelet", 1, flags=_flags(tree)) if earlier.flags else None,
    )
    return assess(facts, Rotation.KUBELET, memory)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The fields of expected.yaml."""

    state: dict[str, str | None]
    cause: str | None
    findings: dict[str, str]
    restart: dict[str, int | str | None]
    rotation_enabled: dict[str, bool | None]
    distribution: str | None


def verdict(tree: Tree, facts: NodeFacts) -> Verdict:
    """The judgement in those words."""
    found = judged(tree, facts)
    kubelet, restart = found.kubelet or Kubelet(), found.restart
    return Verdict(
        state={"client": _client_state(found, facts), "serving": _serving_state(found, facts)},
        cause=str(found.findings[0].cause) if found.findings else None,
        findings={str(finding.cause): str(finding.severity) for finding in found.findings},
        restart={
            "safe": None if restart is None or restart.safe is None else int(restart.safe),
            "reason": str(restart.reason) if restart else None,
            "ending": str(restart.ending) if restart and restart.ending else None,
        },
        rotation_enabled={"client": kubelet.rotates, "serving": _rotates_serving(kubelet)},
        distribution=str(kubelet.distribution) or None,
    )


def _rotates_serving(kubelet: Kubelet) -> bool | None:
    """serverTLSBootstrap, and its gate not off."""
    on = kubelet.server_tls_bootstrap
    return None if on is None else on and kubelet.serving_gate is not False


def _client_state(found: Assessment, facts: NodeFacts) -> str:
    return str(State.UNMANAGED if found.has_no_certificate_by_design else _state(found.client, facts))


def _serving_state(found: Assessment, facts: NodeFacts) -> str | None:
    return None if found.serving_absent else str(_state(found.serving, facts))


def _state(reading: Reading | None, facts: NodeFacts) -> State:
    return rotation.state(reading, facts.taken, Pace())
