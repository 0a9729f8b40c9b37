"""Reports as the store's rows: whatever is written comes back, and what cannot be understood costs itself alone."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config.settings import HostKeyPolicy, Paths, Rotation
from exporter.errors import Reason
from exporter.model.assessment import Reading, StoreHistory
from exporter.model.host import Process, Sight
from exporter.model.kubelet import Kubelet
from exporter.model.node import Hop, LocalAccess, Node, SshAccess
from exporter.model.report import NodeReport
from exporter.rounds.store import report_rows
from exporter.rounds.store.codec import Codec, UnreadableError
from exporter.rounds.store.report_rows import OF_READING, OF_REPORT, PARTS, Restoring, Stored, is_moved_only, way
from tests.reports import NODE, NOW, any_report, report

MOVING = {NodeReport: OF_REPORT, Reading: OF_READING, Process: ("started",)}


def stored(written: NodeReport, moved: NodeReport | None = None) -> Stored:
    return Stored(way(written.node), report_rows.texts(written), report_rows.moments(moved or written))


def restored(node: Node, kept: Stored) -> NodeReport:
    return Restoring().report(node, kept)


def in_one(kept: Stored) -> dict[str, Any]:
    """A row's JSON with its parts in their places."""
    own, *parts = kept.texts
    plain: dict[str, Any] = json.loads(own or "")
    return plain | {name: json.loads(part) for name, part in zip(PARTS, parts, strict=True) if part}


def in_columns(plain: dict[str, Any]) -> Stored:
    """The same as a row of :func:`report`."""
    parts = [json.dumps(plain.pop(name)) if name in plain else None for name in PARTS]
    return stored(report())._replace(texts=(json.dumps(plain), *parts))


def there_and_back(written: NodeReport) -> NodeReport:
    return restored(written.node, stored(written))


@settings(deadline=None)
@given(any_report())
def test_what_is_written_comes_back(written: NodeReport) -> None:
    """A report of any content is equal to what was written, types included."""
    again = there_and_back(written)
    assert again == written
    assert repr(again) == repr(written)


@settings(deadline=None)
@given(any_report(), any_report())
def test_moments_are_enough_where_nothing_else_moved(before: NodeReport, other: NodeReport) -> None:
    """The JSON of an earlier visit with the moments of a later one is the later report."""
    after = moved(before, other)
    assert is_moved_only(before, after)
    assert restored(NODE, stored(before, after)) == after


def moved(before: NodeReport, other: NodeReport) -> NodeReport:
    """``before`` with the moments of another."""
    after = replace(before, **{name: getattr(other, name) for name in OF_REPORT})
    if before.client and other.client:
        after = replace(after, client=moments_of(before.client, other.client))
    if before.serving and other.serving:
        after = replace(after, serving=moments_of(before.serving, other.serving))
    if before.process and other.process:
        after = replace(after, process=replace(before.process, started=other.process.started))
    return after


def moments_of(before: Reading, other: Reading) -> Reading:
    return replace(before, **{name: getattr(other, name) for name in OF_READING})


@settings(deadline=None)
@given(any_report(), any_report(), st.data())
def test_any_other_change_is_seen(before: NodeReport, other: NodeReport, data: st.DataObject) -> None:
    """No field but the moments may change without the JSON being written again."""
    names = [one.name for one in fields(NodeReport) if one.name not in ("node", *OF_REPORT)]
    name = data.draw(st.sampled_from(names))
    after = replace(before, **{name: getattr(other, name)})
    assert restored(NODE, stored(before if is_moved_only(before, after) else after, after)) == after


@pytest.mark.parametrize("kind", [NodeReport, Reading, Process])
def test_every_moment_is_a_field(kind: type) -> None:
    """What has a column of its own is a field of its class: a renamed one is not forgotten here."""
    assert set(MOVING[kind]) <= {one.name for one in fields(kind)}


def test_a_report_holds_what_json_can_show() -> None:
    """The row of a node is read by a person: names, dates, no escapes beyond ASCII, nothing at its default."""
    told = in_one(stored(report()))
    assert told["client"]["certificate"]["issuer"] == "CN=kubernetes"
    assert told["restart"]["reason"] == "comes-back"
    assert "detail" not in told
    assert "taken" not in told["client"]
    assert "node" not in told


