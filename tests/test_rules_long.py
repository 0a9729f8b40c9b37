"""A thousand healthy lives of an hour to a year through the rules: nothing ever fires."""

from __future__ import annotations

import random
from typing import NamedTuple

import pytest

from tests.exporters import World
from tests.lives import DAY, HOUR, MINUTE, YEAR, Life
from tests.promtool import PROMTOOL, check, world

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(PROMTOOL is None, reason="Debian's prometheus is not installed"),
]

LIVES, TOGETHER = 1000, 20
WHOLE = DAY


class Drawn(NamedTuple):
    """What a life is made from, before it is lived."""

    ttl: float
    serving: float | None
    by_two: bool
    seed: int


def _lives() -> list[Drawn]:
    """The shortest first, so that those that are watched together live about as long."""
    dice, drawn = random.Random(20261125), []
    for seed in range(LIVES):
        ttl = HOUR * (YEAR / HOUR) ** dice.random()
        drawn.append(Drawn(ttl, ttl if dice.random() < 0.25 else None, dice.random() < 0.02, seed))
    return sorted(drawn)


GROUPS = [_lives()[at : at + TOGETHER] for at in range(0, LIVES, TOGETHER)]


def _world(group: list[Drawn], share: float | None, lead: float) -> World:
    """A world in which that share of each life is over after ``lead`` seconds; None: the share at which it rotates."""
    story = world()
    for one in group:
        dice = random.Random(one.seed)
        u = dice.uniform(0.7, 0.9)
        at = story.now + lead
        life = Life.aged(f"w{one.seed}", u if share is None else share, at, one.ttl, serving=one.serving, u=u)
        life.fails = lambda _, dice=dice: dice.random() < 0.03  # type: ignore[misc] # each has its own
        story.add(life)
    age = min(HOUR, story.now - max(life.client.signed[0][0] for life in story.lives.values()))
    story.watch(age)
    if any(one.by_two for one in group):
        story.watch(age / 2, "two:10024")
    return story


@pytest.mark.parametrize(
    "group", [it for it in GROUPS if it[-1].ttl <= WHOLE], ids=lambda it: f"to {it[-1].ttl / HOUR:.1f} h"
)
def test_short_lives_whole(group: list[Drawn]) -> None:
    """From soon after birth to well after the first rotation, every minute of it."""
    story = _world(group, 0.15, 0)
    story.run(int(group[-1].ttl / MINUTE))
    assert all(life.client.count > 1 for life in story.lives.values())
    check(story)


@pytest.mark.parametrize(
    ("share", "lead"),
    [(0.0, -10 * MINUTE), (0.7, 45 * MINUTE), (None, 45 * MINUTE)],
    ids=["after birth", "as its window opens", "as it rotates"],
)
@pytest.mark.parametrize(
    "group", [it for it in GROUPS if it[-1].ttl > WHOLE], ids=lambda it: f"to {it[-1].ttl / DAY:.1f} d"
)
def test_long_lives_in_parts(group: list[Drawn], share: float | None, lead: float) -> None:
    """Three quarters of an hour before and after each moment that matters."""
    story = _world(group, share, lead)
    story.run(90)
    check(story)
