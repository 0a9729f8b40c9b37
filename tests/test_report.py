"""What is remembered of a node and of the fleet: the last reading stays, the last outcome changes."""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from functools import partial
from typing import Any, cast

import pytest

from exporter.config.settings import Pace, Paths
from exporter.errors import Reason
from exporter.model.assessment import (
    Assessment,
    Certificate,
    Memory,
    OrphanCondition,
    Reading,
    StoreHistory,
    Ties,
)
from exporter.model.facts import DirectoryCondition, Handshake, NodeClock, NodeFacts, StoreFacts
from exporter.model.files import Condition, PemFile
from exporter.model.finding import Cause, Finding, Severity
from exporter.model.host import Process, Sight
from exporter.model.kubelet import Credential, Distribution, Kubelet
from exporter.model.node import LocalAccess, Node, SshAccess
from exporter.model.report import NodeReport, Visit
from exporter.model.restart import Ending, Restart, RestartReason
from exporter.model.snapshot import ExporterCounters, FleetSnapshot, SourceStatus
from exporter.rounds.state import FleetState

NOW = 1_700_000_000.0
DAY = 86400
NODE = Node("worker-1", SshAccess("10.0.0.1", 22, "root"), Paths())
LINKED = Finding(Cause.STORE_LINK_REGULAR_FILE, Severity.WARNING)
EMPTY = Finding(Cause.ORPHAN_EMPTY, Severity.CRITICAL)
HISTORY = StoreHistory(1_699_000_000, 3, ((OrphanCondition.EMPTY, 1),))


def reading(serial: str, taken: float) -> Reading:
    """A certificate as a visit saw it."""
    certificate = Certificate(1_699_000_000, 1_730_000_000, serial, "CN=ca", "CN=node", serial * 8)
    return Reading(certificate, taken, taken)


def facts(taken: float, *, clock: NodeClock | None = None, version: str = "1.0") -> NodeFacts:
    """What a visit saw; of no concern here but for its moment, the node's clock and the script's version."""
    store = StoreFacts("/var/lib/kubelet/pki", DirectoryCondition.OK)
    client = PemFile("/var/lib/kubelet/pki/kubelet-client-current.pem", Condition.READ, (b"der",))
    return NodeFacts(taken, store, client, None, clock, version)


def seen(  # one visit, spelled out
    began: float,
    *,
    reason: Reason | None = None,
    client: Reading | None = None,
    serving: Reading | None = None,
    serving_absent: bool = False,
    history: StoreHistory | None = None,
    findings: tuple[Finding, ...] = (),
    offset: float | None = 0.0,
) -> Visit:
    """A visit whose answer was had."""
    clock = None if offset is None else NodeClock(began + 0.5 + offset, began, began + 1)
    assessment = Assessment(reason, client, serving, serving_absent, history, findings)
    return Visit(NODE, began, 2.0, reason, "", facts(began + 0.25, clock=clock), assessment)


def failed(began: float, reason: Reason = Reason.CONNECTION_REFUSED) -> Visit:
    """A visit that had no answer."""
    return Visit(NODE, began, 0.5, reason, "refused")


GOOD = seen(
    NOW,
    client=reading("aa", NOW + 0.25),
    serving=reading("bb", NOW + 0.25),
    history=HISTORY,
    findings=(LINKED,),
    offset=-7.0,
)


def test_a_node_begins_without_a_visit() -> None:
    """A node that was never visited has that for its reason, and nothing else is known of it."""
    report = NodeReport(NODE)
    assert report.reason is Reason.NOT_YET_VISITED
    assert not report.up
    assert (report.last_visit, report.duration, report.last_success, report.failures) == (None, None, None, 0)
    assert (report.client, report.serving, report.history, report.findings) == (None, None, None, ())
    assert (report.clock_offset, report.script_version) == (None, "")


def test_a_good_visit_is_kept_whole() -> None:
    """A visit that brought a reading leaves all that it saw in the report."""
    assert NodeReport(NODE).after(GOOD) == NodeReport(
        node=NODE,
        reason=None,
        detail="",
        last_visit=NOW + 2.0,
        duration=2.0,
        failures=0,
        last_success=NOW + 0.25,
        client=reading("aa", NOW + 0.25),
        serving=reading("bb", NOW + 0.25),
        history=HISTORY,
        findings=(LINKED,),
        clock_offset=-7.0,
        script_version="1.0",
        newest=1_699_000_000,
    )


def test_a_failed_visit_keeps_the_last_reading() -> None:
    """A visit without an answer changes how the last visit ended, and nothing of what was known before."""
    before = NodeReport(NODE).after(GOOD)
    after = before.after(failed(NOW + 100))
    assert after == replace(
        before,
        reason=Reason.CONNECTION_REFUSED,
        detail="refused",
        last_visit=NOW + 100.5,
        duration=0.5,
        failures=1,
    )
    assert not after.up


