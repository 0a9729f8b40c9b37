"""The mutants of `make test-long` are still of the rules that they name."""

from __future__ import annotations

import pytest

from tests.mutants import MUTANTS, ROOT, Mutant, of_the_diagnosis


@pytest.mark.parametrize("mutant", [*MUTANTS, *of_the_diagnosis()], ids=lambda mutant: mutant.rule)
def test_the_text_of_a_mutant_stands_in_its_file(mutant: Mutant) -> None:
    """A mutant whose text was written anew since would be tried by nobody."""
    assert mutant.old in (ROOT / mutant.file).read_text()
    assert mutant.old != mutant.new
