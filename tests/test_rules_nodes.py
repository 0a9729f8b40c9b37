"""The alerts about nodes: restart, store, clock, what visits met, and every other cause."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.errors import Reason
from exporter.judge import diagnosis
from exporter.model.facts import NodeFacts
from exporter.model.files import Condition, PemFile
from exporter.model.finding import Cause, Finding, Severity
from tests.exporters import World
from tests.kubelets import CURRENT
from tests.lives import DAY, HOUR, MINUTE, Life, Twist
from tests.promtool import PROMTOOL, Episode, check, fires, world

pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="Debian's prometheus is not installed")

REMEMBERED = 10  # minutes for which a series counts that is gone
PATIENCE = 2  # minutes for which a cause must hold that has no alert of its own
AFTERWARDS = 15  # minutes for which a cause stays with the alert that named it
RESTART = 5  # minutes for which a restart must be unsafe
OWN_ALERT = {
    Cause.STORE_LINK_REGULAR_FILE: "KubeletCertStoreBroken",
    Cause.STORE_LINK_GAP: "KubeletCertStoreBroken",
    Cause.STORE_LINK_MISSING: "KubeletCertStoreBroken",
    Cause.STORE_LINK_DANGLING: "KubeletCertStoreBroken",
    Cause.STORE_TARGET_BROKEN: "KubeletCertStoreBroken",
    Cause.STORE_UPDATED_LEFTOVER: "KubeletCertStoreBroken",
    Cause.STORE_ELSEWHERE: "KubeletCertStoreBroken",
    Cause.STORE_NOT_WRITABLE: "KubeletCertStoreBroken",
    Cause.ROTATION_NOT_STORED: "KubeletCertStoreBroken",
    Cause.ORPHAN_EMPTY: "KubeletCertStoreBroken",
    Cause.ORPHAN_INVALID: "KubeletCertStoreBroken",
    Cause.ORPHAN_VALID: "KubeletCertStoreBroken",
    Cause.STORE_FULL: "KubeletCertStoreFull",
    Cause.KUBELET_CRASH_LOOP: "KubeletCertCrashLoop",
    Cause.CLOCK_AHEAD: "KubeletCertNodeClockSkew",
    Cause.CLOCK_BEHIND: "KubeletCertNodeClockSkew",
}
# They come with a state that has an alert of its own.
NO_ALERT = (
    Cause.NOT_YET_VALID,
    Cause.ROTATION_NOT_SIGNED,
    Cause.TIMER_SUSPENDED,
    Cause.ROTATION_DISABLED,
    Cause.SERVING_EXPIRED,
)


def sick(twist: Twist, minutes: int = 30) -> World:
    """A node of which every visit sees something that is not as it should be; a healthy one beside it."""
    story = world()
    life = Life.aged("w1", 0.3, story.now, DAY)
    life.twist = twist
    story.add(life, *(Life.aged(f"w{one}", 0.2, story.now, DAY) for one in range(2, 7)))
    story.watch()
    story.run(minutes)
    return story


@pytest.mark.parametrize("severity", Severity)
def test_every_cause_has_its_alert(severity: Severity) -> None:
    """One node each: those about the store, a full disk, a crash loop and clocks by node, others counted by cause."""
    story = world()
    causes = sorted({row.cause for row in diagnosis.TABLE})
    nodes = {cause: Life.aged(f"on-{cause}", 0.2, story.now, DAY) for cause in causes}
    story.add(*nodes.values())
    exporter = story.watch()
    story.run(10)
    exporter.found = {nodes[cause].name: (Finding(cause, severity),) for cause in causes}
    story.run(20)
    exporter.found = {}
    story.run(20)
    expected = [_alert(cause, nodes[cause].name, 10, 29 + REMEMBERED) for cause in causes if cause not in NO_ALERT]
    check(story, *expected)


def _alert(cause: Cause, node: str, first: int, last: int) -> Episode:
    if cause in OWN_ALERT:
        return fires(OWN_ALERT[cause], first, last, node=node)
    return fires("KubeletCertFinding", first + PATIENCE, last, cause=cause)


def test_many_nodes_with_one_cause_are_one_alert() -> None:
    """In each cluster; by whichever replica it was found."""
    story = world()
    lives = [Life.aged(f"w{number}", 0.2, story.now, DAY, cluster=("one", "two")[number % 2]) for number in range(6)]
    story.add(*lives)
    first, second = story.watch(), story.watch(3000, "two:10024")
    first.found = {life.name: (Finding(Cause.ROTATION_STORM, Severity.WARNING),) for life in lives}
    second.found = {"w0": (Finding(Cause.KUBELET_DOWN, Severity.CRITICAL),)}
    story.run(20)
    check(
        story,
        fires("KubeletCertFinding", PATIENCE, 19, cluster="one", cause="rotation-storm"),
        fires("KubeletCertFinding", PATIENCE, 19, cluster="two", cause="rotation-storm"),
        fires("KubeletCertFinding", PATIENCE, 19, cluster="one", cause="kubelet-down"),
    )


def empty_target(facts: NodeFacts) -> NodeFacts:
    return replace(facts, client=PemFile(CURRENT, Condition.EMPTY, link=facts.client.link))


def test_a_restart_that_would_fail() -> None:
    """Told after some minutes, beside the cause, until the node has left."""
    story = sick(empty_target)
    story.remove("w1")
    story.run(15)
    last = 29 + REMEMBERED
    check(story, fires("KubeletCertRestartUnsafe", RESTART, last), fires("KubeletCertStoreBroken", 0, last))


@pytest.mark.parametrize("remains", [False, True])
@pytest.mark.parametrize(
    ("alert", "first", "sign", "value"),
    [
        ("KubeletCertRestartUnsafe", RESTART, "kubelet_cert_restart_safe{", "0"),
        ("KubeletCertRotationStalled", 0, 'state="stalled"', "1"),
    ],
)
def test_a_cause_that_another_alert_names(alert: str, first: int, sign: str, value: str, *, remains: bool) -> None:
    """It is not told a second time, not even as that alert ends; but where it outlasts it, it is."""
    story = world()
    life = Life.aged("w1", 0.3 if value == "0" else 0.93, story.now, DAY).stalls()
    life.twist = empty_target if value == "0" else life.twist
    story.add(life)
    exporter = story.watch(3000)
    embedded: dict[str, tuple[Finding, ...]] = {"w1": (Finding(Cause.KUBECONFIG_EMBEDDED, Severity.WARNING),)}
    exporter.found = embedded
    story.run(10)
    life.twist = lambda facts: facts
    if value == "1":
        life.is_heard(story.now)
    while _last(story, sign) == value:
        story.run(1)
    over = story.minute - 1
    exporter.found = embedded if remains else {}
    story.run(40)
    told = [fires(alert, first, over - 1)]
    if remains:
        told.append(
            fires("KubeletCertFinding", over + AFTERWARDS + PATIENCE, story.minute - 1, cause="kubeconfig-embedded")
        )
    check(story, *told)


def _last(story: World, sign: str) -> str:
    """What a series of the only node said at the last scrape."""
    return next(
        values[-1] for series, values in story.series.all() if sign in series and 'cert="serving"' not in series
    )


def test_a_restart_that_would_fail_for_one_replica() -> None:
    """One that saw it is enough, though the other has not looked since."""
    story = world()
    life = Life.aged("w1", 0.3, story.now, DAY)
    story.add(life)
    story.watch()
    other = story.watch(3000, "two:10024")
    life.twist = empty_target
    other.restart(story.now)
    story.run(20)
    check(story, fires("KubeletCertRestartUnsafe", 1 + RESTART, 19), fires("KubeletCertStoreBroken", 1, 19))


def test_an_expired_node_is_not_also_unsafe() -> None:
    """Its certificate has ended: what else would a restart meet."""
    story = world()
    life = Life.aged("w1", 1.0, story.now + 5 * MINUTE, DAY).stalls()
    story.add(life)
    story.watch()
    story.run(40)
    ended = story.spell("expired")
    check(
        story,
        fires("KubeletCertRotationStalled", 0, ended[0] - 1),
        fires("KubeletCertExpiring", 0, ended[0] - 1),
        fires("KubeletCertExpired", *ended),
    )


def test_a_restart_that_is_unsafe_for_a_moment() -> None:
    """A rotation under way is no alarm."""
    story = world()
    life = Life.aged("w1", 0.8, story.now, HOUR, u=0.895)
    began = story.now + 2 * MINUTE
    life.twist = lambda facts: empty_target(facts) if began <= facts.taken < began + 3 * MINUTE else facts
    story.add(life)
    exporter = story.watch(1800)
    exporter.found = {"w1": ()}
    story.run(20)
    check(story)


MET: dict[Reason, str | None] = {
    Reason.KEY_MATERIAL: "KubeletCertKeyMaterialSeen",
    Reason.HOST_KEY_CHANGED: "KubeletCertHostKeyChanged",
    Reason.HOST_KEY_REVOKED: "KubeletCertHostKeyChanged",
    Reason.BASTION_HOST_KEY: "KubeletCertHostKeyChanged",
    Reason.HOST_KEY_UNKNOWN: None,
    Reason.HOST_CERTIFICATE_EXPIRED: None,
    Reason.CONNECT_TIMEOUT: None,
    Reason.BASTION_UNREACHABLE: None,
    Reason.AUTH_FAILED: None,
}


def test_what_visits_met() -> None:
    """Key material and another host key are told at once, and end with a visit that succeeds; the rest is blindness."""
    story = world()
    nodes = {reason: Life.aged(f"w-{reason}", 0.75, story.now, DAY, u=0.899, cluster=reason) for reason in MET}
    story.add(*nodes.values())
    story.watch()
    story.run(10)
    for reason, life in nodes.items():
        life.refuses = reason
    story.run(40)
    for life in nodes.values():
        life.refuses = None
    story.run(90)
    told = []
    for reason, alert in MET.items():
        failed = _failed(story, reason)
        assert failed[0] < 26
        assert failed[1] < 39 + 75
        if alert:
            told.append(fires(alert, failed[0], failed[1] + REMEMBERED, node=nodes[reason].name, cluster=reason))
        told += _blind(story, nodes[reason].name, reason)
    check(story, *told)


def _blind(story: World, node: str, cluster: str) -> list[Episode]:
    """A back-off of an hour within the window is longer than a reading holds."""
    try:
        first, last = story.spell("unknown", node)
    except AssertionError:
        return []
    blind = fires("KubeletCertBlind", first + 15, last, node=node, cluster=cluster) if last - first >= 15 else None
    return [blind] if blind else []


def _failed(story: World, reason: Reason) -> tuple[int, int]:
    for series, values in story.series.all():
        if series.startswith("kubelet_cert_node_failure{") and f'reason="{reason}"' in series:
            minutes = [minute for minute, value in enumerate(values) if value == "1"]
            return minutes[0], minutes[-1]
    raise AssertionError(reason)


@pytest.mark.parametrize("ahead", [3 * MINUTE, -3 * MINUTE])
def test_a_node_whose_clock_is_off(ahead: float) -> None:
    """By more than a minute, as the judge says."""
    story = world()
    life = Life.aged("w1", 0.3, story.now, DAY)
    life.clock = ahead
    story.add(life)
    story.watch()
    story.run(20)
    check(story, fires("KubeletCertNodeClockSkew", 0, 19))