def test_failures_count_in_a_row() -> None:
    """Each failure adds one, whatever its reason, and a reading takes the count back to nothing."""
    report = NodeReport(NODE)
    for number, reason in enumerate((Reason.UNREACHABLE, Reason.UNREACHABLE, Reason.AUTH_FAILED), start=1):
        report = report.after(failed(NOW + number, reason))
        assert (report.failures, report.reason) == (number, reason)
    report = report.after(seen(NOW + 9, client=reading("aa", NOW + 9), history=HISTORY))
    assert (report.failures, report.reason, report.detail) == (0, None, "")


def test_a_visit_without_a_reading_still_tells_what_it_saw() -> None:
    """Where the certificate could not be read but the store was seen, history and findings are the new ones."""
    before = NodeReport(NODE).after(GOOD)
    history = StoreHistory(None, 4, ())
    after = before.after(seen(NOW + 100, reason=Reason.LINK_MISSING, history=history, findings=(EMPTY,), offset=3.0))
    assert (after.history, after.findings, after.clock_offset) == (history, (EMPTY,), 3.0)
    assert (after.reason, after.failures, after.last_visit) == (Reason.LINK_MISSING, 1, NOW + 102)
    assert (after.client, after.serving, after.last_success) == (before.client, before.serving, NOW + 0.25)


def test_a_cause_that_is_gone_is_no_finding() -> None:
    """A finding ends with the first visit that sees the store without its cause."""
    report = NodeReport(NODE).after(GOOD).after(seen(NOW + 100, reason=Reason.FILE_EMPTY, history=StoreHistory()))
    assert report.findings == ()


def test_a_store_that_was_not_seen_keeps_its_history() -> None:
    """Where the store could not be looked into its history stays; findings are the judge's, which knows the earlier."""
    before = NodeReport(NODE).after(GOOD)
    after = before.after(seen(NOW + 100, reason=Reason.STORE_DENIED, findings=(LINKED, EMPTY)))
    assert (after.history, after.findings, after.client) == (HISTORY, (LINKED, EMPTY), before.client)
    assert (after.reason, after.last_success) == (Reason.STORE_DENIED, NOW + 0.25)


def test_a_serving_certificate_that_is_absent_is_forgotten() -> None:
    """A visit that saw that there is no serving certificate drops the one that was known."""
    report = NodeReport(NODE).after(GOOD)
    report = report.after(seen(NOW + 100, client=reading("aa", NOW + 100), serving_absent=True, history=HISTORY))
    assert report.serving is None


def test_a_serving_certificate_that_was_not_seen_is_kept() -> None:
    """A visit that could not see the serving certificate keeps the one that was known."""
    report = NodeReport(NODE).after(GOOD)
    report = report.after(seen(NOW + 100, client=reading("aa", NOW + 100), history=HISTORY))
    assert report.serving == reading("bb", NOW + 0.25)


# What is beside the dates: kept where a later visit could not see it, replaced where it could.


def looked(began: float, process: Process | None = None, *, reason: Reason | None = None, **found: Any) -> Visit:
    """A visit that saw this beside the store; with a reading unless it has a reason, or says otherwise."""
    visit = seen(began, reason=reason, client=None if reason else reading("aa", began), history=HISTORY)
    assert visit.facts
    assert visit.assessment
    facts = replace(visit.facts, process=process)
    return replace(visit, facts=facts, assessment=replace(visit.assessment, **found))


def running(started: float | None, *flags: tuple[str, str]) -> Process:
    """A kubelet's process."""
    return Process(Sight.SEEN, "kubelet", 1, started, flags=flags)


CONFIG = ("config", "/var/lib/kubelet/config.yaml")
DOWN, HIDDEN = Process(Sight.ABSENT, flags=(CONFIG,), remembered=True), Process(Sight.HIDDEN)


@pytest.mark.parametrize(
    ("processes", "starts"),
    [
        ([], ()),
        ([None], ()),
        ([HIDDEN], ()),
        ([running(None)], ()),
        ([running(5.0)], (5.0,)),
        ([running(5.0), running(5.0)], (5.0, 5.0)),
        ([running(5.0), DOWN, running(NOW + 1.5)], (5.0, None, NOW + 1.5)),
        ([running(5.0), HIDDEN, None, running(None), running(NOW + 3)], (5.0, NOW + 3)),
        ([running(NOW - 40 + 20 * number) for number in range(2)], (NOW - 40, NOW - 40)),  # its clock was set
        ([running(NOW + number) for number in (-9, 0.5)], (NOW - 9, NOW + 0.5)),
        ([running(NOW + 10 * number) for number in range(9)], tuple(NOW + 10 * number for number in range(3, 9))),
    ],
)
def test_starts_are_those_of_the_visits_that_looked(
    processes: list[Process | None], starts: tuple[float | None, ...]
) -> None:
    """The last six starts, None for a kubelet that was down; a visit that could not look adds nothing."""
    report = NodeReport(NODE)
    for number, process in enumerate(processes):
        report = report.after(looked(NOW + number, process))
    assert (report.starts, report.memory.starts) == (starts, starts)


