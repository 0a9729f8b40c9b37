"""What only shows across nodes: each cause over a fleet that shows it, and over a healthy one that looks alike."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.settings import Paths
from exporter.judge.cohort import SHOWN, TABLE, fleet_findings, node_findings
from exporter.model.assessment import Certificate, Reading, State, Ties
from exporter.model.finding import Cause, Finding, FleetFinding, Severity
from exporter.model.kubelet import Distribution, Kubelet
from exporter.model.node import Node, SshAccess
from exporter.model.report import NodeReport

NOW = 1_790_000_000
HOUR, DAY, YEAR = 3600, 86_400, 31_536_000
Fleet = list[tuple[NodeReport, State]]
_serials = itertools.count(1)


def issued(age: float = 30 * DAY, *, lifetime: int = YEAR, by: str = "k1", ends: int | None = None) -> Certificate:
    """A client certificate of its own that began ``age`` seconds ago, issued by a key."""
    serial = next(_serials)
    begin = int(NOW - age)
    end = begin + lifetime if ends is None else ends
    return Certificate(begin, end, f"{serial:x}", "CN=kubernetes", "CN=n", f"{serial:064x}", authority_identifier=by)


def node(
    number: int,
    state: State = State.FRESH,
    client: Certificate | None = None,
    *,
    cluster: str = "prod",
    managed: bool = True,
    excused_until: float = 0.0,
    findings: tuple[Cause, ...] = (),
    severity: Severity = Severity.CRITICAL,
    **known: Any,
) -> tuple[NodeReport, State]:
    """A node of a cluster, and its state."""
    name = f"w{number:02}"
    labels = (("cluster", cluster),) if cluster else ()
    reading = Reading(client or issued(30 * DAY + number * HOUR), NOW, NOW, NOW, managed, excused_until)
    found = tuple(Finding(cause, severity) for cause in findings)
    report = NodeReport(Node(name, SshAccess(name), Paths(), labels=labels), None, client=reading, findings=found)
    return replace(report, **known), state


def healthy(number: int, since: int = 50) -> Fleet:
    """Nodes with which nothing is wrong."""
    return [node(since + one) for one in range(number)]


def found(fleet: Fleet) -> dict[Cause, FleetFinding]:
    """What is found over a fleet of one cluster, or none."""
    findings = fleet_findings(fleet, NOW)
    assert len({(one.cluster, one.cause) for one in findings}) == len(findings)
    return {one.cause: one for one in findings}


def test_a_healthy_fleet_has_no_finding() -> None:
    """Nor has an empty one, or one that was never read."""
    assert found(healthy(100)) == {}
    assert found([]) == {}
    unread = [(NodeReport(report.node), State.UNKNOWN) for report, _ in healthy(20)]
    assert found(unread) == {}


# 37: one certificate on several nodes.

ONE = issued()
KUBEADM, RKE1 = Kubelet(Distribution.KUBEADM), Kubelet(Distribution.RKE1)


@pytest.mark.parametrize(
    ("fleet", "names"),
    [
        pytest.param([node(1, client=ONE), node(2, client=ONE), node(3)], ("w01", "w02"), id="a cloned image"),
        pytest.param(
            [node(1, client=ONE, kubelet=KUBEADM), node(2, client=ONE, kubelet=KUBEADM)], ("w01", "w02"), id="kubeadm"
        ),
        pytest.param(
            [node(1, client=ONE, ties=Ties("m boot-1")), node(2, client=ONE, ties=Ties("m boot-2"))],
            ("w01", "w02"),
            id="the machine-id was cloned too",
        ),
        pytest.param(
            [node(1, client=ONE), node(2, client=ONE, ties=Ties("m b"))], ("w01", "w02"), id="perhaps one machine"
        ),
        pytest.param([node(1, client=ONE), node(2, client=ONE, no_client_by_design=False)], ("w01", "w02"), id="two"),
        pytest.param(
            [node(1, client=ONE, ties=Ties("m b")), node(2, client=ONE, ties=Ties("m b"))], None, id="listed twice"
        ),
        pytest.param([node(1, client=ONE, kubelet=RKE1), node(2, client=ONE, kubelet=RKE1)], None, id="RKE1"),
        pytest.param(
            [node(number, client=replace(ONE, subject="O=system:nodes,CN=system:node")) for number in (1, 2)],
            None,
            id="RKE1, by the certificate's name",
        ),
        pytest.param([node(1, client=ONE), node(2)], None, id="each its own"),
        pytest.param([node(1, client=ONE), node(2, client=ONE, cluster="test")], None, id="in two clusters"),
    ],
)
def test_a_shared_certificate(fleet: Fleet, names: tuple[str, ...] | None) -> None:
    """One certificate on several machines is critical; RKE1 has it so by design, and a machine may be listed twice."""
    finding = found(fleet).get(Cause.CERTIFICATE_SHARED)
    assert (finding.nodes if finding else None) == names


def test_several_shared_certificates_are_one_finding() -> None:
    """The evidence names the first, and counts the rest."""
    other = issued()
    fleet = [node(1, client=ONE), node(2, client=ONE), node(3, client=other), node(4, client=other)]
    finding = found(fleet)[Cause.CERTIFICATE_SHARED]
    assert finding.nodes == ("w01", "w02", "w03", "w04")
    assert "w01, w02 have one and the same" in finding.evidence
    assert "1 other" in finding.evidence
    assert found(fleet[::-1])[Cause.CERTIFICATE_SHARED] == finding


# 17, 21, 24: the same stall on many.


def stuck(number: int, state: State = State.STALLED, **known: Any) -> tuple[NodeReport, State]:
    """A node past its window."""
    return node(number, state, issued(0.95 * YEAR + number * HOUR), **known)


def several(number: int, make: Callable[[int], tuple[NodeReport, State]] = stuck, healthy_ones: int = 0) -> Fleet:
    """A fleet of such nodes, and of healthy ones."""
    return [*(make(one) for one in range(number)), *healthy(healthy_ones)]


@pytest.mark.parametrize(
    ("fleet", "holds"),
    [
        pytest.param(several(3), True, id="three of three"),
        pytest.param(several(2), False, id="two are too few"),
        pytest.param(several(3, healthy_ones=27), True, id="a tenth"),
        pytest.param(several(3, healthy_ones=28), False, id="less than a tenth"),
        pytest.param(several(3, lambda n: stuck(n, State.EXPIRED)), True, id="it goes on once they have expired"),
        pytest.param(several(9, lambda n: stuck(n, State.LATE)), False, id="within their grace nobody is accused"),
        pytest.param(
            several(9, lambda n: stuck(n, State.LATE, excused_until=NOW + 900)), False, id="all of them excused"
        ),
        pytest.param(
            [*several(3), *several(6, lambda n: stuck(n + 9, State.LATE)), *healthy(81)],
            True,
            id="late ones make up the tenth",
        ),
        pytest.param(
            [*several(3), *several(6, lambda n: stuck(n + 9, State.LATE, excused_until=NOW + 1)), *healthy(81)],
            False,
            id="but not the excused",
        ),
        pytest.param(
            [*several(2), *several(7, lambda n: stuck(n + 9, State.LATE))], False, id="two past grace are too few"
        ),
        pytest.param(several(9, lambda n: stuck(n, managed=False)), False, id="not the kubelet's to rotate"),
        pytest.param(several(9, lambda n: stuck(n, State.UNKNOWN)), False, id="unknown"),
        pytest.param(several(9, lambda n: stuck(n, State.WINDOW)), False, id="in their window"),
        pytest.param(
            several(9, lambda n: stuck(n, findings=(Cause.KUBELET_DOWN,))), False, id="each has a cause of its own"
        ),
        pytest.param(
            several(9, lambda n: stuck(n, findings=(Cause.BOOTSTRAP_FILE_MISSING, Cause.STORE_FULL))),
            False,
            id="not first",
        ),
        pytest.param(
            several(3, lambda n: stuck(n, findings=(Cause.ROTATION_NOT_SIGNED,))), True, id="asked, and not signed"
        ),
        pytest.param(
            several(3, lambda n: stuck(n, findings=(Cause.API_UNREACHABLE, Cause.CSR_DENIED))), True, id="refused"
        ),
        pytest.param(
            several(3, lambda n: stuck(n, findings=(Cause.SERVING_EXPIRED, Cause.CA_CAPS_LEAF))), True, id="beside it"
        ),
        pytest.param(
            several(3, lambda n: stuck(n, findings=(Cause.CA_EXPIRED, Cause.ISSUER_NOT_TRUSTED))), True, id="the CA"
        ),
        pytest.param(
            several(3, lambda n: stuck(n, findings=(Cause.KUBECONFIG_EMBEDDED,), severity=Severity.WARNING)),
            True,
            id="kubelet.conf embeds what is still good",
        ),
        pytest.param(
            several(3, lambda n: stuck(n, findings=(Cause.KUBECONFIG_EMBEDDED,))),
            False,
            id="kubelet.conf embeds what has ended",
        ),
        pytest.param(
            several(3, lambda n: stuck(n, findings=(Cause.TIMER_SUSPENDED,), severity=Severity.WARNING)),
            False,
            id="a warning that explains it",
        ),
        pytest.param(
            several(3, lambda n: stuck(n, findings=(Cause.CONFIG_BROKEN, Cause.KUBELET_CRASH_LOOP))),
            False,
            id="a crash",
        ),
        pytest.param(
            several(
                3, lambda n: stuck(n, State.EXPIRED, findings=(Cause.KUBELET_CRASH_LOOP, Cause.BOOTSTRAP_FILE_MISSING))
            ),
            True,
            id="the kubelets exit because of it",
        ),
        pytest.param(
            several(3, lambda n: stuck(n, State.EXPIRED, findings=(Cause.CONFIG_BROKEN, Cause.KUBELET_CRASH_LOOP))),
            False,
            id="the kubelets exit for another reason",
        ),
        pytest.param([stuck(n, cluster=f"c{n % 3}") for n in range(6)], False, id="two of each of three clusters"),
    ],
)
def test_a_stall_of_many(fleet: Fleet, holds: bool) -> None:
    """Three nodes and a tenth of the cluster past their window without a cause of their own: the signer's side."""
    assert (Cause.FLEET_STALLED in found(fleet)) is holds


