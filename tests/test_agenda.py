"""The agenda against a plain dictionary that is scanned, and how long its heap gets."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.rounds.agenda import SLACK, Agenda

NAMES = st.sampled_from([f"n{number}" for number in range(6)])
MOMENTS = st.sampled_from([0.0, 1.0, 1.5, 2.0, 5.0, 9.0])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), NAMES, MOMENTS),
        st.tuples(st.just("bring_forward"), NAMES, MOMENTS),
        st.tuples(st.just("take"), NAMES, MOMENTS),
    ),
    max_size=60,
)


def first(due: dict[str, float]) -> tuple[float, str] | None:
    return min(((moment, name) for name, moment in due.items()), default=None)


@settings(deadline=None)
@given(start=st.dictionaries(NAMES, MOMENTS), steps=STEPS)
def test_an_agenda_is_a_dictionary_that_knows_its_least(
    start: dict[str, float], steps: Iterable[tuple[str, str, float]]
) -> None:
    """Whatever is put, put off, brought forward or taken, the agenda has each node once, at its latest moment."""
    agenda, due = Agenda(start.items()), dict(start)
    for verb, name, moment in steps:
        if verb == "put":
            agenda.put(name, moment)
            due[name] = moment
        elif verb == "bring_forward":
            agenda.bring_forward(name, moment)
            if name in due:
                due[name] = min(due[name], moment)
        else:
            nearest = first(due)
            expected = nearest[1] if nearest and nearest[0] <= moment else None
            assert agenda.take(moment) == expected
            due.pop(expected or "", None)
        nearest = first(due)
        assert agenda.nearest() == (nearest[0] if nearest else None)
        assert dict(agenda) == due
        assert len(agenda) == len(due)
        assert [agenda.due(name) for name in sorted(due)] == [due[name] for name in sorted(due)]
        assert (name in agenda) == (name in due)


def test_nodes_come_up_by_their_moment_each_once() -> None:
    """A thousand nodes that were put off and brought forward many times are taken once each, the earliest first."""
    agenda = Agenda((f"n{number}", float(number)) for number in range(1000))
    for shift in range(5):
        for number in range(1000):
            agenda.put(f"n{number}", float((number * 7919 + shift) % 1000))
    taken = []
    while (name := agenda.take(1e9)) is not None:
        taken.append(name)
    assert len(set(taken)) == len(taken) == 1000
    assert [(int(name[1:]) * 7919 + 4) % 1000 for name in taken] == list(range(1000))


def test_a_heap_is_bounded_however_often_nodes_are_put_off() -> None:
    """Nodes that are put off for ever, further each time, leave no more than twice their number and a little."""
    agenda = Agenda((f"n{number}", 0.0) for number in range(100))
    for step in range(1, 1000):
        for number in range(100):
            agenda.put(f"n{number}", step * 1000.0 + number)
            assert agenda.length <= 2 * 100 + SLACK
    assert agenda.nearest() == 999_000.0


def test_putting_a_node_where_it_is_costs_nothing() -> None:
    """A node that is put or brought forward to the moment that it has adds no entry."""
    agenda = Agenda([("n", 5.0)])
    for _ in range(10):
        agenda.put("n", 5.0)
        agenda.bring_forward("n", 7.0)
    assert agenda.length == 1


def test_who_is_not_on_the_agenda_is_not_brought_forward() -> None:
    """A node under way is on no agenda, and stays off it until it is put there."""
    agenda = Agenda([("n", 1.0)])
    assert agenda.take(1.0) == "n"
    agenda.bring_forward("n", 0.0)
    assert (agenda.take(9.0), agenda.nearest(), agenda.due("n"), len(agenda)) == (None, None, None, 0)