def test_the_process_last_seen_is_remembered() -> None:
    """Its flags are the next visit's once it was seen to be down, and a newer process takes its place."""
    report = NodeReport(NODE)
    assert report.flags == ()
    for process, flags in ((running(5.0, CONFIG), ()), (DOWN, (CONFIG,)), (HIDDEN, (CONFIG,)), (None, (CONFIG,))):
        report = report.after(looked(NOW, process)).after(failed(NOW + 1))
        assert (report.process, report.flags) == (running(5.0, CONFIG), flags)
    report = report.after(looked(NOW + 2, running(6.0)))
    assert (report.process, report.flags) == (running(6.0), ())


def test_memory_is_what_the_next_visit_is_judged_by() -> None:
    """All of it comes from the report."""
    report = NodeReport(NODE).after(GOOD).after(looked(NOW + 1, running(5.0), findings=(EMPTY,)))
    assert report.memory == Memory(
        client=reading("aa", NOW + 1),
        serving=reading("bb", NOW + 0.25),
        starts=(5.0,),
        process=running(5.0),
        newest=1_699_000_000,
        findings=(EMPTY,),
        met=NOW + 1.25,
    )


def test_what_kubelet_conf_holds_is_no_part_of_the_stores_past() -> None:
    """Only certificates of the store count among the latest: it has not gone back where another file was newer."""
    visit = looked(NOW)
    assert visit.assessment
    named = replace(visit, assessment=replace(visit.assessment, client=reading("dd", NOW), is_of_store=False))
    report = NodeReport(NODE).after(named)
    assert (report.client, report.newest) == (reading("dd", NOW), None)


def test_the_latest_begin_is_remembered() -> None:
    """A certificate from the past does not make the newest one forgotten."""
    older = replace(reading("cc", NOW), certificate=replace(reading("cc", NOW).certificate, not_before=5))
    report = NodeReport(NODE).after(looked(NOW, client=older))
    assert report.newest == 5
    report = report.after(looked(NOW + 1))
    assert report.newest == 1_699_000_000
    assert report.after(looked(NOW + 2, client=older)).newest == 1_699_000_000


SAFE = Restart(True, RestartReason.COMES_BACK, "")
UNSAFE = Restart(False, RestartReason.KUBECONFIG_EXPIRED, "", Ending.DIES)
UNSEEN, UNCLEAR = (Restart(None, reason, "") for reason in (RestartReason.NOT_SEEN, RestartReason.NEEDS_SIGNING))


@pytest.mark.parametrize(
    ("before", "now", "after"),
    [
        (None, SAFE, SAFE),
        (None, UNSEEN, UNSEEN),
        (SAFE, None, SAFE),  # a script that tells nothing of it
        (UNSAFE, None, UNSAFE),
        (SAFE, UNSAFE, UNSAFE),
        (UNSAFE, SAFE, SAFE),
        (UNSAFE, UNSEEN, UNSAFE),  # no alarm ends because nothing could be seen
        (UNSAFE, Restart(None, RestartReason.FLAGS_UNKNOWN, ""), UNSAFE),
        (UNSAFE, Restart(None, RestartReason.ROTATION_UNKNOWN, ""), UNSAFE),
        (UNSAFE, UNCLEAR, UNCLEAR),  # all was seen, and it is not as bad any more
        (SAFE, UNSEEN, UNSEEN),  # what is not known makes no node look healthier
        (SAFE, UNCLEAR, UNCLEAR),
        (UNCLEAR, UNSEEN, UNSEEN),
    ],
)
@pytest.mark.parametrize("reason", [None, Reason.LINK_MISSING])
def test_the_verdict_on_a_restart(
    before: Restart | None, now: Restart | None, reason: Reason | None, after: Restart
) -> None:
    """The last visit's word, with or without a reading; an alarm stays where what decides was not seen."""
    report = NodeReport(NODE).after(looked(NOW, restart=before)).after(looked(NOW + 1, reason=reason, restart=now))
    assert report.restart == after
    assert report.after(failed(NOW + 2)).restart == after


