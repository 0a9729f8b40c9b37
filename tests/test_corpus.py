"""Each tree of the corpus, read through every transport: the whole verdict, so that nothing else is accused either."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from exporter.model.facts import NodeFacts
from exporter.model.files import Condition
from exporter.model.finding import Cause, Severity
from exporter.model.host import Process
from exporter.model.kubelet import Distribution
from exporter.model.kubelet_files import DocumentCondition
from exporter.model.restart import Ending, RestartReason
from tests.corpus.build import EXPECTED, build_all, scenarios
from tests.corpus.tree import CANARY, Tree
from tests.corpus_machines import why_no_machines
from tests.corpus_verdicts import Verdict, Visited, judged, verdict, visit
from tests.sshd import IS_ROOT

WANTED = {name: Verdict(**fields) for name, fields in yaml.safe_load(EXPECTED.read_text()).items()}
NAMES = sorted(scenarios())
ELSEWHERE = {  # found by comparing nodes, by a handshake, or in the journal: no tree of one node shows them
    *(Cause.CERTIFICATE_SHARED, Cause.FLEET_STALLED, Cause.FLEET_ISSUER_CHANGED, Cause.FLEET_CA_CAPS),
    *(Cause.KUBECONFIG_CA_DIFFERS, Cause.EXPORTER_CLOCK_OFF, Cause.SERVING_LIVE_DIFFERS, Cause.ROTATION_NOT_STORED),
    *(Cause.API_CA_UNKNOWN, Cause.API_UNREACHABLE, Cause.CSR_UNAUTHORIZED, Cause.CSR_FORBIDDEN, Cause.CSR_DENIED),
}
_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\n([^-]*)")
_KEY_DATA = re.compile(r"client-key-data: (\S+)")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tree]:
    """The whole corpus, built once."""
    return build_all(tmp_path_factory.mktemp("corpus"), int(time.time()))


@pytest.fixture(scope="module", params=NAMES)
def node(request: pytest.FixtureRequest, corpus: dict[str, Tree]) -> Visited:
    """One node after all its visits."""
    return visit(request.param, corpus[request.param])


def test_the_whole_verdict(node: Visited) -> None:
    """State, cause, findings, restart and whose node it is: the same through every transport, and as expected."""
    if not node.able:
        pytest.skip(why_no_machines() or "no openssl to compare with")
    seen = {it.way: verdict(node.tree, it.facts) for it in node.able}
    if not IS_ROOT:  # what can be written is root's to know: what rests on it is not known, and the rest is as ever
        rests = Cause.ROTATION_NOT_SIGNED in WANTED[node.name].findings
        seen = {way: it for way, it in seen.items() if not rests and it.restart["reason"] != RestartReason.NOT_SEEN}
    assert seen == dict.fromkeys(seen, WANTED[node.name])


def test_no_secret_leaves(node: Visited) -> None:
    """No token, password, key or command-line secret is in an answer, in facts or in a verdict."""
    secrets = secrets_of(node.tree)
    for it in (*node.visits, *filter(None, [node.by_nobody])):
        everything = it.output.decode("ascii") + repr(it.facts) + repr(judged(node.tree, it.facts))
        assert [secret for secret in secrets if secret in everything] == [], it.way


def test_nothing_looks_healthy_for_want_of_permission(node: Visited) -> None:
    """An ordinary user's visit accuses nobody whom root's does not, clears nobody, and says what it could not see."""
    if node.by_nobody is None:
        pytest.skip("read in place, where root sees everything")
    theirs, wanted = verdict(node.tree, node.by_nobody.facts), WANTED[node.name]
    assert theirs.state["client"] in ("unknown", wanted.state["client"])
    assert theirs.restart["safe"] in (None, wanted.restart["safe"])
    assert set(theirs.findings) <= set(wanted.findings)
    assert all(severity in ("warning", wanted.findings[cause]) for cause, severity in theirs.findings.items())
    assert judged(node.tree, node.by_nobody.facts).unseen


@pytest.mark.skipif(bool(why_no_machines()), reason=why_no_machines() or "machines can be had")
@pytest.mark.parametrize("name", ["kubeadm", "openshift", "orphans_empty", "rotation_storm"])
def test_what_is_left_without_root(name: str, corpus: dict[str, Tree]) -> None:
    """Listing, process, configuration, space and the public certificates are seen; what is root's is told as denied."""
    node = visit(name, corpus[name])
    assert node.by_nobody
    theirs, roots = node.by_nobody.facts, node.visits[0].facts
    assert public(theirs) == public(roots)
    assert (theirs.client.condition, theirs.client.link) == (Condition.DENIED, roots.client.link)
    assert theirs.kubeconfig
    assert theirs.kubeconfig.document.condition is DocumentCondition.DENIED
    assert theirs.host
    assert theirs.host.awake is None
    assert theirs.store.folder
    assert theirs.store.folder.writable is None
    history = judged(node.tree, theirs).history
    assert history
    assert history.last_rotation == int((node.tree.root / node.tree.target()[1:]).stat().st_mtime)