def without(*path: str) -> Callable[[dict[str, Any]], None]:
    def change(plain: dict[str, Any]) -> None:
        for part in path[:-1]:
            plain = plain[part]
        del plain[path[-1]]

    return change


def put(value: object, *path: Any) -> Callable[[dict[str, Any]], None]:
    def change(plain: dict[str, Any]) -> None:
        for part in path[:-1]:
            plain = plain[part]
        plain[path[-1]] = value

    return change


def changed(change: Callable[[dict[str, Any]], None]) -> NodeReport:
    """A report whose stored JSON another version wrote."""
    plain = in_one(stored(report()))
    change(plain)
    return restored(NODE, in_columns(plain))


KUBELET, HISTORY = report().kubelet or Kubelet(), report().history or StoreHistory()
PROCESS = report().process or Process(Sight.SEEN)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (put("news", "invented_later"), report()),
        (put({"deep": [1]}, "client", "certificate", "invented_later"), report()),
        (without("script_version"), replace(report(), script_version="")),
        (without("kubelet", "rotates"), replace(report(), kubelet=replace(KUBELET, rotates=None))),
        (put(17, "script_version"), replace(report(), script_version="")),
        (
            put("many", "history", "rotations_on_disk"),
            replace(report(), history=replace(HISTORY, rotations_on_disk=0)),
        ),
        (put("a-reason-of-tomorrow", "reason"), replace(report(), reason=Reason.NOT_YET_VISITED)),
        (put("a-cause-of-tomorrow", "findings", 0, "cause"), replace(report(), findings=())),
        (without("authority", "not_after"), replace(report(), authority=None)),
        (without("client", "certificate", "serial"), replace(report(), client=None)),
        (put([], "client"), replace(report(), client=None)),
    ],
    ids=itertools.count(),
)
def test_another_versions_fields(change: Callable[[dict[str, Any]], None], expected: NodeReport) -> None:
    """What this version does not know is passed over, what it misses is at its default, and the rest is there."""
    assert changed(change) == expected


class Kind(StrEnum):
    ONE = "one"


@dataclass(frozen=True, slots=True)
class Inner:
    needed: int
    kinds: tuple[Kind, ...] = ()


@dataclass(frozen=True, slots=True)
class Outer:
    name: str
    inner: Inner
    given: str
    pairs: tuple[tuple[str, int], ...] = ()
    others: tuple[Inner, ...] = ()
    spare: Inner = field(default_factory=lambda: Inner(1))


OUTER = Codec(Outer, given=("given",))


def test_nested_classes() -> None:
    """Tuples of pairs and of objects, enumerations, defaults that are made, and fields that are handed in."""
    value = Outer("a", Inner(1, (Kind.ONE,)), "given", (("x", 2),), (Inner(3), Inner(4)), Inner(5))
    plain = OUTER.plain(value)
    assert "given" not in plain
    assert OUTER.value(json.loads(json.dumps(plain)), given="given") == value
    short = Outer("a", Inner(1), "given")
    assert OUTER.plain(short) == {"name": "a", "inner": {"needed": 1}}
    assert OUTER.value(OUTER.plain(short), given="given") == short


@pytest.mark.parametrize(
    "plain",
    [{}, {"name": "a"}, {"name": 1, "inner": {"needed": 1}}, {"name": "a", "inner": {}}, {"name": "a", "inner": None}],
    ids=str,
)
def test_what_is_required_is_required(plain: dict[str, Any]) -> None:
    """An object without a field that has no default is not made up."""
    with pytest.raises(UnreadableError):
        OUTER.value(plain, given="")


def test_an_object_is_of_its_own_class_and_frozen() -> None:
    """What comes back cannot be changed, and has no trace of how it was made."""
    again = there_and_back(report())
    assert type(again) is NodeReport
    assert type(again.client) is Reading
    with pytest.raises(AttributeError):
        again.detail = "changed"  # type: ignore[misc] # that is what is tried
    assert hash(again) == hash(report())


