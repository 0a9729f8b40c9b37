"""Tables about the exporters one by one: their set-up, their sources, their credentials, and their alerts."""

from __future__ import annotations

from grafana.builder import colors, links
from grafana.builder.exporter_series import of_exporter
from grafana.builder.fields import AGO, CELL_COLORED, COLUMNS, by_name, field, only, words
from grafana.builder.panels import Json, merged, rows, table

CREDENTIAL_ENDS = colors.graded(colors.EXPIRED, (0, colors.LATE), (86400, colors.CALM))
BOTH = '"shard", "total_shards"'
_INSTANCE = by_name("Instance", custom__width=120)


def exporters() -> Json:
    """A row an exporter."""
    health = "kubelet_cert_exporter_"
    asked = {
        "Answers": of_exporter("up"),
        "Version": of_exporter(f"{health}build_info", "version"),
        "Shard": f'label_join({of_exporter(f"{health}shard_info", "shard", "total_shards")}, "share", " of ", {BOTH})',
        "Nodes": f"count by (job, instance) ({of_exporter('kubelet_cert_node_info', 'cluster', 'node')})",
        "Started": f"{of_exporter('process_start_time_seconds')} * 1000",
        "Last visit": f"time() - {of_exporter(f'{health}last_visit_timestamp_seconds')}",
        "Logins": of_exporter(f"{health}logins_paused"),
        "Configuration": of_exporter(f"{health}config_last_reload_successful"),
        "Web": of_exporter(f"{health}web_config_last_reload_successful"),
        "Store": of_exporter(f"{health}store_up"),
        "Keys taken": of_exporter(f"{health}accepted_host_keys"),
    }
    loaded = words({"1": ("as on disk", colors.CALM), "0": ("reload failed", colors.CRITICAL), "null": ("-", "")})
    columns = (
        _coloured("Answers", words({"1": ("yes", colors.CALM), "0": ("no", colors.CRITICAL)}), 75),
        _coloured(
            "Logins", words({"0": ("go on", colors.CALM), "1": ("paused", colors.CRITICAL), "null": ("-", "")}), 75
        ),
        _coloured("Configuration", loaded, 110),
        _coloured("Web", loaded, 95),
        _coloured(
            "Store", words({"1": ("kept", colors.CALM), "0": ("not kept", colors.LATE), "null": ("none", "")}), 70
        ),
        by_name("Started", unit=AGO, custom__width=120),
        by_name("Last visit", unit="s", decimals=0, custom__width=80),
        *(by_name(name, custom__width=65) for name in ("Version", "Shard", "Nodes")),
        by_name("Keys taken", mappings=words({"null": ("-", "")}), custom__width=85),
    )
    letters = dict(zip(asked, "ABCDEFGHIJK", strict=True))
    named = {"instance": "Instance"}
    words_of = {"Version": "version", "Shard": "share"}
    named |= {words_of.get(name, f"Value #{letters[name]}"): name for name in asked}
    return table(
        "Exporters",
        "Each exporter that Prometheus scrapes. Shard: which share of the inventory it visits, from 0. Web: its web "
        "configuration. Store: whether what is learned outlasts a restart. Keys taken: accepted on first sight.",
        [rows(expression) for expression in asked.values()],
        field("short", *columns, thresholds=only("text"), custom=COLUMNS),
        transformations=merged(
            renamed=named, hidden=("job", "shard", "total_shards", *(f"Value #{letters[name]}" for name in words_of))
        ),
    )


def _path(name: str) -> Json:
    """A column that may be wider than there is room for: its cells can be opened."""
    return by_name(name, custom__inspect=True)


def _coloured(name: str, mappings: list[Json], width: int) -> Json:
    """A column of words on their colour; without a value it has none."""
    return by_name(
        name,
        mappings=mappings,
        thresholds=only("transparent"),
        custom__cellOptions=CELL_COLORED,
        custom__width=width,
    )


def sources() -> Json:
    asked = rows(of_exporter("kubelet_cert_exporter_inventory_source_up", "source"))
    states = words({"1": ("in use", colors.CALM), "0": ("last good nodes stay", colors.LATE)})
    return table(
        "Inventory files",
        "file_sd files, and patterns that match none. A file with a mistake keeps its last good nodes.",
        [asked],
        field(
            "short",
            _coloured("State", states, 140),
            _INSTANCE,
            _path("Source"),
            custom=COLUMNS,
            noValue="no file_sd is used",
        ),
        transformations=merged(renamed={"source": "Source", "instance": "Instance", "Value": "State"}, hidden=("job",)),
    )


def credentials() -> Json:
    asked = rows(f"{of_exporter('kubelet_cert_exporter_ssh_credential_not_after_timestamp_seconds', 'file')} - time()")
    ends = by_name(
        "Ends in", unit="s", decimals=1, thresholds=CREDENTIAL_ENDS, custom__cellOptions=CELL_COLORED, custom__width=130
    )
    return table(
        "SSH certificates",
        "OpenSSH user certificates that the exporters log in with. Below nought they have ended, and nothing is read.",
        [asked],
        field("short", ends, _INSTANCE, _path("File"), custom=COLUMNS, noValue="no certificate that ends is used"),
        transformations=merged(renamed={"file": "File", "instance": "Instance", "Value": "Ends in"}, hidden=("job",)),
    )


def alerts() -> Json:
    """Those of no single node, and not those about causes: these are the fleet's."""
    by = "alertname, severity, cluster, job, instance"
    ours = 'component="kubelet-cert",node="",cause=""'
    firing = f'max by ({by}) (ALERTS{{{ours},alertstate="firing"}})'
    since = f"max by ({by}) (ALERTS_FOR_STATE{{{ours}}}) * 1000 and on ({by}) {firing}"
    columns = (
        by_name("Severity", mappings=colors.SEVERITY_WORDS, custom__cellOptions=CELL_COLORED, custom__width=85),
        by_name("Alert", links=links.to_runbook()),
        by_name("About", custom__width=100),
        by_name("Since", unit=AGO, custom__width=112),
    )
    named = {"severity": "Severity", "alertname": "Alert", "about": "About", "Value": "Since"}
    return table(
        "Firing alerts of no single node",
        "Alerts about exporters and whole clusters that fire now; a name leads to its runbook. "
        "Empty also where the rules are not loaded.",
        [rows(f'label_join({since}, "about", " ", "cluster", "instance")')],
        field("short", *columns, thresholds=only("text"), custom=COLUMNS, noValue="no such alert fires"),
        transformations=merged(renamed=named, hidden=("cluster", "job", "instance")),
        options={"sortBy": [{"displayName": "Severity", "desc": False}]},
    )