def test_an_issuer_is_kept_as_long_as_it_is_the_issuer() -> None:
    """A visit that could not see the CA keeps the one that was known, until another one issues."""
    authority = replace(reading("ca", NOW).certificate, subject="CN=ca", key_identifier="aa")
    report = NodeReport(NODE).after(looked(NOW, authority=authority)).after(looked(NOW + 1))
    assert report.authority == authority
    assert report.after(failed(NOW + 2)).authority == authority
    other = replace(reading("dd", NOW), certificate=replace(reading("dd", NOW).certificate, issuer="CN=another"))
    assert report.after(looked(NOW + 3, client=other)).authority is None


@pytest.mark.parametrize(
    ("own", "issuer", "name", "signed"),
    [
        ("aa", "aa", "CN=another", True),  # the key counts
        ("aa", "bb", "CN=ca", False),
        ("", "bb", "CN=ca", True),
        ("aa", "", "CN=ca", True),
        ("", "", "CN=another", False),
    ],
)
def test_who_may_have_signed(own: str, issuer: str, name: str, signed: bool) -> None:
    """By key where both name one, else by name."""
    certificate = replace(reading("aa", NOW).certificate, authority_identifier=own)
    authority = replace(certificate, subject=name, key_identifier=issuer)
    assert certificate.is_signed_by(authority) is signed


ANOTHER = reading("ee", NOW).certificate


@pytest.mark.parametrize(
    ("credential", "reason", "kept"),
    [
        (None, None, True),
        (Credential.UNKNOWN, None, True),  # kubelet.conf was not seen
        (Credential.LINK, None, False),  # it was pointed at the store's link
        (Credential.LINK, Reason.CERTIFICATE_DENIED, False),
        (Credential.TOKEN, None, False),
        (Credential.EXEC, Reason.STORE_DENIED, False),
        (Credential.NONE, None, False),
        (Credential.EMBEDDED, None, False),  # it embeds the client certificate itself
        (Credential.DATED, Reason.CERTIFICATE_DENIED, True),  # neither could be read
    ],
)
def test_another_certificate_in_kubelet_conf(credential: Credential | None, reason: Reason | None, kept: bool) -> None:
    """It is forgotten once a visit saw that there is none, and kept where it could not be seen."""
    before = NodeReport(NODE).after(looked(NOW, kubeconfig=ANOTHER))
    kubelet = None if credential is None else Kubelet(credential=credential)
    after = before.after(looked(NOW + 1, reason=reason, kubelet=kubelet))
    assert after.kubeconfig == (ANOTHER if kept else None)
    assert before.after(failed(NOW + 1)).kubeconfig == ANOTHER
    newer = replace(ANOTHER, serial="ff")
    assert after.after(looked(NOW + 2, kubelet=kubelet, kubeconfig=newer)).kubeconfig == newer


SERVED = replace(NODE, serving_port=10250)
DIFFERS = Finding(Cause.SERVING_LIVE_DIFFERS, Severity.WARNING)
END = ANOTHER.not_after


def shaken(began: float, live: Certificate | None = None, outcome: Handshake | None = None, **found: Any) -> Visit:
    """A visit with a handshake, whose judge keeps the finding that rests on it."""
    visit = looked(began, found.pop("process", None), serving_live=live, findings=(LINKED, DIFFERS), **found)
    assert visit.facts
    how = outcome or (Handshake.SERVED if live else Handshake.NO_ANSWER)
    return replace(visit, node=SERVED, facts=replace(visit.facts, handshake=how))


@pytest.mark.parametrize(
    ("shown", "later", "kept"),
    [
        ([NOW], failed(END + DAY), True),  # nobody saw anything
        ([NOW], shaken(END - DAY), True),  # a date of the future accuses nobody
        ([NOW], shaken(END + DAY), False),  # no handshake has shown it past its end
        ([NOW], shaken(END + DAY, outcome=Handshake.REFUSED), False),
        ([NOW], shaken(END + DAY, reason=Reason.LINK_MISSING), False),
        ([NOW, END + 1], shaken(END + DAY), True),  # one has: that alarm stays
        ([NOW, END + 1], failed(END + DAY), True),
        ([NOW, END + 1], shaken(END + DAY, outcome=Handshake.NO_CERTIFICATE), True),  # it may have been cut off
        ([NOW, END + 1], shaken(END + DAY, process=running(7.0)), True),
        ([NOW, END + 1], shaken(END + DAY, process=running(END + 9)), False),  # it was in another one's memory
        ([NOW], shaken(END - DAY, process=running(END - 2 * DAY)), False),
    ],
    ids=itertools.count(),
)
def test_a_handshake_that_failed_accuses_nobody(shown: list[float], later: Visit, kept: bool) -> None:
    """The certificate shown before stays until its end, or where it was shown past that; and with it what it meant."""
    report = NodeReport(SERVED)
    for moment in shown:
        report = report.after(shaken(moment, ANOTHER, process=running(7.0)))
    assert (report.serving_live, report.findings) == (ANOTHER, (LINKED, DIFFERS))
    report = report.after(later)
    assert report.serving_live == (ANOTHER if kept else None)
    assert report.findings == ((LINKED, DIFFERS) if kept else (LINKED,))
    newer = replace(ANOTHER, serial="ff")
    assert report.after(shaken(END + 2 * DAY, newer)).serving_live == newer


