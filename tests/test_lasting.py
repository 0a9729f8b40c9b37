"""A judgement that is told again is the one that would be made anew: at any moment, after any other."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.collect.local.transport import LocalTransport
from exporter.config.settings import Paths, Rotation
from exporter.judge.assess import assess
from exporter.judge.lasting import judge
from exporter.judge.varying import Conditions
from exporter.model.assessment import Assessment
from exporter.model.facts import NodeFacts
from exporter.model.node import LocalAccess, Node
from exporter.model.report import REMEMBERED_STARTS, NodeReport, Visit
from tests.corpus.build import scenarios
from tests.trees import NOW

STEPS = (0.0, 60.0, 60.0, 60.0, 3600.0, 86400.0, 20 * 86400.0, -120.0, -86400.0)
ROOMS = (0, 0, 100, 4095, 4096, 10**9, 10**9 + 1, None)


def facts_of(name: str, root: Path) -> NodeFacts:
    """What the local reader sees of a scenario of the corpus, marked."""
    root.mkdir()
    tree = scenarios()[name].build(root, NOW)
    facts = LocalTransport(sleep=lambda _: None).read(Node(tree.name, LocalAccess(str(root)), Paths()))
    assert facts.mark is not None
    return facts


def with_room(facts: NodeFacts, bytes_free: int | None, files_free: int | None) -> NodeFacts:
    """The same node with other room in its folder; where that was not told, it stays so."""
    folder = facts.store.folder
    if folder is None:
        return facts
    folder = replace(folder, bytes_free=bytes_free, files_free=files_free)
    return replace(facts, store=replace(facts.store, folder=folder))


@pytest.mark.parametrize("name", scenarios())
def test_whatever_the_clock_and_the_room_the_judgement_is_that_of_a_first_look(name: str, tmp_path: Path) -> None:
    """Thirty visits of every scenario, hours and days and windows apart, with a clock that is set back at times."""
    chance = random.Random(name)
    facts = facts_of(name, tmp_path / "root")
    report = NodeReport(Node("n", LocalAccess("/n"), Paths()))
    moment = float(NOW)
    room: tuple[int | None, int | None] = (10**9, 10**6)
    for _ in range(30):
        moment += chance.choice(STEPS)
        room = (chance.choice(ROOMS), chance.choice(ROOMS)) if chance.random() < 0.3 else room
        now = with_room(replace(facts, taken=moment), *room)
        found = judge(now, Rotation.KUBELET, report.memory)
        assert found == assess(now, Rotation.KUBELET, report.memory)
        report = report.after(Visit(report.node, moment, 0.0, found.reason, "", now, found))


def test_what_is_told_again_was_not_judged_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From its third visit on a healthy node is judged once, for as long as its certificate stays in its window."""
    facts = facts_of("window_0_69", tmp_path / "root")
    calls = 0

    def counted(*given: object) -> Assessment:
        nonlocal calls
        calls += 1
        return assess(*given)  # type: ignore[arg-type] # as it was called

    monkeypatch.setattr("exporter.judge.lasting.assess", counted)
    report = NodeReport(Node("n", LocalAccess("/n"), Paths()))
    for minute in range(100):
        now = replace(facts, taken=NOW + 60.0 * minute)
        found = judge(now, Rotation.KUBELET, report.memory)
        report = report.after(Visit(report.node, now.taken, 0.0, found.reason, "", now, found))
    assert calls <= REMEMBERED_STARTS + 3
    assert report.client is not None
    assert report.client.taken == report.client.witness == NOW + 60.0 * 99


NUMBERS = st.integers(-10, 10)


def asked(moment: float, room: float, limits: list[int]) -> list[object]:
    """Questions as the judge puts them."""
    return [
        *(moment < limit for limit in limits),
        *(limit <= moment - 3 for limit in limits),
        *(abs(moment - limit) > 2 for limit in limits),
        *(max(room, limit) == limit for limit in limits),
        *(min(moment, room) > limit for limit in limits),
        moment - room >= 1,
        f"{room} left" if room < 0 else bool(room),
    ]


@given(moment=NUMBERS, room=NUMBERS, limits=st.lists(NUMBERS, max_size=3), later=NUMBERS, other=NUMBERS)
def test_where_all_conditions_hold_every_answer_is_the_same(
    moment: int, room: int, limits: list[int], later: int, other: int
) -> None:
    """Whatever was asked of two varying numbers; and the answers are those of plain ones."""
    conditions = Conditions()
    varying_moment, varying_room = conditions.numbers((moment, room))
    answers = asked(varying_moment, varying_room, limits)  # type: ignore[arg-type] # they pass for numbers
    assert answers == asked(moment, room, limits)
    if all(one.holds((later - moment, other - room)) for one in conditions.all()):
        assert asked(later, other, limits) == answers


def test_a_number_that_cannot_be_followed_says_so() -> None:
    """A calendar, a rounding or a set would take the number itself."""
    (number,) = Conditions().numbers((5.0,))
    moment = cast(float, number)
    for use in (
        lambda: datetime.fromtimestamp(moment, UTC),
        lambda: float(moment),
        lambda: round(moment),
        lambda: {moment},
    ):
        with pytest.raises(TypeError):
            use()
