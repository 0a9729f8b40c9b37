"""How a node stands in words: how urgent it is, what its state means, and what speaks against a restart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.cli.restart_words import restart_words
from exporter.cli.standing import Standing
from exporter.cli.state_words import beside_a_cause, sentence
from exporter.cli.urgency import urgency
from exporter.judge import rotation
from exporter.judge.restart import verdict
from exporter.model.assessment import Assessment, Certificate, Reading, State
from exporter.model.facts import NodeFacts
from exporter.model.files import FileKind
from exporter.model.finding import Cause, Finding, Severity
from exporter.model.host import Process, Sight
from exporter.model.restart import Ending, Restart, RestartReason
from tests.kubelets import DAY, HEALTHY, PKI, Worker, line, pair
from tests.restarts import NO_FLAG, WITH_FILE
from tests.trees import NOW

WARNING, CRITICAL = Severity.WARNING, Severity.CRITICAL
SAFE = Restart(safe=True, reason=RestartReason.COMES_BACK, words="w.")
DIES = Restart(safe=False, reason=RestartReason.CLIENT_CA_BROKEN, words="w.", ending=Ending.DIES)
DOWN = replace(HEALTHY, process=Process(Sight.ABSENT))
HIDDEN = replace(HEALTHY, process=Process(Sight.HIDDEN))
NO_RESTART = "no restart, reboot or kubelet upgrade until"
# Ages in days of a certificate of 100, and the state that each makes.
FRESH, WINDOW, LATE, STALLED, EXPIRED, FUTURE = 10, 80, 90.01, 95, 101, -1


def certificate(left: float, life: float = 100) -> Certificate:
    """Valid for so many days more."""
    return Certificate(round(NOW - (life - left) * DAY), round(NOW + left * DAY), "1", "CN=ca", "CN=n", "f")


def reading(age: float, *, managed: bool = True) -> Reading:
    return Reading(certificate(100 - age), NOW, NOW, managed=managed)


def standing(
    *causes: Cause | tuple[Cause, Severity],
    age: float | None = FRESH,
    restart: Restart | None = SAFE,
    worker: Worker = HEALTHY,
    managed: bool = True,
    kubeconfig: Certificate | None = None,
    authority: Certificate | None = None,
    serving: Certificate | None = None,
) -> Standing:
    """A node with these findings, warnings unless told otherwise; the certificate's state is that of its dates."""
    findings = tuple(
        Finding(*(cause if isinstance(cause, tuple) else (cause, WARNING)), "evidence.") for cause in causes
    )
    found = None if age is None else reading(age, managed=managed)
    state = State.UNKNOWN if found is None else rotation.by_time_alone(found.certificate, NOW)
    return Standing(
        state=state if managed or state is State.EXPIRED else State.UNMANAGED,
        now=NOW,
        reading=found,
        findings=findings,
        facts=worker.facts,
        assessment=Assessment(None, found, None, True, None, findings, worker.kubelet, restart, kubeconfig, authority),
        serving=serving,
    )


