"""Where certificates are in their lives, and what comes next."""

from __future__ import annotations

from grafana.builder import colors, links
from grafana.builder.fields import CELL_GAUGE, CELL_TEXT_COLORED, COLUMNS, by_name, field, only, thresholds
from grafana.builder.panels import Json, bar_chart, buckets, heatmap, instant, merged, rows, stat, table
from grafana.builder.trouble import CHOSEN

_CERTS = f'{CHOSEN},cert=~"$cert"'
_BY_CERT = "by (cluster, node, cert)"
_BEGIN = f"max {_BY_CERT} (kubelet_cert_not_before_timestamp_seconds{{{_CERTS}}})"
_END = f"max {_BY_CERT} (kubelet_cert_not_after_timestamp_seconds{{{_CERTS}}})"
_OPENS = f"max {_BY_CERT} (kubelet_cert_rotation_window_start_timestamp_seconds{{{_CERTS}}})"
_CLOSES = f"max {_BY_CERT} (kubelet_cert_rotation_window_end_timestamp_seconds{{{_CERTS}}})"
_USED = f"(time() - {_BEGIN}) / ({_END} - {_BEGIN})"
_EDGES = ("0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.65", "0.7", "0.75", "0.8", "0.85", "0.9", "0.95", "1")
_MOST = 50
_SLOTS, _AHEAD = 16, 60  # shown, and looked at
_NO_CLUSTER = '"cluster", "all", "cluster", ""'  # the matrix needs the label; an inventory may be without it
_SLOT = "opens\\cluster"  # what the matrix calls its first column


def position() -> Json:
    """The only panel that needs a recorded series: from raw ones it would be a query a stripe."""
    return heatmap(
        "Position in the lifetime",
        "How many certificates are how far through their life; needs the recording rules. Healthy stripes climb and "
        "fade out in the window, where kubelets rotate. A stripe above it: a signer, or nodes, that stalled.",
        [buckets(f"sum by (le) (cluster_cert:kubelet_cert_lifetime_used:bucket{{{_CERTS}}})")],
        "percentunit",
        options={"rowsFrame": {"layout": "unknown"}},  # names in the middle of their stripes, not at their upper edges
        transformations=[
            {"id": "organize", "options": {"excludeByName": {}, "indexByName": {}, "renameByName": _stripes()}}
        ],
    )


def _stripes() -> dict[str, str]:
    """Upper edges to what a stripe is called: the window has its name in it."""
    names = {"+Inf": "expired"}
    for lower, upper in zip(("0", *_EDGES), _EDGES, strict=False):
        low, high = round(100 * float(lower)), round(100 * float(upper))
        place = "window " if 70 <= low < 90 else "past window " if low >= 90 else ""
        names[upper] = f"{place}{low}-{high} %"
    return names


def expected() -> Json:
    """Each certificate counts with the part of its remaining window that lies within the next day."""
    begins = f"clamp_min({_OPENS}, time())"
    share = f"clamp_max(clamp_min(time() + 86400 - {begins}, 0) / clamp_min({_CLOSES} - {begins}, 1), 1)"
    return stat(
        "Due in 24 h",
        "The expected number of rotations: a kubelet picks its moment evenly between 70 and 90 % of the lifetime. "
        "Certificates that live for less than a day count once.",
        [instant(f"sum({share})")],
        field("short", thresholds=only(colors.NORMAL), decimals=0),
        colorMode="value",
    )


def forecast() -> Json:
    """``count_values`` makes the whole histogram in one query; its label holds milliseconds."""
    slot = f"floor(({_OPENS} > time() < time() + {_AHEAD} * $slot) / $slot) * $slot * 1000"
    return bar_chart(
        "Windows that open, per slot",
        f"How many rotation windows open in each slot of time, in the first {_SLOTS} that have any. A tall bar is a "
        "herd: nodes that joined together rotate together.",
        [rows(f'label_replace(count_values by (cluster) ("opens", {slot}), {_NO_CLUSTER})')],
        field("short", by_name(_SLOT, unit="time:D MMM HH:mm"), color={"mode": "palette-classic"}, decimals=0, min=0),
        options={"xField": _SLOT},
        transformations=[
            {
                "id": "groupingToMatrix",
                "options": {"rowField": "opens", "columnField": "cluster", "valueField": "Value", "emptyValue": "null"},
            },
            _converted("number"),
            {"id": "sortBy", "options": {"fields": {}, "sort": [{"field": _SLOT, "desc": False}]}},
            _converted("time"),
            {"id": "limit", "options": {"limitField": _SLOTS}},
        ],
    )


