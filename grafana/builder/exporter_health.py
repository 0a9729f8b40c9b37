"""The dashboard of the exporters themselves: do they look at all nodes, and what does that cost."""

from __future__ import annotations

from typing import Any

from grafana.builder import colors, exporter_load, exporter_tables, links, variables
from grafana.builder.dashboard import dashboard, firing, marked
from grafana.builder.exporter_series import (
    EXPORTERS,
    FAILS,
    KNOWN,
    NEVER_READ,
    OUR_JOBS,
    counted,
    of_exporter,
    of_node,
    share_read,
)
from grafana.builder.exporter_tables import CREDENTIAL_ENDS
from grafana.builder.fields import CELL_GAUGE, COLUMNS, by_name, field, only, thresholds, words
from grafana.builder.layout import heading, wide
from grafana.builder.panels import Json, instant, merged, row, rows, stat, table

_DESCRIPTION = (
    "The exporters: whether they run and reach every node, why not, what visits cost, and how they are set up."
)
_NEVER = 10**10  # seconds: the age of a reading that never was, to sort above all others
_STANDSTILL = 7200  # seconds: longer than any usual interval between two visits
_MOST = 200  # rows that a person can use
_UNTOLD = {"thresholds": only(colors.UNKNOWN), "noValue": "not known"}
_COVERED = thresholds((None, colors.EXPIRED), (0.5, colors.LATE), (0.9, colors.NORMAL), (1, colors.GOOD))


def build() -> Json:
    job = variables.labels("job", "Job", f"up{{{OUR_JOBS}}}", every="")  # an exporter that is down has no other series
    instance = variables.labels("instance", "Instance", 'up{job=~"$job"}')
    made = dashboard(
        links.EXPORTER,
        "Kubelet certificates / Exporter",
        _DESCRIPTION,
        since="now-24h",
        variables=[variables.datasource(), job, instance],
        bands=[
            (3, _nodes()),
            (3, _set_up()),
            (6, [wide(11, _clusters()), wide(13, exporter_tables.alerts())]),
            (8, [wide(12, _unreadable()), wide(12, exporter_load.failures())]),
            (7, [exporter_load.visits(), exporter_load.cost(), exporter_load.overdue()]),
            heading(row("Each exporter")),
            (5, [exporter_tables.exporters()]),
            (6, exporter_load.process()),
            (5, [wide(12, exporter_tables.sources()), wide(12, exporter_tables.credentials())]),
        ],
    )
    return marked(made, [firing('node=""')])


def _number(title: str, told: str, expression: str, color: str, **more: Any) -> Json:
    """Coloured from one on."""
    shown = field("short", thresholds=colors.graded(colors.CALM, (1, color)), **{"noValue": "not known", **more})
    return stat(title, told, [instant(expression)], shown)


def _nodes() -> list[Json]:
    """Whether all nodes are looked at."""
    since = f"time() - min({of_exporter('kubelet_cert_exporter_last_visit_timestamp_seconds')})"
    standstill = colors.graded(colors.CALM, (_STANDSTILL, colors.LATE))
    return [
        _number(
            "Targets down",
            "Targets of this job that Prometheus cannot scrape.",
            f"count(up{{{EXPORTERS}}}) - sum(up{{{EXPORTERS}}})",
            colors.CRITICAL,
            noValue="none is scraped",
        ),
        stat(
            "Nodes",
            "Nodes in the inventories, each counted once.",
            [instant(f"count({KNOWN})")],
            field("short", thresholds=only("text"), noValue="not known"),
            colorMode="none",
        ),
        _number("Not readable", "Nodes whose last visit brought no reading.", counted(FAILS), colors.LATE),
        _number("Never read", "Nodes that no visit ever got a reading of.", counted(NEVER_READ), colors.LATE),
        stat(
            "Last visit",
            "How long ago a visit ended, at the exporter where it is longest: a standstill shows here.",
            [instant(since)],
            field("s", decimals=0, thresholds=standstill, noValue="not known"),
        ),
        stat(
            "Overdue",
            "Visits that wait for a free worker now. A few now and then are none to mind.",
            [instant(f"max({of_exporter('kubelet_cert_exporter_overdue_visits')})")],
            field("short", thresholds=only("text"), noValue="not known"),
            colorMode="none",
        ),
    ]


