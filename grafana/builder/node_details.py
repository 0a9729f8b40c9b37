"""Tables of what is known of a node: its certificates, its store, and the words about it."""

from __future__ import annotations

from grafana.builder import colors
from grafana.builder.fields import (
    AGO,
    CELL_COLORED,
    CELL_TEXT_COLORED,
    COLUMNS,
    by_name,
    field,
    only,
    thresholds,
    words,
)
from grafana.builder.layout import Band, heading, wide
from grafana.builder.node_series import (
    CERTIFICATES,
    CLIENT,
    NODE,
    date,
    lifetime_used,
    of_certificates,
    of_node,
    state_number,
)
from grafana.builder.panels import Json, instant, merged, query, row, rows, table

_DATE = "dateTimeAsIso"
_WIDEST = 7.5  # pixels of a letter
_ABOUT_NODE = ("distribution", "transport", "address", "host_key_policy", "clock", "script_version")
_ABOUT_CERTIFICATE = ("subject", "issuer", "serial")


def bands() -> list[Band]:
    return [
        heading(row("Details")),
        (7, [_certificates()]),
        (8, [wide(6, _about_node()), wide(11, _about_certificate()), wide(7, _store())]),
        (6, [_history()]),
    ]


def _certificates() -> Json:
    told = (
        "Each certificate that was found. client: what the store's link points to; serving: the file that the kubelet "
        "serves with; serving_live: seen in a handshake; kubeconfig: what kubelet.conf holds; ca: the client's issuer."
    )
    asked = [
        rows(f"{date('not_after')} * 1000"),
        rows(state_number()),
        rows(lifetime_used()),
        rows(f"{date('not_before')} * 1000"),
        rows(f"{of_certificates('kubelet_cert_rotation_window_start_timestamp_seconds')} * 1000"),
        rows(f"{of_certificates('kubelet_cert_rotation_window_end_timestamp_seconds')} * 1000"),
        rows(f"{date('not_after')} * 1000"),
    ]
    named = {
        "cert": "Certificate",
        "Value #B": "State",
        "Value #C": "Lifetime used",
        "Value #G": "Expires",
        "Value #D": "Valid from",
        "Value #E": "Window opens",
        "Value #F": "Window closes",
        "Value #A": "Valid until",
    }
    dates = [by_name(name, unit=_DATE, custom__width=155) for name in ("Valid from", "Valid until")]
    distances = [by_name(name, unit=AGO, custom__width=118) for name in ("Window opens", "Window closes", "Expires")]
    columns = (
        by_name(
            "State",
            mappings=[*colors.STATE_NUMBER_WORDS, *words({"null": ("-", "")})],
            thresholds=only("transparent"),
            custom__cellOptions=CELL_COLORED,
            custom__width=85,
        ),
        by_name(
            "Lifetime used",
            unit="percentunit",
            decimals=1,
            mappings=words({"null": ("-", "transparent")}),
            thresholds=colors.LIFETIME,
            custom__cellOptions=CELL_COLORED,
            custom__width=100,
        ),
        *distances,
        *dates,
    )
    return table(
        "Certificates",
        told,
        asked,
        field("none", *columns, thresholds=only("text"), custom=COLUMNS),
        transformations=merged(renamed=named, hidden=("cluster", "node")),
    )


def _about_node() -> Json:
    told = "What the inventory and the last reading say of the node. clock: whose clock its verdicts rest on."
    return _about("Node", told, of_node("kubelet_cert_node_info", NODE, *_ABOUT_NODE), _ABOUT_NODE)


def _about_certificate() -> Json:
    told = "What the client certificate says of itself."
    return _about(
        "Client certificate in words",
        told,
        of_certificates("kubelet_cert_info", CLIENT, *_ABOUT_CERTIFICATE),
        _ABOUT_CERTIFICATE,
    )


def _about(title: str, told: str, expression: str, labels: tuple[str, ...]) -> Json:
    """An info metric's labels, one below the other."""
    turned = [
        {"id": "labelsToFields", "options": {"mode": "rows", "keepLabels": list(labels)}},
        {"id": "organize", "options": {"renameByName": {"label": "What", "value": "Value"}}},
    ]
    shown = field(
        "string",
        by_name("What", custom__width=_WIDEST * max(map(len, labels)) + 20),
        by_name("Value", noValue="not known"),
        custom=COLUMNS,
        thresholds=only("text"),
    )
    return table(title, told, [instant(expression)], shown, transformations=turned)


def _history() -> Json:
    told = "Client certificates that the readings of this range showed, newest first: the history of its rotations."
    text = of_certificates("kubelet_cert_info", CLIENT, "serial", "issuer")
    begins = of_certificates("kubelet_cert_not_before_timestamp_seconds", CLIENT)
    asked = query(f"{text} * on (cluster, node, cert) group_left () ({begins} * 1000)", format="table")
    grouped = {
        "id": "groupBy",
        "options": {
            "fields": {
                "serial": {"operation": "groupby", "aggregations": []},
                "issuer": {"operation": "groupby", "aggregations": []},
                "Value": {"operation": "aggregate", "aggregations": ["min"]},
                "Time": {"operation": "aggregate", "aggregations": ["min", "max"]},
            }
        },
    }
    named = {
        "id": "organize",
        "options": {
            "excludeByName": {},
            "indexByName": {"Value (min)": 0, "Time (min)": 1, "Time (max)": 2, "issuer": 3, "serial": 4},
            "renameByName": {
                "Value (min)": "Valid from",
                "Time (min)": "First seen",
                "Time (max)": "Last seen",
                "issuer": "Issuer",
                "serial": "Serial",
            },
        },
    }
    dates = [by_name(name, unit=_DATE, custom__width=155) for name in ("Valid from", "First seen", "Last seen")]
    issuer = by_name("Issuer", custom__width=140)
    return table(
        "Certificates seen in this range",
        told,
        [asked],
        field("string", *dates, issuer, thresholds=only("text"), custom=COLUMNS, noValue="none was seen"),
        transformations=[grouped, named],
        options={"sortBy": [{"displayName": "Valid from", "desc": True}]},
    )


def _store() -> Json:
    told = (
        "Dated files in the store, and orphans: files newer than the link's target, signed for nothing. "
        "The kubelet never removes a file."
    )
    files = rows(of_certificates("kubelet_cert_rotations_on_disk"))
    orphans = rows(of_certificates("kubelet_cert_store_orphans", CERTIFICATES, "condition"))
    named = {"cert": "Certificate", "Value #A": "Files", "Value #B": "Orphans", "condition": "Condition"}
    lost = thresholds((None, "text"), (1, colors.LATE))
    columns = (
        by_name("Certificate", custom__width=90),
        by_name("Files", custom__width=60),
        by_name("Orphans", thresholds=lost, custom__cellOptions=CELL_TEXT_COLORED, custom__width=75),
    )
    return table(
        "Store",
        told,
        [files, orphans],
        field("none", *columns, thresholds=only("text"), custom=COLUMNS),
        transformations=merged(renamed=named, hidden=("cluster", "node")),
    )
