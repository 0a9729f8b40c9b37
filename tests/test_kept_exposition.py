"""The kept exposition: at every moment the same bytes as one made from nothing, and nothing made twice."""

from __future__ import annotations

import gzip
import math
import threading
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from exporter.config.settings import Pace, Paths
from exporter.errors import Reason
from exporter.judge import diagnosis
from exporter.model.assessment import (
    Certificate,
    OrphanCondition,
    Reading,
    StoreHistory,
    Ties,
)
from exporter.model.finding import Cause, Finding, Severity
from exporter.model.kubelet import Distribution, Kubelet
from exporter.model.node import Node, SshAccess
from exporter.model.report import NodeReport, Visit
from exporter.model.restart import Restart, RestartReason
from exporter.model.snapshot import FleetSnapshot
from exporter.rounds.state import FleetState
from exporter.serve import columns, kept
from exporter.serve.compression import Coding
from exporter.serve.exposition import Format, render
from exporter.serve.kept import KeptExposition
from exporter.serve.views import Moment, NodeView, outlook

PACES = (Pace(3600.0, 60.0), Pace(100.0, 10.0), Pace(40.0, 1.0))
NAMES = tuple(f"w{number}" for number in range(8))
CLUSTERS = ("", "prod", 'te"st\\')
MOMENTS = st.integers(0, 6000).map(float)
KEYS = st.sampled_from(["", "k1", "k2"])
FINDINGS = [Finding(row.cause, severity) for row in diagnosis.TABLE[:3] for severity in Severity] + [
    Finding(cause, Severity.CRITICAL) for cause in (Cause.CLOCK_AHEAD, Cause.CLOCK_BEHIND, Cause.KUBELET_DOWN)
]


def node(name: str, cluster: str = "prod", zone: str = "") -> Node:
    labels = tuple((label, value) for label, value in (("cluster", cluster), ("zone", zone)) if value)
    return Node(name, SshAccess(f"{name}.example.org"), Paths(), labels=labels)


def certificate(begin: int, life: int, name: str, key: str = "k1") -> Certificate:
    return Certificate(
        begin, begin + life, "1f", "CN=kubernetes", f"CN={name}", f"{name}{begin}+{life}{key}", authority_identifier=key
    )


@st.composite
def certificates(draw: st.DrawFn) -> Certificate:
    """One of a few, so that nodes share them, and their issuers and ends."""
    begin, life = draw(st.sampled_from([0, 500, 1000])), draw(st.sampled_from([0, 1000, 2000, 200_000]))
    return certificate(begin, life, draw(st.sampled_from(["a", "b", "c", 'd"\\'])), draw(KEYS))


@st.composite
def readings(draw: st.DrawFn) -> Reading:
    taken = draw(MOMENTS)
    clock = draw(st.one_of(st.none(), MOMENTS))
    excused = draw(st.one_of(st.just(0.0), MOMENTS))
    return Reading(draw(certificates()), taken, draw(MOMENTS), clock, draw(st.booleans()), excused)


