"""The alerts about rotation: a certificate's own state, from an hour to a year, and nothing for a healthy one."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from exporter.config.settings import Pace, Rotation
from exporter.demo.signer import Authority
from exporter.errors import Reason
from exporter.model.facts import DirectoryCondition, NodeFacts, StoreFacts
from tests.exporters import Exporter, World
from tests.kubelets import CA, CURRENT, PKI, absent, key, kubeconfig, pair, pem
from tests.lives import DAY, HOUR, MINUTE, ROOT, YEAR, Life
from tests.promtool import PROMTOOL, check, fires, world
from tests.trees import NOW, unarmour

pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="Debian's prometheus is not installed")

DOWN = 10  # minutes for which an exporter must be down
REMEMBERED = 10  # minutes for which a series counts that is gone
PATIENCE = 2  # minutes for which a cause must hold that has no alert of its own
LIVES = {"hour": HOUR, "day": DAY, "45 days": 45 * DAY, "year": YEAR}
every_life = pytest.mark.parametrize("ttl", LIVES.values(), ids=LIVES)


def stalled(ttl: float, share: float, lead: int, story: World | None = None, **how: object) -> tuple[World, Life]:
    """A world in which nobody signs for w1; after ``lead`` minutes that share of its life is over."""
    story = story or world()
    life = Life.aged("w1", share, story.now + lead * MINUTE, ttl, **how).stalls()
    story.add(life)
    return story, life


def watched(story: World, life: Life) -> Exporter:
    """An exporter that has known the node for two hours, or since its birth."""
    return story.watch(min(7200.0, story.now - life.client.signed[0][0]))


def readings(story: World) -> list[int]:
    """The minutes at which a new reading of w1 shows."""
    values = next(
        values
        for series, values in story.series.all()
        if series.startswith("kubelet_cert_node_last_success_timestamp_seconds{") and 'node="w1"' in series
    )
    return [minute for minute in range(1, len(values)) if values[minute] != values[minute - 1]]


def read_after(story: World, minute: int) -> int:
    """The first of them at that minute or later."""
    return next(it for it in readings(story) if it >= minute)


# Healthy.


@every_life
def test_healthy_kubelets_fire_nothing(ttl: float) -> None:
    """From before its window until its new certificate is old news; whole where life is short."""
    story = world()
    for number, u in enumerate((0.7, 0.8, 0.895), 1):
        share, lead = (0.1, 0) if ttl == HOUR else (u, 15)
        story.add(Life.aged(f"w{number}", share, story.now + lead * MINUTE, ttl, u=u, serving=ttl))
    watched(story, story.lives["w1"])
    story.run(90 if ttl == HOUR else 100)
    assert readings(story)
    assert all(life.client.count > 1 for life in story.lives.values())
    check(story)


def test_hours_in_the_window_fire_nothing() -> None:
    """To be in the window is normal, for however long."""
    story = world()
    for ttl in (45 * DAY, YEAR):
        for share in (0.69, 0.75, 0.85):
            story.add(Life.aged(f"w{ttl}-{share}", share, story.now + HOUR, ttl, u=0.899))
    story.watch()
    story.run(150)
    assert all(life.client.count == 1 for life in story.lives.values())
    check(story)


def test_a_healthy_fleet_fires_nothing() -> None:
    """Nodes with certificates of one to six hours, two replicas, and one visit in twenty that fails."""
    story, dice = world(), random.Random(11)
    for number in range(1, 7):
        ttl = number * HOUR
        life = Life(f"w{number:02}", story.now - 40 * MINUTE, ttl, serving=ttl if number % 4 == 0 else None)
        life.fails = lambda _: dice.random() < 0.05
        story.add(life)
    story.watch(30 * MINUTE)
    story.watch(29 * MINUTE, "two:10024")
    story.run(180)
    check(story)


def test_lives_of_ten_minutes_fire_nothing() -> None:
    """The least that a signer gives, at the demonstration's pace."""
    story = world()
    story.add(*(Life(f"w{one}", story.now - 30 - 17 * one, 5 * MINUTE) for one in range(4)))
    story.watch(20, pace=Pace(interval=15, min_interval=5))
    story.run(30)
    assert all(life.client.count > 3 for life in story.lives.values())
    check(story)