def test_a_stall_names_its_nodes() -> None:
    """The nodes that have a cause of their own are not among them; no more than some are named."""
    fleet = [*several(30), stuck(40, findings=(Cause.KUBELET_DOWN,)), *healthy(10)]
    finding = found(fleet)[Cause.FLEET_STALLED]
    assert finding.nodes == tuple(f"w{number:02}" for number in range(SHOWN))
    assert finding.evidence.startswith("30 of 41 nodes ")
    assert finding.cluster == "prod"


# 31: another key issues now.


def renewed(
    number: int, before: str = "k1", by: str = "k2", age: float = DAY, **known: Any
) -> tuple[NodeReport, State]:
    """A node whose certificate is of another key than the one before."""
    return node(number, client=issued(age, by=by), ties=Ties(issuer_before=before), **known)


@pytest.mark.parametrize(
    ("fleet", "holds"),
    [
        pytest.param([renewed(1), renewed(2), *healthy(9)], True, id="two of eleven"),
        pytest.param([*(renewed(n) for n in range(9)), *healthy(1)], True, id="all but one"),
        pytest.param([renewed(1), *healthy(9)], False, id="one may be a node's own"),
        pytest.param([renewed(1), renewed(2)], False, id="all have it"),
        pytest.param([renewed(1, before="k2"), renewed(2, before="k2"), *healthy(9)], False, id="no other before"),
        pytest.param(
            [renewed(1, before=""), renewed(2, before=""), *healthy(9)], False, id="nobody knows the one before"
        ),
        pytest.param([renewed(1, by=""), renewed(2, by=""), *healthy(9)], False, id="certificates without identifiers"),
        pytest.param([renewed(1, age=8 * DAY), renewed(2, age=8 * DAY), *healthy(9)], False, id="long ago"),
        pytest.param(
            [renewed(1, before="k3"), renewed(2, before="k3"), *healthy(9)], False, id="another cluster's key"
        ),
        pytest.param([renewed(1), renewed(2), *(node(n, cluster="x") for n in range(9))], False, id="another cluster"),
    ],
)
def test_another_issuer(fleet: Fleet, holds: bool) -> None:
    """Several nodes lately changed to another key while others still have the one before."""
    finding = found(fleet).get(Cause.FLEET_ISSUER_CHANGED)
    assert (finding is not None) is holds
    if finding:
        assert finding.severity is Severity.WARNING  # a planned rotation of the CA looks the same
        assert "2026-09-20" in finding.evidence