def _set_up() -> list[Json]:
    """How the exporters are set up, and what stops them."""
    loaded = " or ".join(
        of_exporter(f"kubelet_cert_exporter_{which}_last_reload_successful") for which in ("config", "web_config")
    )
    ends = f"min({of_exporter('kubelet_cert_exporter_ssh_credential_not_after_timestamp_seconds', 'file')}) - time()"
    return [
        stat(
            "Logins",
            "Paused while nobody is logged in to, because too many logins were refused. A reload ends it.",
            [instant(f"max({of_exporter('kubelet_cert_exporter_logins_paused')})")],
            field("none", mappings=words({"0": ("go on", colors.CALM), "1": ("PAUSED", colors.CRITICAL)}), **_UNTOLD),
        ),
        _number(
            "Unverified",
            "Nodes that are logged in to without a look at their host key (`host_key_policy: insecure`).",
            f"max({of_exporter('kubelet_cert_exporter_unverified_nodes')})",
            colors.LATE,
        ),
        stat(
            "Configuration",
            "Whether the configuration, and the web configuration if there is one, is used as its files have it now.",
            [instant(f"min({loaded})")],
            field(
                "none",
                mappings=words({"1": ("as on disk", colors.CALM), "0": ("RELOAD FAILED", colors.CRITICAL)}),
                **_UNTOLD,
            ),
        ),
        _number(
            "Sources off",
            "file_sd files or patterns of which the last good nodes are used, or that match nothing.",
            f"sum(1 - {of_exporter('kubelet_cert_exporter_inventory_source_up', 'source')})",
            colors.LATE,
            noValue="no such files",
        ),
        stat(
            "SSH cert",
            "How long until the first of the OpenSSH user certificates ends that the exporters log in with.",
            [instant(ends)],
            field(
                "s",
                decimals=1,
                thresholds=CREDENTIAL_ENDS,
                noValue="none used",
            ),
        ),
        stat(
            "Version",
            "Which versions run.",
            [
                instant(
                    f"count by (version) ({of_exporter('kubelet_cert_exporter_build_info', 'version')})", "{{version}}"
                )
            ],
            field("none", thresholds=only("text")),
            colorMode="none",
            textMode="name",
        ),
    ]


def _clusters() -> Json:
    told = "How much of each cluster is read. Below 90 %, and three nodes or more, there is an alert."
    asked = [
        rows(f"count by (cluster) ({KNOWN})"),
        rows(share_read()),
        rows(counted(FAILS, "cluster")),
        rows(counted(NEVER_READ, "cluster")),
    ]
    columns = (
        by_name("Cluster", links=links.to_fleet()),
        by_name("Read", unit="percentunit", min=0, max=1, thresholds=_COVERED, custom__cellOptions=CELL_GAUGE),
        by_name("Nodes", custom__width=60),
        *(by_name(name, custom__width=85) for name in ("Not read", "Never read")),
    )
    named = {
        "cluster": "Cluster",
        "Value #B": "Read",
        "Value #A": "Nodes",
        "Value #C": "Not read",
        "Value #D": "Never read",
    }
    shown = field("short", *columns, thresholds=only("text"), custom=COLUMNS)
    return table(
        "Clusters",
        told,
        asked,
        shown,
        transformations=merged(renamed=named),
        options={"sortBy": [{"displayName": "Read", "desc": False}]},
    )


def _unreadable() -> Json:
    told = (
        "Nodes whose last visit failed, why, and how old the last reading is. A node that another exporter reads is "
        f"not among them. At most {_MOST}."
    )
    age = f"time() - {of_node('kubelet_cert_node_last_success_timestamp_seconds')}"
    aged = f"({FAILS}) * on (cluster, node) group_left () ({age}) or ({FAILS}) * {_NEVER}"
    columns = (
        by_name("Node", links=links.to_node()),
        by_name("Cluster", links=links.to_fleet(), custom__width=85),
        by_name("Reason", links=links.to_reasons()),
        by_name("Last read", unit="s", decimals=0, mappings=words({str(_NEVER): ("never", "")}), custom__width=85),
    )
    named = {"node": "Node", "cluster": "Cluster", "reason": "Reason", "Value": "Last read"}
    return table(
        "Nodes that cannot be read",
        told,
        [rows(f"topk({_MOST}, {aged})")],
        field("short", *columns, thresholds=only("text"), custom=COLUMNS, noValue="none that is known"),
        transformations=merged(renamed=named),
        options={"sortBy": [{"displayName": "Last read", "desc": True}]},
    )
