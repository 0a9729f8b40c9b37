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


def lifetime_used(matchers: str = CERTIFICATES) -> str:
    """The share of a certificate's lifetime that has passed; more than 1 after its end."""
    begins = of_certificates("kubelet_cert_not_before_timestamp_seconds", matchers)
    ends = of_certificates("kubelet_cert_not_after_timestamp_seconds", matchers)
    return f"(time() - {begins}) / ({ends} - {begins})"


def state_number(matchers: str = CERTIFICATES) -> str:
    """The state that holds as a number (``STATE_NUMBERS``); where two exporters differ, the worse one.

    Late, stalled and expired outlast the exporter, as their alerts do.
    """
    return trouble.worst_state(", ".join(_BY_CERTIFICATE), matchers)
