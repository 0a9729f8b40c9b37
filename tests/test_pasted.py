"""What a node says of itself stands in commands that people paste: none of it is an option or a command there."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from exporter.collect.answer import words
from exporter.collect.local.transport import LocalTransport
from exporter.config.settings import Paths
from exporter.judge.causes.names import node_of
from exporter.judge.certificate import parse
from exporter.model.kubelet import node_name
from exporter.model.node import LocalAccess, Node
from tests.corpus.build import scenarios
from tests.corpus_verdicts import judged
from tests.trees import NOW, YEAR, Mint, unarmour

HOSTILE = (
    "--selector=kubernetes.io/os=linux",
    "x$(touch pwned)",
    "a;reboot",
    "a b",
    ".*",
    "-n",
    "*",
    "worker-1`id`",
    "x" * 254,
    "?",
    "",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_node_is_called_so(text: str) -> None:
    """A node's name is an RFC 1123 subdomain, or it is none."""
    assert node_name(text) is None


@pytest.mark.parametrize("text", [text for text in HOSTILE if 0 < len(text) < 50])
def test_a_certificate_names_no_such_node(text: str) -> None:
    """So it stands in no command."""
    certificate = parse(unarmour(Mint().issue(f"system:node:{text}", NOW, NOW + YEAR).certificate))
    assert node_of(certificate) is None


@pytest.mark.parametrize("text", ["-rf", "--expression=1e", "relative/path", "?"])
def test_no_path_is_an_option(text: str) -> None:
    """Paths of documents and files are absolute, or not shown."""
    assert words.path(text) == "?"


@pytest.mark.parametrize("text", ["-Hroot@evil.example", "kubelet", "a;b.service", "kubelet.service\n"])
def test_no_unit_is_an_option(text: str) -> None:
    """A unit is a service's name."""
    with pytest.raises(ValueError, match="no unit"):
        words.unit(text)


def test_no_command_names_another_node(tmp_path: Path) -> None:
    """Where certificate and machine are called differently, a person has to say which node is meant.

    Named are the name to give back, what it has to be, and the Node object to look at: whose the name is.
    """
    tree = scenarios()["window_0_999"].build(tmp_path, int(time.time()))
    (tmp_path / "etc/hostname").chmod(0o644)
    (tmp_path / "etc/hostname").write_text("database-3\n")
    facts = LocalTransport().read(Node("n", LocalAccess(str(tmp_path)), Paths()))
    commands = "\n".join(step.command for finding in judged(tree, facts).findings for step in finding.steps)
    assert "kubectl" in commands
    for named in ("hostnamectl set-hostname worker-1", "= worker-1 ]", "get node worker-1 -o"):
        commands = commands.replace(named, "")
    assert "worker-1" not in commands
