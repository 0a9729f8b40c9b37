"""The dashboard of one node, for a person who was woken because of it."""

from __future__ import annotations

from grafana.builder import colors, links, node_details, node_history, trouble, variables
from grafana.builder.dashboard import dashboard, marked
from grafana.builder.fields import AGO, CELL_COLORED, COLUMNS, by_name, field, only, thresholds, words
from grafana.builder.layout import Band, wide
from grafana.builder.node_series import (
    CLIENT,
    NODE,
    date,
    last_reading,
    lifetime_used,
    of_certificates,
    of_node,
    state_number,
)
from grafana.builder.panels import Json, instant, merged, panel, rows, stat, table

SUSPECT_OFFSET = 60  # seconds; from here on the exporter holds a clock for wrong
_DESCRIPTION = "One node: the state of its certificates, what is wrong with it and since when, and its rotations."
_ON_OFF = words({"1": ("on", colors.GOOD), "0": ("off", colors.LATE)})
_SEVERITIES = words(
    {"none": ("none", colors.GOOD), **{word: (word, color) for word, color in colors.SEVERITIES.items()}}
)
_LIFETIME = colors.graded(colors.GOOD, (0.7, colors.NORMAL), (0.9, colors.LATE), (1, colors.EXPIRED))
_SAFE = words({"1": ("safe", colors.GOOD), "0": ("NOT SAFE", colors.EXPIRED)})


def build() -> Json:
    every = {"includeAll": True, "allValue": variables.ANY_OR_NONE}
    made = dashboard(
        links.NODE,
        "Kubelet certificates / Node",
        _DESCRIPTION,
        since="now-7d",
        variables=[
            variables.datasource(),
            variables.label("cluster", "Cluster", "kubelet_cert_node_info", **every),
            variables.label("node", "Node", 'kubelet_cert_node_info{cluster=~"$cluster"}'),
            variables.certificates(NODE),
        ],
        bands=[
            *_glance(),
            (7, [wide(10, _findings()), wide(14, _alerts())]),
            *node_history.bands(),
            *node_details.bands(),
        ],
    )
    return marked(made, node_history.marks())


def _glance() -> list[Band]:
    return [
        (5, [wide(6, _state()), wide(5, _expires()), wide(5, _used()), wide(4, _restart()), wide(4, _rotation())]),
        (3, [wide(6, _last_reading()), wide(6, _reason()), wide(5, _clock()), wide(7, _last_rotation())]),
    ]


def _state() -> Json:
    told = "The client certificate's state by its last reading and the time since. To be in the window is normal."
    shown = field("none", mappings=colors.STATE_NUMBER_WORDS, thresholds=only(colors.UNKNOWN), noValue="nothing known")
    return stat("Client certificate", told, [instant(state_number(CLIENT), "state")], shown)


def _expires() -> Json:
    told = "When the client certificate ends, or when it ended; a healthy one is replaced long before."
    asked = instant(f"{date('not_after', CLIENT)} * 1000", "expires")
    shown = field(AGO, thresholds=only("text"), noValue="not known")
    return stat("Expires", told, [asked], shown, colorMode="value")


def _used() -> Json:
    told = "How much of its lifetime has passed. The kubelet renews at a moment between 70 and 90 %."
    shown = field(
        "percentunit",
        min=0,
        max=1,
        decimals=1,
        thresholds=_LIFETIME,
        color={"mode": "thresholds"},
        noValue="not known",
    )
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "showThresholdLabels": False,
        "showThresholdMarkers": True,
    }
    asked = instant(lifetime_used(CLIENT), "used")
    return panel("gauge", "Lifetime used", told, [asked], fieldConfig=shown, options=options)


def _restart() -> Json:
    told = (
        "Whether the kubelet comes back after a restart, as far as its certificate files decide it. "
        "`kubelet-cert-exporter explain` says why not."
    )
    asked = instant(trouble.safety(NODE), "restart")
    shown = field("none", mappings=_SAFE, thresholds=only(colors.UNKNOWN), noValue="not known")
    return stat("Restart", told, [asked], shown)


def _rotation() -> Json:
    told = "Whether the kubelet is set to renew its client certificate by itself."
    asked = instant(f"min by (cluster, node) (kubelet_cert_rotation_enabled{{{CLIENT}}})", "rotation")
    shown = field("none", mappings=_ON_OFF, thresholds=only(colors.UNKNOWN), noValue="not known")
    return stat("Rotation", told, [asked], shown)


def _last_reading() -> Json:
    told = "When the node was last read: how old everything here is. A failed visit deletes nothing."
    asked = instant(f"{last_reading()} * 1000", "read")
    shown = field(AGO, thresholds=only("text"), noValue="never")
    return stat("Last reading", told, [asked], shown, colorMode="value")