# Late, stalled, expiring, expired.


@every_life
def test_late_then_stalled(ttl: float) -> None:
    """At the visits right after the window's end and after grace; no patience beyond that."""
    story, life = stalled(ttl, 0.9, 10)
    watched(story, life)
    story.run(16 if ttl == HOUR else 60)
    late, stuck = story.spell("late"), story.spell("stalled")
    assert late[0] - story.at(life.client.share(0.9)) in (0, 1)
    assert stuck == (late[1] + 1, story.minute - 1)
    assert stuck[1] - stuck[0] > 2
    twentieth = story.at(life.client.share(0.95))
    expiring = [fires("KubeletCertExpiring", twentieth, stuck[1])] if twentieth < story.minute else []
    check(story, fires("KubeletCertRotationLate", *late), fires("KubeletCertRotationStalled", *stuck), *expiring)


@every_life
def test_expiring_in_the_last_twentieth(ttl: float) -> None:
    """From the very minute at which 95 % of its life are over."""
    story, life = stalled(ttl, 0.95, 1 if ttl == HOUR else 10)
    watched(story, life)
    story.run(5 if ttl == HOUR else 30)
    late, twentieth = story.at(life.client.share(0.9)), story.at(life.client.share(0.95))
    assert story.spell("stalled") == (0, story.minute - 1)
    assert late < 0 < twentieth < story.minute - 1
    last = story.minute - 1
    check(story, fires("KubeletCertRotationStalled", 0, last), fires("KubeletCertExpiring", twentieth, last))


@every_life
def test_expired(ttl: float) -> None:
    """One alert takes over from the other at the reading that saw the end; it stays."""
    story, life = stalled(ttl, 1.0, 2 if ttl == HOUR else 10)
    watched(story, life)
    story.run(45)
    ended, last = story.spell("expired")
    assert ended - story.at(life.client.dates[1]) in (0, 1)
    assert last == story.minute - 1
    check(
        story,
        fires("KubeletCertRotationStalled", 0, ended - 1),
        fires("KubeletCertExpiring", 0, ended - 1),
        fires("KubeletCertExpired", ended, last),
    )


def test_a_whole_life_of_a_day() -> None:
    """Fresh, in the window, late, stalled, expiring, expired, without a gap between them."""
    story, life = stalled(DAY, 0.86, 0)
    watched(story, life)
    story.run_until(story.at(life.client.share(1.02)))
    late, stuck, ended = (story.spell(state) for state in ("late", "stalled", "expired"))
    assert (late[1] + 1, stuck[1] + 1) == (stuck[0], ended[0])
    check(
        story,
        fires("KubeletCertRotationLate", *late),
        fires("KubeletCertRotationStalled", *stuck),
        fires("KubeletCertExpiring", story.at(life.client.share(0.95)), stuck[1]),
        fires("KubeletCertExpired", *ended),
    )


@pytest.mark.parametrize("share", [0.93, 0.97])
def test_a_rotation_ends_the_alarm(share: float) -> None:
    """At the visit that sees the new certificate."""
    story, life = stalled(DAY, share, 0)
    watched(story, life)
    story.run(10)
    life.is_heard(story.now)
    story.run(40)
    first, last = story.spell("stalled")
    assert last < 10 + 11
    also = [fires("KubeletCertExpiring", first, last)] if share > 0.95 else []
    check(story, fires("KubeletCertRotationStalled", first, last), *also)


def test_a_kubelet_that_is_restarted_at_the_end_of_its_life() -> None:
    """For some minutes it is excused, and late; that it expires soon stays told."""
    story, life = stalled(DAY, 0.955, 0)
    watched(story, life)
    story.run(10)
    life.started = story.now
    story.run(45)
    late, last = story.spell("late"), story.minute - 1
    assert 10 <= late[0] < late[1] < 45
    check(
        story,
        fires("KubeletCertExpiring", 0, last),
        fires("KubeletCertRotationStalled", 0, late[0] - 1),
        fires("KubeletCertRotationLate", *late),
        fires("KubeletCertRotationStalled", late[1] + 1, last),
    )


