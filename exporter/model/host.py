"""The machine and the process: what a node tells of its kubelet beside files."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Host:
    """The machine. None is "not seen"; ``machine`` is the SHA-256 of its machine-id, in hexadecimal."""

    name: str = ""  # uname -n
    system: str = ""  # os-release ID
    machine: str = ""
    boot: str = ""  # the boot's random id
    booted: int | None = None  # seconds since the epoch, by the node's clock
    uptime: float | None = None  # seconds, sleep included
    awake: float | None = None  # seconds on CLOCK_MONOTONIC, which stands still in suspend; only root sees it
    zone: int | None = None  # seconds east of UTC

    @property
    def suspended(self) -> float | None:
        """Seconds that the machine slept since its boot; less than two are the two clocks' own difference."""
        if self.uptime is None or self.awake is None:
            return None
        asleep = self.uptime - self.awake
        return asleep if asleep >= 2 else 0.0


Flags = tuple[tuple[str, str], ...]  # without dashes, in order; a later one wins


class Sight(StrEnum):
    """How looking for the kubelet's process ended."""

    SEEN = "seen"
    ABSENT = "absent"  # processes are to be seen, and none of them is a kubelet
    HIDDEN = "hidden"  # /proc is not there, or shows other users' processes to root alone


@dataclass(frozen=True, slots=True)
class Process:
    """The kubelet's process. Only allow-listed flags are ever read; a value that is not plain text is ``?``."""

    sight: Sight
    name: str = ""  # kubelet, or the program that holds it: k3s-agent, kubelite, ...
    count: int = 0  # how many processes are called so
    started: float | None = None  # seconds since the epoch, by the node's clock
    uid: int | None = None
    flags: Flags = ()
    zone: str | None = None  # TZ in its environment
    label: str | None = None  # its security context
    own_mounts: bool | None = None  # it lives in another mount namespace than the reader
    remembered: bool = False  # its flags are those of an earlier visit: there is no process now

    def flag(self, name: str) -> str | None:
        """The value of ``--name`` that counts; None where it is not given."""
        return next((value for its_name, value in reversed(self.flags) if its_name == name), None)


@dataclass(frozen=True, slots=True)
class Service:
    """The kubelet's systemd unit."""

    unit: str
    active: str  # ActiveState
    sub: str  # SubState
    restarts: int | None = None  # NRestarts
    status: int | None = None  # ExecMainStatus


class JournalSign(StrEnum):
    """A line of the kubelet's journal that means something, told by its kind alone (rotation-truth 7.3)."""

    NOT_SIGNED = "not_signed"  # Certificate request was not signed
    DENIED = "denied"  # ... certificate signing request is denied
    FORBIDDEN = "forbidden"  # CSR creation answered 403
    UNAUTHORIZED = "unauthorized"  # CSR creation answered 401
    UNKNOWN_AUTHORITY = "unknown_authority"  # x509: certificate signed by unknown authority
    UNREACHABLE = "unreachable"  # dial tcp, i/o timeout, no route to host
    NOT_STORED = "not_stored"  # Unable to store the new cert/key pair
    BACKOFF = "backoff"  # Reached backoff limit, still unable to rotate certs
    ROTATED = "rotated"  # Certificate rotation detected
    BOOTSTRAP_EXPIRED = "bootstrap_expired"  # part of the existing bootstrap client certificate ... is expired
    BOOTSTRAP_UNLOADABLE = "bootstrap_unloadable"  # unable to load bootstrap kubeconfig
    NO_CLIENT_CERTIFICATE = "no_client_certificate"  # No valid client certificate is found ... exiting
    NO_SERVING_CERTIFICATE = "no_serving_certificate"  # no serving certificate available for the kubelet


@dataclass(frozen=True, slots=True)
class JournalLine:
    """How often a sign stood in the journal's last hour."""

    sign: JournalSign
    count: int
