"""What is known of the whole fleet at one moment, and of the exporter itself."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from exporter.config.settings import Pace
from exporter.errors import Reason
from exporter.model.report import NodeReport, Visit
from exporter.model.shard import WHOLE_FLEET, Shard


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """One file_sd file or glob: whether its last reading was usable."""

    name: str
    up: bool


@dataclass(frozen=True, slots=True)
class SshStatus:
    """Our own keys and brakes: when each certificate that logs in ends (epoch seconds, by its identity's file)."""

    credentials: tuple[tuple[str, float], ...] = ()
    accepted_host_keys: int | None = None  # taken on first sight so far; None where none ever is


@dataclass(frozen=True, slots=True)
class ExporterCounters:
    """The exporter's own health since its start."""

    successes: int = 0
    failures: tuple[tuple[Reason, int], ...] = ()
    last_visit: float | None = None
    overdue: int = 0  # due visits that wait for a free place
    config_reload_successful: bool = True
    config_reload_time: float | None = None
    sources: tuple[SourceStatus, ...] = ()
    ssh: SshStatus = SshStatus()
    logins_paused: bool = False
    shard: Shard = WHOLE_FLEET
    store_up: bool | None = None  # whether what is learned survives a restart; None: it is not meant to
    unverified: int = 0  # nodes whose own host key, or a bastion's on the way, is taken as it is

    def counting(self, visit: Visit) -> ExporterCounters:
        """With one more visit."""
        if visit.reason is None:
            return replace(self, successes=self.successes + 1, last_visit=visit.ended)
        failures = dict(self.failures)
        failures[visit.reason] = failures.get(visit.reason, 0) + 1
        return replace(self, failures=tuple(failures.items()), last_visit=visit.ended)


@dataclass(frozen=True, slots=True)
class FleetSnapshot:
    """All reports at one moment, in the inventory's order; every node has the label names ``labels``."""

    reports: tuple[NodeReport, ...] = ()
    labels: tuple[str, ...] = ()
    pace: Pace = field(default_factory=Pace)
    counters: ExporterCounters = field(default_factory=ExporterCounters)

    @property
    def clock_offsets(self) -> list[float]:
        """The offsets of the nodes that are up and have a clock to see."""
        return [report.clock_offset for report in self.reports if report.up and report.clock_offset is not None]
