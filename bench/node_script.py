"""What the node script costs a node: CPU of the shell and of all that it starts, in each shell, on one tree.

The tree is a kubeadm worker with two dozen dated files, as tests/nodes.py makes it, its links relative so that a script
that knows no ROOT reads the same. Run from the repository's root: ``python -m bench.node_script [--runs N]``.
``--against FILE`` measures another text of the script in turns with ours, run by run: both see the same machine.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from exporter.collect.script import node_script
from exporter.config.settings import Paths
from tests.nodes import CLUSTER_CA, CONFIG, KUBECONFIG, SH, STORE, NodeTree, base64_of, kubeconfig
from tests.trees import CURRENT

DATED = 24
# Calls of main(), from first to last, by the group of facts that they tell.
GROUPS = {
    "machine": ("tell_host",),
    "process": ("find_process", "tell_process"),
    "service": ("tell_service",),
    "mounts": ("survey_mounts", "find_judge"),
    "store and folder": ("tell_store", "tell_history"),
    "documents": ("queue_documents", "read_documents", "queue_flag_files"),
    "other PEM files": ("queue_store_files",),
}


# What the calls that are left out would have set.
UNSET = """process='' mounts='' flags='' knows_flags='' careful='' patience='' below=$ROOT mounted='' judge='' hung=''
answering='' documents='' unit='' history='' history_server='' sight=hidden"""


def worker(root: Path) -> NodeTree:
    """A worker whose kubelet.conf embeds the cluster's CA, as kubeadm writes it."""
    tree = NodeTree.worker(root, DATED)
    link = tree.at(f"{STORE}/{CURRENT}")
    target = os.path.basename(os.readlink(link))
    link.unlink()
    link.symlink_to(target)
    authority = base64_of(tree.at(CLUSTER_CA).read_bytes())
    tree.write(KUBECONFIG, kubeconfig(authority=f"certificate-authority-data: {authority}"))
    tree.write(CONFIG, tree.at(CONFIG).read_bytes() + b"".join(b"setting%d: value\n" % n for n in range(30)), 0o644)
    pair = tree.mint.leaf()
    tree.write(f"{STORE}/kubelet.crt", pair.certificate * 2, 0o644)
    tree.write(f"{STORE}/kubelet.key", pair.key)
    return tree


def milliseconds(shell: str, text: str) -> float:
    """User and system time of one run and of its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [SH[shell], "-s"], input=text.encode(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def medians(shell: str, texts: dict[str, str], runs: int) -> dict[str, float]:
    """Each text in turn, run by run, so that a busy moment meets all of them."""
    taken: dict[str, list[float]] = {name: [] for name in texts}
    for _ in range(runs):
        for name, text in texts.items():
            taken[name].append(milliseconds(shell, text))
    return {name: statistics.median(times) for name, times in taken.items()}


def without(text: str, calls: Iterable[str]) -> str:
    """The script whose main() leaves some calls out."""
    head, main = text.split("\nmain() {\n")
    for call in calls:
        main = re.sub(rf"^    {call}$", "    :", main, flags=re.MULTILINE)
    return f"{head}\n{UNSET}\nmain() {{\n{main}"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=int, default=40)
    arguments.add_argument("--against", type=Path, help="another text of the script, its paths baked in by `@STORE@`")
    given = arguments.parse_args()
    root = Path(tempfile.mkdtemp(prefix="kce-bench-"))
    try:
        tree = worker(root / "root")
        ours = node_script(Paths(), root=str(tree.root))
        texts = {"all": ours} | {name: without(ours, calls) for name, calls in GROUPS.items()}
        texts["a shell that reads it"] = ours.replace("\nmain </dev/null", "\n: </dev/null")
        texts["an empty shell"] = ":\n"
        if given.against:
            store = str(tree.at(STORE))
            texts["the other"] = given.against.read_text().replace("@STORE@", store).replace(STORE, store)
        for shell in SH:
            found = medians(shell, texts, given.runs)
            print(f"{shell}: {found['all']:.1f} ms")
            for name in ("the other", "a shell that reads it", "an empty shell"):
                if name in found:
                    print(f"  {name}: {found[name]:.1f} ms ({found['all'] / found[name]:.1f} times as much)")
            for name in GROUPS:
                if name in found:
                    print(f"  {name} adds {found['all'] - found[name]:.1f} ms")
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
