"""What is remembered of a node and of the fleet: the last reading stays, the last outcome changes."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import pytest

from exporter.config.settings import Pace, Paths, Rotation
from exporter.errors import Reason
from exporter.model.assessment import Assessment, Certificate, OrphanCondition, Reading, StoreHistory
from exporter.model.facts import DirectoryCondition, NodeClock, NodeFacts, StoreFacts
from exporter.model.files import Condition, PemFile
from exporter.model.finding import Cause, Finding, Severity
from exporter.model.node import LocalAccess, Node, SshAccess
from exporter.model.report import ExporterCounters, FleetSnapshot, NodeReport, SourceStatus, Visit
from exporter.rounds.state import FleetState

NOW = 1_700_000_000.0
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


def test_a_store_that_was_not_seen_changes_nothing() -> None:
    """Where the store could not be looked into, history and findings stay as they were."""
    before = NodeReport(NODE).after(GOOD)
    after = before.after(seen(NOW + 100, reason=Reason.STORE_DENIED, findings=(EMPTY,)))
    assert (after.history, after.findings, after.client) == (HISTORY, (LINKED,), before.client)
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
    """A node that stays keeps what is known of it, under its new settings."""
    state = settled("a", "b")
    state.record(visit("a", NOW))
    state.record(visit("a", NOW + 60, Reason.UNREACHABLE))
    before = state.report("a")
    assert before is not None
    moved = replace(node("a", user="probe"), rotation=Rotation.MANUAL)
    state.settle((moved,), (), Pace())
    assert state.report("a") == replace(before, node=moved)
    assert before.client == GOOD.assessment.client if GOOD.assessment else False


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