@pytest.mark.parametrize(
    ("it", "expected"),
    [
        (standing(), None),
        (standing(age=WINDOW), None),
        (standing(age=None), None),
        (replace(standing(Cause.STORE_FULL), assessment=None), None),
        # now
        (standing(age=EXPIRED), "now: the API server refuses the node"),
        (standing(Cause.SERVING_EXPIRED, age=EXPIRED), "now: the API server refuses the node"),
        (standing((Cause.KUBELET_DOWN, CRITICAL), worker=DOWN), "now: the node is NotReady"),
        (standing(Cause.SERVING_EXPIRED, (Cause.CA_EXPIRED, CRITICAL)), "now: the API server refuses the node"),
        (standing((Cause.CLOCK_AHEAD, CRITICAL)), "now: the API server refuses the node"),
        (
            standing((Cause.ROTATION_NOT_SIGNED, CRITICAL), age=99.5),
            "now: the certificate expires at 2026-09-22 02:13 UTC",
        ),
        (
            standing((Cause.NOT_YET_VALID, CRITICAL), age=FUTURE),
            "now, or wait: it heals by itself at 2026-09-22 14:13 UTC",
        ),
        # before a date
        (standing(age=STALLED), "before 2026-09-26, when the certificate expires"),
        (standing(age=LATE), "before 2026-10-01, when the certificate expires"),
        (standing(Cause.ORPHAN_EMPTY, age=WINDOW), "before 2026-10-11, when the certificate expires"),
        (
            standing(Cause.STORE_FULL),
            f"before 2026-11-20, when the next renewal may begin; {NO_RESTART} it is mended",
        ),
        (
            standing((Cause.KUBECONFIG_EMBEDDED, CRITICAL), restart=DIES),
            f"before 2026-11-20, when the next renewal may begin; {NO_RESTART} it is mended",
        ),
        (
            standing(Cause.KUBECONFIG_EMBEDDED, kubeconfig=certificate(200)),
            "before 2027-04-09, when the certificate in kubelet.conf expires",
        ),
        (standing(Cause.KUBECONFIG_DATED_FILE), "before 2026-12-20, when the certificate in kubelet.conf expires"),
        (standing(Cause.CA_CAPS_LEAF, authority=certificate(20)), "before 2026-10-11, when the CA expires"),
        (
            standing(Cause.SERVING_NOT_RENEWED, serving=certificate(5)),
            "before 2026-09-26, when the serving certificate expires",
        ),
        (standing(Cause.ROTATION_DISABLED, managed=False), "before 2026-12-20, when the certificate expires"),
        # in daylight
        (standing(Cause.SERVING_EXPIRED, serving=certificate(-5)), "can wait for daylight"),
        (standing(Cause.CLOCK_BEHIND), "can wait for daylight"),
        (standing(restart=DIES), f"can wait for daylight; {NO_RESTART} then"),
        (standing((Cause.CLIENT_CA_BROKEN, CRITICAL), restart=DIES), f"can wait for daylight; {NO_RESTART} then"),
        (standing(Cause.STORE_ON_TMPFS), "can wait for daylight; no reboot until then"),
        # a certificate that nobody saw
        (
            standing((Cause.STORE_LINK_MISSING, CRITICAL), age=None, restart=DIES),
            f"in daylight, and no later: when its certificate expires was not seen; {NO_RESTART} then",
        ),
        (
            standing(Cause.OWNER_RESTART_NEEDED, managed=False),
            "in daylight, and no later: when its certificate expires was not seen",
        ),
        (
            standing((Cause.STORE_LINK_MISSING, CRITICAL), Cause.KUBECONFIG_EMBEDDED, age=None, worker=HIDDEN),
            "in daylight, and no later: when its certificate expires was not seen",
        ),
    ],
)
def test_how_urgent(it: Standing, expected: str | None) -> None:
    """The first moment at which anything strikes decides; what only a restart shows waits for daylight."""
    assert urgency(it) == expected


@pytest.mark.parametrize("cause", Cause)
@pytest.mark.parametrize("age", [FRESH, STALLED, EXPIRED, FUTURE, None])
def test_every_cause_has_its_urgency(cause: Cause, age: float | None) -> None:
    """Whoever is told of a cause is told when; never less than the state alone says."""
    told = urgency(standing(cause, age=age))
    assert told is not None
    alone = urgency(standing(age=age))
    assert alone is None or told.startswith("now") or not alone.startswith("now")


def with_orphan(worker: Worker, days: float) -> NodeFacts:
    """Its store has a dated file, newer than the link's target, that was never put in use."""
    facts = worker.with_files(pair(f"{PKI}/kubelet-client-current.pem", b"", link=f"{PKI}/{ORPHAN}-old.pem")).facts
    old = replace(line(f"{PKI}/{ORPHAN}-old.pem"), modified=NOW - 80 * DAY)
    lost = replace(line(f"{PKI}/kubelet-client-2026-09-20-10-00-00.pem"), modified=round(NOW - days * DAY), size=0)
    link = line(f"{PKI}/kubelet-client-current.pem", FileKind.LINK)
    return replace(facts, store=replace(facts.store, entries=(link, old, lost)))


ORPHAN = "kubelet-client-2026-07-03-10-00-00"
TRYING = "It keeps trying every half minute; once the cause is removed it renews within a minute, without a restart."
ASKING = TRYING.replace("minute, without", "minute, or 15 where a request is waiting, without")
OVERDUE = "The kubelet should have renewed this certificate before 2026-09-16."


