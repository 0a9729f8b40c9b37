"""The alerts about the exporter itself: whoever watches must be seen to watch."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.config.settings import HostKeyPolicy, Pace
from exporter.model.node import SshAccess
from exporter.model.snapshot import SourceStatus, SshStatus
from exporter.rounds.brake import Brake
from exporter.serve.doorkeeper import DoorStatus
from tests.exporters import Exporter, World
from tests.lives import DAY, HOUR, MINUTE, Life
from tests.promtool import PROMTOOL, check, fires, world
from tests.typed import Typed, Values

pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="Debian's prometheus is not installed")

# Minutes of patience, but for STUCK and PAUSE, which are seconds.
MISSING, MISMATCH, REMEMBERED = 15, 60, 10
DOWN, ABSENT, OVERDUE, UNCHECKED, RELOAD, SOURCE, STORE = 10, 15, 50, 60, 5, 15, 15
STUCK = 2 * HOUR + 15 * MINUTE
PAUSE = 15 * MINUTE
FILE = "/etc/keys/id-cert.pub"


def healthy(nodes: int = 3, share: float = 0.2) -> tuple[World, Exporter]:
    """Some nodes far from their window, and one exporter."""
    story = world()
    story.add(*(Life.aged(f"w{one}", share + one / 1000, story.now, DAY) for one in range(1, nodes + 1)))
    return story, story.watch()


def test_down() -> None:
    """Told after some minutes; no other alert comes of it, for hours."""
    story, exporter = healthy()
    story.run(10)
    exporter.is_up = False
    story.run(150)
    exporter.restart(story.now)
    story.run(30)
    check(story, fires("KubeletCertExporterDown", 10 + DOWN, 159))


def test_absent() -> None:
    """No target at all: a job by the wrong name, a deployment that is gone."""
    story, exporter = healthy()
    story.run(10)
    exporter.is_known = False
    story.run(60)
    check(story, fires("KubeletCertExporterAbsent", 10 + ABSENT, 69))


def test_one_of_two_is_down() -> None:
    """The other one sees: nothing else is told."""
    story, _ = healthy()
    other = story.watch(3000, "two:10024")
    story.run(10)
    other.is_up = False
    story.run(60)
    check(story, fires("KubeletCertExporterDown", 10 + DOWN, 69, instance="two:10024"))


def test_down_for_a_moment() -> None:
    """A restart is no alarm."""
    story, exporter = healthy()
    story.run(10)
    exporter.is_up = False
    story.run(DOWN - 1)
    exporter.restart(story.now)
    story.run(20)
    check(story)


def test_down_again_and_again() -> None:
    """It dies minutes after each start, for an hour: that is down, too."""
    story, exporter = healthy()
    story.run(5)
    for _ in range(12):
        exporter.is_up = False
        story.run(4)
        exporter.restart(story.now - 20)
        story.run(1)
    second_time = 10  # it has gone, come, and gone again
    check(story, fires("KubeletCertExporterDown", second_time + DOWN, 64))


def test_stuck() -> None:
    """It answers, and visits nobody; another one works, and what is stuck under another job's name is not ours."""
    story, exporter = healthy()
    story.watch(3000, "two:10024")
    other = story.watch(3000)
    other.job = "another"
    story.run(10)
    exporter.is_stuck = other.is_stuck = True
    story.run(150)
    exporter.is_known = False
    story.run(15)
    last = max(report.last_visit or 0 for report in exporter.state.snapshot(story.now).reports)
    check(story, fires("KubeletCertExporterStuck", story.at(last + STUCK), 159 + 10))


def test_a_first_round_is_no_overdue_round() -> None:
    """After a start every visit is due at once."""
    story, exporter = healthy()
    exporter.waiting = 4
    story.run(44)
    exporter.waiting = 0
    story.run(10)
    check(story)


def test_a_login_certificate_of_each_new_pod() -> None:
    """Another pod, the same file: what it had left when it was new is what the earlier pod saw."""
    story, exporter = healthy()
    ends = story.now + HOUR + 30
    exporter.ssh = SshStatus(credentials=((FILE, ends),))
    story.run(57)
    exporter.is_known = False
    other = story.watch(3000, "two:10024")
    other.ssh = exporter.ssh
    story.run(3)
    check(
        story,
        fires("KubeletCertSshCredentialExpiring", 55, 59, file=FILE),
        fires("KubeletCertSshCredentialExpiring", 57, 59, file=FILE, instance="two:10024"),
    )


