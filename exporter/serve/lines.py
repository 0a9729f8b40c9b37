"""The lines of a family: of one node, and of the fleet. Both formats have the same ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from exporter.model.node import Node
from exporter.serve.families import Family, FleetFamily
from exporter.serve.views import FleetView, NodeView

Write = Callable[[Iterable[NodeView], Iterable[str]], list[str]]  # nodes, and how the labels of each begin

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


def start_of(node: Node, labels: tuple[str, ...]) -> str:
    """What begins the labels of all of a node's series."""
    own = dict(node.labels)
    return _pairs((*labels, "node"), (*(own.get(label, "") for label in labels), node.name))


def fleet_lines(family: FleetFamily, fleet: FleetView) -> str:
    """The lines of a family over the whole fleet; empty where it has no sample."""
    return "".join(
        f"{family.name}{{{_pairs(family.labels, values)}}} {value!r}\n" for values, value in family.samples(fleet)
    )


def writer(family: Family) -> Write:
    """Writes one family's lines of many nodes, each line with its end; empty for a node that has no sample.

    These loops run for each node and family that a scrape makes anew: what follows a node's own labels is made once for
    all nodes where its values are of closed enumerations, and nothing is called that need not be.
    """
    if family.states:
        return _state_set(family, family.states)
    return _any_text(family) if family.is_info else _closed(family)


def _closed(family: Family) -> Write:
    samples, opening, tails = family.samples, f"{family.name}{{", _Tails(family.labels)

    def write(nodes: Iterable[NodeView], starts: Iterable[str]) -> list[str]:
        texts = []
        for node, start in zip(nodes, starts, strict=True):
            text = ""
            for values, value in samples(node):
                text += f"{opening}{start}{tails[values]}{value!r}\n"
            texts.append(text)
        return texts

    return write


def _state_set(family: Family, states: Iterable[str]) -> Write:
    samples, opening, sets = family.samples, f"{family.name}{{", _Sets(family.labels, tuple(states))

    def write(nodes: Iterable[NodeView], starts: Iterable[str]) -> list[str]:
        texts = []
        for node, start in zip(nodes, starts, strict=True):
            begin = opening + start
            texts.append("".join([begin.join(sets[values]) for values, _ in samples(node)]))
        return texts

    return write


def _any_text(family: Family) -> Write:
    """Filled into a template; where a value has a character that must be escaped, the quotes are not all its own."""
    samples, labels, quotes = family.samples, family.labels, 2 * len(family.labels)
    opening, template = f"{family.name}{{", "".join(f',{label}="%s"' for label in family.labels)

    def write(nodes: Iterable[NodeView], starts: Iterable[str]) -> list[str]:
        texts = []
        for node, start in zip(nodes, starts, strict=True):
            text = ""
            for values, value in samples(node):
                tail = template % values
                if tail.count('"') != quotes or "\\" in tail or "\n" in tail:
                    tail = f",{_pairs(labels, values)}"
                text += f"{opening}{start}{tail}}} {value!r}\n"
            texts.append(text)
        return texts

    return write


class _Tails(dict[tuple[str, ...], str]):
    """By label values: what follows a node's own labels, up to the value."""

    def __init__(self, labels: tuple[str, ...]) -> None:
        self._labels = labels

    def __missing__(self, values: tuple[str, ...]) -> str:
        pairs = _pairs(self._labels, values)
        tail = self[values] = f"{',' if pairs else ''}{pairs}}} "
        return tail


class _Sets(dict[tuple[str, ...], tuple[str, ...]]):
    """By the label values of the state that holds: what stands between the beginnings of the set's lines."""

    def __init__(self, labels: tuple[str, ...], states: tuple[str, ...]) -> None:
        self._labels = labels
        self._states = states

    def __missing__(self, values: tuple[str, ...]) -> tuple[str, ...]:
        *others, holds = values
        ends = [f",{_pairs(self._labels, (*others, state))}}} {int(state == holds)}\n" for state in self._states]
        between = self[values] = ("", *ends)
        return between


def _pairs(names: Iterable[str], values: Iterable[str]) -> str:
    pairs = zip(names, values, strict=True)
    return ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in pairs)
