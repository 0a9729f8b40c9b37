"""Names that rules, dashboards, runbooks and documentation share, held against each other and the exporter's own.

Pure over a mapping from paths to texts, so that a test may rename one thing alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from exporter.errors import Reason
from exporter.model.assessment import CertificateRole, OrphanCondition, State
from exporter.model.finding import Cause
from exporter.model.kubelet import Distribution
from tests.mentions import METRICS_PAGE, RUNBOOKS, scan

INDEX = f"{RUNBOOKS}README.md"
OF_KUBE_PROMETHEUS = {"KubeNodeNotReady", "KubeNodeUnreachable"}
OF_PROMETHEUS = {
    "__name__",
    "alertname",
    "alertstate",
    "job",
    "instance",
    "le",
    "severity",
    "component",
    "namespace",
    "pod",
}
VALUES: dict[str, type[StrEnum]] = {
    "cause": Cause,
    "reason": Reason,
    "state": State,
    "cert": CertificateRole,
    "condition": OrphanCondition,
    "distribution": Distribution,
}


class Names:
    """All texts at once, held against the exporter's families (with their labels)."""

    def __init__(self, texts: Mapping[str, str], families: Mapping[str, frozenset[str]]) -> None:
        self.texts = texts
        self.families = families
        self.mentions = {path: scan(path, text) for path, text in texts.items()}
        self.alerts = [alert for each in self.mentions.values() for alert in each.defined]
        self.recorded = {name for each in self.mentions.values() for name in each.recorded}
        self.boards = {each.uid: each for each in self.mentions.values() if each.uid}
        self.pages = {
            PurePosixPath(path).stem for path in texts if path.startswith(RUNBOOKS) and path.endswith(".md")
        } - {"README"}

    def mistakes(self) -> list[str]:
        """Every name that leads nowhere, and everything that nobody names."""
        checks: tuple[Callable[[], Iterable[str]], ...] = (
            self._metrics,
            self._families,
            self._recorded,
            self._alerts,
            self._pages,
            self._matchers,
            self._labels,
            self._links,
        )
        return [mistake for check in checks for mistake in check()]

    def _metrics(self) -> Iterator[str]:
        known = set(self.families) | self.recorded
        for path, each in self.mentions.items():
            yield from (f"{path}: no such metric: {name}" for name in sorted(each.metrics - known))

    def _families(self) -> Iterator[str]:
        page = self.mentions[METRICS_PAGE].explained
        used = self._used()
        for name in self.families:
            if name not in page:
                yield f"{METRICS_PAGE}: {name} is not explained"
            elif not (page[name] or name in used):
                yield f"{name}: no rule, no dashboard and no question of {METRICS_PAGE} has a use for it"

    def _recorded(self) -> Iterator[str]:
        used = self._used()
        yield from (f"{name}: recorded for nobody" for name in sorted(self.recorded - used))

    def _used(self) -> set[str]:
        return {name for each in self.mentions.values() for name in each.used}

    def _alerts(self) -> Iterator[str]:
        names = {alert.name for alert in self.alerts}
        for path, each in self.mentions.items():
            yield from (f"{path}: no such alert: {name}" for name in sorted(each.alerts - names))
            yield from (f"{path}: no such alert: {it}" for it in sorted(each.inhibited - names - OF_KUBE_PROMETHEUS))
        for name, number in Counter(alert.name for alert in self.alerts).items():
            if number > 1:
                yield f"{name}: {number} alerts have this name, and each severity needs one of its own"

    def _pages(self) -> Iterator[str]:
        for alert in self.alerts:
            if alert.name not in self.pages:
                yield f"{alert.name}: no page"
            if urlsplit(alert.runbook_url).path != f"/{alert.name}.md":
                yield f"{alert.name}: its runbook_url leads to {alert.runbook_url}"
            if f"({alert.name}.md)" not in self.texts.get(INDEX, ""):
                yield f"{INDEX}: {alert.name} is missing"
        yield from (f"{page}.md: a page of no alert" for page in sorted(self.pages - {it.name for it in self.alerts}))

    def _matchers(self) -> Iterator[str]:
        for path, each in self.mentions.items():
            for label, value in sorted(each.matchers):
                words = [word for word in value.split("|") if label in VALUES and word and "$" not in word]
                for word in words:
                    if word not in (".*", ".+") and not any(re.fullmatch(word, one) for one in VALUES[label]):
                        yield f"{path}: no such {label}: {word}"

    def _labels(self) -> Iterator[str]:
        known = OF_PROMETHEUS.union(*self.families.values())
        for path, each in self.mentions.items():
            yield from (f"{path}: no such label: {name}" for name in sorted(each.labels - known))

    def _links(self) -> Iterator[str]:
        for path, each in self.mentions.items():
            for uid, variables in sorted(each.links, key=str):
                if uid not in self.boards:
                    yield f"{path}: no such dashboard: {uid}"
                else:
                    missing = variables - self.boards[uid].variables
                    yield from (f"{path}: {uid} has no variable {name}" for name in sorted(missing))