def test_where_no_hands_are_shaken_any_more() -> None:
    """What handshakes showed goes with the reload that switches them off, and with the visit that was under way."""
    state = FleetState()
    state.settle((SERVED,), (), Pace())
    state.record(shaken(NOW, ANOTHER))
    state.settle((NODE,), (), Pace())
    for _ in range(2):
        report = state.report(NODE.name)
        assert report is not None
        assert (report.serving_live, report.findings, report.client) == (None, (LINKED,), reading("aa", NOW))
        state.record(shaken(NOW, ANOTHER))


KNOWN = Kubelet(Distribution.KUBEADM, flags_known=True, config_known=True, rotates=True, server_tls_bootstrap=True)


@pytest.mark.parametrize(
    ("now", "after"),
    [
        (None, KNOWN),
        (
            Kubelet(flags_known=True),
            Kubelet(Distribution.KUBEADM, flags_known=True, rotates=True, server_tls_bootstrap=True),
        ),
        (
            Kubelet(flags_known=True, rotates=False, serving_gate=False),
            Kubelet(Distribution.KUBEADM, True, rotates=False, server_tls_bootstrap=True, serving_gate=False),
        ),
        (
            Kubelet(Distribution.K3S, flags_known=True, config_known=True, rotates=False),
            Kubelet(Distribution.K3S, flags_known=True, config_known=True, rotates=False),
        ),
    ],
)
def test_what_the_kubelet_is_set_to(now: Kubelet | None, after: Kubelet) -> None:
    """Who rotates what is kept where it could not be seen; "not set" in a file that was read is no such case."""
    assert NodeReport(NODE).after(looked(NOW, kubelet=KNOWN)).after(looked(NOW + 1, kubelet=now)).kubelet == after


def test_a_node_without_a_certificate_by_design() -> None:
    """It is up, has no dates, and stays so while it is not heard of, until a certificate is read."""
    none = looked(NOW, client=None)
    report = NodeReport(NODE).after(GOOD).after(none)
    assert (report.up, report.client, report.no_client_by_design, report.last_success) == (True, None, True, NOW + 0.25)
    report = report.after(failed(NOW + 1)).after(seen(NOW + 2, reason=Reason.STORE_DENIED))
    assert (report.up, report.client, report.no_client_by_design) == (False, None, True)
    report = report.after(looked(NOW + 3))
    assert (report.up, report.client, report.no_client_by_design) == (True, reading("aa", NOW + 3), False)


def by(issuer: str, serial: str) -> Reading:
    """A certificate of an issuer's key."""
    found = reading(serial, NOW)
    return replace(found, certificate=replace(found.certificate, authority_identifier=issuer))


def test_ties_are_kept_one_by_one() -> None:
    """What a visit did not see of them stays as it was."""
    first = Ties("m1", "https://api:6443", ("aa",), "bb")
    report = NodeReport(NODE).after(looked(NOW, ties=first)).after(looked(NOW + 1, ties=Ties(server="https://b:6443")))
    assert report.ties == Ties("m1", "https://b:6443", ("aa",), "bb")


def test_who_issued_the_certificate_before() -> None:
    """The store's word, else the certificate that this node had until now; the same certificate changes nothing."""
    report = NodeReport(NODE).after(looked(NOW, client=by("k1", "a1")))
    assert report.ties.issuer_before == ""
    report = report.after(looked(NOW + 1, client=by("k2", "a2"))).after(looked(NOW + 2, client=by("k2", "a2")))
    assert report.ties.issuer_before == "k1"
    assert report.after(looked(NOW + 3, client=by("k2", "a3"))).ties.issuer_before == "k2"
    told = report.after(looked(NOW + 3, client=by("k2", "a3"), ties=Ties(issuer_before="k9")))
    assert told.ties.issuer_before == "k9"


def test_a_new_reading_takes_the_place_of_the_old() -> None:
    """A rotated certificate, its history and the moment of the reading are the last visit's."""
    new = seen(NOW + 100, client=reading("cc", NOW + 100.25), serving=reading("dd", NOW + 100.25), history=HISTORY)
    report = NodeReport(NODE).after(GOOD).after(new)
    assert (report.client, report.serving) == (reading("cc", NOW + 100.25), reading("dd", NOW + 100.25))
    assert report.last_success == NOW + 100.25


