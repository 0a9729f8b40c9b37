"""What the node's panels ask for: one series a node or certificate, however many exporters see it."""

from __future__ import annotations

from grafana.builder import trouble

NODE = 'cluster=~"$cluster",node="$node"'
CLIENT = f'{NODE},cert="client"'
CERTIFICATES = f'{NODE},cert=~"$cert"'
_BY_NODE, _BY_CERTIFICATE = ("cluster", "node"), ("cluster", "node", "cert")


def of_node(metric: str, matchers: str = NODE, *labels: str) -> str:
    """The node's value, or one for each of the other ``labels``."""
    return f"max by ({', '.join((*_BY_NODE, *labels))}) ({metric}{{{matchers}}})"


def of_certificates(metric: str, matchers: str = CERTIFICATES, *labels: str) -> str:
    """A value for each certificate."""
    return f"max by ({', '.join((*_BY_CERTIFICATE, *labels))}) ({metric}{{{matchers}}})"


def date(which: str, matchers: str = CERTIFICATES) -> str:
    """``not_before`` or ``not_after`` of each certificate; with the recording rules it outlasts the exporter."""
    metric = f"kubelet_cert_{which}_timestamp_seconds"
    recorded = f"cluster_node_cert:{metric}:max"
    return f"({of_certificates(metric, matchers)} or {of_certificates(recorded, matchers)})"


def last_reading() -> str:
    """When the node was last read, seconds since the epoch; with the recording rules it outlasts the exporter."""
    metric = "kubelet_cert_node_last_success_timestamp_seconds"
    return f"({of_node(metric)} or {of_node(f'cluster_node:{metric}:max')})"


def lifetime_used(matchers: str = CERTIFICATES) -> str:
    """The share of a certificate's lifetime that has passed; more than 1 after its end.

    The recorded one knows of certificates that begin when their CA does.
    """
    recorded = of_certificates("cluster_node_cert:kubelet_cert_lifetime_used:ratio", matchers)
    begins, ends = date("not_before", matchers), date("not_after", matchers)
    return f"({recorded} or (time() - {begins}) / ({ends} - {begins}))"


def state_number(matchers: str = CERTIFICATES) -> str:
    """The state that holds as a number (``STATE_NUMBERS``); where two exporters differ, the worse one.

    Late, stalled and expired outlast the exporter, as their alerts do.
    """
    return trouble.worst_state(", ".join(_BY_CERTIFICATE), matchers)