# 32: the CA ends, and everything with it.

END = NOW + 60 * DAY
CA = replace(issued(lifetime=0), not_after=END)


def capped(number: int, age: float = 0.0, **known: Any) -> tuple[NodeReport, State]:
    """A node whose certificate ends with the CA."""
    return node(number, client=issued(age, ends=END), **known)


@pytest.mark.parametrize(
    ("fleet", "holds"),
    [
        pytest.param([capped(1, authority=CA), capped(2, 30 * DAY, authority=CA)], True, id="both end with the CA"),
        pytest.param([capped(1), capped(2, 30 * DAY)], True, id="at one moment, begun a month apart"),
        pytest.param(
            [capped(1), capped(2, HOUR)], False, id="at one moment, begun an hour apart: a signer that rounds"
        ),
        pytest.param([capped(1, authority=CA), *healthy(9)], False, id="one: the node's own finding says it"),
        pytest.param(
            [capped(1, managed=False, authority=CA), capped(2, managed=False, authority=CA)], False, id="not rotated"
        ),
        pytest.param(
            [capped(n, n * 30 * DAY, authority=replace(CA, not_after=END + YEAR)) for n in (1, 2)],
            False,
            id="by a CA that was renewed meanwhile",
        ),
        pytest.param(
            [node(n, authority=CA) for n in range(5)], False, id="certificates that outlive what is thought a CA"
        ),
    ],
)
def test_a_ca_that_caps(fleet: Fleet, holds: bool) -> None:
    """Certificates that end with their CA, or at one moment though they began far apart."""
    finding = found(fleet).get(Cause.FLEET_CA_CAPS)
    assert (finding is not None) is holds
    if finding:
        assert "2026-11-20" in finding.evidence


