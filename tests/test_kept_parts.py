"""What a family rests on: its lines stay while these parts of a node are the same, so no sample may change then."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model.report import NodeReport
from exporter.serve.families import FAMILIES, Family
from exporter.serve.parts import ALL, CERTIFICATES, KUBELET, OUTCOME, STATES, STORE, VISIT, changed
from exporter.serve.views import Moment, NodeView, outlook
from tests.test_kept_exposition import FIELDS, MOMENTS, PACES, REPORTS, fleet, node


def seen(report: NodeReport, now: float, *, suspect: bool = False) -> NodeView:
    return outlook(report, Moment(now, PACES[0], suspect))[0]


@pytest.mark.parametrize("field", FIELDS)
@given(before=REPORTS, other=REPORTS, now=MOMENTS, later=MOMENTS, suspect=st.booleans())
def test_no_sample_changes_while_its_parts_stay(
    field: str, before: NodeReport, other: NodeReport, now: float, later: float, *, suspect: bool
) -> None:
    """Whatever one thing of a node is another from now on, at that moment or at another."""
    after = replace(before, **{field: getattr(other, field)})
    old = seen(before, now)
    for new in (seen(after, now), seen(after, later, suspect=suspect)):
        parts = changed(old, new)
        for family in FAMILIES:
            if list(family.samples(old)) != list(family.samples(new)):
                assert parts & family.rests_on, family.name


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_no_family_rests_on_everything(family: Family) -> None:
    """Nor on nothing: a part is what makes a family stay."""
    assert 0 < family.rests_on < ALL
    assert not family.rests_on & ~ALL


def test_a_visit_that_finds_all_as_it_was() -> None:
    """New moments alone: three families of all are written anew."""
    report = fleet(1).reports[0]
    assert report.client
    after = replace(report, last_success=950.0, duration=0.2, client=replace(report.client, taken=950.0, witness=950.0))
    assert changed(seen(report, 950.0), seen(after, 960.0)) == VISIT
    assert sum(bool(family.rests_on & VISIT) for family in FAMILIES) == 3


def test_the_same_certificate_that_the_kubelet_renews_no_more() -> None:
    """It has no window any more."""
    report = fleet(1).reports[0]
    assert report.client
    after = replace(report, client=replace(report.client, managed=False))
    assert changed(seen(report, 950.0), seen(after, 950.0)) & CERTIFICATES


def test_time_alone_changes_states_alone() -> None:
    """The report is the same object."""
    report = fleet(1).reports[0]
    assert changed(seen(report, 950.0), seen(report, 960.0)) == 0
    assert changed(seen(report, 950.0), seen(report, 1000.0)) == STATES


def test_another_node_in_its_place() -> None:
    """Or the same one with other labels, though nothing else is known of it."""
    report = fleet(1).reports[0]
    assert changed(seen(report, 950.0), seen(replace(report, node=node("w9")), 950.0)) == ALL


def test_the_parts_are_all() -> None:
    """Each is a bit of its own."""
    assert sum((CERTIFICATES, STATES, STORE, KUBELET, OUTCOME, VISIT)) == ALL