def test_visits_that_are_always_overdue() -> None:
    """Its queue never empties."""
    story, exporter = healthy()
    story.run(10)
    exporter.waiting = 4
    story.run(70)
    exporter.waiting = 0
    story.run(10)
    check(story, fires("KubeletCertVisitsOverdue", 10 + OVERDUE, 79))


def test_a_queue_that_empties_now_and_then() -> None:
    """A herd of visits is no alarm."""
    story, exporter = healthy()
    for _ in range(6):
        exporter.waiting = 40
        story.run(15)
        exporter.waiting = 0
        story.run(1)
    check(story)


def test_logins_are_paused() -> None:
    """Too many were refused: told at once, and over with the pause."""
    story, exporter = healthy()
    story.run(10)
    exporter.state._brake = Brake(paused_until=story.now + PAUSE)
    story.run(60)
    check(story, fires("KubeletCertLoginsPaused", 10, 24 + 15))


def test_host_keys_that_nobody_checks() -> None:
    """For as long as it is so."""
    story, _ = healthy()
    life = Life.aged("w9", 0.3, story.now, DAY)
    life.node = replace(life.node, access=SshAccess("w9.example", policy=HostKeyPolicy.INSECURE))
    story.run(10)
    story.add(life)
    story.run(90)
    check(story, fires("KubeletCertHostKeysUnchecked", 10 + UNCHECKED, 99))


def test_a_configuration_that_was_refused() -> None:
    """Told after some minutes, until one is taken."""
    story, exporter = healthy()
    story.run(10)
    exporter.reload_fails(story.now)
    story.run(40)
    exporter.state.reloaded(story.now, successful=True)
    story.run(10)
    check(story, fires("KubeletCertConfigReloadFailed", 10 + RELOAD, 49))


def test_an_inventory_file_that_does_not_count() -> None:
    """By its name."""
    story, exporter = healthy()
    exporter.sources(SourceStatus("/etc/nodes/a.json", up=True), SourceStatus("/etc/nodes/b.json", up=True))
    story.run(10)
    exporter.sources(SourceStatus("/etc/nodes/a.json", up=True), SourceStatus("/etc/nodes/b.json", up=False))
    story.run(40)
    check(story, fires("KubeletCertInventorySourceDown", 10 + SOURCE, 49, source="/etc/nodes/b.json"))


def test_a_web_configuration_that_is_not_used() -> None:
    """A renewed certificate that the exporter cannot read: the old one is served on."""
    story, exporter = healthy()
    exporter.door = DoorStatus(successful=True, loaded=story.now)
    story.run(10)
    exporter.door = DoorStatus(successful=False, loaded=story.now)
    story.run(40)
    check(story, fires("KubeletCertWebConfigReloadFailed", 10 + RELOAD, 49))


def test_a_store_that_cannot_be_written() -> None:
    """Told after a quarter of an hour, until it can; one that is not wanted is not told of."""
    story, exporter = healthy()
    exporter.state.stored(up=True)
    story.run(10)
    exporter.state.stored(up=False)
    story.run(40)
    exporter.state.stored(up=True)
    story.run(10)
    check(story, fires("KubeletCertExporterStoreDown", 10 + STORE, 49))


def test_a_login_certificate_at_its_end() -> None:
    """In the last tenth of what it had left when it was new, as far as Prometheus has seen that; a new one ends it."""
    story, exporter = healthy()
    ends = story.now + HOUR + 30
    exporter.ssh = SshStatus(credentials=((FILE, ends), ("/etc/keys/other-cert.pub", ends + DAY)))
    story.run(58)
    exporter.ssh = SshStatus(credentials=((FILE, ends + HOUR), ("/etc/keys/other-cert.pub", ends + DAY)))
    story.run(30)
    check(story, fires("KubeletCertSshCredentialExpiring", 55, 57, file=FILE))


def test_a_job_by_another_name_of_ours() -> None:
    """A name that begins like ours is ours; any other is not."""
    story, exporter = healthy()
    exporter.job = "kubelet-cert-exporter-edge"
    story.run(5)
    exporter.is_up = False
    story.run(20)
    check(story, fires("KubeletCertExporterDown", 5 + DOWN, 24, job="kubelet-cert-exporter-edge"))


