"""The fleet dashboard's first picture: which nodes, why, and what fires."""

from __future__ import annotations

from grafana.builder import colors, links, trouble
from grafana.builder.fields import (
    CELL_COLORED,
    CELL_TEXT_COLORED,
    COLUMNS,
    by_name,
    by_query,
    field,
    fixed,
    only,
    thresholds,
    words,
)
from grafana.builder.panels import Json, bar_gauge, instant, merged, rows, table
from grafana.builder.trouble import BY_NODE, CHOSEN

_NO_FILTER = "Looks at all certificates of a node, whichever are chosen above."
# where an exporter answers that has nodes, and where the rules know them
NOUGHT = f"0 * max(kubelet_cert_inventory_nodes{{{CHOSEN}}} and on (cluster) {trouble.RULES})"
_MOST = 200  # nodes that a person can look through
FIRING = 'component="kubelet-cert",alertstate="firing",cluster=~"$cluster|"'
BY_ALERT = "by (alertname, cluster, node, cert, cause)"
_PAGES = {"show": False, "enablePagination": True, "reducer": ["sum"], "fields": "", "countRows": False}
_NOTHING = words({"0": ("nothing to do", colors.GOOD)})


def nodes_in_need() -> Json:
    """Findings come first: a merge gives what is known of a node to each of the rows that it has by then."""
    causes = f"max by (cluster, node, cause, severity) ({trouble.found()})"
    named = f'label_replace({trouble.FAILURE}, "cause", "$1", "reason", "(.*)")'
    reasons = f"max by (cluster, node, cause) ({named}) {trouble.NOT_READ}"
    left, begins = _dates()
    success = "kubelet_cert_node_last_success_timestamp_seconds"
    age = f'time() - max {BY_NODE} ({{__name__=~"{success}|cluster_node:{success}:max",{CHOSEN}}})'
    renamed = {
        "Value #B": "Trouble",
        "node": "Node",
        "cluster": "Cluster",
        "cause": "Cause or reason",
        "severity": "Severity",
        "Value #C": "State",
        "Value #D": "Time left",
        "Value #G": "Begins in",
        "Value #E": "Restart",
        "Value #F": "Last read",
    }
    return table(
        "Nodes that need a hand, a row for each cause",
        "The most urgent first, and of those alike the one with the least time left. A row for each cause, or reason "
        "why a node could not be read: a node may have several. A cause or reason leads to its explanation; "
        "kubelet-cert-exporter explain NODE says what to type. Severity: of the cause, which may differ "
        "from that of an alert about it. State: the worst of the node's certificates, so a certificate that no kubelet "
        "rotates may be the expired one. Time left: until the client certificate ends; where it is not valid yet, "
        f"begins in says when that heals by itself. At most {_MOST} nodes. {_NO_FILTER}",
        [
            rows(f"{causes} or ({reasons})"),
            rows(f"bottomk({_MOST}, {trouble.RANK}) or on () {NOUGHT}"),
            *map(rows, map(trouble.in_trouble, (_state(), left, trouble.safety(), age))),
            rows(begins),
        ],
        field("short", *_columns_of_need(), thresholds=only("text"), custom=COLUMNS, noValue="not known"),
        options={"sortBy": [{"displayName": "Trouble", "desc": False}]},
        transformations=[
            *merged(renamed=renamed, hidden=("Value #A",), keep="Value #B"),
            {"id": "sortBy", "options": {"fields": {}, "sort": [{"field": "Time left", "desc": False}]}},
        ],
    )


def _state() -> str:
    """The worst of the certificates' states; one that has none is expired where a reading saw it past its end."""
    past = f"0 * max {BY_NODE} ({trouble.unrotated_past_end()}) + {colors.STATE_NUMBERS['expired']}"
    return f"({past}) or {trouble.worst_state('cluster, node')}"


def _dates() -> tuple[str, str]:
    """Until the client certificate ends, or, of one that is not valid yet, until it begins."""
    of_client = f'{{{CHOSEN},cert="client"}}'
    begins = f"max {BY_NODE} (kubelet_cert_not_before_timestamp_seconds{of_client} > time())"
    end = "kubelet_cert_not_after_timestamp_seconds"
    known = f'{{__name__=~"{end}|cluster_node_cert:{end}:max",{CHOSEN},cert="client"}}'
    left = f"max {BY_NODE} ({known}) - time()"
    return f"{left} unless on (cluster, node) {begins}", f"{begins} - time()"


