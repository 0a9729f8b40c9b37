"""docs/runbooks/KubeletCertFleetRotationStalled.md: its loop over requests, over a cluster that lists some."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.trees import plain

PAGE = Path(__file__).parent.parent / "docs/runbooks/KubeletCertFleetRotationStalled.md"
LISTED = ("csr-a system:node:w1", "csr-b system:node:w2", "csr-c system:node:w1", "csr-d system:bootstrap:abcdef")


def paste(here: Path, mark: str, answers: str, listing: str) -> tuple[str, list[str]]:
    """Run the one block with these words in it over a cluster of make-believe; what it printed, and what it changed."""
    (block,) = [text for text in re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL) if mark in text]
    key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    make = f"openssl req -new {key} -keyout key -subj /O=system:nodes/CN=system:node:w1 | base64 -w0 > request"
    subprocess.run(["sh", "-c", make], cwd=here, capture_output=True, check=True)
    script = (
        f'#!/bin/sh\ncase "$*" in\n*go-template* | *clusterrolebindings*) {listing};;\n'
        f"*jsonpath*) cat {here}/request;;\n"
        f'*approve* | create*) echo "$*" >> {here}/changes;;\n*) echo "shown: $3";;\nesac\n'
    )
    plain(here / "kubectl", script.encode(), mode=0o755)
    env = {**os.environ, "PATH": f"{here}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", block], env=env, input=answers, capture_output=True, text=True, check=False)
    changes = here / "changes"
    return done.stdout, changes.read_text().splitlines() if changes.exists() else []


@pytest.mark.parametrize(("answers", "number"), [("yes\nno\n", 1), ("no\nyes\n", 1), ("yes\nyes\n", 2), ("", 0)])
def test_each_node_s_newest_request_is_asked_for(tmp_path: Path, answers: str, number: int) -> None:
    """Shown before the question, approved after a yes alone; a bootstrap token's is nobody's of these."""
    printed, changes = paste(tmp_path, "for request in", answers, f"printf '%s\\n' {' '.join(map(repr, LISTED))}")
    assert sorted(re.findall(r"shown: (\S+)", printed)) == ["csr-b", "csr-c"]
    assert printed.count("CN = system:node:w1") + printed.count("CN=system:node:w1") == 2
    assert len(changes) == number
    assert all(re.fullmatch(r"certificate approve csr-[bc]", change) for change in changes)


@pytest.mark.parametrize(
    ("listing", "answers", "is_made"),
    [
        ("echo other", "yes\n", True),
        ("echo other", "no\n", False),
        ("echo certificatesigningrequests:selfnodeclient", "yes\n", False),
        ("exit 1", "yes\n", False),
    ],
)
def test_the_binding_is_made_after_a_yes(tmp_path: Path, listing: str, answers: str, is_made: bool) -> None:
    """And only where it could be seen that nobody has it."""
    printed, changes = paste(tmp_path, "create clusterrolebinding", answers, listing)
    assert bool(changes) is is_made
    assert ("STOP" in printed) is not is_made
