"""The exporter's own health; the only importer of prometheus_client."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import prometheus_client
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from exporter import __version__
from exporter.errors import Reason
from exporter.model.shard import Shard
from exporter.model.snapshot import ExporterCounters
from exporter.serve.doorkeeper import DoorStatus
from exporter.serve.exposition import Format

PREFIX = "kubelet_cert_exporter"
OUTCOMES = ("success", "failure")


class HealthCollector(Collector):
    """Turns counters into metric families, anew at each scrape."""

    def __init__(self, counters: Callable[[], ExporterCounters]) -> None:
        self._counters = counters

    def collect(self) -> Iterable[Metric]:
        now = self._counters()
        failures = dict(now.failures)
        visits = CounterMetricFamily(f"{PREFIX}_visits", "Visits of nodes that ended.", labels=["outcome"])
        for outcome, number in zip(OUTCOMES, (now.successes, sum(failures.values())), strict=True):
            visits.add_metric([outcome], number)
        yield visits
        by_reason = CounterMetricFamily(f"{PREFIX}_visit_failures", "Visits without a reading.", labels=["reason"])
        for reason in Reason:
            by_reason.add_metric([reason], failures.get(reason, 0))
        yield by_reason
        yield from self._gauges(now)
        sources = GaugeMetricFamily(
            f"{PREFIX}_inventory_source_up",
            "1 if the file_sd file counts as it is now; 0 if its last good nodes stay, or a pattern matches no file.",
            labels=["source"],
        )
        for source in now.sources:
            sources.add_metric([source.name], int(source.up))
        yield sources
        yield from _credentials(now)
        yield from _shard(now.shard)
        yield InfoMetricFamily(f"{PREFIX}_build", "The version that runs.", {"version": __version__})

    @staticmethod
    def _gauges(now: ExporterCounters) -> Iterable[Metric]:
        values = (
            ("last_visit_timestamp_seconds", "When the last visit of any node ended.", now.last_visit),
            ("overdue_visits", "Visits that are due and wait for a free place.", now.overdue),
            (
                "logins_paused",
                "1 while nobody is logged in to, as too many logins were refused; a reload ends it.",
                int(now.logins_paused),
            ),
            (
                "unverified_nodes",
                "Nodes whose host key, or a bastion's before them, is taken as it is (host_key_policy: insecure).",
                now.unverified,
            ),
            (
                "accepted_host_keys",
                "Host keys that were taken on first sight so far (host_key_policy: accept-new).",
                now.ssh.accepted_host_keys,
            ),
            (
                "store_up",
                "1 while what is learned is kept for the next start, 0 while it cannot be. Absent with store: none.",
                None if now.store_up is None else int(now.store_up),
            ),
            (
                "config_last_reload_successful",
                "1 if the last load of the configuration succeeded; a failed one changes nothing else.",
                int(now.config_reload_successful),
            ),
            (
                "config_last_reload_success_timestamp_seconds",
                "When the configuration was last loaded.",
                now.config_reload_time,
            ),
        )
        for name, text, value in values:
            if value is not None:
                yield GaugeMetricFamily(f"{PREFIX}_{name}", text, value)


def _credentials(now: ExporterCounters) -> Iterable[Metric]:
    ends = GaugeMetricFamily(
        f"{PREFIX}_ssh_credential_not_after_timestamp_seconds",
        "When an OpenSSH user certificate that the exporter logs in with ends; no series for one that never does.",
        labels=["file"],
    )
    for file, not_after in now.ssh.credentials:
        ends.add_metric([file], not_after)
    yield ends


def _shard(shard: Shard) -> Iterable[Metric]:
    yield InfoMetricFamily(
        f"{PREFIX}_shard",
        "Which share of the inventory is visited here, from 0, and of how many; the whole one is 0 of 1.",
        {"shard": str(shard.index), "total_shards": str(shard.total)},
    )
    yield GaugeMetricFamily(
        f"{PREFIX}_total_shards", "Of how many shares of the inventory this is one, as a number.", shard.total
    )


class DoorCollector(Collector):
    """How the web configuration was last read; nothing where there is none."""

    def __init__(self, status: Callable[[], DoorStatus | None]) -> None:
        self._status = status

    def collect(self) -> Iterable[Metric]:
        now = self._status()
        if now is not None:
            yield GaugeMetricFamily(
                f"{PREFIX}_web_config_last_reload_successful",
                "1 if the web configuration and its certificates are used as the files have them; 0 if older ones are.",
                int(now.successful),
            )
            yield GaugeMetricFamily(
                f"{PREFIX}_web_config_last_reload_success_timestamp_seconds",
                "When the web configuration, or a file that it names, was last taken in.",
                now.loaded,
            )


class Health:
    """Our own registry: the counters, the door, this process and this Python."""

    def __init__(
        self, counters: Callable[[], ExporterCounters], door: Callable[[], DoorStatus | None] = lambda: None
    ) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(HealthCollector(counters))
        self._registry.register(DoorCollector(door))
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    def render(self, chosen: Format) -> bytes:
        """The families as text, with the end mark where the format has one."""
        generate: Callable[[CollectorRegistry], bytes] = prometheus_client.generate_latest
        if chosen is Format.OPENMETRICS:
            generate = openmetrics.generate_latest
        return generate(self._registry)