@dataclass(frozen=True)
class Strange:
    when: complex = 0j


def test_a_type_that_cannot_be_stored_is_refused_at_once() -> None:
    """Not at the first report that has one."""
    with pytest.raises(TypeError, match="complex"):
        Codec(Strange)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None)
@given(st.data())
def test_no_content_breaks_the_reader(data: st.DataObject) -> None:
    """Whatever stands in a row: a report, or the one error that is caught."""
    plain = in_one(stored(report()))
    for _ in range(data.draw(st.integers(1, 3))):
        plain[data.draw(st.sampled_from(sorted(plain)))] = data.draw(json_values)
    moments: list[Any] = list(report_rows.moments(report()))
    moments[data.draw(st.integers(0, len(moments) - 1))] = data.draw(st.none() | st.floats() | st.text())
    try:
        again = restored(NODE, in_columns(plain)._replace(moments=moments))
    except UnreadableError:
        return
    assert isinstance(again, NodeReport)


@pytest.mark.parametrize("text", ["", "[]", "null", "17", "{", '"text"', '{"client": 3}'])
def test_no_text_breaks_the_reader(text: str) -> None:
    """A row that is no JSON object of ours."""
    try:
        assert restored(NODE, stored(report())._replace(texts=(text, *stored(report()).texts[1:]))).node is NODE
    except UnreadableError:
        assert not text.startswith("{}")
    parts = restored(NODE, stored(report())._replace(texts=(stored(report()).texts[0], *[text] * len(PARTS))))
    assert parts.client == report().client


ACCESS = SshAccess("192.0.2.1", name="w1", via=Hop(SshAccess("192.0.2.9", name="edge")))


def test_what_is_alike_is_one_object() -> None:
    """Of nodes with the same kubelet, CA and process; what is a node's own even there is not mixed up."""
    restoring = Restoring()
    first = replace(report(), kubelet=replace(KUBELET, node_name="w1"))
    second = replace(
        report(at=NOW + 5), kubelet=replace(KUBELET, node_name="w2"), process=replace(PROCESS, started=1.0)
    )
    again = [restoring.report(NODE, stored(one)) for one in (first, second)]
    assert again == [first, second]
    assert again[0].restart is again[1].restart
    assert again[0].authority is again[1].authority


SSH = Node("w1", ACCESS, Paths())


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        (replace(SSH, labels=(("site", "north"),), origin="elsewhere"), True),
        (replace(SSH, serving_port=10250), True),
        (replace(SSH, access=replace(ACCESS, port=2222)), False),
        (replace(SSH, access=replace(ACCESS, policy=HostKeyPolicy.INSECURE)), False),
        (replace(SSH, access=replace(ACCESS, via=None)), False),
        (replace(SSH, access=replace(ACCESS, via=Hop(SshAccess("192.0.2.8", name="edge")))), False),
        (replace(SSH, access=LocalAccess("/mnt/w1")), False),
        (replace(SSH, paths=Paths("/elsewhere")), False),
        (replace(SSH, rotation=Rotation.MANUAL), False),
        (replace(SSH, journal=True), False),
    ],
    ids=itertools.count(),
)
def test_how_a_node_is_read_is_known_again(other: Node, is_same: bool) -> None:
    """The word for it is another one exactly where a reading of the one is none of the other."""
    assert (way(SSH) == way(other)) is is_same
    assert SSH.is_read_as(other) is is_same


def test_a_node_that_is_read_in_another_way_was_not_visited_so() -> None:
    """Its dates are served; no visit has looked there yet: it is due at once, and nothing is said of how one ended."""
    elsewhere = replace(NODE, access=LocalAccess("/mnt/other"))
    failed = replace(report(at=NOW), reason=Reason.AUTH_FAILED, detail="why", failures=3)
    again = restored(elsewhere, stored(failed))
    assert again.node is elsewhere
    assert (again.reason, again.detail, again.failures) == (Reason.NOT_YET_VISITED, "", 0)
    assert (again.last_visit, again.duration) == (None, None)
    assert again.client == failed.client
    assert again.last_success == failed.last_success
