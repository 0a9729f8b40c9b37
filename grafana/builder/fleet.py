"""The fleet in the morning: which nodes need a hand and why, then what rotates when, then what was."""

from __future__ import annotations

from grafana.builder import links, trouble, variables
from grafana.builder.dashboard import dashboard, firing, marked
from grafana.builder.fleet_history import findings_over_time, rotations_seen, states_over_time, what_changed
from grafana.builder.fleet_now import alerts, nodes_in_need, nodes_with_finding
from grafana.builder.fleet_numbers import numbers
from grafana.builder.fleet_rotation import authorities, expected, forecast, furthest, position
from grafana.builder.layout import heading, wide
from grafana.builder.panels import Json, row

_SLOTS = {"15 minutes": "900", "1 hour": "3600", "1 day": "86400", "1 week": "604800"}


def build() -> Json:
    made = dashboard(
        links.FLEET,
        "Kubelet certificates / Fleet",
        "Which nodes need a hand and why, what rotates when, and what changed.",
        since="now-7d",
        variables=[
            variables.datasource(),
            variables.clusters(),
            variables.certificates(trouble.CHOSEN),
            variables.choice("slot", "Forecast slot", _SLOTS, "1 day"),
        ],
        bands=[
            (4, numbers()),
            (21, [nodes_in_need()]),
            (14, [alerts()]),
            (13, [nodes_with_finding(), findings_over_time()]),
            heading(row("What rotates, and when")),
            (10, [position(), forecast()]),
            (5, [wide(7, expected()), authorities()]),
            (11, [furthest()]),
            heading(row("What was")),
            (9, [states_over_time(), rotations_seen()]),
            (9, [what_changed()]),
        ],
    )
    return marked(made, [firing('cluster=~"$cluster|"', by="alertname, severity, cluster")])