def public(facts: NodeFacts) -> tuple[object, ...]:
    """The facts that need no root (rotation-truth 5)."""
    process, host, folder = facts.process, facts.host, facts.store.folder
    assert isinstance(process, Process)
    assert host
    assert folder
    return (
        (facts.store.entries, facts.store.dated_client, folder.mode, folder.uid, folder.filesystem, folder.read_only),
        (process.sight, process.name, process.started, process.uid, process.flags, process.own_mounts),
        (host.name, host.system, host.machine, host.boot, host.booted),
        [file.settings for file in facts.config or ()],
    )


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


def test_secrets_are_planted(corpus: dict[str, Tree]) -> None:
    """The canary is a token, a password, a plugin's and a process' secret; keys lie in files and in kubeconfigs."""
    text = (corpus["secrets_everywhere"].path("/etc/kubernetes/kubelet.conf")).read_text()
    process = corpus["secrets_everywhere"].path("/proc/742")
    for line in ("token", "password", "value", "id-token"):
        assert f"{line}: {CANARY}" in text
    assert all(CANARY in (process / name).read_text() for name in ("cmdline", "environ"))
    assert len(secrets_of(corpus["secrets_everywhere"])) > 30


def test_every_scenario_has_its_verdict() -> None:
    """expected.yaml speaks of every scenario, and of nothing else."""
    assert sorted(WANTED) == NAMES


def test_the_verdicts_use_the_exporters_words() -> None:
    """Every identifier in expected.yaml is one of the closed lists, and the cause is the first finding."""
    for name, wanted in WANTED.items():
        assert wanted.cause == next(iter(wanted.findings), None), name
        assert set(wanted.findings) <= set(Cause), name
        assert set(wanted.findings.values()) <= set(Severity), name
        assert wanted.restart["reason"] in set(RestartReason), name
        assert wanted.restart["ending"] in {None, *Ending}, name
        assert (wanted.restart["ending"] is not None) == (wanted.restart["safe"] == 0), name
        assert wanted.distribution in {None, *Distribution}, name


def test_every_cause_is_the_first_of_some_tree() -> None:
    """Each cause that one node's files can show names the cause of a tree."""
    assert {str(cause) for cause in Cause} - {wanted.cause for wanted in WANTED.values()} == ELSEWHERE


def test_every_reason_decides_some_restart() -> None:
    """Each reason of a restart that root's visit can give is that of a tree."""
    elsewhere = {RestartReason.NOT_SEEN, RestartReason.ROTATION_UNKNOWN}
    given = {wanted.restart["reason"] for wanted in WANTED.values()}
    assert {str(reason) for reason in RestartReason} - given == elsewhere


def test_the_corpus_describes_itself(corpus: dict[str, Tree]) -> None:
    """Each scenario says in words what happened, and its tree has the process that its data name."""
    for name, tree in corpus.items():
        assert scenarios()[name].text.endswith("."), name
        comms = {path.read_text().strip() for path in (tree.root / "proc").glob("[0-9]*/comm")}
        assert comms == {"systemd", *(process.name for process in tree.processes)}, name
        assert os.access(tree.root, os.X_OK), name


def test_the_command_writes_the_corpus(tmp_path: Path) -> None:
    """``python -m tests.corpus`` writes every tree, the verdicts, and what no file of a tree can tell."""
    command = [sys.executable, "-m", "tests.corpus", str(tmp_path / "corpus"), "--now", "1790000000"]
    subprocess.run(command, cwd=Path(__file__).parent.parent, check=True, timeout=120)
    given = json.loads((tmp_path / "corpus/given.json").read_text())
    assert given["now"] == 1790000000
    assert sorted(given["trees"]) == sorted(path.name for path in (tmp_path / "corpus").iterdir() if path.is_dir())
    assert (tmp_path / "corpus/expected.yaml").read_bytes() == EXPECTED.read_bytes()
    booted = (tmp_path / "corpus/kubeadm/proc/stat").read_text()
    assert f"btime {1790000000 - 400 * 86400}\n" in booted
    again = subprocess.run(command, cwd=Path(__file__).parent.parent, capture_output=True, check=False, timeout=120)
    assert (again.returncode, again.stderr.endswith(b"is not empty\n")) == (2, True)