def test_a_rotation_at_the_very_end_of_the_window_is_late_at_most() -> None:
    """The kubelet asks for it in time, and is answered after: told as information, and no more."""
    story = world()
    life = Life.aged("w1", 0.9, story.now + 10 * MINUTE, DAY, u=0.9)
    life.client.due = life.client.share(0.9) + 3 * MINUTE
    story.add(life)
    watched(story, life)
    story.run(60)
    late = story.spell("late")
    assert late[1] - late[0] < 15
    check(story, fires("KubeletCertRotationLate", *late))


def test_a_serving_certificate_that_is_not_renewed() -> None:
    """Its own identity; the client certificate beside it is well. The cause is told as any other."""
    story = world()
    life = Life.aged("w1", 0.89, story.now, 2 * DAY, serving=2 * DAY, u=0.895)
    assert life.serving
    life.stalls(life.serving)
    story.add(life)
    watched(story, life)
    story.run_until(story.at(life.serving.share(1.0)) + 20)
    late, stuck, ended = (story.spell(state, cert="serving") for state in ("late", "stalled", "expired"))
    check(
        story,
        fires("KubeletCertRotationLate", *late, cert="serving"),
        fires("KubeletCertRotationStalled", *stuck, cert="serving"),
        fires("KubeletCertExpiring", story.at(life.serving.share(0.95)), stuck[1], cert="serving"),
        fires("KubeletCertExpired", *ended, cert="serving"),
        fires("KubeletCertFinding", stuck[0] + PATIENCE, stuck[1] + REMEMBERED, cause="serving-not-renewed"),
    )


# What the exporter and Prometheus go through meanwhile.


def test_two_replicas_are_one_alarm() -> None:
    """Whatever they visit when, and though one of them is restarted."""
    story, life = stalled(DAY, 0.923, 0)
    watched(story, life)
    other = story.watch(3000, "two:10024")
    story.run(10)
    other.restart(story.now)
    story.run(20)
    check(story, fires("KubeletCertRotationStalled", 0, story.minute - 1))


def test_one_replica_of_two_sees_enough() -> None:
    """The other has never got there, and says "unknown": that blinds nobody and ends nothing."""
    story, life = stalled(DAY, 0.87, 0)
    watched(story, life)
    other = story.watch(60, "two:10024")
    other.is_cut_off.add("w1")
    other.restart(story.now)
    story.run(110)
    assert story.spell("unknown", instance="two:10024")[0] == 0
    late, stuck = story.spell("late"), story.spell("stalled")
    assert stuck[0] > 60
    check(story, fires("KubeletCertRotationLate", *late), fires("KubeletCertRotationStalled", *stuck))


def test_a_replica_that_was_renewed_ends_the_alarm_of_one_that_is_blind() -> None:
    """One replica sees the node's new certificate; the other lost its way while it was stalled, and keeps its word."""
    story, life = stalled(DAY, 0.923, 0)
    watched(story, life)
    other = story.watch(3000, "two:10024")
    story.run(10)
    other.is_cut_off.add("w1")
    story.run(10)
    life.is_heard(story.now)
    story.run(40)
    last = story.spell("stalled")[1]
    assert story.spell("stalled", instance="two:10024")[1] == story.minute - 1
    check(story, fires("KubeletCertRotationStalled", 0, last))


def test_an_exporter_that_starts_again_changes_nothing() -> None:
    """Neither for who is stalled nor for who is well."""
    story, life = stalled(DAY, 0.923, 0)
    story.add(Life.aged("w2", 0.8, story.now, DAY, u=0.899))
    exporter = watched(story, life)
    story.run(5)
    exporter.restart(story.now)
    story.run(10)
    check(story, fires("KubeletCertRotationStalled", 0, story.minute - 1))


