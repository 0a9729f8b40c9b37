"""The lines of a family: of one node, and of the fleet. Both formats have the same ones."""

from __future__ import annotations

from collections.abc import Iterable

from exporter.model.node import Node
from exporter.serve.families import Family, FleetFamily
from exporter.serve.views import FleetView, NodeView

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


class Writer:
    """Writes one family's lines for a node. What follows the node's own labels is made once for all nodes."""

    def __init__(self, family: Family) -> None:
        self._family = family
        self._samples = family.samples
        self._opening = f"{family.name}{{"
        # By label values: of a state set what stands between the beginnings of its lines, of others the end of one.
        # Closed enumerations, so it is bounded; what may be any text is left out.
        self._sets: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._tails: dict[tuple[str, ...], str] = {}
        self._template = "".join(f',{label}="%s"' for label in family.labels) + "} "

    def text(self, node: NodeView, start: str) -> str:
        """Its lines, each with its end; empty where the node has no sample. ``start`` is as :func:`start_of` has it."""
        found = self._samples(node)
        if not found:
            return ""
        begin = self._opening + start
        if self._family.states:
            return "".join([begin.join(self._set(values)) for values, _ in found])
        if self._family.is_info:
            return "".join([f"{begin}{self._any_text(values)}{value!r}\n" for values, value in found])
        if len(found) == 1:
            values, value = found[0]
            return f"{begin}{self._tail(values)}{value!r}\n"
        return "".join([f"{begin}{self._tail(values)}{value!r}\n" for values, value in found])

    def _tail(self, values: tuple[str, ...]) -> str:
        tail = self._tails.get(values)
        if tail is None:
            pairs = _pairs(self._family.labels, values)
            tail = self._tails[values] = f"{',' if pairs else ''}{pairs}}} "
        return tail

    def _set(self, values: tuple[str, ...]) -> tuple[str, ...]:
        found = self._sets.get(values)
        if found is None:
            *others, holds = values
            tails = [
                f",{_pairs(self._family.labels, (*others, state))}}} {int(state == holds)}\n"
                for state in self._family.states or ()
            ]
            found = self._sets[values] = ("", *tails)
        return found

    def _any_text(self, values: tuple[str, ...]) -> str:
        """As the template has it, where no value has a character that must be escaped: then these are all its own."""
        tail = self._template % values
        if tail.count('"') == 2 * len(values) and "\\" not in tail and "\n" not in tail:
            return tail
        return f",{_pairs(self._family.labels, values)}}} "


def _pairs(names: Iterable[str], values: Iterable[str]) -> str:
    pairs = zip(names, values, strict=True)
    return ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in pairs)
