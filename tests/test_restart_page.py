"""docs/restart.md and the closed list of reasons say the same."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from exporter.model.restart import Ending, RestartReason
from tests.corpus.build import EXPECTED

PAGE = (Path(__file__).parent.parent / "docs/restart.md").read_text()
ROWS = dict(re.findall(r"^\| `([a-z-]+)` \| (\w+) \|", PAGE, re.MULTILINE))
_WORDS: dict[str, int | None] = {"1": 1, "0": 0, "absent": None}


def test_every_reason_has_a_row() -> None:
    """In the order of the list, and no other."""
    assert list(ROWS) == [str(reason) for reason in RestartReason]


def test_every_ending_has_a_row() -> None:
    """Dies, exits, lives."""
    assert set(re.findall(r"^\| (dies|exits|lives) \|", PAGE, re.MULTILINE)) == {str(ending) for ending in Ending}


def test_the_verdicts_are_those_of_the_corpus() -> None:
    """A reason always comes with the verdict that the page gives it."""
    for name, wanted in yaml.safe_load(EXPECTED.read_text()).items():
        restart = wanted["restart"]
        if restart["reason"]:
            assert restart["safe"] == _WORDS[ROWS[restart["reason"]]], name
