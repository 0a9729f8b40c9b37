"""What a node's facts mean: certificates, their rotation window, states and findings."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from exporter.errors import Reason


class CertificateRole(StrEnum):
    """The ``cert`` label."""

    CLIENT = "client"
    SERVING = "serving"


class State(StrEnum):
    """The eight states of a rotation (``judge/rotation.py`` has the rules)."""

    NOT_YET_VALID = "not_yet_valid"
    FRESH = "fresh"
    WINDOW = "window"
    LATE = "late"
    STALLED = "stalled"
    EXPIRED = "expired"
    UNMANAGED = "unmanaged"
    UNKNOWN = "unknown"

    @property
    def is_accusation(self) -> bool:
        return self in (State.LATE, State.STALLED, State.EXPIRED)


class Severity(StrEnum):
    """How much a finding matters."""

    WARNING = "warning"
    CRITICAL = "critical"


class Cause(StrEnum):
    """What can be found on a node, as stable identifiers: the ``cause`` label."""

    STORE_LINK_REGULAR_FILE = "store-link-regular-file"
    STORE_UPDATED_LEFTOVER = "store-updated-leftover"
    ORPHAN_EMPTY = "orphan-empty"


@dataclass(frozen=True, slots=True)
class Certificate:
    """The fields of one X.509 certificate that matter here. Dates are seconds since the epoch, UTC."""

    not_before: int
    not_after: int
    serial: str  # lower-case hexadecimal
    issuer: str  # RFC 4514, printable, at most 256 characters
    subject: str  # the same
    fingerprint: str  # SHA-256 of the DER, lower-case hexadecimal

    @property
    def lifetime(self) -> int:
        """notAfter minus notBefore, the signer's backdate included; never negative."""
        return max(0, self.not_after - self.not_before)


@dataclass(frozen=True, slots=True)
class Window:
    """When the kubelet may rotate, and until when it may be late. Seconds since the epoch."""

    start: float
    end: float
    grace_end: float


@dataclass(frozen=True, slots=True)
class Reading:
    """One certificate as the last successful visit saw it.

    ``taken`` is the exporter's clock at that visit. ``witness`` is the latest moment at which both clocks agree that
    this certificate was still in use: ``late`` and ``stalled`` are claimed by it. ``node_clock`` is what the node's
    clock showed then, None over a mount. ``managed`` says that the kubelet rotates this certificate.
    """

    certificate: Certificate
    taken: float
    witness: float
    node_clock: float | None = None
    managed: bool = True


class OrphanCondition(StrEnum):
    """What a dated file newer than the link's target holds."""

    EMPTY = "empty"
    VALID = "valid"
    INVALID = "invalid"
    UNREAD = "unread"


@dataclass(frozen=True, slots=True)
class StoreHistory:
    """What the store's listing tells of the past: rotations that were kept, and attempts that were lost."""

    last_rotation: int | None = None  # mtime of the link's target
    rotations_on_disk: int = 0
    orphans: tuple[tuple[OrphanCondition, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """A cause that holds on a node."""

    cause: Cause
    severity: Severity


@dataclass(frozen=True, slots=True)
class Assessment:
    """What one visit's facts mean. ``reason`` is set where the visit brought no reading of the client certificate.

    ``serving`` is None both where there is no serving certificate (``serving_absent``) and where it was not seen.
    ``history`` is None where the store was not seen.
    """

    reason: Reason | None
    client: Reading | None
    serving: Reading | None
    serving_absent: bool
    history: StoreHistory | None
    findings: tuple[Finding, ...]