def _columns_of_need() -> list[Json]:
    colored = {"custom__cellOptions": CELL_TEXT_COLORED}
    left = thresholds((None, colors.EXPIRED), (0, "text"))
    restart = words({"1": ("safe", colors.GOOD), "0": ("unsafe", colors.UNSAFE)})
    return [
        by_name(
            "Trouble", mappings=[*trouble.RANK_WORDS, *_NOTHING], custom__cellOptions=CELL_COLORED, custom__width=110
        ),
        by_name("Node", links=links.to_node(), custom__minWidth=115),
        by_name("Cluster", links=links.to_fleet(), custom__width=70),
        by_name("Cause or reason", links=[*links.to_cause(), *links.to_reasons()], custom__minWidth=175),
        by_name("Severity", custom__width=65),
        by_name("State", mappings=colors.STATE_NUMBER_WORDS, custom__width=90, **colored),
        by_name("Time left", unit="s", decimals=1, thresholds=left, custom__width=80, **colored),
        by_name("Restart", mappings=restart, custom__width=65, **colored),
        by_name("Begins in", unit="s", decimals=1, custom__width=72),
        by_name("Last read", unit="s", decimals=0, custom__width=72),
    ]


def nodes_with_finding() -> Json:
    counted = {severity: f"count by (cause) ({trouble.by_cause(severity)})" for severity in ("critical", "warning")}
    return bar_gauge(
        "Nodes by cause",
        "On how many nodes each cause holds, critical ones first. A bar leads to the cause's explanation. Critical and "
        "warning are said of the finding; the alert about it may have another severity.",
        [instant(f"sort_desc({nodes})", "{{cause}}") for nodes in counted.values()],
        field(
            "short",
            by_query("A", color=fixed(colors.CRITICAL), unit="suffix: critical"),
            by_query("B", color=fixed(colors.WARNING), unit="suffix: warning"),
            min=0,
            decimals=0,
            links=links.to_series_cause(),
        ),
    )


def fleet_findings() -> Json:
    """A recorded finding outlasts the exporter, as its alert does; whether a fleet stalls no shard can say."""
    names = "kubelet_cert_fleet_finding|cluster_cause:kubelet_cert_fleet_finding:max"
    shards = 'kubelet_cert_exporter_shard_info{total_shards!="1"}'
    no_say = f'unless on (job, instance, cause) label_replace({shards}, "cause", "fleet-stalled", "", "")'
    found = f'max by (cluster, cause) ({{__name__=~"{names}",cluster=~"$cluster|"}} {no_say}) == 1'
    none = f'label_replace({NOUGHT}, "cause", "none", "", "")'
    every = {"type": "regex", "options": {"pattern": ".+", "result": {"color": colors.CRITICAL, "index": 0}}}
    return table(
        "Across nodes",
        "What only shows when nodes are compared: a stalled signer, one certificate on several nodes, another "
        "issuer, the exporter's own clock. Each leads to its explanation.",
        [rows(f"{found} or on () {none}")],
        field(
            "short",
            by_name(
                "Cause",
                links=links.to_cause(),
                mappings=[*words({"none": ("none", "transparent")}), every],
                custom__cellOptions=CELL_COLORED,
                custom__minWidth=135,
            ),
            by_name("Cluster", links=links.to_fleet(), custom__minWidth=60),
            thresholds=only("text"),
            custom=COLUMNS,
            noValue="not known",
        ),
        options={"showHeader": False},
        transformations=merged(renamed={"cause": "Cause", "cluster": "Cluster"}, hidden=("Value",)),
    )


def alerts() -> Json:
    """As far as our rules are loaded."""
    ranks = {"critical": 3, "warning": 2, "info": 1}
    ranked = " or ".join(
        f'{rank} * max {BY_ALERT} (ALERTS{{{FIRING},severity="{severity}"}})' for severity, rank in ranks.items()
    )
    about = f'label_join({ranked}, "about", "", "cert", "cause")'
    told = words({str(rank): (severity, colors.SEVERITIES[severity]) for severity, rank in ranks.items()})
    return table(
        "Firing alerts",
        "Alerts of this exporter's rules that fire now, critical first; how many, the tile above says. An alert leads "
        "to its runbook. Severity: of the alert, whom to wake; that of the finding behind it says how bad the node is. "
        "Empty also where the rules are not loaded.",
        [rows(about)],
        field(
            "short",
            by_name("Severity", mappings=told, custom__cellOptions=CELL_COLORED, custom__width=85),
            by_name("Alert", links=links.to_runbook(), custom__minWidth=165),
            by_name("Node", links=links.to_node(), custom__minWidth=100),
            by_name("Cluster", links=links.to_fleet(), custom__width=65),
            by_name("Certificate or cause", custom__minWidth=140),
            thresholds=only("text"),
            custom=COLUMNS,
            noValue="no alert fires, or no rules are loaded",
        ),
        # pages, as a scroll bar may be hidden: "1 - 14 of 17 rows"
        options={"footer": _PAGES, "sortBy": [{"displayName": "Severity", "desc": True}]},
        transformations=merged(
            renamed={
                "Value": "Severity",
                "alertname": "Alert",
                "node": "Node",
                "cluster": "Cluster",
                "about": "Certificate or cause",
            },
            hidden=("cert", "cause"),
        ),
    )
