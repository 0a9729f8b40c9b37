"""The row of numbers above all else on the fleet dashboard, and what stands beside it."""

from __future__ import annotations

from grafana.builder import colors, trouble
from grafana.builder.exporter_series import OUR_JOBS
from grafana.builder.fields import by_name, field, only, thresholds, words
from grafana.builder.fleet_now import BY_ALERT, FIRING, NOUGHT, fleet_findings
from grafana.builder.layout import wide
from grafana.builder.panels import Json, instant, stat
from grafana.builder.trouble import BY_CERT, BY_NODE, CERTS, CHOSEN

_NOT_KNOWN = words({"-1": ("not known", colors.UNKNOWN)})
_NONE_SCRAPED = words({"-1": ("none known", colors.CRITICAL)})


def numbers() -> list[Json]:
    """Nought is told where an exporter has nodes; where none answers, only what is remembered is."""
    told = (
        ("nodes in need", trouble.RANK, colors.CRITICAL),
        ("expired", f"{_in_state('expired')} or {trouble.unrotated_past_end(CERTS)}", colors.EXPIRED),
        ("stalled", _in_state("stalled"), colors.STALLED),
        ("late", _in_state("late"), colors.LATE),
        ("restart unsafe", trouble.UNSAFE, colors.UNSAFE),
        ("not readable", f"max {BY_NODE} (kubelet_cert_node_up{{{CHOSEN}}}) == 0", colors.UNKNOWN),
        ("in the window", _in_state("window"), colors.NORMAL),
        ("alerts fire", f"max {BY_ALERT} (ALERTS{{{FIRING}}})", colors.WARNING),
    )
    asked = [instant(f"count({what}) or {NOUGHT} or vector(-1)", name) for name, what, _ in told]
    down = f"count(up{{{OUR_JOBS}}} == 0) or 0 * count(up{{{OUR_JOBS}}}) or vector(-1)"
    overrides = [
        by_name("exporters down", thresholds=_from_one(colors.CRITICAL), mappings=_NONE_SCRAPED),
        *(by_name(name, thresholds=_from_one(color)) for name, _, color in told),
    ]
    return [
        stat(
            "How many",
            "Exporters that Prometheus cannot scrape: of their nodes only what the rules remember counts. Nodes that "
            "need a hand, as in the table below, which has a row for each of their causes. Certificates "
            "past their end, those that no kubelet rotates too; stalled ones (past the rotation window and any "
            "grace); late ones (past the window; a healthy kubelet may still be at it). Nodes that a restart would "
            "not bring back, and nodes whose last visit read nothing. Certificates in the window, at 70 to 90 % of "
            "their lifetime: to be rotated now is normal. Alerts that fire. Needs the recording rules.",
            [instant(down, "exporters down"), *asked],
            field("short", *overrides, mappings=_NOT_KNOWN, thresholds=only(colors.UNKNOWN)),
            orientation="vertical",
            textMode="value_and_name",
        ),
        wide(6, fleet_findings()),
        wide(3, _size()),
    ]


def _from_one(color: str) -> Json:
    return thresholds((None, colors.UNKNOWN), (0, colors.CALM), (1, color))


def _size() -> Json:
    nodes = f"count(max {BY_NODE} (kubelet_cert_node_info{{{CHOSEN}}}))"
    certificates = f"count(max {BY_CERT} (kubelet_cert_not_after_timestamp_seconds{{{CERTS}}}))"
    return stat(
        "Fleet",
        "Nodes in the inventory, and certificates (of the chosen kinds) whose end is known.",
        [instant(nodes, "nodes"), instant(certificates, "certificates")],
        field("short", thresholds=only("text"), noValue="not known"),
        colorMode="none",
        orientation="horizontal",
        text={"titleSize": 12, "valueSize": 24},
        textMode="value_and_name",
    )


def _in_state(state: str) -> str:
    return trouble.in_state(state, CERTS)