def test_a_node_that_is_mounted_now_has_no_clock() -> None:
    """The clock offset is that of the last answer: none once the node is read from a mount."""
    report = NodeReport(NODE).after(GOOD).after(seen(NOW + 100, client=reading("aa", NOW + 100), offset=None))
    assert report.clock_offset is None


def test_an_offset_is_measured_at_the_middle_of_the_round_trip() -> None:
    """A node's clock is compared with the middle of question and answer, uncertain by half of what lies between."""
    clock = NodeClock(shown=1000.0, asked=1010.0, answered=1014.0)
    assert (clock.offset, clock.half_round_trip) == (-12.0, 2.0)
    assert NodeClock(1000.0, 1010.0, 1009.0).half_round_trip == 0.0


def test_a_visit_ends_after_its_duration() -> None:
    """A visit's end is its beginning and how long it took."""
    assert failed(NOW).ended == NOW + 0.5


def test_counters_count_by_outcome_and_reason() -> None:
    """Successes are counted, failures by their reason, and the last visit's end is kept."""
    counters = ExporterCounters()
    for visit in (GOOD, failed(NOW + 1), failed(NOW + 2), failed(NOW + 3, Reason.AUTH_FAILED), GOOD):
        counters = counters.counting(visit)
    assert counters.successes == 2
    assert dict(counters.failures) == {Reason.CONNECTION_REFUSED: 2, Reason.AUTH_FAILED: 1}
    assert counters.last_visit == NOW + 2.0


def test_counters_begin_at_nothing() -> None:
    """Before the first visit nothing is counted, and the configuration counts as loaded."""
    assert ExporterCounters() == ExporterCounters(0, (), None, 0, True, None, ())


def test_a_snapshot_knows_the_offsets_of_its_nodes() -> None:
    """A fleet's offsets are those of the nodes that are up and have a clock to see."""
    good = NodeReport(NODE).after(GOOD)
    down = NodeReport(replace(NODE, name="worker-2")).after(GOOD).after(failed(NOW + 1))
    mounted = NodeReport(replace(NODE, name="worker-3", access=LocalAccess("/mnt/worker-3")))
    assert FleetSnapshot((good, down, mounted)).clock_offsets == [-7.0]


def node(name: str, user: str = "root") -> Node:
    """A node of the inventory."""
    return Node(name, SshAccess(name, 22, user), Paths())


def visit(name: str, began: float, reason: Reason | None = None) -> Visit:
    """A visit of a node by its name."""
    return replace(GOOD if reason is None else failed(began, reason), node=node(name), began=began)


def settled(*names: str) -> FleetState:
    """A fleet of these nodes."""
    state = FleetState()
    state.settle(tuple(node(name) for name in names), (), Pace())
    return state


def test_a_fleet_is_in_the_inventorys_order() -> None:
    """Reports come in the order of the inventory, with its labels and its pace."""
    state = settled("b", "a")
    state.settle((node("c"), node("a"), node("b")), ("cluster",), Pace(600.0, 30.0))
    snapshot = state.snapshot(NOW, overdue=4)
    assert [report.node.name for report in snapshot.reports] == ["c", "a", "b"]
    assert (snapshot.labels, snapshot.pace, snapshot.counters.overdue) == (("cluster",), Pace(600.0, 30.0), 4)


def test_settling_keeps_readings() -> None:
    """A node that stays keeps what is known of it, under its new settings; the same object where they are the same."""
    state = settled("a", "b")
    state.record(visit("a", NOW))
    state.record(visit("a", NOW + 60, Reason.UNREACHABLE))
    before = state.report("a")
    assert before is not None
    state.settle((node("a"),), (), Pace())
    assert state.report("a") is before
    moved = replace(node("a"), labels=(("site", "north"),), serving_port=10250)
    state.settle((moved,), (), Pace())
    assert state.report("a") == replace(before, node=moved)
    assert before.client == GOOD.assessment.client if GOOD.assessment else False


WENT_BACK = Finding(Cause.STORE_WENT_BACK, Severity.WARNING)
ELSEWHERE = replace(SERVED, access=SshAccess("10.0.0.2", 22, "root"))


def of_another_machine() -> NodeReport:
    """A node whose address was another machine's, read well and with an answer to every question."""
    ties = Ties("m2", "https://other:6443", ("aa",), "bb")
    visit = looked(
        NOW,
        running(5.0, CONFIG),
        serving=reading("bb", NOW),
        findings=(WENT_BACK,),
        kubelet=KNOWN,
        restart=UNSAFE,
        kubeconfig=ANOTHER,
        serving_live=ANOTHER,
        ties=ties,
        served="/there.crt",
    )
    return replace(NodeReport(SERVED).after(visit).after(looked(NOW + 1, DOWN, findings=(WENT_BACK,))), failures=3)


