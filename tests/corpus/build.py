"""The whole corpus on disk, and what no file of a tree can tell."""

from __future__ import annotations

import importlib
import json
import pkgutil
import shutil
from dataclasses import asdict
from pathlib import Path

from tests import corpus
from tests.corpus.scenario import SCENARIOS, Scenario
from tests.corpus.tree import Tree

EXPECTED = Path(__file__).with_name("expected.yaml")


def scenarios() -> dict[str, Scenario]:
    """All of them, by name; each module of this package enters its own."""
    for module in pkgutil.iter_modules(corpus.__path__):
        if module.name != "__main__":
            importlib.import_module(f"{corpus.__name__}.{module.name}")
    return SCENARIOS


def build_all(directory: Path, now: int) -> dict[str, Tree]:
    """Every tree below ``directory``, in a folder called like its scenario, and both files of data."""
    directory.mkdir(parents=True, exist_ok=True)
    trees = {name: one.build(_folder(directory / name), now) for name, one in scenarios().items()}
    given = {name: {"text": scenarios()[name].text, **given_with(tree)} for name, tree in trees.items()}
    (directory / "given.json").write_text(json.dumps({"now": now, "trees": given}, indent=1) + "\n")
    shutil.copy(EXPECTED, directory)
    return trees


def _folder(path: Path) -> Path:
    path.mkdir(mode=0o755)
    return path


def given_with(tree: Tree) -> dict[str, object]:
    """What a tree's files do not hold; ages became epoch seconds."""
    now, earlier = tree.now, tree.earlier
    return {
        "processes": [
            {"name": one.name, "command": list(one.command), "started": now - one.age, "uid": one.uid}
            for one in tree.processes
        ],
        "service": asdict(tree.service) if tree.service else None,
        "read_only": tree.read_only,
        "full": tree.full,
        "tmpfs": tree.tmpfs,
        "clock_ahead": tree.clock,
        "compared": tree.compared,
        "earlier": {
            "starts": [None if age is None else now - age for age in earlier.starts],
            "newest": None if earlier.newest is None else now - earlier.newest,
            "flags": earlier.flags,
        },
    }