# 12: kubelet.conf trusts another CA.


def trusting(
    number: int, *keys: str, server: str = "https://api:6443", cluster: str = "prod"
) -> tuple[NodeReport, State]:
    """A node whose kubelet.conf has CAs of these keys."""
    return node(number, cluster=cluster, ties=Ties(server=server, trusted=keys))


MOST = [trusting(n, "a") for n in range(10, 14)]


@pytest.mark.parametrize(
    ("fleet", "names"),
    [
        pytest.param([*MOST, trusting(1, "b")], ("w01",), id="one of five"),
        pytest.param([*MOST, trusting(5, "a"), trusting(1, "b"), trusting(2, "c")], None, id="no clear majority"),
        pytest.param(
            [*MOST, *(trusting(n, "a") for n in (5, 6)), trusting(1, "b"), trusting(2, "c")], ("w01", "w02"), id="two"
        ),
        pytest.param([*MOST[1:], trusting(1, "b")], None, id="four are too few"),
        pytest.param([*MOST, trusting(1, "a", "b")], None, id="both, amid a rotation of the CA"),
        pytest.param([*(trusting(n, "a", "b") for n in range(10, 14)), trusting(1, "b")], None, id="not changed yet"),
        pytest.param([*MOST, trusting(1)], None, id="its kubelet.conf was not seen"),
        pytest.param([*MOST, trusting(1, "b", server="https://other:6443")], ("w01",), id="another server, one label"),
        pytest.param([*MOST, trusting(1, "b", cluster="test")], None, id="another cluster"),
        pytest.param(
            [
                *(trusting(n, "a", cluster="") for n in range(9)),
                trusting(9, "b", cluster="", server="https://other:6443"),
            ],
            None,
            id="clusters without a label, told apart by their server",
        ),
        pytest.param(
            [*(trusting(n, "a", cluster="") for n in range(9)), trusting(9, "b", cluster="")],
            ("w09",),
            id="one cluster without a label",
        ),
        pytest.param(
            [*(trusting(n, "a", cluster="", server="") for n in range(9)), trusting(9, "b", cluster="", server="")],
            None,
            id="neither label nor server",
        ),
    ],
)
def test_another_ca_in_kubelet_conf(fleet: Fleet, names: tuple[str, ...] | None) -> None:
    """Five nodes or more, three quarters of which have a CA in common, and one that trusts none of these."""
    finding = found(fleet).get(Cause.KUBECONFIG_CA_DIFFERS)
    assert (finding.nodes if finding else None) == names


# The exporter's own clock.