@pytest.mark.parametrize("gap", [4, 9])
def test_a_gap_of_scrapes_while_it_fires(gap: int) -> None:
    """Prometheus' own pause, or an answer that does not come, ends no alarm."""
    story, life = stalled(DAY, 0.923, 0)
    watched(story, life)
    story.run(10)
    story.is_watched = False
    story.run(gap)
    story.is_watched = True
    story.run(10)
    check(story, fires("KubeletCertRotationStalled", 0, story.minute - 1))


def test_scrapes_that_fail_while_it_fires() -> None:
    """For three minutes: nobody is told that the exporter is down, and the alarm stays."""
    story, life = stalled(DAY, 0.923, 0)
    exporter = watched(story, life)
    story.run(10)
    exporter.is_up = False
    story.run(3)
    exporter.is_up = True
    story.run(10)
    check(story, fires("KubeletCertRotationStalled", 0, story.minute - 1))


def test_one_visit_in_five_that_fails() -> None:
    """Blinds nobody."""
    story = world()
    life = Life("w1", story.now - 40 * MINUTE, HOUR)
    life.fails = lambda now: int(now / 60) % 5 == 0
    story.add(life)
    story.watch(30 * MINUTE)
    story.run(130)
    check(story)


# Nodes that are off.


def test_a_node_that_is_off_before_its_window() -> None:
    """Silent until its window opens; then nobody knows, and a quarter of an hour later that is told."""
    story = world()
    life = Life.aged("w1", 0.66, story.now, DAY)
    story.add(life)
    watched(story, life)
    story.run(5)
    life.goes(story.now)
    story.run_until(story.at(life.client.share(0.72)))
    unknown = story.spell("unknown")
    assert unknown[0] - story.at(life.client.share(0.7)) in (0, 1)
    check(story, fires("KubeletCertBlind", unknown[0] + 15, story.minute - 1))


def test_a_node_that_goes_off_in_its_window() -> None:
    """Its last reading holds for a while, then blindness is told."""
    story = world()
    life = Life.aged("w1", 0.8, story.now, DAY, u=0.899)
    story.add(life)
    watched(story, life)
    story.run(5)
    life.goes(story.now)
    story.run(90)
    unknown = story.spell("unknown")
    check(story, fires("KubeletCertBlind", unknown[0] + 15, story.minute - 1))


def test_a_node_that_is_off_past_its_end() -> None:
    """Still blindness: nobody saw it late, stalled or expired."""
    story = world()
    life = Life.aged("w1", 0.97, story.now, DAY, u=0.899)
    half = life.client.share(0.5)
    life.fails = lambda now: now > half
    story.add(life)
    story.watch(14 * HOUR)
    story.run(90)
    assert story.spell("unknown") == (0, story.minute - 1)
    check(story, fires("KubeletCertBlind", 15, story.minute - 1))


def test_a_node_that_comes_back_late() -> None:
    """It rotates as it starts; what was told as blindness ends with the first visit."""
    story = world()
    life = Life.aged("w1", 0.92, story.now, DAY, u=0.75)
    life.client.due = float("inf")
    life.fails = lambda now: now > life.client.share(0.5)
    story.add(life)
    story.watch(12 * HOUR)
    story.run(40)
    life.started = None
    life.comes_back(story.now)
    life.fails = lambda _: False
    story.run(60)
    blind = story.spell("unknown")
    check(story, fires("KubeletCertBlind", 15, blind[1]))


def test_a_stalled_node_that_dies_stays_stalled() -> None:
    """Its alarm never ends because it died: not by time, not by the exporter's death, not by a start without memory."""
    story, life = stalled(DAY, 0.923, 0)
    exporter = watched(story, life)
    story.run(10)
    life.goes(story.now)
    story.run(20)
    exporter.is_up = False
    story.run(4)
    exporter.restart(story.now)
    story.run(85)
    twentieth, last = story.at(life.client.share(0.95)), story.minute - 1
    assert 34 < twentieth < last - 5
    check(story, fires("KubeletCertRotationStalled", 0, last), fires("KubeletCertExpiring", twentieth, last))