def _converted(kind: str) -> Json:
    told = {"targetField": _SLOT, "destinationType": kind}
    return {"id": "convertFieldType", "options": {"fields": {}, "conversions": [told]}}


def furthest() -> Json:
    top = f"topk({_MOST}, {_USED})"
    # Where two exporters say different things, the first is shown: a second row has no share of life and is left out.
    states = f"max by (cluster, node, cert, state) (kubelet_cert_rotation_state{{{_CERTS}}} == 1)"
    renamed = {
        "Value #A": "Life used",
        "node": "Node",
        "cluster": "Cluster",
        "cert": "Certificate",
        "state": "State",
        "Value #B": "Expires",
        "Value #C": "Window ends",
    }
    return table(
        "Certificates, furthest first",
        f"The {_MOST} certificates that have used most of their life. What the kubelet does not rotate has no window.",
        [
            rows(top),
            *(
                rows(f"({expr}) and on (cluster, node, cert) {top}")
                for expr in (f"1000 * {_END}", f"1000 * {_CLOSES}", states)
            ),
        ],
        field("short", *_columns_of_furthest(), thresholds=only("text"), custom=COLUMNS),
        options={"sortBy": [{"displayName": "Life used", "desc": True}]},
        transformations=merged(renamed=renamed, hidden=("Value #D",), keep="Value #A"),
    )


def _columns_of_furthest() -> list[Json]:
    share = {"unit": "percentunit", "decimals": 0, "min": 0, "max": 1, "thresholds": colors.LIFETIME}
    return [
        by_name("Life used", **share, custom__cellOptions=CELL_GAUGE, custom__width=150),
        by_name("Node", links=links.to_node(), custom__minWidth=115),
        by_name("Cluster", links=links.to_fleet()),
        by_name("State", mappings=colors.STATE_WORDS, custom__cellOptions=CELL_TEXT_COLORED),
        by_name("Expires", unit="dateTimeFromNow", custom__minWidth=115),
        by_name("Window ends", unit="dateTimeFromNow", custom__minWidth=115),
    ]


def authorities() -> Json:
    ends = f'kubelet_cert_not_after_timestamp_seconds{{{CHOSEN},cert="ca"}}'
    of_client = f'{{{CHOSEN},cert="client"}}'
    leaf = (
        f"max by (cluster) (kubelet_cert_not_after_timestamp_seconds{of_client}"
        f" - kubelet_cert_not_before_timestamp_seconds{of_client})"
    )
    left = thresholds((None, colors.CRITICAL), (0.25, colors.LATE), (1, colors.GOOD))
    return table(
        "Certificate authorities",
        "The CA that signed each cluster's client certificates: as its end comes near, it signs ever shorter ones. "
        "Leaf lives left: how often the longest client certificate still fits. The ends differ while a CA is replaced.",
        [
            rows(f"(max by (cluster) ({ends}) - time()) / on (cluster) {leaf}"),
            rows(f"1000 * min by (cluster) ({ends})"),
            rows(f"1000 * max by (cluster) ({ends})"),
            rows(leaf),
        ],
        field(
            "short",
            by_name("Cluster", links=links.to_fleet()),
            by_name("Leaf lives left", decimals=1, thresholds=left, custom__cellOptions=CELL_TEXT_COLORED),
            by_name("Longest leaf", unit="s", decimals=0),
            by_name("First ends", unit="dateTimeFromNow"),
            by_name("Last ends", unit="dateTimeFromNow"),
            thresholds=only("text"),
            custom=COLUMNS,
        ),
        transformations=merged(
            renamed={
                "cluster": "Cluster",
                "Value #A": "Leaf lives left",
                "Value #D": "Longest leaf",
                "Value #B": "First ends",
                "Value #C": "Last ends",
            }
        ),
    )
