"""The list of scenarios: each a small function that builds one node's tree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.corpus.tree import Tree


@dataclass(frozen=True, slots=True)
class Scenario:
    """One node; ``name`` is that of its function, ``text`` its docstring, ``subject`` its module."""

    name: str
    text: str
    subject: str
    furnish: Callable[[Tree], None]

    def build(self, root: Path, now: int) -> Tree:
        """The whole tree below ``root``."""
        tree = Tree(root, now)
        self.furnish(tree)
        tree.finish()
        return tree


SCENARIOS: dict[str, Scenario] = {}


def scenario(furnish: Callable[[Tree], None]) -> Callable[[Tree], None]:
    """Enter a function among the scenarios, under its own name."""
    name = furnish.__name__
    if name in SCENARIOS:
        raise ValueError(f"two scenarios called {name}")
    text = " ".join((furnish.__doc__ or "").split())
    SCENARIOS[name] = Scenario(name, text, furnish.__module__.rpartition(".")[2], furnish)
    return furnish