def test_another_job_that_is_down() -> None:
    """None of our business."""
    story, _ = healthy()
    for _ in range(30):
        story.series.add({"instance": "node:9100", "job": "node"}, "up 0")
        story.run(1)
    check(story)


def test_an_exporter_that_has_just_started() -> None:
    """Nodes that were not looked at yet: nothing, for as long as a first round may take."""
    story = world()
    story.add(*(Life.aged(f"w{one}", 0.75, story.now, DAY, u=0.899) for one in range(40)))
    story.watch(0, pace=Pace(logins_per_second=0.02))
    story.run(50)
    check(story)


def test_an_exporter_that_never_ends_a_visit() -> None:
    """It has nodes, and has not read one since its start."""
    story = world()
    story.add(Life.aged("w1", 0.3, story.now, DAY))
    exporter = story.watch(0)
    exporter.restart(story.now)
    exporter.is_stuck = True
    story.run(40)
    check(story, fires("KubeletCertExporterStuck", 15, 39))


def test_an_exporter_without_nodes() -> None:
    """It has nothing to visit, and is not stuck."""
    story = world()
    story.watch(3 * HOUR)
    story.run(30)
    check(story)


def troubled(story: World, job: str, instance: str) -> Exporter:
    """An exporter with everything that is told of one, from its first scrape on."""
    life = Life.aged(f"of-{instance.partition(':')[0]}", 0.3, story.now, DAY)
    life.node = replace(life.node, access=SshAccess("w9.example", policy=HostKeyPolicy.INSECURE))
    exporter = story.watch(instance=instance, own=[life])
    exporter.job, exporter.waiting = job, 1
    exporter.reload_fails(story.now)
    exporter.sources(SourceStatus(FILE, up=False))
    exporter.door = DoorStatus(successful=False, loaded=story.now)
    exporter.state.stored(up=False)
    exporter.ssh = SshStatus(credentials=((FILE, story.now + 60 * MINUTE + 30),))
    return exporter


def test_a_target_that_is_gone_is_remembered_for_ten_minutes() -> None:
    """A scrape or two that are missed end no alarm; and all of it is told of exporters, not of other jobs."""
    story = world()
    exporter = troubled(story, "kubelet-cert-exporter", "one:10024")
    other = troubled(story, "another", "two:10024")
    story.run(70)
    exporter.is_known, other.is_up = False, False
    story.run(40)
    last = 69 + 10
    check(
        story,
        fires("KubeletCertConfigReloadFailed", RELOAD, last),
        fires("KubeletCertWebConfigReloadFailed", RELOAD, last),
        fires("KubeletCertExporterStoreDown", STORE, last),
        fires("KubeletCertInventorySourceDown", SOURCE, last, source=FILE),
        fires("KubeletCertHostKeysUnchecked", UNCHECKED, last),
        fires("KubeletCertSshCredentialExpiring", 55, last, file=FILE),
        fires("KubeletCertVisitsOverdue", 45, 69 + 5),
        fires("KubeletCertExporterAbsent", 70 + ABSENT, 109),
    )


def shard(story: Typed, index: int, total: int, values: Values = 1, **own: str) -> Typed:
    """An exporter of one shard; ``values`` say when it is there."""
    own = {"instance": f"{index}:10024", **own}
    numbers = total if isinstance(values, float | int) else tuple((value and total, span) for value, span in values)
    story.has("kubelet_cert_exporter_total_shards", numbers, **own)
    return story.has("kubelet_cert_exporter_shard_info", values, shard=str(index), total_shards=str(total), **own)


def shards(minutes: int, *indices: int, total: int = 3) -> Typed:
    """A story with these shards, which answer throughout."""
    story = Typed(minutes)
    for index in indices:
        shard(story, index, total).has("up", instance=f"{index}:10024")
    return story


def test_a_shard_that_was_never_begun() -> None:
    """Of three there are two; of another job, and of one that is whole, none is missing."""
    story = shards(30, 0, 2)
    shard(story, 0, 2, job="another").has("up", job="another", instance="0:10024")
    shard(story, 0, 1, job="kubelet-cert-exporter-edge")
    story.fires(fires("KubeletCertShardMissing", MISSING, 29))


def test_a_shard_that_is_gone_and_comes_back() -> None:
    """Its target is gone: that is noticed after a while, and over at once."""
    story = shards(70, 0, 1)
    here = ((1, 10), (None, 50), (1, 10))
    shard(story, 2, 3, here).has("up", here, instance="2:10024")
    story.fires(fires("KubeletCertShardMissing", 9 + REMEMBERED + MISSING + 1, 59))


