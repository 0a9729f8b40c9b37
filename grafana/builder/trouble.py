"""PromQL that says which nodes need a hand, and how badly: the exporter's verdicts, never judged anew.

Every aggregation is a ``max`` or ``min`` by node: a second exporter, or a restarted one, changes nothing. A node that
one exporter reads is readable.
"""

from __future__ import annotations

from grafana.builder import colors
from grafana.builder.fields import words

BY_NODE = "by (cluster, node)"
ON_NODE = "on (cluster, node)"
CHOSEN = 'cluster=~"$cluster"'


_ACCUSED = ("late", "stalled", "expired")
_SAID = "kubelet_cert_rotation_state"
_REMEMBERED = f"{_SAID}|cluster_node_cert_state:{_SAID}:max"


def held(state: str, labels: str, matchers: str = CHOSEN) -> str:
    """1 for what is in this state, 0 for what is not.

    An accusation outlasts the exporter where the recording rules are loaded, as its alert does.
    """
    said = f'{{__name__=~"{_REMEMBERED}",' if state in _ACCUSED else f"{_SAID}{{"
    return f'max by ({labels}) ({said}{matchers},state="{state}"}})'


def _in_state(state: str) -> str:
    return held(state, "cluster, node") + " == 1"


FINDINGS = f"kubelet_cert_finding{{{CHOSEN}}}"
CRITICAL = f'kubelet_cert_finding{{{CHOSEN},severity="critical"}}'
UP = f"max {BY_NODE} (kubelet_cert_node_up{{{CHOSEN}}}) == 1"
FAILURE = f"kubelet_cert_node_failure{{{CHOSEN}}}"
UNSAFE = f"min {BY_NODE} (kubelet_cert_restart_safe{{{CHOSEN}}}) == 0"

# The worst first: words, colour, and the nodes it holds for.
_KINDS = (
    ("certificate expired", "dark-red", _in_state("expired")),
    ("not valid yet", colors.ODD, _in_state("not_yet_valid")),
    ("rotation stalled", colors.STALLED, _in_state("stalled")),
    ("do not restart", colors.UNSAFE, UNSAFE),
    ("critical finding", colors.CRITICAL, f"max {BY_NODE} ({CRITICAL}) == 1"),
    ("not readable", colors.UNKNOWN, f"max {BY_NODE} ({FAILURE}) unless {ON_NODE} ({UP})"),
    ("rotation late", colors.LATE, _in_state("late")),
    ("warning", colors.WARNING, f"max {BY_NODE} ({FINDINGS}) == 1"),
)
_RANKED = tuple(zip(range(len(_KINDS), 0, -1), _KINDS, strict=True))

# A node's worst trouble as a number; a node that needs no hand has none. `or` keeps what stands to its left.
SCORE = " or ".join(f"0 * ({nodes}) + {rank}" for rank, (_, _, nodes) in _RANKED)
SCORE_WORDS = words({str(rank): (told, color) for rank, (told, color, _) in _RANKED})


def worst_state(labels: str, certs: str) -> str:
    """The worst state of the certificates under these labels, as its number in ``colors.STATE_NUMBERS``."""
    matchers = f'{CHOSEN},cert=~"{certs}"'
    numbers = " or ".join(
        f"{number} * {held(state, 'cluster, node, cert, state', matchers)}"
        for state, number in colors.STATE_NUMBERS.items()
    )
    return f"max by ({labels}) ({numbers})"


def in_trouble(expr: str) -> str:
    """The expression, for nodes that need a hand."""
    return f"({expr}) and {ON_NODE} ({SCORE})"
