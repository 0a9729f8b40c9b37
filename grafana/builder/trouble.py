"""PromQL that says which nodes need a hand, and how badly: the exporter's verdicts, never judged anew.

Every aggregation is a ``max`` or ``min`` by node: a second exporter, or a restarted one, changes nothing. A node that
one exporter reads is readable. What does not hold is sorted out before it is aggregated: of ten thousand nodes few are
left.
"""

from __future__ import annotations

from grafana.builder import colors
from grafana.builder.fields import words

BY_NODE = "by (cluster, node)"
ON_NODE = "on (cluster, node)"
CHOSEN = 'cluster=~"$cluster"'
CERTS = f'{CHOSEN},cert=~"$cert"'
BY_CERT = "by (cluster, node, cert)"

# Recorded states alone: the rules know which of two exporters read the newer certificate, what they remember outlasts
# the exporter, as its alert does, and they have one series a certificate where the exporter has eight.
_STATE = "cluster_node_cert_state:kubelet_cert_rotation_state:max"
RULES = f"cluster:kubelet_cert_nodes:known{{{CHOSEN}}}"  # only there where they are loaded


def in_state(state: str, matchers: str = CHOSEN) -> str:
    """The certificates in a state, 1 each."""
    return f'{_STATE}{{{matchers},state="{state}"}}'


def _nodes_in_state(state: str) -> str:
    return f"max {BY_NODE} ({in_state(state)})"


_UNANSWERED = "kubelet_cert_node_failure|cluster_node_job_instance:kubelet_cert_node_info:exporter_gone"
# What is recorded lags, so it only counts where no exporter reads the node: there it is what is remembered.
_UNREAD = f'and {ON_NODE} {{__name__=~"{_UNANSWERED}",{CHOSEN}}}'
FINDINGS = f"kubelet_cert_finding{{{CHOSEN}}}"


def found(matchers: str = CHOSEN) -> str:
    """Findings that hold, 1 each, and those that are remembered."""
    remembered = f"cluster_node_cause_severity:kubelet_cert_finding:max{{{matchers}}} {_UNREAD}"
    return f"kubelet_cert_finding{{{matchers}}} == 1 or {remembered}"


def safety(matchers: str = CHOSEN, *, chosen: str = "") -> str:
    """Of each node, 1 where a restart is safe and 0 where not; ``chosen`` is a comparison."""
    remembered = f"cluster_node:kubelet_cert_restart_safe:unsafe{{{matchers}}} {_UNREAD}"
    return f"min {BY_NODE} (kubelet_cert_restart_safe{{{matchers}}}{chosen} or {remembered})"


UNSAFE = safety(chosen=" == 0")


def _severity(severity: str) -> str:
    return f'{CHOSEN},severity="{severity}"'


def by_cause(severity: str) -> str:
    """Nodes with a finding of that severity, by cause: counted by name, as the exporters of a DaemonSet add up."""
    return f"max by (cluster, node, cause) ({found(_severity(severity))})"


# Who was not visited yet is no trouble: after the start of an exporter all are.
FAILURE = f'kubelet_cert_node_failure{{{CHOSEN},reason!="not_yet_visited"}}'
NOT_READ = f"unless {ON_NODE} (kubelet_cert_node_up{{{CHOSEN}}} == 1)"

_DOWN = f'{CHOSEN},cause=~"kubelet-down|kubelet-crash-loop"'

# The most urgent first: words, colour, and the nodes it holds for. What is out of the cluster, or will be soon by
# itself, comes before what only a restart brings about.
_KINDS = (
    ("expired", "dark-red", _nodes_in_state("expired")),
    ("stalled", colors.STALLED, _nodes_in_state("stalled")),
    ("not valid yet", colors.ODD, _nodes_in_state("not_yet_valid")),
    ("kubelet down", colors.CRITICAL, f"max {BY_NODE} ({found(_DOWN)})"),
    ("do not restart", colors.UNSAFE, UNSAFE),
    ("critical finding", colors.CRITICAL, f"max {BY_NODE} ({found(_severity('critical'))})"),
    ("not readable", colors.UNKNOWN, f"max {BY_NODE} ({FAILURE} == 1) {NOT_READ}"),
    ("late", colors.LATE, _nodes_in_state("late")),
    ("warning", colors.WARNING, f"max {BY_NODE} ({found()})"),
)
_RANKED = tuple(enumerate(_KINDS, start=1))

# A node's worst trouble as a number, 1 for the most urgent; a node that needs no hand has none. `or` keeps what stands
# to its left.
RANK = " or ".join(f"0 * ({nodes}) + {rank}" for rank, (_, _, nodes) in _RANKED)
RANK_WORDS = words({str(rank): (told, color) for rank, (told, color, _) in _RANKED})


def unrotated_past_end(matchers: str = CHOSEN) -> str:
    """Certificates that no kubelet rotates, and that a reading saw past their end: no state says so."""
    end = "kubelet_cert_not_after_timestamp_seconds"
    kinds = 'cert=~"kubeconfig|serving|serving_live"'
    read = f"max {BY_NODE} (kubelet_cert_node_last_success_timestamp_seconds{{{CHOSEN}}})"
    rotated = f"kubelet_cert_rotation_window_end_timestamp_seconds{{{matchers},{kinds}}}"
    return (
        f"(max by (cluster, node, cert) ({end}{{{matchers},{kinds}}} < time()) < {ON_NODE} group_left () {read})"
        f" unless on (cluster, node, cert) {rotated}"
    )


def worst_state(labels: str, matchers: str = CHOSEN) -> str:
    """The worst state of the certificates under these labels, as its number in ``colors.STATE_NUMBERS``."""
    numbers = " or ".join(f"{number} * {in_state(state, matchers)}" for state, number in colors.STATE_NUMBERS.items())
    return f"max by ({labels}) ({numbers})"


def in_trouble(expr: str) -> str:
    """The expression, for nodes that need a hand."""
    return f"({expr}) and {ON_NODE} ({RANK})"