def test_an_alarm_survives_its_exporters_death() -> None:
    """Down for an hour: the exporter's own alert comes, no other ends or begins."""
    story, life = stalled(DAY, 0.895, 0)
    story.add(Life.aged("w2", 0.71, story.now, DAY, u=0.899))
    exporter = watched(story, life)
    story.run(15)
    exporter.is_up = False
    story.run(45)
    exporter.restart(story.now)
    story.run(15)
    late, stuck = story.spell("late")[0], story.spell("stalled")[0]
    assert late < 15
    assert stuck > 59
    check(
        story,
        fires("KubeletCertRotationLate", late, stuck - 1),
        fires("KubeletCertRotationStalled", stuck, story.minute - 1),
        fires("KubeletCertExporterDown", 15 + DOWN, 59),
    )


def test_an_alarm_survives_a_target_that_is_gone() -> None:
    """The exporter's pod is rescheduled: for ten minutes nobody has it as a target, then it starts with no memory."""
    story, life = stalled(DAY, 0.923, 0)
    exporter = watched(story, life)
    story.run(15)
    exporter.is_known = False
    life.goes(story.now)
    story.run(9)
    exporter.restart(story.now)
    story.run(30)
    last = story.minute - 1
    twentieth = story.at(life.client.share(0.95))
    also = [fires("KubeletCertExpiring", twentieth, last)] if twentieth <= last else []
    check(story, fires("KubeletCertRotationStalled", 0, last), *also)


