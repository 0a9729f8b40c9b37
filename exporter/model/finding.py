"""What is wrong on a node, or over a fleet: a cause from a closed list, its evidence, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding matters."""

    WARNING = "warning"
    CRITICAL = "critical"


class Cause(StrEnum):
    """Stable identifiers: the ``cause`` label, and the anchors of docs/causes.md."""

    # The process.
    KUBELET_DOWN = "kubelet-down"
    KUBELET_CRASH_LOOP = "kubelet-crash-loop"

    # The kubelet's own files.
    CONFIG_BROKEN = "config-broken"
    CLIENT_CA_BROKEN = "client-ca-broken"
    SERVING_GATE_OFF = "serving-gate-off"
    KUBECONFIG_BROKEN = "kubeconfig-broken"
    KUBECONFIG_EMBEDDED = "kubeconfig-embedded"
    KUBECONFIG_DATED_FILE = "kubeconfig-dated-file"
    KUBECONFIG_LEGACY_PAIR = "kubeconfig-legacy-pair"
    KUBECONFIG_OTHER_FILE = "kubeconfig-other-file"
    STORE_ELSEWHERE = "store-elsewhere"
    BOOTSTRAP_FILE_MISSING = "bootstrap-file-missing"

    # The store.
    STORE_LINK_REGULAR_FILE = "store-link-regular-file"
    STORE_UPDATED_LEFTOVER = "store-updated-leftover"
    STORE_LINK_GAP = "store-link-gap"
    STORE_LINK_MISSING = "store-link-missing"
    STORE_LINK_DANGLING = "store-link-dangling"
    STORE_TARGET_BROKEN = "store-target-broken"

    # Dates and clocks.
    NOT_YET_VALID = "not-yet-valid"
    CLOCK_AHEAD = "clock-ahead"
    CLOCK_BEHIND = "clock-behind"

    # Attempts that were lost.
    ORPHAN_EMPTY = "orphan-empty"
    ORPHAN_INVALID = "orphan-invalid"
    ORPHAN_VALID = "orphan-valid"
    STORE_FULL = "store-full"
    STORE_NOT_WRITABLE = "store-not-writable"
    STORE_ON_TMPFS = "store-on-tmpfs"
    ROTATION_NOT_STORED = "rotation-not-stored"

    # Names and issuers.
    NODE_NAME_DIFFERS = "node-name-differs"
    CA_EXPIRED = "ca-expired"
    CA_CAPS_LEAF = "ca-caps-leaf"
    ISSUER_NOT_TRUSTED = "issuer-not-trusted"

    # History.
    STORE_WENT_BACK = "store-went-back"
    REPLACED_BY_HAND = "replaced-by-hand"
    ROTATION_STORM = "rotation-storm"

    # Nobody rotates it, or somebody else does.
    ROTATION_DISABLED = "rotation-disabled"
    OWNER_RENEWAL_DUE = "owner-renewal-due"
    OWNER_RESTART_NEEDED = "owner-restart-needed"

    # Late or stalled, and why; the journal's word where it may be read.
    TIMER_SUSPENDED = "timer-suspended"
    API_CA_UNKNOWN = "api-ca-unknown"
    API_UNREACHABLE = "api-unreachable"
    CSR_UNAUTHORIZED = "csr-unauthorized"
    CSR_FORBIDDEN = "csr-forbidden"
    CSR_DENIED = "csr-denied"
    ROTATION_NOT_SIGNED = "rotation-not-signed"

    # The serving side.
    SERVING_PAIR_BROKEN = "serving-pair-broken"
    SERVING_PAIR_HALF = "serving-pair-half"
    SERVING_TLS_INCOMPLETE = "serving-tls-incomplete"
    SERVING_NEVER_ISSUED = "serving-never-issued"
    SERVING_NOT_RENEWED = "serving-not-renewed"
    SERVING_SELF_SIGNED_ENDING = "serving-self-signed-ending"
    SERVING_EXPIRED = "serving-expired"
    SERVING_LIVE_DIFFERS = "serving-live-differs"

    # What only shows across nodes: kubelet_cert_fleet_finding.
    CERTIFICATE_SHARED = "certificate-shared"
    FLEET_STALLED = "fleet-stalled"
    FLEET_ISSUER_CHANGED = "fleet-issuer-changed"
    FLEET_CA_CAPS = "fleet-ca-caps"
    KUBECONFIG_CA_DIFFERS = "kubeconfig-ca-differs"
    EXPORTER_CLOCK_OFF = "exporter-clock-off"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do: a command for a shell on the node (or where ``purpose`` says), and what it is for."""

    command: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A cause that holds on a node. ``evidence`` is one sentence made from the facts of that node."""

    cause: Cause
    severity: Severity
    evidence: str = ""
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class FleetFinding:
    """A cause that holds over the nodes of one cluster; ``nodes`` are some of them, sorted."""

    cluster: str
    cause: Cause
    severity: Severity
    evidence: str = ""
    nodes: tuple[str, ...] = ()
