"""The fleet dashboard's past: states, rotations, findings over time, and what came and went."""

from __future__ import annotations

from grafana.builder import colors, links
from grafana.builder.fields import (
    AGO,
    CELL_TEXT_COLORED,
    COLUMNS,
    bars,
    by_name,
    field,
    fixed,
    only,
    series_colors,
    stacked,
    words,
)
from grafana.builder.panels import Json, merged, query, rows, table, time_series
from grafana.builder.trouble import CERTS, CHOSEN, FAILURE, FINDINGS, by_cause

_VISIT = 120  # seconds that a visit takes at most: a reading is dated when it is taken, and told at the visit's end
_FIRST_ROUND = 300  # seconds in which an exporter has read all its nodes once
# At 10,000 nodes each point costs tens of thousands of samples.
_COARSE = {"maxDataPoints": 120}
_WORST_BELOW = ("expired", "stalled", "late", "not_yet_valid", "unknown", "unmanaged", "window", "fresh")


def states_over_time() -> Json:
    """A query a state, so that the worst lie at the bottom, where one more is seen.

    Recorded series are those of the state that holds: an eighth of the exporter's.
    """
    held = 'count(cluster_node_cert_state:kubelet_cert_rotation_state:max{{{certs},state="{state}"}})'
    nought = f'0 * sum(cluster_cert:kubelet_cert_lifetime_used:bucket{{{CERTS},le="+Inf"}})'
    return time_series(
        "States over time",
        "All certificates by state: below what is wrong, above it what is in the window (normal) and what is fresh. "
        "Needs the recording rules.",
        [
            query(f"{held.format(certs=CERTS, state=state)} or {nought}", state.replace("_", " "))
            for state in _WORST_BELOW
        ],
        field(
            "short",
            *(by_name(state.replace("_", " "), color=fixed(color)) for state, color in colors.STATES.items()),
            custom=stacked(),
            decimals=0,
            min=0,
        ),
        **_COARSE,
    )


def rotations_seen() -> Json:
    seen = f"sum_over_time(cluster_cert:kubelet_cert_rotations:seen{{{CERTS}}}[$__interval])"
    return time_series(
        "Rotations seen",
        "Certificates that were replaced, by cluster. None for long, while some are in the window: look at the signer. "
        "Needs the recording rules.",
        [query(f"sum by (cluster) ({seen})", "{{cluster}} rotations")],
        field("short", custom=bars(axisSoftMax=5), decimals=0, min=0),
        interval="1m",
        maxDataPoints=40,
    )


def findings_over_time() -> Json:
    """Two layers: fifteen causes in as many colours nobody can tell apart, and the bars beside it name them."""
    nought = f"0 * max(kubelet_cert_inventory_nodes{{{CHOSEN}}})"
    colored = {"critical": colors.CRITICAL, "warning": colors.WARNING}
    counted = {severity: f"count({by_cause(severity)}) or {nought}" for severity in colored}
    return time_series(
        "Findings over time",
        "Findings on nodes by their own severity; a node counts once for each of its causes. Which causes they are "
        "now, Nodes by cause says; which came and went, What changed lately.",
        [query(expr, severity) for severity, expr in counted.items()],
        field("short", *series_colors(colored), custom=stacked(), decimals=0, min=0),
        **_COARSE,
    )


def what_changed() -> Json:
    """Only series that exist while something is wrong are looked through: that is cheap at any size.

    Ended is a finding only where a later reading is without it, and a reason where the node was visited since:
    neither ends with its exporter.
    """
    read = f"max by (cluster, node) (kubelet_cert_node_last_success_timestamp_seconds{{{CHOSEN}}})"
    visited = f"max by (cluster, node) (timestamp(kubelet_cert_node_up{{{CHOSEN}}}))"
    findings = _came_and_went(f"max by (cluster, node, cause) (timestamp({FINDINGS}))", read)
    unread = f'max by (cluster, node, cause) (label_replace(timestamp({FAILURE}), "cause", "$1", "reason", "(.*)"))'
    return table(
        "What changed lately",
        "Findings, and reasons why a node could not be read, that began or ended within the time shown above. What "
        f"was there within {_FIRST_ROUND // 60} minutes of the exporter's own begin is left out: it only then saw it.",
        [rows(f"1000 * ({findings} or {_came_and_went(unread, visited)})")],
        field(
            "short",
            by_name("When", unit=AGO, custom__width=130),
            by_name(
                "Change",
                mappings=words({"began": ("began", colors.LATE), "ended": ("ended", colors.GOOD)}),
                custom__cellOptions=CELL_TEXT_COLORED,
                custom__width=70,
            ),
            by_name("Cause or reason", custom__minWidth=165),
            by_name("Node", links=links.to_node(), custom__minWidth=105),
            by_name("Cluster", links=links.to_fleet(), custom__minWidth=65),
            thresholds=only("text"),
            custom=COLUMNS,
            noValue="nothing in this time",
        ),
        options={"sortBy": [{"displayName": "When", "desc": True}]},
        transformations=merged(
            renamed={
                "Value": "When",
                "change": "Change",
                "node": "Node",
                "cause": "Cause or reason",
                "cluster": "Cluster",
            }
        ),
    )


def _came_and_went(moments: str, since: str) -> str:
    """When it was first seen, if the exporter had read its nodes before, and when last, if it is gone by now.

    ``since`` is when the node was last looked at.

    When each node was first read would be a point a node and step; when its cluster was is one a cluster and step.
    """
    first = f"min_over_time(({moments})[$__range:$__interval])"
    last = f"max_over_time(({moments})[$__range:$__interval])"
    inventory = f"min by (cluster) (timestamp(kubelet_cert_inventory_nodes{{{CHOSEN}}}))"
    known = f"min_over_time(({inventory})[$__range:$__interval])"
    older = f"{known} and on (cluster) kubelet_cert_inventory_nodes{{{CHOSEN}}} offset $__range"
    round_ended = f"({older}) or ({known} + {_FIRST_ROUND})"
    began = f"{first} > on (cluster) group_left () (({round_ended}) + 2 * $__interval_ms / 1000)"
    ended = f"({last} unless {moments}) < on (cluster, node) group_left () ({since} + {_VISIT})"
    return " or ".join(
        f'label_replace({expr}, "change", "{change}", "", "")' for expr, change in ((began, "began"), (ended, "ended"))
    )
