"""How a node came to be as it is: its certificates' lifetimes, states, findings and visits over time."""

from __future__ import annotations

from grafana.builder import colors
from grafana.builder.dashboard import annotation, firing
from grafana.builder.fields import field, fixed, lines, series_colors, thresholds, words
from grafana.builder.layout import Band, heading, wide
from grafana.builder.node_series import NODE, lifetime_used, of_certificates, of_node, state_number
from grafana.builder.panels import Json, query, row, state_timeline, status_history, time_series

_BANDS = thresholds((None, "transparent"), (0.7, colors.NORMAL), (0.9, colors.LATE), (1, colors.EXPIRED))
_LINES = {"client": "text", "serving": colors.ODD, "serving_live": "super-light-purple", "kubeconfig": colors.UNMANAGED}
_SQUARES = 100  # Grafana draws none at all where they would be less than two pixels wide
_VISITS = words({"1": ("read", colors.GOOD), "0": ("failed", colors.LATE)})
_SEVERITIES = words({"1": ("warning", colors.WARNING), "2": ("critical", colors.CRITICAL)})


def marks() -> list[Json]:
    """Rotations where the file was written, or, over a store without a link, where the certificate begins."""
    written = of_certificates("kubelet_cert_last_rotation_timestamp_seconds")
    begins = of_certificates("kubelet_cert_not_before_timestamp_seconds")
    at = f"({written} or {begins}) * 1000"
    return [
        annotation("Rotations", at, "Rotated", "{{cert}}", colors.NORMAL, by_value=True),
        firing(NODE),
    ]


def bands() -> list[Band]:
    return [
        heading(row("Over time")),
        (10, [_saw_tooth()]),
        (5, [wide(12, _states()), wide(12, _visits())]),
        (6, [wide(12, _findings()), wide(6, _duration()), wide(6, _clock())]),
    ]


def _saw_tooth() -> Json:
    told = (
        "Each certificate's age as a share of its lifetime. A rotation is a fall to the bottom: it belongs into the "
        "blue area, 70 to 90 %. Who stays in the orange one is late, who passes 100 % has expired."
    )
    shown = field(
        "percentunit",
        *series_colors(_LINES),
        min=0,
        thresholds=_BANDS,
        custom=lines(axisSoftMax=1.05, thresholdsStyle={"mode": "line+area"}),
        noValue="no dates of this node are known",
    )
    return time_series("Lifetime used over time", told, [query(lifetime_used(), "{{cert}}")], shown)


def _states() -> Json:
    told = (
        "What the exporter said of each certificate that has a state: the client's, and a serving one that is rotated."
    )
    shown = field("none", mappings=colors.STATE_NUMBER_WORDS, custom={"fillOpacity": 80, "lineWidth": 0})
    return state_timeline("States", told, [query(state_number(), "{{cert}}")], shown)


def _visits() -> Json:
    told = "Whether the visits of a square's time all brought a reading, and by which reasons they did not."
    read = f"max by (cluster, node) (min_over_time(kubelet_cert_node_up{{{NODE}}}[$__rate_interval]))"
    why = f"max by (cluster, node, reason) (max_over_time(kubelet_cert_node_failure{{{NODE}}}[$__rate_interval])) * 0"
    asked = [query(read, "any reading"), query(why, "{{reason}}")]
    shown = field("none", mappings=_VISITS, custom={"fillOpacity": 80})
    return {**status_history("Visits", told, asked, shown), "maxDataPoints": _SQUARES}


def _findings() -> Json:
    told = "When which finding held. A finding stays until a visit sees that it is over."
    weight = f'kubelet_cert_finding{{{NODE},severity="critical"}} * 2 or kubelet_cert_finding{{{NODE}}}'
    shown = field(
        "none",
        mappings=_SEVERITIES,
        custom={"fillOpacity": 80, "lineWidth": 0},
        noValue="no finding in this range",
    )
    return state_timeline("Findings over time", told, [query(f"max by (cause) ({weight})", "{{cause}}")], shown)


def _duration() -> Json:
    told = "How long the visits took, failed ones included."
    shown = field("s", color=fixed(colors.NORMAL), min=0, custom=lines(), noValue="not visited in this range")
    return time_series(
        "Visit duration", told, [query(of_node("kubelet_cert_node_visit_duration_seconds"), "visit")], shown
    )


def _clock() -> Json:
    told = "The node's clock less the exporter's, uncertain by half of the round trip."
    shown = field("s", color=fixed(colors.NORMAL), custom=lines(axisSoftMin=-1, axisSoftMax=1), noValue="not measured")
    return time_series(
        "Clock offset over time", told, [query(of_node("kubelet_cert_node_clock_offset_seconds"), "offset")], shown
    )