@pytest.mark.parametrize(
    ("it", "expected"),
    [
        (standing(age=WINDOW), "any moment until 2026-10-01. This is no alarm."),
        (
            standing(Cause.SERVING_EXPIRED, age=WINDOW),
            "The kubelet may renew the certificate at any moment until 2026-10-01.",
        ),
        (standing(Cause.STORE_FULL, age=WINDOW), "any moment until 2026-10-01, and fails until this is mended."),
        (
            standing(Cause.STORE_FULL),
            "the next renewal, between 2026-11-20 and 2026-12-10, fails unless this is mended.",
        ),
        (standing((Cause.KUBECONFIG_EMBEDDED, CRITICAL)), "fails unless this is mended."),
        (standing(Cause.KUBECONFIG_EMBEDDED), "Not due yet. The kubelet asks"),
        (
            replace(standing(Cause.ORPHAN_EMPTY, age=WINDOW), facts=with_orphan(HEALTHY, 5)),
            "has tried to renew since 2026-09-16 and fails to store what it gets. " + TRYING,
        ),
        (
            replace(standing(Cause.ORPHAN_EMPTY, age=WINDOW), facts=with_orphan(DOWN, 1)),
            "since 2026-09-20 14:13 UTC and fails to store what it gets. The certificate in use expires on 2026-10-11.",
        ),
        (
            standing((Cause.ROTATION_NOT_SIGNED, CRITICAL), age=STALLED),
            f"{OVERDUE} {ASKING} The certificate expires on",
        ),
        (standing(Cause.ROTATION_NOT_SIGNED, age=STALLED, worker=DOWN), f"{OVERDUE} The certificate expires on"),
        (standing(Cause.API_CA_UNKNOWN, age=STALLED), f"{OVERDUE} It will not before the cause is removed."),
        (standing(age=STALLED), f"{OVERDUE} The certificate expires on 2026-09-26, and then the node drops out"),
        (
            standing(Cause.CA_EXPIRED),
            "valid until 2026-12-20, but its CA has expired: since then the API server refuses it.",
        ),
        (
            standing(Cause.KUBELET_DOWN, worker=DOWN),
            "nothing renews. The certificate is valid until 2026-12-20: a start works",
        ),
        (
            standing(Cause.KUBELET_DOWN, restart=DIES, worker=DOWN),
            "nothing renews. The certificate is valid until 2026-12-20.",
        ),
        (standing(Cause.KUBELET_DOWN, age=EXPIRED, worker=DOWN), "The certificate expired on 2026-09-20 14:13 UTC."),
        (
            standing(Cause.KUBELET_CRASH_LOOP, age=STALLED),
            "The certificate is not why the kubelet exits: it is valid until",
        ),
        (standing(Cause.KUBELET_CRASH_LOOP, restart=DIES), "Not due yet."),
        (standing(Cause.ROTATION_DISABLED, managed=False), "Nobody renews this certificate. It expires on 2026-12-20."),
        (standing(managed=False), "its owner must, before 2026-12-20."),
        (standing(Cause.ISSUER_NOT_TRUSTED), "Whether the API server accepts it, no file tells."),
        (standing(Cause.NODE_NAME_DIFFERS), "A kubelet that has started under the present name does not renew it."),
        (standing(Cause.ROTATION_STORM), "but the kubelet replaces it again and again."),
        (
            standing(Cause.STORE_WENT_BACK),
            "That is what the file says; the running kubelet keeps its certificate in memory.",
        ),
    ],
)
def test_a_state_beside_its_cause(it: Standing, expected: str) -> None:
    """The first finding changes what a state means; a kubelet that does not run does not try."""
    assert expected in sentence(it)


def test_a_state_without_a_kubelet_says_nothing_of_its_memory() -> None:
    """Nor is it told where the process is hidden."""
    for worker in (DOWN, HIDDEN):
        assert "memory" not in sentence(standing(Cause.STORE_WENT_BACK, worker=worker))


