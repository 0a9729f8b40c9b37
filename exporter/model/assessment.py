"""What a node's facts mean: certificates, their rotation window, states and findings."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from exporter.errors import Reason
from exporter.model.facts import NodeFacts
from exporter.model.finding import Finding
from exporter.model.host import Process, Sight
from exporter.model.kubelet import Kubelet
from exporter.model.restart import Restart

SAME_START = 5.0  # seconds by which two measurements of one start may differ


class CertificateRole(StrEnum):
    """The ``cert`` label."""

    CLIENT = "client"  # the store's link target; where there is no store, what kubelet.conf holds
    SERVING = "serving"  # the file that the kubelet serves with
    SERVING_LIVE = "serving_live"  # seen in a handshake
    KUBECONFIG = "kubeconfig"  # what kubelet.conf names or embeds, where it is another than the store's
    CA = "ca"  # the issuer of the client certificate


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
        return self in _ACCUSATIONS


_ACCUSATIONS = frozenset((State.LATE, State.STALLED, State.EXPIRED))  # by its class a member is found slowly


class _Weakly:
    """Can be referred to weakly. A base: with such a slot of its own no draft of the store could change its class."""

    __slots__ = ("__weakref__",)


@dataclass(frozen=True, slots=True)
class Certificate(_Weakly):
    """The fields of one X.509 certificate that matter here. Dates are seconds since the epoch, UTC."""

    not_before: int
    not_after: int
    serial: str  # lower-case hexadecimal
    issuer: str  # RFC 4514, printable, at most 256 characters
    subject: str  # the same
    fingerprint: str  # SHA-256 of the DER, lower-case hexadecimal
    key_identifier: str = ""  # SKI, lower-case hexadecimal; empty where it has none
    authority_identifier: str = ""  # AKI: its issuer's
    is_self_signed: bool = False  # its issuer is its subject

    @property
    def lifetime(self) -> int:
        """notAfter minus notBefore, the signer's backdate included; never negative."""
        return max(0, self.not_after - self.not_before)

    def is_signed_by(self, authority: Certificate) -> bool:
        """Whether that may be its issuer: by key where both name one, else by name."""
        if self.authority_identifier and authority.key_identifier:
            return self.authority_identifier == authority.key_identifier
        return self.issuer == authority.subject


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
    clock showed then, None over a mount. ``managed`` says that the kubelet rotates this certificate. Before
    ``excused_until`` (exporter's clock, epoch seconds) it is not to blame for being past its window (judge/excuse.py).
    """

    certificate: Certificate
    taken: float
    witness: float
    node_clock: float | None = None
    managed: bool = True
    excused_until: float = 0.0


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
    last_serving_rotation: int | None = None
    serving_rotations_on_disk: int = 0


@dataclass(frozen=True, slots=True)
class Ties:
    """What ties a node to its cluster: only comparing nodes makes something of it (judge/cohort.py). Empty: not seen.

    A key is its identifier, or where a certificate has none, the certificate's fingerprint.
    """

    machine: str = ""  # machine-id and boot: the same for one machine that the inventory names twice
    server: str = ""  # the API server that kubelet.conf names
    trusted: tuple[str, ...] = ()  # the keys of the CAs that kubelet.conf trusts, sorted
    issuer_before: str = ""  # the key that issued the client certificate before the one in use

    def filled_from(self, earlier: Ties) -> Ties:
        """These, and what was not seen now as it was seen earlier."""
        return Ties(
            self.machine or earlier.machine,
            self.server or earlier.server,
            self.trusted or earlier.trusted,
            self.issuer_before or earlier.issuer_before,
        )


@dataclass(frozen=True, slots=True)
class Memory:
    """What earlier visits of a node knew, as far as the next one is judged by it.

    ``starts`` are the kubelet's start times (epoch seconds, exporter's clock) at the last visits that looked, oldest
    first, at most six; None where it was down. ``met`` is when one was last seen to run, by the same clock. ``newest``
    is the latest notBefore ever read from this node's store.
    """

    client: Reading | None = None
    serving: Reading | None = None
    starts: tuple[float | None, ...] = ()
    process: Process | None = None  # the last that was seen
    newest: int | None = None
    findings: tuple[Finding, ...] = ()
    met: float | None = None
    kubelet: Kubelet | None = None
    served: str = ""  # the path of the file that it was known to serve with

    def start(self, facts: NodeFacts) -> float | None:
        """When the kubelet that a visit saw run started; of the one that was met before, as it was measured then.

        A node counts a start from its boot, whose moment moves with its clock. Who started before the visit that met
        the last kubelet is that kubelet, whatever the clocks say.
        """
        process = facts.process
        if process is None or process.sight is not Sight.SEEN or process.started is None:
            return None
        started = process.started - (facts.clock.offset if facts.clock else 0.0)
        last = next((moment for moment in reversed(self.starts) if moment is not None), None)
        if last is None:
            return started
        is_same = abs(started - last) <= SAME_START or (self.met is not None and started <= self.met)
        return last if is_same else started


@dataclass(frozen=True, slots=True)
class Assessment:
    """What one visit's facts mean. ``reason`` is set where the visit brought no reading of the client certificate.

    ``client`` is None without a reason where this node has no client certificate by design (EKS, token, exec).
    ``serving`` is None both where there is no serving certificate (``serving_absent``) and where it was not seen.
    ``history`` is None where the store was not seen, ``kubelet`` and ``restart`` where nothing beside it was.
    """

    reason: Reason | None
    client: Reading | None
    serving: Reading | None
    serving_absent: bool
    history: StoreHistory | None
    findings: tuple[Finding, ...]
    kubelet: Kubelet | None = None
    restart: Restart | None = None
    kubeconfig: Certificate | None = None  # only where it is another than the client certificate
    authority: Certificate | None = None  # the issuer of the client certificate
    serving_live: Certificate | None = None
    unseen: tuple[str, ...] = ()  # what could not be seen and why, in words
    ties: Ties = Ties()
    is_of_store: bool = True  # the client certificate: read from the store, not from what kubelet.conf holds
    served: str = ""  # the path of the file that it is known to serve with

    def with_readings(self, client: Reading | None, serving: Reading | None) -> Assessment:
        """The same but for these: what ``replace`` gives, at a third of its cost."""
        return Assessment(
            self.reason,
            client,
            serving,
            self.serving_absent,
            self.history,
            self.findings,
            self.kubelet,
            self.restart,
            self.kubeconfig,
            self.authority,
            self.serving_live,
            self.unseen,
            self.ties,
            self.is_of_store,
            self.served,
        )

    @property
    def has_no_certificate_by_design(self) -> bool:
        return self.reason is None and self.client is None