def _reason() -> Json:
    told = "Why the last visit brought no reading: a reason of the exporter's, as its documentation lists them."
    fails = f"{of_node('kubelet_cert_node_failure', NODE, 'reason')} * 0"
    reads = f'label_replace({of_node("kubelet_cert_node_up")} == 1, "reason", "succeeded", "", "")'
    untold = 'label_replace(vector(-1), "reason", "not known", "", "")'
    asked = instant(f"{reads} or on (cluster, node) {fails} or on () {untold}", "{{reason}}")
    told_by = thresholds((None, colors.UNKNOWN), (0, colors.LATE), (1, colors.GOOD))
    shown = field("none", thresholds=told_by, links=links.to_reasons())
    return stat("Last visit", told, [asked], shown, textMode="name")


def _clock() -> Json:
    told = (
        "The node's clock less the exporter's. From a minute on it is a finding: a wrong clock makes dates look wrong."
    )
    asked = instant(of_node("kubelet_cert_node_clock_offset_seconds"), "offset")
    suspect = colors.graded(colors.LATE, (-SUSPECT_OFFSET, colors.GOOD), (SUSPECT_OFFSET, colors.LATE))
    return stat("Clock offset", told, [asked], field("s", decimals=1, thresholds=suspect, noValue="not measured"))


def _last_rotation() -> Json:
    told = "When the file that the store's link points to was written, for each certificate that the kubelet rotates."
    asked = instant(f"{of_certificates('kubelet_cert_last_rotation_timestamp_seconds')} * 1000", "{{cert}}")
    shown = field(AGO, thresholds=only("text"), noValue="not known")
    return stat("Last rotation", told, [asked], shown, colorMode="value")


def _findings() -> Json:
    told = (
        "What is wrong with this node by its last reading, and since when in the range that is shown. "
        "A cause leads to its description: how it comes, and what to type."
    )
    held = f"max by (severity, cause) ({trouble.found(NODE)})"
    seen = f"timestamp(kubelet_cert_finding{{{NODE}}})"
    # The steps of a subquery are whole multiples of their length: what began after the last one shows in none.
    first = f"min by (severity, cause) (min_over_time({seen}[$__range:$__interval]) or {seen})"
    read = of_node("kubelet_cert_node_last_success_timestamp_seconds")
    asked = f"({first} and on (severity, cause) {held} or on () {_nothing(read)}) * 1000"
    columns = (
        by_name("Severity", mappings=_SEVERITIES, custom__cellOptions=CELL_COLORED, custom__width=90),
        by_name("Cause", links=links.to_cause()),
        by_name("Seen since", unit=AGO, custom__width=125),
    )
    return table(
        "Findings",
        told,
        [rows(asked)],
        field("none", *columns, thresholds=only("text"), custom=COLUMNS, noValue="not known"),
        transformations=merged(renamed={"severity": "Severity", "cause": "Cause", "Value": "Seen since"}),
        options={"sortBy": [{"displayName": "Severity", "desc": False}]},
    )


def _nothing(read: str) -> str:
    """A row that says so, where the node was read."""
    return f'label_replace(max by (cause) ({read}), "severity", "none", "", "")'


def _alerts() -> Json:
    told = (
        "Alerts about this node that fire now, and critical ones about its whole cluster. "
        "A name leads to the alert's runbook."
    )
    by = "alertname, severity, cluster, node, cert"
    ours = 'component="kubelet-cert"'
    of_cluster = f'cluster=~"$cluster",node="",severity="critical",{ours}'
    known = f"and on (cluster) {of_node('kubelet_cert_node_info')}"

    def both(metric: str, more: str = "") -> str:
        return f"{metric}{{{NODE},{ours}{more}}} or ({metric}{{{of_cluster}{more}}} {known})"

    firing = ',alertstate="firing"'
    asked = f"max by ({by}) ({both('ALERTS_FOR_STATE')}) * 1000 and on ({by}) ({both('ALERTS', firing)})"
    columns = (
        by_name("Severity", mappings=colors.SEVERITY_WORDS, custom__cellOptions=CELL_COLORED, custom__width=90),
        by_name("Alert", links=links.to_runbook()),
        by_name("Certificate", custom__width=85),
        by_name("Since", unit=AGO, custom__width=120),
    )
    named = {"severity": "Severity", "alertname": "Alert", "cert": "Certificate", "Value": "Since"}
    return table(
        "Firing alerts",
        told,
        [rows(asked)],
        field("none", *columns, thresholds=only("text"), custom=COLUMNS, noValue="no alert fires"),
        transformations=merged(renamed=named, hidden=("cluster", "node")),
        options={"sortBy": [{"displayName": "Severity", "desc": False}]},
    )