def perhaps(strategy: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.one_of(st.none(), strategy)


REPORTS: st.SearchStrategy[NodeReport] = st.builds(
    NodeReport,
    node=st.just(node("w0")),
    reason=st.sampled_from([None, None, None, Reason.CONNECT_TIMEOUT, Reason.NOT_YET_VISITED]),
    duration=perhaps(st.sampled_from([0.25, 1e-7])),
    last_success=perhaps(MOMENTS),
    client=perhaps(readings()),
    serving=perhaps(readings()),
    history=perhaps(
        st.builds(
            StoreHistory,
            perhaps(st.just(7)),
            st.integers(0, 2),
            st.sampled_from([(), ((OrphanCondition.EMPTY, 2), (OrphanCondition.VALID, 1))]),
            perhaps(st.just(9)),
        )
    ),
    findings=st.lists(st.sampled_from(FINDINGS), max_size=3, unique=True).map(tuple),
    clock_offset=perhaps(st.sampled_from([0.0, 0.5, 90.0, 90.0, -90.0, 61.0])),
    script_version=st.sampled_from(["", "1.3"]),
    no_client_by_design=st.booleans(),
    kubelet=perhaps(st.builds(Kubelet, st.sampled_from(Distribution), rotates=st.sampled_from([None, True, False]))),
    restart=perhaps(st.builds(Restart, st.sampled_from([True, False, None]), st.just(RestartReason.COMES_BACK))),
    kubeconfig=perhaps(certificates()),
    authority=perhaps(certificates()),
    serving_live=perhaps(certificates()),
    ties=st.builds(
        Ties,
        st.sampled_from(["", "m1"]),
        st.sampled_from(["", "https://one", "https://two"]),
        st.sampled_from([(), ("k1",), ("k1", "k2"), ("k3",)]),
        KEYS,
    ),
)


FIELDS = tuple(field.name for field in fields(NodeReport) if field.name != "node")


class Kept(RuleBasedStateMachine):
    """Any fleet, anything that may happen to it, at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.snapshot = FleetSnapshot()
        self.now = 1000.0
        self.exposition = KeptExposition()

    @initialize(reports=st.lists(REPORTS, min_size=1, max_size=8), cluster=st.sampled_from(CLUSTERS))
    def a_fleet(self, reports: list[NodeReport], cluster: str) -> None:
        nodes = tuple(replace(report, node=node(name, cluster)) for name, report in zip(NAMES, reports, strict=False))
        self.snapshot = FleetSnapshot(nodes, ("cluster",))

    @rule(which=st.lists(st.integers(0, 7), max_size=4), report=REPORTS)
    def visits(self, which: list[int], report: NodeReport) -> None:
        """Some nodes have other reports now, alike but for the node."""
        reports = list(self.snapshot.reports)
        for place in which:
            if place < len(reports):
                reports[place] = replace(report, node=reports[place].node)
        self.snapshot = replace(self.snapshot, reports=tuple(reports))

    @rule(place=st.integers(0, 7), field=st.sampled_from(FIELDS), report=REPORTS)
    def one_thing_changes(self, place: int, field: str, report: NodeReport) -> None:
        """A visit that finds all but that as it was."""
        if place < len(self.snapshot.reports):
            reports = list(self.snapshot.reports)
            reports[place] = replace(reports[place], **{field: getattr(report, field)})
            self.snapshot = replace(self.snapshot, reports=tuple(reports))

    @rule(places=st.permutations(range(8)), keep=st.integers(0, 8))
    def settles_in_another_order(self, places: list[int], keep: int) -> None:
        """Nodes leave and move."""
        known = self.snapshot.reports
        self.snapshot = replace(
            self.snapshot, reports=tuple(known[place] for place in places if place < len(known))[:keep]
        )

    @rule(name=st.sampled_from(NAMES), cluster=st.sampled_from(CLUSTERS), zone=st.sampled_from(["", "z"]))
    def a_node_comes_or_changes_its_labels(self, name: str, cluster: str, zone: str) -> None:
        """Its report stays where it was there before."""
        settled = {report.node.name: report for report in self.snapshot.reports}
        this = node(name, cluster, zone)
        settled[name] = replace(settled[name], node=this) if name in settled else NodeReport(this)
        self.snapshot = replace(self.snapshot, reports=tuple(settled.values()))

    @rule(labels=st.sampled_from([(), ("cluster",), ("cluster", "zone"), ("zone",)]))
    def the_inventory_has_other_labels(self, labels: tuple[str, ...]) -> None:
        self.snapshot = replace(self.snapshot, labels=labels)

    @rule(pace=st.sampled_from(PACES))
    def another_pace(self, pace: Pace) -> None:
        self.snapshot = replace(self.snapshot, pace=pace)

    @rule(seconds=st.one_of(st.floats(-3000, 3000), st.sampled_from([0.0, 1.0, -1.0, 100_000.0])))
    def time_goes_on_or_back(self, seconds: float) -> None:
        self.now = max(0.0, self.now + seconds)

    @rule(last=st.booleans())
    def time_goes_on_to_the_next_change(self, last: bool) -> None:
        """To the very moment, or to the last before it."""
        change = self.exposition._fleet._next
        if self.now < change < math.inf:
            self.now = max(self.now, math.nextafter(change, -math.inf)) if last else change

    @rule(chosen=st.sampled_from(Format))
    def a_scrape_as_it_is(self, chosen: Format) -> None:
        """The coding changes meanwhile."""
        body = self.exposition.body(self.snapshot, self.now, chosen, Coding.IDENTITY, b"rest\n")
        assert body == render(self.snapshot, self.now, chosen) + b"rest\n"

    @invariant()
    def it_is_what_is_made_from_nothing(self) -> None:
        body = self.exposition.body(self.snapshot, self.now, Format.TEXT, Coding.GZIP, b"rest\n")
        assert gzip.decompress(body).decode() == render(self.snapshot, self.now, Format.TEXT).decode() + "rest\n"


class KeptInSmallBlocks(Kept):
    """The same where a fleet has several blocks."""

    def __init__(self) -> None:
        self._patch = pytest.MonkeyPatch()
        self._patch.setattr(columns, "BLOCK", 3)
        super().__init__()

    def teardown(self) -> None:
        self._patch.undo()


TestKept = Kept.TestCase
TestKept.settings = settings(deadline=None, max_examples=40, stateful_step_count=20)
TestKeptInSmallBlocks = KeptInSmallBlocks.TestCase
TestKeptInSmallBlocks.settings = settings(deadline=None, max_examples=25, stateful_step_count=20)


# What is not made again.

LIFE = 2000


def fleet(number: int = 5) -> FleetSnapshot:
    """Nodes that are fresh until 1400, the first of them until 1000."""
    reports = []
    for place, name in enumerate(f"w{place}" for place in range(number)):
        begin = 0 if place else -400
        reading = Reading(certificate(begin, LIFE, name), 900.0, 900.0, 900.0)
        reports.append(NodeReport(node(name), None, client=reading, last_success=900.0, clock_offset=0.0))
    return FleetSnapshot(tuple(reports), ("cluster",))


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the nodes that were looked at, as it goes."""
    names: list[str] = []

    def seen(report: NodeReport, at: Moment) -> tuple[NodeView, float]:
        names.append(report.node.name)
        return outlook(report, at)

    monkeypatch.setattr(kept, "outlook", seen)
    return names


def body(exposition: KeptExposition, snapshot: FleetSnapshot, now: float) -> bytes:
    return exposition.body(snapshot, now, Format.TEXT, Coding.IDENTITY, b"")


def test_nobody_is_looked_at_for_a_scrape_that_finds_no_change(looked_at: list[str]) -> None:
    """Neither time alone nor a snapshot with the same reports is a change, in any format and coding."""
    exposition, snapshot = KeptExposition(), fleet()
    body(exposition, snapshot, 950.0)
    assert len(looked_at) == 5
    again = replace(snapshot, counters=replace(snapshot.counters, overdue=3))
    for chosen in Format:
        for coding in Coding:
            exposition.body(again, 999.0, chosen, coding, b"")
    assert len(looked_at) == 5


def test_only_who_changed_is_looked_at(looked_at: list[str]) -> None:
    """A node with another report, or one whose moment has come."""
    exposition, snapshot = KeptExposition(), fleet()
    body(exposition, snapshot, 950.0)
    looked_at.clear()
    reports = list(snapshot.reports)
    reports[3] = replace(reports[3], duration=1.0)
    snapshot = replace(snapshot, reports=tuple(reports))
    body(exposition, snapshot, 960.0)
    assert looked_at == ["w3"]
    looked_at.clear()
    assert b'node="w0",cert="client",state="window"} 1' in body(exposition, snapshot, 1000.0)
    assert looked_at == ["w0"]


def test_who_is_new_or_gone_leaves_the_others_alone(looked_at: list[str]) -> None:
    """A node at the front moves all the others, and none of them is looked at."""
    exposition, snapshot = KeptExposition(), fleet()
    body(exposition, snapshot, 950.0)
    looked_at.clear()
    snapshot = replace(snapshot, reports=(NodeReport(node("new")), *snapshot.reports[1:]))
    assert body(exposition, snapshot, 951.0) == render(snapshot, 951.0, Format.TEXT)
    assert looked_at == ["new"]


def test_a_visit_that_ends_while_the_inventory_changes_is_seen(looked_at: list[str]) -> None:
    """Who has moved and has another report is looked at, in its new place."""
    exposition, snapshot = KeptExposition(), fleet()
    body(exposition, snapshot, 950.0)
    looked_at.clear()
    visited = replace(snapshot.reports[2], duration=2.5)
    snapshot = replace(snapshot, reports=(visited, *snapshot.reports[3:]))
    assert body(exposition, snapshot, 951.0) == render(snapshot, 951.0, Format.TEXT)
    assert looked_at == ["w2"]


def test_nodes_that_are_no_neighbours_change_together(looked_at: list[str]) -> None:
    """Each in its own place."""
    exposition, snapshot = KeptExposition(), fleet()
    body(exposition, snapshot, 950.0)
    looked_at.clear()
    reports = list(snapshot.reports)
    for place in (1, 3):
        reports[place] = replace(reports[place], duration=float(place))
    snapshot = replace(snapshot, reports=tuple(reports))
    assert body(exposition, snapshot, 960.0) == render(snapshot, 960.0, Format.TEXT)
    assert looked_at == ["w1", "w3"]


def test_a_clock_that_was_set_back_has_everybody_looked_at(looked_at: list[str]) -> None:
    """What was past is ahead again."""
    exposition, snapshot = KeptExposition(), fleet()
    assert b'node="w0",cert="client",state="window"} 1' in body(exposition, snapshot, 1050.0)
    looked_at.clear()
    assert b'node="w0",cert="client",state="window"} 0' in body(exposition, snapshot, 950.0)
    assert len(looked_at) == 5


def test_a_visit_has_few_pieces_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where only the time of the last success moves, the one family is coded again, and of its blocks the one."""
    monkeypatch.setattr(columns, "BLOCK", 2)
    exposition, snapshot = KeptExposition(), fleet()
    body(exposition, snapshot, 950.0)
    kept_before = [list(column._pieces) for column in exposition._fleet._columns]
    reports = list(snapshot.reports)
    reports[3] = replace(reports[3], last_success=955.0)
    body(exposition, replace(snapshot, reports=tuple(reports)), 960.0)
    made = [
        (column.family.name, number)
        for column, before in zip(exposition._fleet._columns, kept_before, strict=True)
        for number, (old, new) in enumerate(zip(before, column._pieces, strict=True))
        if old is not new
    ]
    assert made == [("kubelet_cert_node_last_success_timestamp_seconds", 1)]


def test_a_fault_half_way_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next scrape begins from nothing, and is right."""
    exposition, snapshot = KeptExposition(), fleet()
    body(exposition, snapshot, 950.0)

    def broken(report: NodeReport, at: Moment) -> tuple[NodeView, float]:
        if report.node.name == "w3":
            raise RuntimeError
        return outlook(report, at)

    with monkeypatch.context() as patch:
        patch.setattr(kept, "outlook", broken)
        changed = replace(snapshot, reports=tuple(replace(report, duration=9.0) for report in snapshot.reports))
        with pytest.raises(RuntimeError):
            body(exposition, changed, 960.0)
    assert body(exposition, changed, 960.0) == render(changed, 960.0, Format.TEXT)


def test_a_record_does_not_wait_for_a_scrape(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a scrape is being made, a visit's outcome is recorded, and the next snapshot has it."""
    state, exposition = FleetState(), KeptExposition()
    state.settle((node("w1"),), (), Pace())
    rendering, go_on = threading.Event(), threading.Event()

    def slow(report: NodeReport, at: Moment) -> tuple[NodeView, float]:
        rendering.set()
        assert go_on.wait(60)
        return outlook(report, at)

    monkeypatch.setattr(kept, "outlook", slow)
    scrape = threading.Thread(target=body, args=(exposition, state.snapshot(1.0), 1.0))
    scrape.start()
    try:
        assert rendering.wait(60)
        assert state.record(Visit(node("w1"), 1.0, 0.5, Reason.CONNECT_TIMEOUT)) is not None
        assert state.snapshot(2.0).reports[0].reason is Reason.CONNECT_TIMEOUT
    finally:
        go_on.set()
        scrape.join()


# What a snapshot is.


def changes_of(state: FleetState) -> list[tuple[str, Callable[[], object]]]:
    visit = Visit(node("w1"), 1.0, 0.5, Reason.CONNECT_TIMEOUT)
    gone = Visit(node("w9"), 1.0, 0.5, Reason.CONNECT_TIMEOUT)
    return [
        ("same", lambda: None),
        ("same", lambda: state.brake(visit, 0)),
        ("same", lambda: state.reloaded(1.0, successful=False)),
        ("same", lambda: state.record(gone)),
        ("other", lambda: state.record(visit)),
        ("other", lambda: state.settle((node("w1"),), (), Pace())),
        ("other", lambda: state.settle((node("w1", "test"),), ("cluster",), Pace())),
    ]


@pytest.mark.parametrize("number", range(7))
def test_the_reports_are_one_tuple_until_something_is_recorded(number: int) -> None:
    """Or the inventory is settled: what is told of the exporter itself changes no report."""
    state = FleetState()
    state.settle((node("w1"), node("w2")), (), Pace())
    before = state.snapshot(1.0).reports
    expected, change = changes_of(state)[number]
    change()
    after = state.snapshot(2.0).reports
    assert (after is before) is (expected == "same")


def test_who_stays_as_it_is_keeps_its_report() -> None:
    """A reload gives equal nodes that are other objects; a node with another label has another report."""
    state = FleetState()
    state.settle((node("w1"), node("w2")), (), Pace())
    before = state.snapshot(1.0).reports
    state.settle((node("w2", "test"), node("w1"), node("w3")), ("cluster",), Pace())
    after = state.snapshot(1.0).reports
    assert after[1] is before[0]
    assert (after[0].node, after[2].node) == (node("w2", "test"), node("w3"))


# What one node changes about others.


def reading(name: str = "a", *, begin: int = 0, taken: float = 900.0, key: str = "k1", excused: float = 0.0) -> Reading:
    return Reading(certificate(begin, LIFE, name, key), taken, taken, taken, excused_until=excused)


BEHIND = Finding(Cause.CLOCK_BEHIND, Severity.CRITICAL)
STRANGE, OTHERS = Ties(server="https://one", trusted=("k2",)), Ties(server="https://one", trusted=("k1",))
MACHINE = Ties(machine="m1")
PAST = reading(taken=1990.0)  # the end of grace is 1950
NEW = reading("b", begin=1900, key="k2")
RENEWED = {"client": NEW, "ties": Ties(issuer_before="k1")}
CHANGES: dict[str, tuple[list[dict[str, Any]], dict[str, Any], str]] = {
    "the exporter's clock": (
        [{"clock_offset": 90.0, "findings": (BEHIND,)}] * 2 + [{"clock_offset": 0.0}] * 3,
        {"clock_offset": 90.0},
        "exporter-clock-off",
    ),
    "a stall": ([{"client": reading("a", taken=1990.0)}] * 2 + [{}] * 3, {"client": PAST}, "fleet-stalled"),
    "a cause of one's own": (
        [{"client": reading("a", taken=1990.0)}] * 2 + [{"client": PAST, "findings": (FINDINGS[-1],)}] * 3,
        {"findings": ()},
        "fleet-stalled",
    ),
    "a certificate": ([{"client": reading("a")}] + [{}] * 4, {"client": reading("a")}, "certificate-shared"),
    "a machine": (
        [{"client": reading("a"), "ties": MACHINE}] + [{}] * 3 + [{"client": reading("a"), "ties": MACHINE}],
        {"ties": Ties(machine="m2")},
        "certificate-shared",
    ),
    "a distribution": (
        [{"client": reading("a")}] + [{}] * 3 + [{"client": reading("a"), "kubelet": Kubelet(Distribution.RKE1)}],
        {"kubelet": Kubelet(Distribution.KUBEADM)},
        "certificate-shared",
    ),
    "a trusted CA": ([{"ties": OTHERS}] * 5, {"ties": STRANGE}, "kubeconfig-ca-differs"),
    "an issuer": (
        [{"client": reading("a")}] * 3 + [RENEWED] + [{"client": NEW}],
        {"ties": Ties(issuer_before="k1")},
        "fleet-issuer-changed",
    ),
    "a second renewal": ([{"client": reading("a")}] * 3 + [RENEWED] + [{}], RENEWED, "fleet-issuer-changed"),
    "an end": (
        [{"client": Reading(certificate(0, 200_000, "a"), 900.0, 900.0)}] + [{}] * 4,
        {"client": Reading(certificate(100_000, 100_000, "b"), 900.0, 900.0)},
        "fleet-ca-caps",
    ),
    "a key that others still have": (
        [{"client": reading("a", key="k3")}] * 2 + [RENEWED] * 2 + [{"client": reading("c", key="k3")}],
        {"client": reading("c")},
        "fleet-issuer-changed",
    ),
    "a second end with a CA": (
        [{}] * 3 + [{"client": reading("c", begin=10), "authority": certificate(10, LIFE, "ca")}] + [{}],
        {"client": reading("d", begin=20), "authority": certificate(20, LIFE, "ca")},
        "fleet-ca-caps",
    ),
    "a CA's end": ([{}] * 5, {"authority": certificate(0, LIFE, "ca")}, "fleet-ca-caps"),
}


@pytest.mark.parametrize("cluster", ["", "prod"])
@pytest.mark.parametrize("name", CHANGES)
def test_one_nodes_change_tells_of_the_fleet(name: str, cluster: str) -> None:
    """Each fact that a fleet's finding rests on, changed at the last node and back: found with it, and with it gone."""
    before, change, cause = CHANGES[name]
    reports = tuple(
        replace(report, node=node(report.node.name, cluster), **changes)
        for report, changes in zip(fleet().reports, before, strict=True)
    )
    quiet = FleetSnapshot(reports, ("cluster",))
    told = replace(quiet, reports=(*reports[:-1], replace(reports[-1], **change)))
    exposition, now = KeptExposition(), 2000.0
    for snapshot in (quiet, told, quiet, told):
        assert body(exposition, snapshot, now).decode() == render(snapshot, now, Format.TEXT).decode()
    line = f'kubelet_cert_fleet_finding{{cluster="{cluster if cause != "exporter-clock-off" else ""}",cause="{cause}"'
    assert line in body(exposition, told, now).decode()
    assert line not in body(exposition, quiet, now).decode()


def test_another_server_has_other_peers() -> None:
    """Where no cluster is told, nodes are compared that name one server: a stranger is one only among its peers."""
    ties = [*[OTHERS] * 4, replace(STRANGE, server="https://two")]
    reports = tuple(
        replace(report, node=node(report.node.name, ""), ties=own)
        for report, own in zip(fleet().reports, ties, strict=True)
    )
    exposition, line = KeptExposition(), b'cause="kubeconfig-ca-differs",severity="warning"} 1'
    assert line not in body(exposition, FleetSnapshot(reports), 950.0)
    assert line in body(exposition, FleetSnapshot((*reports[:4], replace(reports[4], ties=STRANGE))), 951.0)


def test_what_is_found_over_a_fleet_moves_with_its_nodes() -> None:
    """It stays in another order, and ends with one of the nodes that it is about."""
    reports = [replace(report, client=reading("a")) for report in fleet(2).reports]
    exposition, line = KeptExposition(), b'cause="certificate-shared",severity="critical"} 1'
    assert line in body(exposition, FleetSnapshot(tuple(reports)), 950.0)
    assert line in body(exposition, FleetSnapshot(tuple(reversed(reports))), 951.0)
    assert line not in body(exposition, FleetSnapshot((reports[1],)), 952.0)


def test_a_suspect_clock_holds_back_what_others_show() -> None:
    """A third node's offset makes ours the wrong clock: nobody is told to be behind, whoever was looked at last."""
    reports = tuple(
        replace(report, clock_offset=90.0 if place < 2 else 0.0, findings=(BEHIND,))
        for place, report in enumerate(fleet().reports)
    )
    exposition = KeptExposition()
    assert b'node="w0",cause="clock-behind"' in body(exposition, FleetSnapshot(reports), 950.0)
    suspect = FleetSnapshot((*reports[:4], replace(reports[4], clock_offset=90.0)))
    assert b'cause="clock-behind",severity="critical"} 1' not in body(exposition, suspect, 951.0)
    assert b'node="w0",cause="clock-behind"' in body(exposition, FleetSnapshot(reports), 952.0)


def test_another_pace_makes_other_readings_stale() -> None:
    """No report has changed, and no moment has come."""
    exposition, snapshot = KeptExposition(), replace(fleet(), pace=Pace(100.0, 100.0))
    assert b'node="w0",cert="client",state="window"} 1' in body(exposition, snapshot, 1150.0)
    quick = replace(snapshot, pace=Pace(40.0, 1.0))
    assert b'node="w0",cert="client",state="unknown"} 1' in body(exposition, quick, 1151.0)


@pytest.mark.parametrize(
    ("client", "ties", "ends", "cause"),
    [
        (reading(taken=1880.0, excused=1910.0), Ties(), 1910.0, "late"),
        (reading("b", begin=800, key="k2", taken=1750.0), Ties(issuer_before="k1"), 1800.0, "fleet-issuer-changed"),
    ],
    ids=["an excuse", "a new certificate"],
)
def test_time_alone_changes_what_is_found_over_a_fleet(client: Reading, ties: Ties, ends: float, cause: str) -> None:
    """The end of an excuse, or of being new, is a moment that the exposition waits for."""
    stalled = replace(fleet().reports[1], client=reading("z", taken=1990.0))
    nodes = [replace(report, client=client, ties=ties) for report in fleet().reports]
    others = [replace(stalled, node=node(f"s{number}")) for number in range(3)]
    snapshot = FleetSnapshot((*nodes, *others), ("cluster",))
    exposition = KeptExposition()
    for moment in (ends - 1, math.nextafter(ends, -math.inf), ends, ends + 1):
        assert body(exposition, snapshot, moment).decode() == render(snapshot, moment, Format.TEXT).decode(), cause