def test_a_node_that_is_read_elsewhere_has_not_been_visited() -> None:
    """Its dates, verdict and findings are told with their age; nothing that a visit would be judged by is left."""
    before = of_another_machine()
    state = FleetState()
    state.settle((SERVED,), (), Pace(), {SERVED.name: before})
    state.settle((ELSEWHERE,), (), Pace())
    report = state.report(SERVED.name)
    assert report == before.read_elsewhere(ELSEWHERE)
    assert (report.node, report.reason, report.detail) == (ELSEWHERE, Reason.NOT_YET_VISITED, "")
    assert (report.last_visit, report.duration, report.failures) == (None, None, 0)
    assert (report.client, report.serving, report.last_success) == (before.client, before.serving, before.last_success)
    assert (report.restart, report.findings) == (UNSAFE, (WENT_BACK,))
    assert (before.flags, report.flags) == ((CONFIG,), ())
    assert report.memory == Memory()
    assert report.ties == Ties()


@pytest.mark.parametrize("fails_first", [False, True])
def test_the_first_reading_elsewhere_takes_over_nothing(fails_first: bool) -> None:
    """Whatever it did not see is not known, and no issuer is the one before; also after visits that failed."""
    report = of_another_machine().read_elsewhere(ELSEWHERE)
    if fails_first:
        report = report.after(failed(NOW + 5))
        assert (report.reason, report.failures, report.findings) == (Reason.CONNECTION_REFUSED, 1, (WENT_BACK,))
        assert (report.client, report.memory) == (reading("aa", NOW + 1), Memory())
    visit = looked(NOW + 9, client=by("k2", "a2"))
    assert report.after(visit) == NodeReport(ELSEWHERE).after(visit)


def test_an_answer_from_elsewhere_without_a_reading() -> None:
    """The dates stay until there is one; findings and starts are those that were seen there."""
    report = of_another_machine().read_elsewhere(ELSEWHERE)
    report = report.after(looked(NOW + 9, running(7.0), reason=Reason.LINK_MISSING, findings=(EMPTY,)))
    assert (report.client, report.serving_live, report.findings) == (reading("aa", NOW + 1), None, (EMPTY,))
    assert report.restart == UNSAFE
    assert report.memory == Memory(starts=(7.0,), process=running(7.0), met=NOW + 9.25)
    report = report.after(looked(NOW + 10, running(7.0), client=by("k2", "a2")))
    assert (report.restart, report.kubelet, report.serving, report.ties) == (None, None, None, Ties())
    assert (report.starts, report.memory.client) == ((7.0, 7.0), by("k2", "a2"))


def test_a_node_that_left_is_gone_at_once() -> None:
    """A node that the inventory no longer has is in no report, and comes back as one never visited."""
    state = settled("a", "b")
    state.record(visit("a", NOW))
    state.settle((node("b"),), (), Pace())
    assert state.report("a") is None
    assert [report.node.name for report in state.snapshot(NOW).reports] == ["b"]
    state.settle((node("a"), node("b")), (), Pace())
    assert state.report("a") == NodeReport(node("a"))


def test_a_visit_of_a_node_that_left_is_counted_and_no_more() -> None:
    """A visit that ends after its node has left brings back no report, but is counted."""
    state = settled("a", "b")
    state.settle((node("b"),), (), Pace())
    assert state.record(visit("a", NOW)) is None
    assert state.report("a") is None
    assert state.snapshot(NOW).counters.successes == 1


def test_a_visit_under_old_settings_keeps_the_new_ones() -> None:
    """A visit that began before a reload does not bring back the node's old labels."""
    state = settled("a")
    now = replace(node("a"), labels=(("site", "north"),), origin="another line")
    state.settle((now,), ("site",), Pace())
    recorded = state.record(visit("a", NOW))
    assert recorded is not None
    assert recorded[1].node == now
    assert recorded[1].client == reading("aa", NOW + 0.25)


def test_a_visit_of_another_definition_is_no_reading() -> None:
    """A visit of a node as it was read before a reload says nothing of the node as it is read now."""
    state = settled("a")
    state.settle((node("a", user="probe"),), (), Pace())
    assert state.record(visit("a", NOW)) is None
    (report,) = state.snapshot(NOW).reports
    assert (report.reason, report.client) == (Reason.NOT_YET_VISITED, None)


