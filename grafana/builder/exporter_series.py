"""What the exporters' panels ask for: nodes and clusters once, however many of the chosen exporters see them."""

from __future__ import annotations

OUR_JOBS = 'job=~"kubelet-cert-exporter.*"'  # as the alerts have it
EXPORTERS = 'job=~"$job",instance=~"$instance"'


def of_node(metric: str, *labels: str, **matchers: str) -> str:
    """A value for each node."""
    chosen = ",".join((EXPORTERS, *(f'{label}="{value}"' for label, value in matchers.items())))
    return f"max by ({', '.join(('cluster', 'node', *labels))}) ({metric}{{{chosen}}})"


def of_exporter(metric: str, *labels: str) -> str:
    """A value for each exporter."""
    return f"max by ({', '.join(('job', 'instance', *labels))}) ({metric}{{{EXPORTERS}}})"


KNOWN = of_node("kubelet_cert_node_info")
READ = f"{of_node('kubelet_cert_node_up')} == 1"
_FAILURE = f'kubelet_cert_node_failure{{{EXPORTERS},reason!="not_yet_visited"}}'
FAILS = f"max by (cluster, node, reason) ({_FAILURE}) unless on (cluster, node) {READ}"


def share_read() -> str:
    """Of each cluster's nodes, how many were read by their last visit; 0 where none was."""
    nodes = f"count by (cluster) ({KNOWN})"
    return f"(count by (cluster) ({READ}) or {nodes} * 0) / {nodes}"


NEVER_READ = (
    f"{KNOWN} unless on (cluster, node) {of_node('kubelet_cert_node_last_success_timestamp_seconds')} "
    f"unless on (cluster, node) {READ}"
)


def counted(nodes: str, *labels: str) -> str:
    """How many nodes, 0 where there are none but others are known; by these labels."""
    by = f" by ({', '.join(labels)})" if labels else ""
    return f"count{by} ({nodes}) or 0 * count{by} ({KNOWN})"
