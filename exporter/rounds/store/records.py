"""What the store keeps of the past: a rotation as two visits in a row saw it, and how a visit ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from exporter.model.assessment import CertificateRole, Reading
from exporter.model.report import NodeReport

KEPT_ROTATIONS = 200  # of each node, the newest


@dataclass(frozen=True, slots=True)
class SeenRotation:
    """Another certificate than the visit before found. It came between ``last_seen_before`` and ``seen``.

    Those are by the exporter's clock; all are seconds since the epoch. ``managed``: it is the kubelet that rotates it.
    """

    cert: CertificateRole
    managed: bool
    seen: float
    last_seen_before: float
    old_not_before: int
    old_not_after: int
    old_fingerprint: str
    not_before: int
    not_after: int
    fingerprint: str
    serial: str

    @property
    def share(self) -> float | None:
        """How much of the old certificate's life was over when the new one was issued; None where it had no life."""
        life = self.old_not_after - self.old_not_before
        return (self.not_before - self.old_not_before) / life if life > 0 else None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a visit ended, and when (epoch seconds, exporter's clock); ``reason`` is a Reason's word, None of a reading.

    A word that this version does not know stays what it is.
    """

    ended: float
    duration: float  # seconds
    reason: str | None


def rotations(before: NodeReport, after: NodeReport) -> Iterator[SeenRotation]:
    """What one visit showed to have been rotated: nothing where the one before it was read elsewhere."""
    if before.is_of_elsewhere:
        return
    pairs = (
        (CertificateRole.CLIENT, before.client, after.client),
        (CertificateRole.SERVING, before.serving, after.serving),
    )
    for role, earlier, later in pairs:
        if earlier and later and earlier.certificate.fingerprint != later.certificate.fingerprint:
            yield _rotation(role, earlier, later)


def _rotation(role: CertificateRole, earlier: Reading, later: Reading) -> SeenRotation:
    old, new = earlier.certificate, later.certificate
    return SeenRotation(
        cert=role,
        managed=later.managed,
        seen=later.taken,
        last_seen_before=earlier.taken,
        old_not_before=old.not_before,
        old_not_after=old.not_after,
        old_fingerprint=old.fingerprint,
        not_before=new.not_before,
        not_after=new.not_after,
        fingerprint=new.fingerprint,
        serial=new.serial,
    )