def test_recording_tells_before_and_after() -> None:
    """Recording a visit returns the node's report as it was and as it is."""
    state = settled("a")
    recorded = state.record(visit("a", NOW, Reason.UNREACHABLE))
    assert recorded is not None
    before, after = recorded
    assert (before.reason, after.reason) == (Reason.NOT_YET_VISITED, Reason.UNREACHABLE)
    assert state.report("a") is after


def test_a_failed_reload_keeps_the_time_of_the_last_good_one() -> None:
    """The gauge of the last reload goes down, the time of the last successful one stays."""
    state = settled("a")
    state.reloaded(NOW, successful=True)
    state.reloaded(NOW + 60, successful=False)
    counters = state.snapshot(NOW).counters
    assert (counters.config_reload_successful, counters.config_reload_time) == (False, NOW)
    state.reloaded(NOW + 120, successful=True)
    counters = state.snapshot(NOW).counters
    assert (counters.config_reload_successful, counters.config_reload_time) == (True, NOW + 120)


def test_sources_are_the_last_ones_told() -> None:
    """The sources of a snapshot are those of the last look at the files, and no visit changes them."""
    state = settled("a")
    state.sources((SourceStatus("a.json", up=True), SourceStatus("b.json", up=False)))
    state.record(visit("a", NOW))
    assert [(source.name, source.up) for source in state.snapshot(NOW).counters.sources] == [
        ("a.json", True),
        ("b.json", False),
    ]


def test_a_snapshot_does_not_change() -> None:
    """A snapshot that was taken stays as it was whatever happens after."""
    state = settled("a")
    snapshot = state.snapshot(NOW)
    state.record(visit("a", NOW))
    state.settle((), (), Pace())
    assert snapshot.reports == (NodeReport(node("a")),)
    assert snapshot.counters.successes == 0


@pytest.fixture
def hurried() -> Iterator[None]:
    """Threads that take turns as often as they can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def together(recording: list[Callable[[], None]], beside: list[Callable[[], None]]) -> None:
    """Run each of ``recording`` in a thread, and each of ``beside`` over and over until they have ended."""
    ready, done = threading.Barrier(len(recording) + len(beside)), threading.Event()

    def once(work: Callable[[], None]) -> None:
        ready.wait()
        work()

    def over_and_over(work: Callable[[], None]) -> None:
        ready.wait()
        while not done.is_set():
            work()

    recorders = [threading.Thread(target=once, args=(work,)) for work in recording]
    others = [threading.Thread(target=over_and_over, args=(work,)) for work in beside]
    for thread in (*recorders, *others):
        thread.start()
    for thread in recorders:
        thread.join()
    done.set()
    for thread in others:
        thread.join()


@pytest.mark.parametrize("shared", [True, False], ids=["one node", "a node each"])
def test_no_count_is_lost_between_threads(hurried: None, shared: bool) -> None:
    """Eight threads that record at once, while others settle and look, lose no visit and tear no snapshot."""
    names = [f"worker-{0 if shared else number}" for number in range(8)]
    fleet = tuple(node(name) for name in dict.fromkeys(names))
    state = FleetState()
    state.settle(fleet, (), Pace())
    sizes: set[int] = set()

    def record(name: str) -> None:
        for number in range(400):
            state.record(visit(name, NOW + number, None if number % 4 else Reason.UNREACHABLE))

    def settle() -> None:
        state.settle(fleet, ("cluster",), Pace())
        state.reloaded(NOW, successful=True)
        state.sources((SourceStatus("nodes.json", up=True),))

    def look() -> None:
        sizes.add(len(state.snapshot(NOW).reports))

    together([partial(record, name) for name in names], [settle, look])
    counters = state.snapshot(NOW).counters
    assert counters.successes == 2400
    assert dict(counters.failures) == {Reason.UNREACHABLE: 800}
    assert sizes == {len(fleet)}
    assert all(report.last_success == NOW + 0.25 for report in state.snapshot(NOW).reports)


@pytest.mark.parametrize("kind", [Assessment, NodeFacts])
def test_copies_that_are_made_by_hand_leave_nothing_out(kind: Any) -> None:
    """Every field of an assessment and of a node's facts is the one that was there, or the one that was given."""
    made = kind(**{field.name: object() for field in fields(kind)})
    one, two, three, four = (cast(Any, object()) for _ in range(4))
    if isinstance(made, Assessment):
        copy: Any = made.with_readings(one, two)
        wanted = {"client": one, "serving": two}
    else:
        copy = made.again(one, two, three, four)
        wanted = {"taken": one, "host": two, "store": three, "mark": four}
    assert {field.name: getattr(copy, field.name) for field in fields(kind)} == {
        **{field.name: getattr(made, field.name) for field in fields(kind)},
        **wanted,
    }