def test_an_exporter_that_is_gone_for_good() -> None:
    """Nobody has it as a target: what it knew is remembered for a day, as the cluster may have gone with it."""
    story, life = stalled(2 * DAY, 0.93, 0)
    exporter = watched(story, life)
    story.run(8)
    exporter.is_known = False
    story.run(1500)
    day = 12 + 24 * 60  # less than 24 hours from when its series were last counted
    check(
        story,
        fires("KubeletCertRotationStalled", 0, day),
        fires("KubeletCertExpiring", story.at(life.client.share(0.95)) // 4 * 4 + 4, day),
        fires("KubeletCertExporterAbsent", 8 + 16, 1504),
        every=4,
    )


@pytest.mark.parametrize("comes_back", [False, True])
def test_a_pod_with_another_name(comes_back: bool) -> None:
    """The new pod's series have other labels and no memory; the node is dead, or was mended in between."""
    story, life = stalled(DAY, 0.923, 0)
    exporter = watched(story, life)
    exporter.extra = {"namespace": "monitoring", "pod": "exporter-1"}
    story.run(10)
    exporter.is_known = False
    life.goes(story.now)
    story.run(2)
    if comes_back:
        life.comes_back(story.now)
        life.is_heard(story.now - 10)
    pod = story.watch(0, "three:10024")
    pod.extra = {"namespace": "monitoring", "pod": "exporter-2"}
    story.run(25)
    end = story.spell("fresh", instance="three:10024")[0] - 1 if comes_back else story.minute - 1
    assert comes_back is (end < 20)
    late = [fires("KubeletCertRotationLate", *story.spell("late", instance="three:10024"))] if comes_back else []
    check(story, fires("KubeletCertRotationStalled", 0, end), *late)  # late: it has only just started


def test_one_name_in_two_clusters() -> None:
    """What is wrong in one says nothing of the other, whoever of them is off, stalled, ended or well."""
    story = world()
    sick = [Life.aged("w1", 0.923, story.now, DAY, cluster="red").stalls()]
    sick += [Life.aged("w2", 0.7 - 10 / 1440, story.now, DAY, cluster="red")]
    well = [Life.aged(life.name, 0.3, story.now, DAY, cluster="blue") for life in sick]
    one = story.watch(own=sick)
    story.watch(own=well, instance="two:10024")
    story.run(5)
    for life in sick:
        life.goes(story.now)
    story.run(5)
    one.restart(story.now)
    story.run(25)
    visited = 11  # after the exporter's start
    check(
        story,
        fires("KubeletCertRotationStalled", 0, story.minute - 1, cluster="red"),
        fires("KubeletCertBlind", visited + 15, story.minute - 1, cluster="red", node="w2"),
    )


def test_what_is_remembered_ends_with_the_first_word() -> None:
    """The node was mended while the exporter was away: the first visit after its start ends the alarm."""
    story, life = stalled(DAY, 0.923, 0)
    exporter = watched(story, life)
    story.run(10)
    exporter.is_up = False
    story.run(4)
    exporter.restart(story.now)
    again = story.now + 15 * MINUTE
    life.fails = lambda now: now < again
    story.run(5)
    life.is_heard(story.now)
    story.run(40)
    fresh = story.spell("fresh")[0]
    check(story, fires("KubeletCertRotationStalled", 0, fresh - 1))


def test_a_node_that_leaves_the_inventory() -> None:
    """Its alarm ends within twelve minutes."""
    story, life = stalled(DAY, 0.923, 0)
    story.add(*(Life.aged(f"w{one}", 0.3, story.now, DAY) for one in range(2, 7)))
    watched(story, life)
    story.run(20)
    story.remove("w1")
    story.run(30)
    check(story, fires("KubeletCertRotationStalled", 0, 19 + REMEMBERED))


def test_a_node_that_left_while_the_exporter_was_down() -> None:
    """Its alarm ends once the exporter is back, and no longer has it."""
    story, life = stalled(DAY, 0.923, 0)
    story.add(*(Life.aged(f"w{one}", 0.3, story.now, DAY) for one in range(2, 7)))
    exporter = watched(story, life)
    story.run(5)
    exporter.is_up = False
    story.run(15)
    del story.lives["w1"]
    exporter.restart(story.now)
    story.run(20)
    check(
        story,
        fires("KubeletCertRotationStalled", 0, 19),
        fires("KubeletCertExporterDown", 5 + DOWN, 19),
    )


def test_a_dead_nodes_serving_certificate() -> None:
    """Remembered like the client's; the first reading of the node ends it where it has been renewed."""
    story = world()
    life = Life.aged("w1", 0.923, story.now, DAY, serving=DAY, u=0.8)
    assert life.serving
    life.stalls(life.serving)
    story.add(life)
    exporter = watched(story, life)
    story.run(5)
    life.goes(story.now)
    story.run(5)
    exporter.restart(story.now)
    story.run(15)
    life.comes_back(story.now)
    life.is_heard(story.now - 30)
    story.run(20)
    late = story.spell("late", cert="serving")  # its kubelet has only just started
    assert late[0] > 24
    check(
        story,
        fires("KubeletCertRotationStalled", 0, late[0] - 1, cert="serving"),
        fires("KubeletCertRotationLate", *late, cert="serving"),
        fires("KubeletCertFinding", PATIENCE, late[0] - 1, cause="serving-not-renewed"),
    )


def test_a_dead_node_that_leaves_after_the_exporter_forgot_it() -> None:
    """The same where only the recorded series remember it."""
    story, life = stalled(DAY, 0.923, 0)
    story.add(*(Life.aged(f"w{one}", 0.3, story.now, DAY) for one in range(2, 7)))
    exporter = watched(story, life)
    story.run(10)
    life.goes(story.now)
    exporter.restart(story.now)
    story.run(25)
    story.remove("w1")
    story.run(30)
    last = 34 + REMEMBERED
    check(
        story,
        fires("KubeletCertRotationStalled", 0, last),
        fires("KubeletCertExpiring", story.at(life.client.share(0.95)), last),
    )


# What the kubelet does not rotate.


def unmanaged(story: World, share: float, ttl: float = DAY) -> Life:
    life = Life.aged("w1", share, story.now, ttl)
    life.rotates = False
    story.add(life)
    return life


def test_rotation_switched_off() -> None:
    """Due from the first reading in the last three tenths of its life; expiring and expired like any other."""
    story = world()
    life = unmanaged(story, 0.69)
    watched(story, life)
    story.run_until(story.at(life.client.dates[1]) + 30)
    read = read_after(story, story.at(life.client.share(0.7)))
    twentieth, ended = story.at(life.client.share(0.95)), story.spell("expired")
    within = read_after(story, twentieth)
    assert read - story.at(life.client.share(0.7)) <= 60
    assert within < ended[0]
    check(
        story,
        fires("KubeletCertManualRotationDue", read, within - 1),
        fires("KubeletCertExpiring", within, ended[0] - 1),
        fires("KubeletCertExpired", *ended),
    )


def test_what_somebody_else_renews_in_time() -> None:
    """A certificate that the configuration says is not the kubelet's to rotate: nothing, for hours."""
    story = world()
    life = unmanaged(story, 0.75)
    life.rotates = True
    life.is_read_by(Rotation.MANUAL)
    life.client.due = float("inf")
    story.settle()
    watched(story, life)
    story.run(120)
    check(story)


def k3s(facts: NodeFacts) -> NodeFacts:
    """The same certificate as an agent of k3s has it."""
    folder, der = "/var/lib/rancher/k3s/agent", facts.client.certificates
    certificate, its_key = pem(f"{folder}/client-kubelet.crt", *der), key(f"{folder}/client-kubelet.key")
    assert facts.process
    return replace(
        facts,
        store=StoreFacts(PKI, DirectoryCondition.MISSING),
        client=absent(CURRENT),
        serving=None,
        process=replace(facts.process, name="k3s-agent", flags=()),
        kubeconfig=kubeconfig(f"{folder}/kubelet.kubeconfig", certificate, key=its_key),
        bootstrap=None,
        config=None,
        files=(certificate, its_key),
    )


def test_k3s_renews_its_own() -> None:
    """Unmanaged: nothing until nine tenths, where the cause is told; expiring in the last twentieth, then expired."""
    story = world()
    life = Life.aged("w1", 0.88, story.now, 2 * DAY)
    life.client.due, life.twist, life.started = float("inf"), k3s, life.client.signed[0][0] + 10 * MINUTE
    story.add(life)
    watched(story, life)
    story.run_until(story.at(life.client.dates[1]) + 20)
    twentieth, ended = story.at(life.client.share(0.95)), story.spell("expired")
    within = read_after(story, twentieth)
    due = read_after(story, story.at(life.client.share(0.9)))
    check(
        story,
        fires("KubeletCertFinding", due + PATIENCE, ended[0] - 1, cause="owner-renewal-due"),
        fires("KubeletCertExpiring", within, ended[0] - 1),
        fires("KubeletCertExpired", *ended),
    )


@pytest.mark.parametrize(
    ("program", "authority"),
    [
        ("k3s-agent", CA),
        ("rke2", CA),
        ("kubelite", CA),
        ("kubelet", "/etc/kubernetes/ssl/kube-ca.pem"),
        ("kubelet", "/srv/kubernetes/ca.crt"),
    ],
    ids=["k3s", "rke2", "microk8s", "rke1", "kops"],
)
def test_who_renews_in_another_way_is_not_told_to_do_it_by_hand(program: str, authority: str) -> None:
    """Their kubelet's rotation is off by design."""

    def twist(facts: NodeFacts) -> NodeFacts:
        assert facts.process
        assert facts.config
        config = facts.config[0]
        return replace(
            facts,
            process=replace(facts.process, name=program),
            config=(replace(config, settings=replace(config.settings, client_ca_file=authority)),),
            files=tuple(replace(file, path=authority) if file.path == CA else file for file in facts.files),
        )

    story = world()
    life = unmanaged(story, 0.75)
    life.twist, life.started = twist, life.client.signed[0][0] + 10 * MINUTE
    watched(story, life)
    story.run(70)
    off = [series for series, values in story.series.all() if "rotation_enabled" in series and "0" in values]
    assert off
    check(story)


def test_dates_that_begin_with_a_ca() -> None:
    """k3s dates its leaves from its CA: of ten years the last twentieth is half a year, too early to wake anybody."""
    story = world()
    root = Authority("k3s-client-ca", story.now + 0.3 * YEAR, not_before=NOW - 10 * YEAR)
    life = Life("w1", story.now - 9.7 * YEAR, 11 * YEAR, root=root)
    life.client.due, life.twist, life.started = float("inf"), k3s, life.client.signed[0][0] + 10 * MINUTE
    story.add(life)
    watched(story, life)
    story.run(75)
    check(story)


def test_an_unmanaged_certificate_that_nobody_sees() -> None:
    """Silent while it is young enough; in its last twentieth blindness is told."""
    story = world()
    life = unmanaged(story, 0.94)
    life.fails = lambda now: now > life.client.share(0.5)
    story.watch(14 * HOUR)
    story.run(60)
    check(story, fires("KubeletCertBlind", story.at(life.client.share(0.95)) + 15, story.minute - 1))


def test_a_self_signed_serving_certificate_that_ended() -> None:
    """No state set, no page: its dates, and a reading after its end."""
    story = world()
    ended = story.now + 30 * MINUTE
    own = unarmour(ROOT.issue("w1@1", story.now - 5 * DAY, ended, serving=True).certificate)
    life = Life.aged("w1", 0.3, story.now, YEAR)
    life.twist = lambda facts: replace(facts, serving=pem(f"{PKI}/kubelet.crt", own))
    story.add(life)
    watched(story, life)
    story.run(150)
    read = read_after(story, 30)
    check(
        story,
        fires("KubeletCertUnrotatedExpired", read + 10, story.minute - 1, cert="serving"),
    )


def test_a_certificate_that_only_kubelet_conf_holds() -> None:
    """It ended, and the kubelet never renews it; a restart would read it."""
    story = world()
    ended = unarmour(ROOT.issue("system:node:w1", story.now - DAY, story.now - HOUR).certificate)
    life = Life.aged("w1", 0.3, story.now, DAY)
    life.twist = lambda facts: replace(facts, kubeconfig=kubeconfig(certificate=pair("#2", ended)))
    story.add(life)
    watched(story, life)
    story.run(20)
    check(
        story,
        fires("KubeletCertUnrotatedExpired", 10, 19, cert="kubeconfig"),
        fires("KubeletCertRestartUnsafe", 5, 19),
    )


# Certificates that nobody has, or too early.


def test_a_certificate_that_is_not_valid_yet() -> None:
    """For a few minutes that is a signer's clock; then it is told, and ends when it is valid."""
    story = world()
    life = Life("w1", story.now - HOUR, DAY, ahead=2 * HOUR + 5 * MINUTE)
    story.add(life)
    story.watch(60)
    story.run(100)
    early = story.spell("not_yet_valid")
    assert early == (0, 59)
    valid = read_after(story, 60)
    check(
        story,
        fires("KubeletCertNotYetValid", 5, early[1]),
        fires("KubeletCertRestartUnsafe", 5, valid - 1),
    )


def test_a_node_that_was_never_read() -> None:
    """Told after an hour; not for one that is only new."""
    story = world()
    life = Life.aged("w1", 0.3, story.now, DAY)
    life.refuses = Reason.AUTH_CLOSED
    story.add(life)
    story.watch(0)
    story.run(100)
    check(story, fires("KubeletCertNeverRead", 60, story.minute - 1))


def test_without_a_cluster_label() -> None:
    """The same alerts, with no label that is not there."""
    story = world(labels=())
    story, life = stalled(DAY, 0.96, 0, story, cluster=None)
    watched(story, life)
    story.run(10)
    check(
        story,
        fires("KubeletCertRotationStalled", 0, 9, cluster=""),
        fires("KubeletCertExpiring", 0, 9, cluster=""),
    )


def test_dates_that_are_no_numbers() -> None:
    """NaN in a date accuses nobody."""
    story = world()
    life = Life.aged("w1", 0.3, story.now, DAY)
    story.add(life)
    watched(story, life)
    for _ in range(60):
        for date in ("before", "after"):
            for cert in ("client", "serving", "ca"):
                name = f'kubelet_cert_not_{date}_timestamp_seconds{{cluster="prod",node="w9",cert="{cert}"}}'
                story.series.add({"job": "kubelet-cert-exporter", "instance": "one:10024"}, f"{name} NaN")
        story.run(1)
    check(story)