def test_a_replica_of_a_shard_that_is_gone() -> None:
    """Two for each shard: one that is gone leaves nobody unvisited, and one that is down hides no shard that is not."""
    story = shards(60, 0, 1, total=2)
    here = ((1, 10), (None, 50))
    shard(story, 0, 2, here, instance="0b:10024").has("up", here, instance="0b:10024")
    story.fires()


@pytest.mark.parametrize(("gone", "down", "is_told"), [(1, 1, False), (2, 1, True), (2, 2, False)])
def test_a_target_that_is_down_may_be_the_shard(gone: int, down: int, *, is_told: bool) -> None:
    """It has its own alert; only where more shards are missing than targets are down somebody has to look for them."""
    story = shards(60, *range(4 - gone), total=4)
    for number in range(down):
        story.has("up", 0, instance=f"down-{number}:10024")
    for number in range(3):
        story.has("up", 0, job="another", instance=f"other-{number}:9100")
    told = [fires("KubeletCertShardMissing", MISSING, 59)] if is_told else []
    story.fires(*told, *(fires("KubeletCertExporterDown", DOWN, 59, instance=f"down-{n}:10024") for n in range(down)))


def test_numbers_of_shards_that_stay_different() -> None:
    """One exporter was forgotten as the number changed; that a shard is missing is not said beside it."""
    story = shards(90, 0, 1, total=4).has("up", instance="2:10024")
    shard(story, 2, 3).fires(fires("KubeletCertShardsMismatch", MISMATCH, 89))


def test_shards_that_miss_a_scrape() -> None:
    """Ends no alarm and begins none: what was told counts for ten minutes, unless it is told otherwise."""
    minutes, gap = 100, ((1, 40), (None, 8), (1, 52))
    missing = Typed(minutes)
    shard(missing, 0, 3, gap).has("up", ((1, 40), (0, 8), (1, 52)), instance="0:10024")
    shard(missing, 1, 3).has("up", instance="1:10024").fires(
        fires("KubeletCertShardMissing", MISSING, 39), fires("KubeletCertShardMissing", 48 + MISSING, 99)
    )
    differing = Typed(minutes)
    shard(differing, 0, 3, gap).has("up", instance="0:10024")
    shard(differing, 1, 2).has("up", instance="1:10024").fires(fires("KubeletCertShardsMismatch", MISMATCH, 99))


def test_shards_that_agree_again() -> None:
    """The alarm ends ten minutes later, as the older number counts for so long."""
    story, minutes = Typed(100), 100
    shard(story, 0, 2).has("up", instance="0:10024").has("up", instance="1:10024")
    shard(story, 1, 3, ((1, 75), (None, minutes - 75)))
    shard(story, 1, 2, ((None, 75), (1, minutes - 75)))
    story.fires(fires("KubeletCertShardsMismatch", MISMATCH, 74 + REMEMBERED))


def test_shards_that_are_all_gone() -> None:
    """None of the job is a target any more: that is another alarm."""
    story = Typed(60)
    here = ((1, 30), (None, 30))
    shard(story, 0, 2, here).has("up", here, instance="0:10024")
    story.fires(fires("KubeletCertShardMissing", MISSING, 29), fires("KubeletCertExporterAbsent", 30 + ABSENT, 59))


def test_a_number_of_shards_that_changes() -> None:
    """From two to three, one after the other, twenty minutes each: nobody is told."""
    story, minutes = Typed(180), 180
    for index, moment in ((1, 30), (0, 50)):
        instance = f"{index}:10024"
        shard(story, index, 2, ((1, moment), (None, minutes - moment)))
        shard(story, index, 3, ((None, moment), (1, minutes - moment)))
        story.has("up", instance=instance)
    new = ((None, 10), (1, minutes - 10))
    shard(story, 2, 3, new).has("up", new, instance="2:10024").fires()


def test_mismatches_are_a_jobs_own() -> None:
    """Two jobs may have different numbers, and jobs that are not ours any."""
    story = shards(90, 0, 1, total=2)
    for index, job in ((0, "kubelet-cert-exporter-edge"), (0, "another"), (1, "another")):
        shard(story, index, index + 1, job=job).has("up", instance=f"{index}:10024", job=job)
    story.fires()