@pytest.mark.parametrize(
    ("it", "expected"),
    [
        (standing(Cause.STORE_FULL), "certificate fresh, 90d left"),
        (standing(Cause.STORE_FULL, age=WINDOW), "certificate in its window, 20d left"),
        (standing(Cause.STORE_FULL, age=EXPIRED), "certificate expired 1d ago"),
        (standing(Cause.NOT_YET_VALID, age=FUTURE), "certificate not yet valid, begins in 1d"),
        (standing(Cause.STORE_FULL, age=None), "certificate unknown"),
        (replace(standing(Cause.STORE_FULL, age=None), state=State.UNMANAGED), "no client certificate"),
    ],
)
def test_the_certificate_beside_its_cause(it: Standing, expected: str) -> None:
    """Behind the cause the header says how the certificate stands."""
    assert beside_a_cause(it) == expected


UNCHECKED = "Safe, if key and certificate match (not checked). w."
REFUSED = "but the API server refuses it until the CA is replaced."
ANOTHER_NAME = "but it would register as worker-1: its certificate does not allow that, and the node goes NotReady."
AFTERWARDS = (
    "After that it is not: about five minutes after the expiry the kubelet exits, and without a bootstrap file it does "
    "not come back."
)
NOT_SAFE = "Not safe. w. It exits at once, at each start."
COMPARED = replace(HEALTHY, pairs=((f"{PKI}/a.pem", f"{PKI}/a.pem", True),))
BROKEN = replace(DIES, reason=RestartReason.KUBECONFIG_EXPIRED)
LATER = Restart(safe=False, reason=RestartReason.NOT_YET_VALID, words="w.", ending=Ending.LIVES, until=NOW + DAY)


@pytest.mark.parametrize(
    ("it", "expected"),
    [
        (standing(), UNCHECKED),
        (standing(worker=COMPARED), "Safe. w."),
        (standing(Cause.STORE_FULL), f"{UNCHECKED} Wait with it all the same until there is room."),
        (standing(Cause.STORE_NOT_WRITABLE), f"{UNCHECKED} Wait with it all the same until the folder can be written."),
        (standing(Cause.STORE_ON_TMPFS), f"{UNCHECKED} A reboot is not safe: it empties the store."),
        (
            standing(Cause.SERVING_EXPIRED, Cause.NODE_NAME_DIFFERS),
            f"Not safe until the name is back. No file stops the kubelet, {ANOTHER_NAME}",
        ),
        (
            standing(Cause.CA_EXPIRED),
            f"It starts, and is refused. No file stops the kubelet, {REFUSED}",
        ),
        # overdue: what comes after the expiry
        (
            standing(age=STALLED),
            f"{UNCHECKED} {AFTERWARDS}",
        ),
        (standing(age=STALLED, worker=WITH_FILE), UNCHECKED),
        (
            standing(age=LATE, worker=NO_FLAG),
            f"{UNCHECKED} After that it is not: the kubelet exits five minutes after each start.",
        ),
        # not safe
        (
            standing(restart=DIES),
            f"{NOT_SAFE} No{NO_RESTART[2:]} it is fixed. The running kubelet is not affected.",
        ),
        (standing(restart=BROKEN), f"{NOT_SAFE} No{NO_RESTART[2:]} it is fixed."),
        (
            standing(restart=DIES, age=STALLED),
            f"{NOT_SAFE} No{NO_RESTART[2:]} it is fixed.",
        ),
        (standing(restart=DIES, worker=DOWN), NOT_SAFE),
        (
            standing(restart=LATER),
            f"Not safe. w. Until then it would start, look healthy, and be refused (401). No{NO_RESTART[2:]} then.",
        ),
        (standing(Cause.NODE_NAME_DIFFERS, restart=replace(SAFE, safe=None)), "Not known. w."),
    ],
)
def test_a_restart_in_words(it: Standing, expected: str) -> None:
    """The judge's words, what no file shows beside them, and where a kubelet runs, that it is to be left alone."""
    assert it.restart
    told, words, _ = restart_words(it, it.restart)
    assert told + words == expected


def test_the_judges_own_verdict_is_told() -> None:
    """From the facts of a healthy node, nothing made up."""
    it = standing(restart=verdict(HEALTHY.facts, HEALTHY.kubelet, NOW))
    assert it.restart
    told, words, style = restart_words(it, it.restart)
    assert (told, style) == ("Safe, if key and certificate match (not checked). ", "green")
    assert words.endswith("is valid until 2027-08-22 14:13 UTC, and no file stops the kubelet.")
