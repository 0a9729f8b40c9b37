"""What the store keeps of the past: a rotation as two visits in a row saw it, and how a visit ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from exporter.model.assessment import CertificateRole, Reading, StoreHistory
from exporter.model.report import NodeReport

KEPT_ROTATIONS = 200  # of each node, the newest


@dataclass(frozen=True, slots=True)
class SeenRotation:
    """Another certificate than the visit before found. It came between ``last_seen_before`` and ``seen``.

    Those are by the exporter's clock; all are seconds since the epoch. ``managed``: it is the kubelet that rotates it.
    ``written`` is when the new one's file was, by the exporter's clock; None where that is not known, or not between
    the two visits. The new one's ``not_before`` tells no such thing: signers set it minutes back, or more.
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
    written: float | None = None

    @property
    def shares(self) -> tuple[float, float] | None:
        """How much of the old one's life was over when the new one came, at least and at most; None: it had no life."""
        life = self.old_not_after - self.old_not_before
        if life <= 0:
            return None
        earliest, latest = (self.last_seen_before, self.seen) if self.written is None else (self.written, self.written)
        return (earliest - self.old_not_before) / life, (latest - self.old_not_before) / life


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
    history = after.history or StoreHistory()
    pairs = (
        (CertificateRole.CLIENT, before.client, after.client, history.last_rotation),
        (CertificateRole.SERVING, before.serving, after.serving, history.last_serving_rotation),
    )
    for role, earlier, later, modified in pairs:
        if earlier and later and earlier.certificate.fingerprint != later.certificate.fingerprint:
            yield _rotation(role, earlier, later, _written(modified, after.clock_offset, earlier, later))


def _written(modified: int | None, offset: float | None, earlier: Reading, later: Reading) -> float | None:
    """``modified`` is by the node's clock, in whole seconds, and may be of another rotation or of a copied file."""
    if modified is None:
        return None
    written = modified - (offset or 0.0)
    return written if earlier.taken <= written <= later.taken else None


def _rotation(role: CertificateRole, earlier: Reading, later: Reading, written: float | None) -> SeenRotation:
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
        written=written,
    )
