"""What the exporters do over time, and what that costs: logins, failures, processor, memory, scrapes."""

from __future__ import annotations

from grafana.builder import colors
from grafana.builder.exporter_series import EXPORTERS, of_exporter, of_node
from grafana.builder.fields import bars, field, lines, series_colors
from grafana.builder.panels import Json, query, time_series

_FEW_POINTS = 48  # each looks at all nodes: half an hour of a day
_NOTHING = "nothing in this range"
_SHARES = {
    "half": (0.5, "light-blue"),
    "90 %": (0.9, "blue"),
    "99 %": (0.99, "semi-dark-purple"),
    "longest": (1, "text"),
}  # of the nodes: quantile and colour


def visits() -> Json:
    told = "Visits that ended in a second, by outcome: each is a login to a node, or a look at a mount."
    rate = f"sum by (outcome) (rate(kubelet_cert_exporter_visits_total{{{EXPORTERS}}}[$__rate_interval]))"
    shown = field(
        "suffix:/s",
        *series_colors({"success": colors.GOOD, "failure": colors.LATE}),
        min=0,
        custom=lines(),
        noValue=_NOTHING,
    )
    return time_series("Visits", told, [query(rate, "{{outcome}}")], shown)


def failures() -> Json:
    told = "Visits that brought no reading, by reason. Which nodes they are stands beside it."
    grown = (
        f"sum by (reason) (increase(kubelet_cert_exporter_visit_failures_total{{{EXPORTERS}}}[$__rate_interval])) > 0"
    )
    shown = field("short", min=0, decimals=0, custom=bars(), noValue="no visit failed in this range")
    return time_series("Failures by reason", told, [query(grown, "{{reason}}")], shown)


def cost() -> Json:
    told = "How long the last visit of each node took: of half of them at most, of 90 %, of 99 %, and the longest."
    duration = of_node("kubelet_cert_node_visit_duration_seconds")
    asked = [query(f"quantile({share}, {duration})", name) for name, (share, _) in _SHARES.items()]
    shades = series_colors({name: color for name, (_, color) in _SHARES.items()})
    shown = field("s", *shades, min=0, custom=lines(lineWidth=1))
    return time_series("Duration of a visit", told, asked, shown, maxDataPoints=_FEW_POINTS)


def overdue() -> Json:
    told = "Visits that are due and wait for a free worker. Where this does not come down, `concurrency` is too low."
    asked = query(of_exporter("kubelet_cert_exporter_overdue_visits"), "{{instance}}")
    return time_series("Overdue visits", told, [asked], field("short", min=0, decimals=0, custom=lines(axisSoftMax=5)))


def process() -> list[Json]:
    """The processes, and the scrapes of them."""
    used = f"max by (job, instance) (rate(process_cpu_seconds_total{{{EXPORTERS}}}[$__rate_interval]))"
    return [
        time_series(
            "Processor",
            "Processor seconds a second: 1 is one core.",
            [query(used, "{{instance}}")],
            field("short", min=0, custom=lines()),
        ),
        time_series(
            "Memory",
            "Resident memory of the process.",
            [query(of_exporter("process_resident_memory_bytes"), "{{instance}}")],
            field("bytes", min=0, custom=lines()),
        ),
        time_series(
            "Duration of a scrape",
            "How long Prometheus waits for /metrics. A scrape touches no node.",
            [query(of_exporter("scrape_duration_seconds"), "{{instance}}")],
            field("s", min=0, custom=lines()),
        ),
        time_series(
            "Series",
            "Samples of a scrape: about 24 for a healthy node.",
            [query(of_exporter("scrape_samples_scraped"), "{{instance}}")],
            field("short", min=0, custom=lines()),
        ),
    ]
