"""As much of PromQL's grammar as the linter needs: what is selected, what stands around it, over which time."""

from __future__ import annotations

import re
from collections.abc import Iterator

_STRING = re.compile(r'"(?:\\.|[^"\\])*"')
# What every exporter says of a node or a cluster; what it says of itself, and recorded series, have one voice.
_OF_A_NODE = re.compile(r"(?<![\w:])kubelet_cert_(?!exporter_)\w+(?![\w:])|\{__name__(?==)")
_AGGREGATION = re.compile(r"(?<![\w:])(sum|avg|count|min|max|group|quantile|stddev|topk|bottomk|count_values)\s*$")
_GROUPED = re.compile(r"\bby\s*\(([^()]*)\)\s*$")
_IN_A_SET = re.compile(r"\b(?:and|unless)\s+on\s*\([^()]*\)\s*\(?$")
_OVER_TIME = re.compile(r"\b(rate|irate|increase|delta|idelta|deriv|changes|resets)\s*\(")


def blanked(expr: str) -> str:
    """Of the same length, without what stands in strings."""
    return _STRING.sub(lambda found: '"' + " " * (len(found[0]) - 2) + '"', expr)


def selectors(expr: str) -> Iterator[tuple[str, int]]:
    """Metrics that several exporters may have of the same node, and where they stand."""
    for found in _OF_A_NODE.finditer(blanked(expr)):
        yield found[0], found.start()


def is_only_asked_for(expr: str, start: int) -> bool:
    """Whether what stands there only chooses among what stands before it."""
    return bool(_IN_A_SET.search(blanked(expr)[:start]))


def enclosing_aggregation(expr: str, start: int) -> tuple[str, str]:
    """The innermost aggregation around that place, and the labels it keeps; none: empty words."""
    before = blanked(expr)[:start]
    depth = 0
    for place in range(len(before) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(before[place], 0)
        if depth < 0:
            depth = 0
            head = before[:place]
            grouped = _GROUPED.search(head)
            found = _AGGREGATION.search(head[: grouped.start()] if grouped else head)
            if found:
                return found[1], grouped[1] if grouped else ""
    return "", ""


def spans(expr: str) -> Iterator[tuple[str, str]]:
    """Functions over time, and their ranges."""
    plain = blanked(expr)
    for found in _OVER_TIME.finditer(plain):
        inside = re.search(r"\[([^\]]*)\]", plain[found.end() :])
        yield found[1], inside[1].strip() if inside else ""
