"""Where certificates are in their lives, and what comes next."""

from __future__ import annotations

from grafana.builder import colors, links, trouble
from grafana.builder.fields import AGO, CELL_GAUGE, CELL_TEXT_COLORED, COLUMNS, by_name, field, only, thresholds, words
from grafana.builder.panels import Json, bar_chart, buckets, heatmap, instant, merged, rows, stat, table
from grafana.builder.trouble import BY_CERT, CERTS, CHOSEN

_OPENS = f"max {BY_CERT} (kubelet_cert_rotation_window_start_timestamp_seconds{{{CERTS}}})"
_CLOSES = f"max {BY_CERT} (kubelet_cert_rotation_window_end_timestamp_seconds{{{CERTS}}})"
_ON_CERT = "on (cluster, node, cert)"
_STATE_WORDS = [*colors.STATE_NUMBER_WORDS, *words({"0": ("not rotated", colors.UNMANAGED)})]
_EDGES = ("0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.65", "0.7", "0.75", "0.8", "0.85", "0.9", "0.95", "1")
_MOST = 50
_SLOTS, _AHEAD = 16, 60  # shown, and looked at
_NO_CLUSTER = '"cluster", "all", "cluster", ""'  # the matrix needs the label; an inventory may be without it
_SLOT = "opens\\cluster"  # what the matrix calls its first column


def position() -> Json:
    """From raw series it would be a query a stripe."""
    return heatmap(
        "Position in the lifetime",
        "How many certificates are how far through their life; needs the recording rules. Healthy stripes climb and "
        "fade out in the window, where kubelets rotate. A stripe above it: a signer, or nodes, that stalled. The more "
        "a cell stands out from the background (light on a dark theme, dark on a light one), the more certificates.",
        [buckets(f"sum by (le) (cluster_cert:kubelet_cert_lifetime_used:bucket{{{CERTS}}})")],
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
    """Each certificate counts with the part of its remaining window that lies within the next day.

    One whose window has closed is late, and none to count on.
    """
    begins = f"clamp_min({_OPENS}, time())"
    left = f"clamp_min(({_CLOSES} > time()) - {begins}, 1)"
    share = f"clamp_max(clamp_min(time() + 86400 - {begins}, 0) / {left}, 1)"
    nought = f"0 * max(kubelet_cert_node_info{{{CHOSEN}}})"
    return stat(
        "Rotations expected in 24 h",
        "How many kubelets will have rotated by then, on average: each picks its moment evenly between 70 and 90 % of "
        "the lifetime. Certificates that live for less than a day count once. Not the sum of the bars: those count "
        "windows that open, this one also windows that are open already, and each with a share of what is left of it. "
        "Who is past the window does not count.",
        [instant(f"sum({share}) or {nought}")],
        field("short", thresholds=only(colors.NORMAL), decimals=0, noValue="not known"),
        colorMode="value",
    )


def forecast() -> Json:
    """``count_values`` makes the whole histogram in one query; its label holds milliseconds."""
    slot = f"floor(({_OPENS} > time() < time() + {_AHEAD} * $slot) / $slot) * $slot * 1000"
    return bar_chart(
        "Windows that open, per slot (slots without any left out)",
        f"How many rotation windows open in each slot of time, in the first {_SLOTS} that have any; below a bar stands "
        "when its slot begins, so neighbours may be days apart. How long a slot is, is chosen above. A tall bar is a "
        "herd: nodes that joined together rotate together.",
        [rows(f'label_replace(count_values by (cluster) ("opens", {slot}), {_NO_CLUSTER})')],
        field(
            "short", by_name(_SLOT, unit="time:ddd D MMM HH:mm"), color={"mode": "palette-classic"}, decimals=0, min=0
        ),
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
    """What is shown of a certificate is chosen before it is aggregated: of thirty thousand some fifty are left.

    The recorded share knows of certificates that begin when their CA does.
    """
    end = f"kubelet_cert_not_after_timestamp_seconds{{{CERTS}}}"
    top = f"topk({_MOST}, max {BY_CERT} (cluster_node_cert:kubelet_cert_lifetime_used:ratio{{{CERTS}}}))"
    closes = f"kubelet_cert_rotation_window_end_timestamp_seconds{{{CERTS}}}"
    renamed = {
        "Value #A": "Life used",
        "node": "Node",
        "cluster": "Cluster",
        "cert": "Certificate",
        "Value #D": "State",
        "Value #B": "Expires",
        "Value #C": "Window ends",
    }
    dates = (f"1000 * max {BY_CERT} ({date} and {_ON_CERT} {top})" for date in (end, closes))
    return table(
        "Certificates, furthest first",
        f"The {_MOST} certificates that have used most of their life. What the kubelet does not rotate has no window "
        "and no state: it is expired where a reading saw it past its end, else not rotated.",
        [rows(top), *map(rows, dates), rows(_states_of(top))],
        field("short", *_columns_of_furthest(), thresholds=only("text"), custom=COLUMNS),
        options={"sortBy": [{"displayName": "Life used", "desc": True}]},
        transformations=merged(renamed=renamed, keep="Value #A"),
    )


def _states_of(top: str) -> str:
    """By their numbers."""
    told = trouble.worst_state("cluster, node, cert", CERTS)
    past = f"0 * ({trouble.unrotated_past_end(CERTS)}) + {colors.STATE_NUMBERS['expired']}"
    return f"({past} or {told} or 0 * {top}) and {_ON_CERT} {top}"


def _columns_of_furthest() -> list[Json]:
    share = {"unit": "percentunit", "decimals": 0, "min": 0, "max": 1, "thresholds": colors.LIFETIME}
    return [
        by_name("Life used", **share, custom__cellOptions=CELL_GAUGE, custom__width=150),
        by_name("Node", links=links.to_node(), custom__minWidth=115),
        by_name("Cluster", links=links.to_fleet()),
        by_name("State", mappings=_STATE_WORDS, custom__cellOptions=CELL_TEXT_COLORED),
        by_name("Expires", unit=AGO, custom__minWidth=115),
        by_name("Window ends", unit=AGO, custom__minWidth=115),
    ]


def authorities() -> Json:
    ends = f'kubelet_cert_not_after_timestamp_seconds{{{CHOSEN},cert="ca"}}'
    leaf = f"max by (cluster) (cluster:kubelet_cert_leaf_lifetime_seconds:max{{{CHOSEN}}})"
    left = thresholds((None, colors.CRITICAL), (0.25, colors.LATE), (1, colors.GOOD))
    return table(
        "Certificate authorities",
        "The CA that signed each cluster's client certificates: as its end comes near, it signs ever shorter ones. "
        "Leaf lives left: how often the longest client certificate still fits, of which a year counts at most. "
        "The ends differ while a CA is replaced.",
        [
            rows(f"(max by (cluster) ({ends}) - time()) / on (cluster) {leaf}"),
            rows(f"1000 * min by (cluster) ({ends})"),
            rows(f"1000 * max by (cluster) ({ends})"),
            rows(leaf),
        ],
        field(
            "short",
            by_name("Cluster", links=links.to_fleet()),
            by_name(
                "Leaf lives left",
                unit="suffix: lives",
                decimals=1,
                thresholds=left,
                custom__cellOptions=CELL_TEXT_COLORED,
            ),
            by_name("Longest leaf", unit="s", decimals=0),
            by_name("First ends", unit=AGO),
            by_name("Last ends", unit=AGO),
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
