"""Every per-node and fleet metric, each declared once: name, help, labels, and the samples that a node gives.

HELP says where a value is cached: nodes are visited on their own schedule, a scrape never touches one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from exporter.model.assessment import State
from exporter.serve import samples
from exporter.serve.parts import CERTIFICATES, KUBELET, OUTCOME, STATES, STORE, VISIT
from exporter.serve.samples import Sample, Samples
from exporter.serve.views import FleetView, NodeView


@dataclass(frozen=True, slots=True)
class Family:
    """One metric family of gauges. ``labels`` come after the configured ones and ``node``.

    In a state set the last label has each of ``states``: a sample names the one that holds, the others are 0.
    """

    name: str
    help: str
    labels: tuple[str, ...]
    samples: Callable[[NodeView], Samples]
    rests_on: int  # parts of a node (serve/parts.py): while these are the same, so are its samples
    states: type[StrEnum] | None = None

    @property
    def is_info(self) -> bool:
        """A family of text labels with the value 1; OpenMetrics has a type for it."""
        return self.name.endswith("_info")


@dataclass(frozen=True, slots=True)
class FleetFamily:
    """One metric family over the whole fleet; its label ``cluster`` is empty where no such label is configured."""

    name: str
    help: str
    labels: tuple[str, ...]
    samples: Callable[[FleetView], Iterable[Sample]]
    is_info: bool = False


FAMILIES = (
    Family(
        "kubelet_cert_not_before_timestamp_seconds",
        "When the certificate became valid, as of the node's last reading.",
        ("cert",),
        samples.not_before,
        CERTIFICATES,
    ),
    Family(
        "kubelet_cert_not_after_timestamp_seconds",
        "When the certificate expires, as of the node's last reading; a failed visit keeps it.",
        ("cert",),
        samples.not_after,
        CERTIFICATES,
    ),
    Family(
        "kubelet_cert_rotation_window_start_timestamp_seconds",
        "70 % of the certificate's lifetime: from here on the kubelet may rotate it.",
        ("cert",),
        samples.window_start,
        CERTIFICATES,
    ),
    Family(
        "kubelet_cert_rotation_window_end_timestamp_seconds",
        "90 % of the certificate's lifetime: by now the kubelet should have rotated it.",
        ("cert",),
        samples.window_end,
        CERTIFICATES,
    ),
    Family(
        "kubelet_cert_rotation_state",
        "1 for the state that the certificate is in now, as far as the last reading allows to say.",
        ("cert", "state"),
        samples.states,
        STATES | CERTIFICATES,
        states=State,
    ),
    Family(
        "kubelet_cert_rotation_enabled",
        "1 if the kubelet is set to rotate the certificate, 0 if not. Absent where that is not known.",
        ("cert",),
        samples.rotation_enabled,
        KUBELET,
    ),
    Family(
        "kubelet_cert_restart_safe",
        "1 if no certificate file stops the kubelet from coming back after a restart, 0 if one does. "
        "Absent where that cannot be known.",
        (),
        samples.restart_safe,
        KUBELET,
    ),
    Family(
        "kubelet_cert_last_rotation_timestamp_seconds",
        "When the file that the store's link points to was written.",
        ("cert",),
        samples.last_rotation,
        STORE,
    ),
    Family(
        "kubelet_cert_rotations_on_disk",
        "Dated certificate files in the store; the kubelet never removes them.",
        ("cert",),
        samples.rotations_on_disk,
        STORE | CERTIFICATES,
    ),
    Family(
        "kubelet_cert_store_orphans",
        "Dated files newer than the link's target: rotations that were signed and lost. Absent where there are none.",
        ("cert", "condition"),
        samples.orphans,
        STORE,
    ),
    Family(
        "kubelet_cert_finding",
        "1 while the cause holds on the node; absent otherwise.",
        ("cause", "severity"),
        samples.findings,
        STATES,
    ),
    Family(
        "kubelet_cert_info",
        "Text about the client certificate, to be joined by group_left.",
        ("cert", "serial", "issuer", "subject", "fingerprint"),
        samples.info,
        CERTIFICATES,
    ),
    Family(
        "kubelet_cert_node_info",
        "Text about the node, to be joined by group_left. clock says whose clock its verdicts rest on.",
        ("address", "transport", "distribution", "script_version", "host_key_policy", "clock"),
        samples.node_info,
        KUBELET,
    ),
    Family(
        "kubelet_cert_node_up",
        "1 if the node's last visit brought a reading, 0 if not; nodes are visited on a schedule of their own, "
        "not by the scrape. Absent before the first visit.",
        (),
        samples.up,
        OUTCOME,
    ),
    Family(
        "kubelet_cert_node_last_success_timestamp_seconds",
        "When the node's last reading was taken: its age is how old the dates are.",
        (),
        samples.last_success,
        VISIT,
    ),
    Family(
        "kubelet_cert_node_visit_duration_seconds",
        "How long the node's last visit took.",
        (),
        samples.visit_duration,
        VISIT,
    ),
    Family(
        "kubelet_cert_node_clock_offset_seconds",
        "The node's clock minus the exporter's, uncertain by half a round trip. Absent over a mount.",
        (),
        samples.clock_offset,
        VISIT,
    ),
    Family(
        "kubelet_cert_node_failure",
        "1 with the reason while the node's visits fail, or not_yet_visited; absent otherwise.",
        ("reason",),
        samples.failure,
        OUTCOME,
    ),
)

INVENTORY = FleetFamily(
    "kubelet_cert_inventory_nodes",
    "Nodes in the inventory now.",
    ("cluster",),
    samples.inventory,
)

FLEET_FAMILIES = (
    INVENTORY,
    FleetFamily(
        "kubelet_cert_nodes_with_finding",
        "Nodes on which the cause holds.",
        ("cluster", "cause", "severity"),
        samples.nodes_with_finding,
    ),
    FleetFamily(
        "kubelet_cert_fleet_finding",
        "1 while a cause holds over the nodes of a cluster that only shows across them; absent otherwise.",
        ("cluster", "cause", "severity"),
        samples.fleet_findings,
    ),
)
