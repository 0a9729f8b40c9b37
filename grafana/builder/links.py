"""Ways from one dashboard to the others: a menu of all, and links in the cells of tables."""

from __future__ import annotations

from grafana.builder.panels import Json
from grafana.builder.rules import RUNBOOKS

TAG = "kubelet-cert"
FLEET, NODE, EXPORTER = "kubelet-cert-fleet", "kubelet-cert-node", "kubelet-cert-exporter"
_KEPT = "var-datasource=${datasource}&${__url_time_range}"


def menu() -> Json:
    """All dashboards with our tag; variables of one name and the time go along."""
    return {
        "type": "dashboards",
        "title": "Kubelet certificates",
        "tags": [TAG],
        "asDropdown": True,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
        "url": "",
    }


def to_node(*, cluster: str = "Cluster", node: str = "Node") -> list[Json]:
    """For a table's cell: the node of that row; ``cluster`` and ``node`` are names of columns."""
    return [_link("Show this node", f"/d/{NODE}?var-cluster={_cell(cluster)}&var-node={_cell(node)}&{_KEPT}")]


def to_fleet(*, cluster: str = "Cluster") -> list[Json]:
    """For a table's cell: the cluster of that row."""
    return [_link("Show this cluster", f"/d/{FLEET}?var-cluster={_cell(cluster)}&{_KEPT}")]


def to_series_node() -> list[Json]:
    """For a series with the labels ``cluster`` and ``node``."""
    cluster, node = "${__field.labels.cluster:percentencode}", "${__field.labels.node:percentencode}"
    return [_link("Show this node", f"/d/{NODE}?var-cluster={cluster}&var-node={node}&{_KEPT}")]


def to_runbook() -> list[Json]:
    """For a cell with an alert's name."""
    return [_link("Runbook", f"{RUNBOOKS}/${{__value.raw}}.md")]


def to_cause() -> list[Json]:
    """For a cell with a cause: its paragraph in the page that stands beside the folder of the runbooks."""
    return [_link("What this cause is and what to do", f"{RUNBOOKS}/../causes.md#${{__value.raw}}")]


def to_reasons() -> list[Json]:
    """For a cell with a reason why a node was not read: the page that has them all."""
    return [_link("Reasons why a node is not read", f"{RUNBOOKS}/../reasons.md")]


def to_series_cause() -> list[Json]:
    """For a series with the label ``cause``."""
    return [_link("What it is and what to do", f"{RUNBOOKS}/../causes.md#${{__field.labels.cause}}")]


def _cell(column: str) -> str:
    """Encoded whatever the label holds; the name is bracketed because it may have blanks."""
    return f'${{__data.fields["{column}"]:percentencode}}'


def _link(title: str, url: str) -> Json:
    return {"title": title, "url": url, "targetBlank": False}
