"""Two clusters whose nodes have the same names and other troubles: no rule mixes up one with the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from exporter.errors import Reason
from exporter.model.files import Condition, PemFile
from tests.exporters import World
from tests.kubelets import CURRENT, pair
from tests.lives import DAY, HOUR, MINUTE, ROOT, Life
from tests.promtool import PROMTOOL, Episode, check, fires, world
from tests.trees import unarmour

pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="Debian's prometheus is not installed")

LAST = 79
Trouble = Callable[[World, str, str], tuple[Life, list[Episode]]]


def _life(story: World, name: str, cluster: str, share: float) -> Life:
    life = Life.aged(name, share, story.now, DAY, cluster=cluster)
    life.client.due = float("inf")
    return life


def well(story: World, name: str, cluster: str) -> tuple[Life, list[Episode]]:
    return _life(story, name, cluster, 0.3), []


def by_hand(story: World, name: str, cluster: str) -> tuple[Life, list[Episode]]:
    life = _life(story, name, cluster, 0.76)
    life.rotates = False
    return life, [fires("KubeletCertManualRotationDue", 0, LAST, node=name, cluster=cluster)]


def ending(story: World, name: str, cluster: str) -> tuple[Life, list[Episode]]:
    life = _life(story, name, cluster, 0.951)
    life.rotates = False
    life.fails = lambda now: now > story.start - 80 * MINUTE
    return life, [
        fires("KubeletCertBlind", 15, LAST, node=name, cluster=cluster),
        fires("KubeletCertManualRotationDue", 0, LAST, node=name, cluster=cluster),
    ]


def unsafe(story: World, name: str, cluster: str) -> tuple[Life, list[Episode]]:
    life = _life(story, name, cluster, 0.3)
    life.twist = lambda facts: replace(facts, client=PemFile(CURRENT, Condition.EMPTY, link=facts.client.link))
    return life, [
        fires("KubeletCertRestartUnsafe", 5, LAST, node=name, cluster=cluster),
        fires("KubeletCertStoreBroken", 0, LAST, node=name, cluster=cluster),
        fires("KubeletCertNeverRead", 60, LAST, node=name, cluster=cluster),
    ]


def never_read(story: World, name: str, cluster: str) -> tuple[Life, list[Episode]]:
    life = _life(story, name, cluster, 0.3)
    life.refuses = Reason.AUTH_CLOSED
    return life, [fires("KubeletCertNeverRead", 60, LAST, node=name, cluster=cluster)]


def unseen(story: World, name: str, cluster: str) -> tuple[Life, list[Episode]]:
    life = _life(story, name, cluster, 0.85)
    life.fails = lambda now: now > story.start - 80 * MINUTE
    return life, [fires("KubeletCertBlind", 15, LAST, node=name, cluster=cluster)]


def by_name(story: World, name: str, cluster: str) -> tuple[Life, list[Episode]]:
    life = _life(story, name, cluster, 0.3)
    ended = unarmour(ROOT.issue(f"system:node:{name}", story.now - DAY, story.now - HOUR).certificate)
    its_own = pair("#2", ended)
    life.twist = lambda facts: replace(
        facts, kubeconfig=facts.kubeconfig and replace(facts.kubeconfig, certificate=its_own, key=its_own)
    )
    return life, [
        fires("KubeletCertUnrotatedExpired", 10, LAST, cert="kubeconfig", node=name, cluster=cluster),
        fires("KubeletCertRestartUnsafe", 5, LAST, node=name, cluster=cluster),
    ]


def expired(story: World, name: str, cluster: str) -> tuple[Life, list[Episode]]:
    return _life(story, name, cluster, 1.02), [fires("KubeletCertExpired", 0, LAST, node=name, cluster=cluster)]


TROUBLES: tuple[Trouble, ...] = (well, by_hand, ending, unsafe, never_read, unseen, by_name, expired)


@pytest.mark.parametrize("turn", [1, 3, 4])
def test_the_same_names_in_two_clusters(turn: int) -> None:
    """Each node of one cluster has a namesake in the other, with another trouble."""
    story = world()
    everything: list[Episode] = []
    for cluster, first in (("red", 0), ("blue", turn)):
        lives = []
        for number in range(len(TROUBLES)):
            life, episodes = TROUBLES[(number + first) % len(TROUBLES)](story, f"w{number}", cluster)
            lives.append(life)
            everything += episodes
        story.watch(instance=f"{cluster}:10024", own=lives)
        everything.append(fires("KubeletCertCoverageLow", 5, LAST, cluster=cluster))
    story.run(LAST + 1)
    check(story, *everything)
