"""docs/causes.md and the table of causes are equal: identifiers, severities, numbers of the taxonomy, cases."""

from __future__ import annotations

import re
from pathlib import Path

from exporter.judge.diagnosis import TABLE, Row
from exporter.model.finding import Cause
from tests.sick import SICK

PAGE = (Path(__file__).parent.parent / "docs/causes.md").read_text()
MODES = {
    int(number): (re.findall(r"\(#([a-z-]+)\)", causes), note.strip())
    for number, _, causes, note in re.findall(r"^\| (\d+) \| (.*?) \| (.*?) \|(.*)\|$", PAGE, re.MULTILINE)
}
OF_NODES, _, OF_FLEETS = PAGE.partition("## Over a fleet")
SECTIONS = {section.partition("\n")[0]: section for section in re.split(r"^### ", OF_NODES, flags=re.MULTILINE)[1:]}
OVER_A_FLEET = re.findall(r"^### (.*)$", OF_FLEETS, re.MULTILINE)


def of_the_table() -> list[Cause]:
    return list(dict.fromkeys(row.cause for row in TABLE))


def numbers(text: str) -> set[int]:
    """The numbers of the taxonomy that a text begins with."""
    head = re.match(r"[\d, ]*", text)
    return {int(number) for number in re.findall(r"\d+", head[0] if head else "")}


def test_all_43_are_there() -> None:
    """Each number once, with a cause, or the reason why a node's files cannot tell it."""
    assert list(MODES) == list(range(1, 44))
    assert len(re.findall(r"^\| \d+ \|", PAGE, re.MULTILINE)) == 43
    for causes, note in MODES.values():
        assert causes or note.startswith("cannot be told")
        assert set(causes) <= set(Cause)


def test_every_cause_has_its_section() -> None:
    """In the order of judgement, then those over a fleet; each anchor is the identifier."""
    assert list(SECTIONS) == of_the_table()
    assert set(OVER_A_FLEET) == set(Cause) - set(of_the_table())
    assert len(OVER_A_FLEET) == len(set(OVER_A_FLEET))


def test_a_section_says_all_that_it_should() -> None:
    """What is seen, what happens next, what to do, what alert speaks of it, and where that is known from."""
    for section in SECTIONS.values():
        assert re.findall(r"^- ([A-Z][a-z]+): \S", section, re.MULTILINE) == ["Seen", "Next", "Do", "Runbook", "Source"]


def test_severities_are_those_of_the_table() -> None:
    """In the overview and at the head of each section; a warning that becomes critical has both."""
    for cause, section in SECTIONS.items():
        severities = sorted({row.severity for row in TABLE if row.cause == cause})
        assert f"\n| [`{cause}`](#{cause}) | {', '.join(severities)} | " in PAGE
        assert section.splitlines()[2].partition(" · ")[0] == " or ".join(reversed(severities))


def test_numbers_are_those_of_the_predicates() -> None:
    """A section, the overview of the 43, and the docstrings of a cause's rows name the same numbers."""
    for cause, section in SECTIONS.items():
        told = {int(number) for number in re.findall(r"\d+", section.splitlines()[2])}
        assert (cause, told) == (cause, {number for number, (causes, _) in MODES.items() if cause in causes})
        assert (cause, told) == (cause, set().union(*(numbers(doc(row)) for row in TABLE if row.cause == cause)))


def doc(row: Row) -> str:
    assert row.holds.__doc__
    return row.holds.__doc__


def test_every_cause_names_its_test() -> None:
    """The case in the overview is one in which that cause comes first."""
    named = dict(re.findall(r"^\| \[`([a-z-]+)`\]\(#.*?\) \| [a-z, ]+ \| (.*) \|$", PAGE, re.MULTILINE))
    assert list(named) == of_the_table()
    assert [cause for cause, name in named.items() if SICK[name].cause != cause] == []
