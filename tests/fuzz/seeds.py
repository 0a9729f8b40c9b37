"""What a fuzzer starts from: whole answers, documents, files and certificates of a node as they are."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path

from exporter.collect.script import node_script
from exporter.config.settings import Paths
from exporter.demo.fleet import Story
from exporter.demo.node_tree import CONFIG, KUBELET_CONF, PKI, NodeTree
from exporter.demo.signer import Authority
from exporter.demo.stories import furnish
from tests.trees import unarmour


def write_seeds(target: str, folder: Path) -> None:
    """The seeds of one target, a file each."""
    for number, seed in enumerate(_SEEDS[target]()):
        (folder / f"seed-{number}").write_bytes(seed)


def _trees(root: Path) -> list[NodeTree]:
    now = time.time()
    authority = Authority("kubernetes", not_before=now - 86400, not_after=now + 86400)
    trees = []
    for number, story in enumerate((Story.EMBEDDED, Story.DISK_FULL, Story.UPDATED_LEFTOVER, Story.K3S)):
        tree = NodeTree(root / str(number), f"node-{number}", authority)
        furnish(tree, story, now)
        trees.append(tree)
    return trees


def _answers() -> list[bytes]:
    with tempfile.TemporaryDirectory() as root:
        return [_answer(tree) for tree in _trees(Path(root))]


def _answer(tree: NodeTree) -> bytes:
    script = node_script(Paths()).replace("ROOT=''", f"ROOT='{tree.root}'", 1)
    return subprocess.run(["/bin/sh", "-s"], input=script.encode(), capture_output=True, check=True, timeout=30).stdout


def _files(*names: str) -> list[bytes]:
    with tempfile.TemporaryDirectory() as root:
        paths = [tree.path(name) for tree in _trees(Path(root)) for name in names]
        return [path.read_bytes() for path in paths if path.is_file()]


def _pem_files() -> list[bytes]:
    with tempfile.TemporaryDirectory() as root:
        stores = [tree.path(PKI) for tree in _trees(Path(root))]
        return [
            (store / name).read_bytes()
            for store in stores
            if store.is_dir()
            for name in sorted(os.listdir(store))
            if (store / name).is_file()
        ]


def _certificates() -> list[bytes]:
    now = time.time()
    authority = Authority("kubernetes", not_before=now, not_after=now + 86400)
    return [unarmour(authority.certificate), unarmour(authority.client("node", now, 86400).certificate)]


_SEEDS = {
    "answer": _answers,
    "document": lambda: _files(KUBELET_CONF, CONFIG),
    "pem": _pem_files,
    "certificate": _certificates,
}
