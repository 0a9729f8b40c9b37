"""What fuzzing found once: every fixture goes through its target again."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS

FIXTURES = sorted((Path(__file__).parent / "data/fuzz").glob("*"))


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda path: path.name)
def test_what_crashed_once_does_not_again(fixture: Path) -> None:
    """A fixture is named after its target."""
    TARGETS[fixture.name.partition("-")[0]](fixture.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_no_bytes_make_a_target_raise(target: str) -> None:
    """Any bytes, a little longer than a line or two."""

    @given(st.binary(max_size=2000))
    def attack(data: bytes) -> None:
        TARGETS[target](data)

    attack()
