"""The fleet dashboard's past: states, rotations, findings over time, and what came and went."""

from __future__ import annotations

from grafana.builder import colors, links
from grafana.builder.fields import CELL_TEXT_COLORED, COLUMNS, bars, by_name, field, fixed, only, stacked, words
from grafana.builder.panels import Json, merged, query, rows, table, time_series
from grafana.builder.trouble import CHOSEN, FAILURE, FINDINGS

_CERTS = f'{CHOSEN},cert=~"$cert"'
_BY_CERT = "by (cluster, node, cert)"
# At 10,000 nodes each point costs tens of thousands of samples.
_COARSE = {"maxDataPoints": 120}
_WORST_BELOW = ("expired", "stalled", "late", "not_yet_valid", "unknown", "unmanaged", "window", "fresh")


def states_over_time() -> Json:
    """A query a state, so that the worst lie at the bottom, where one more is seen.

    Recorded series are those of the state that holds: an eighth of the exporter's.
    """
    held = 'count(cluster_node_cert_state:kubelet_cert_rotation_state:max{{{certs},state="{state}"}})'
    nought = f'0 * sum(cluster_cert:kubelet_cert_lifetime_used:bucket{{{_CERTS},le="+Inf"}})'
    return time_series(
        "States over time",
        "All certificates by state: below what is wrong, above it what is in the window (normal) and what is fresh. "
        "Needs the recording rules.",
        [
            query(f"{held.format(certs=_CERTS, state=state)} or {nought}", state.replace("_", " "))
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
    """Compared with what was a step ago: each rotation falls into one bar, and no range is read."""
    begin = f"max {_BY_CERT} (kubelet_cert_not_before_timestamp_seconds{{{_CERTS}}}"
    none = f"0 * max by (cluster) (kubelet_cert_inventory_nodes{{{CHOSEN}}})"  # where history is shorter than a step
    return time_series(
        "Rotations seen",
        "Certificates that were replaced, by cluster. None for long, while some are in the window: look at the signer.",
        [query(f"sum by (cluster) ({begin}) != bool {begin} offset $__interval)) or {none}", "{{cluster}} rotations")],
        field("short", custom=bars(), decimals=0, min=0),
        interval="1m",
        maxDataPoints=40,
    )


def findings_over_time() -> Json:
    return time_series(
        "Findings over time",
        "On how many nodes each cause holds.",
        [
            query(
                f"sum by (cause) (max by (cluster, cause, severity) (kubelet_cert_nodes_with_finding{{{CHOSEN}}})) > 0",
                "{{cause}}",
            )
        ],
        field("short", custom=stacked(), decimals=0, min=0),
        options={"legend": {"displayMode": "list", "placement": "right", "showLegend": True, "calcs": []}},
        **_COARSE,
    )


def what_changed() -> Json:
    """Only series that exist while something is wrong are looked through: that is cheap at any size."""
    findings = _came_and_went(f"max by (cluster, node, cause) (timestamp({FINDINGS}))")
    unread = f'max by (cluster, node, cause) (label_replace(timestamp({FAILURE}), "cause", "$1", "reason", "(.*)"))'
    return table(
        "What changed lately",
        "Findings, and reasons why a node could not be read, that began or ended within the time shown above.",
        [rows(f"1000 * ({findings} or {_came_and_went(unread)})")],
        field(
            "short",
            by_name("When", unit="dateTimeFromNow", custom__width=110),
            by_name(
                "Change",
                mappings=words({"began": ("began", colors.LATE), "ended": ("ended", colors.GOOD)}),
                custom__cellOptions=CELL_TEXT_COLORED,
                custom__width=70,
            ),
            by_name("Cause or reason", custom__minWidth=170),
            by_name("Node", links=links.to_node(), custom__minWidth=115),
            by_name("Cluster", links=links.to_fleet()),
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


def _came_and_went(moments: str) -> str:
    """When it was first seen, if not from the range's first steps on, and when last, if it is gone at its end."""
    first = f"min_over_time(({moments})[$__range:$__interval])"
    last = f"max_over_time(({moments})[$__range:$__interval])"
    began = f"{first} > time() - $__range_s + 2 * $__interval_ms / 1000"
    return " or ".join(
        f'label_replace({expr}, "change", "{change}", "", "")'
        for expr, change in ((began, "began"), (f"{last} unless {moments}", "ended"))
    )