def off(*offsets: float | None, **known: Any) -> Fleet:
    """Nodes whose clocks are so far from the exporter's."""
    return [node(n, cluster=f"c{n % 2}", clock_offset=offset, **known) for n, offset in enumerate(offsets)]


@pytest.mark.parametrize(
    ("fleet", "evidence"),
    [
        (off(90, 90, 90, 90, 90), "90 s ahead of"),
        (off(-90, -90, -90, -90, 5), "90 s behind"),
        (off(90, 90, 90, 90), None),
        (off(0, 0, 0, 900, 900), None),
        (off(90, 90, 90, 90, None), None),
        ([*off(90, 90, 90, 90), *off(90, reason="unreachable")], None),
    ],
)
def test_the_exporters_own_clock(fleet: Fleet, evidence: str | None) -> None:
    """It is one finding of no cluster, whatever clusters there are."""
    findings = [one for one in fleet_findings(fleet, NOW) if one.cause is Cause.EXPORTER_CLOCK_OFF]
    assert [one.cluster for one in findings] == ([""] if evidence else [])
    assert all(evidence and evidence in one.evidence for one in findings)


def test_what_a_suspect_clock_holds_back() -> None:
    """Findings about a node's clock, and nothing else."""
    report, _ = node(1, findings=(Cause.CLOCK_AHEAD, Cause.KUBELET_DOWN, Cause.CLOCK_BEHIND))
    assert node_findings(report, exporter_clock_suspect=False) == report.findings
    held = node_findings(report, exporter_clock_suspect=True)
    assert [finding.cause for finding in held] == [Cause.KUBELET_DOWN]


# The whole.


def test_the_table_names_the_causes_that_are_over_nodes() -> None:
    """Each once, and none that a single node's diagnosis could have."""
    causes = [row.cause for row in TABLE]
    assert len(set(causes)) == len(causes)
    assert set(causes) == {
        Cause.CERTIFICATE_SHARED,
        Cause.FLEET_STALLED,
        Cause.FLEET_ISSUER_CHANGED,
        Cause.FLEET_CA_CAPS,
        Cause.KUBECONFIG_CA_DIFFERS,
        Cause.EXPORTER_CLOCK_OFF,
    }


def test_findings_come_by_cluster_and_in_the_tables_order() -> None:
    """What is of no cluster first."""
    fleet = [
        *(stuck(n, cluster=cluster, clock_offset=90.0) for cluster in ("b", "a") for n in range(3)),
        *(node(n, client=ONE, cluster="a") for n in (7, 8)),
    ]
    assert [(one.cluster, one.cause) for one in fleet_findings(fleet, NOW)] == [
        ("", Cause.EXPORTER_CLOCK_OFF),
        ("a", Cause.FLEET_STALLED),
        ("a", Cause.CERTIFICATE_SHARED),
        ("b", Cause.FLEET_STALLED),
    ]


KINDS: list[Callable[[int], tuple[NodeReport, State]]] = [
    node,
    stuck,
    renewed,
    capped,
    lambda n: capped(n, n * DAY, authority=CA),
    lambda n: trusting(n, "a"),
    lambda n: trusting(n, "b", cluster=""),
    lambda n: node(n, client=ONE),
    lambda n: node(n, clock_offset=90.0 * n),
    lambda n: (NodeReport(Node(f"w{n}", SshAccess("w"), Paths())), State.UNKNOWN),
]


@given(st.lists(st.sampled_from(KINDS), max_size=14).flatmap(lambda kinds: st.tuples(st.just(kinds), st.randoms())))
def test_no_order_changes_what_is_found(drawn: tuple[list[Callable[[int], tuple[NodeReport, State]]], Any]) -> None:
    """Whatever nodes there are, nothing raises, and their order does not matter."""
    kinds, dice = drawn
    fleet = [make(number) for number, make in enumerate(kinds)]
    before = fleet_findings(fleet, NOW)
    dice.shuffle(fleet)
    assert fleet_findings(fleet, NOW) == before


def test_ten_thousand_nodes_are_cheap() -> None:
    """Work that grows with their square would take a minute of CPU; it takes a twentieth of a second."""
    fleet = [node(n, cluster=f"c{n % 10}", ties=Ties(f"m{n}", "s", ("a",), "k1")) for n in range(10_000)]
    began = time.process_time()
    fleet_findings(fleet, NOW)
    assert time.process_time() - began < 3.0
