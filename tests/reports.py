"""Node reports of any content, as hypothesis draws them from their own types; and a plain one."""

from __future__ import annotations

import types
import typing
from dataclasses import fields, is_dataclass
from enum import StrEnum
from typing import Any

from hypothesis import strategies as st

from exporter.config.settings import Paths
from exporter.model.assessment import Certificate, Reading, StoreHistory
from exporter.model.finding import Cause, Finding, Severity, Step
from exporter.model.host import Process, Sight
from exporter.model.kubelet import Distribution, Kubelet
from exporter.model.node import LocalAccess, Node
from exporter.model.report import NodeReport
from exporter.model.restart import Restart, RestartReason

NODE = Node("w1.prod", LocalAccess("/mnt/w1"), Paths(), serving_port=10250)  # what handshakes showed is kept
NOW = 1_800_000_000.0
DAY = 86400


def node(name: str, **changed: Any) -> Node:
    """A mounted node."""
    return Node(name, LocalAccess(f"/mnt/{name}"), Paths(), **changed)


def certificate(number: int = 1, begins: int = int(NOW) - 10 * DAY) -> Certificate:
    """A certificate like no other number's."""
    return Certificate(begins, begins + 30 * DAY, f"{number:x}", "CN=kubernetes", "CN=system:node:w1", f"{number:064x}")


def report(of: Node = NODE, at: float = NOW, number: int = 1) -> NodeReport:
    """A node that was read at a moment, with something in most fields."""
    step = Step("systemctl restart kubelet", "start it again")
    return NodeReport(
        of,
        reason=None,
        last_visit=at,
        duration=0.25,
        last_success=at - 0.25,
        client=Reading(certificate(number), at - 0.25, at - 0.3, node_clock=at - 0.2),
        serving=Reading(certificate(number + 1000), at - 0.25, at - 0.3, managed=False),
        history=StoreHistory(int(NOW) - 10 * DAY, 3),
        findings=(Finding(Cause.ORPHAN_EMPTY, Severity.WARNING, "an empty file", (step,)),),
        clock_offset=0.05,
        script_version="1.2",
        kubelet=Kubelet(Distribution.KUBEADM, flags_known=True, rotates=True, node_name="w1"),
        restart=Restart(True, RestartReason.COMES_BACK, "all is well"),
        authority=certificate(7),
        starts=(None, NOW - DAY),
        process=Process(Sight.SEEN, "kubelet", 1, at - DAY, 0, (("config", "/var/lib/kubelet/config.yaml"),)),
        newest=int(NOW) - 10 * DAY,
        met=at,
    )


ANY_TEXT = st.text(st.characters(codec=None), max_size=8)
UNICODE = st.text(max_size=8)


def anything(hint: Any, text: st.SearchStrategy[str] = ANY_TEXT) -> st.SearchStrategy[Any]:
    """Any value of a type of the model, without floats that are no numbers and with integers of 64 bits."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return st.one_of([anything(one, text) for one in typing.get_args(hint)])
    if typing.get_origin(hint) is tuple:
        kinds = typing.get_args(hint)
        if kinds[-1] is Ellipsis:
            return st.lists(anything(kinds[0], text), max_size=3).map(tuple)
        return st.tuples(*(anything(kind, text) for kind in kinds))
    if isinstance(hint, type) and is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        given = {field.name: anything(hints[field.name], text) for field in fields(hint)}
        return st.builds(hint, **given)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return st.sampled_from(hint)
    leaves: dict[Any, st.SearchStrategy[Any]] = {
        str: text,
        bool: st.booleans(),
        int: st.integers(-(2**63), 2**63 - 1),
        float: st.floats(allow_nan=False),
        types.NoneType: st.none(),
    }
    return leaves[hint]


def any_report(text: st.SearchStrategy[str] = ANY_TEXT) -> st.SearchStrategy[NodeReport]:
    """A report of :data:`NODE`."""
    hints = typing.get_type_hints(NodeReport)
    given = {field.name: anything(hints[field.name], text) for field in fields(NodeReport) if field.name != "node"}
    return st.builds(NodeReport, node=st.just(NODE), **given)
