"""A story's series through the rule files by ``promtool test rules``, and every alert that fires in it compared.

All that fires is compared, at every minute: each episode's first and last minute and the minutes around them, and how
many minutes each alert fires in all. What a story does not expect is thereby proved silent.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.exporters import World

PROMTOOL = shutil.which("promtool")
RULES = Path(__file__).parent.parent / "grafana" / "alerts"
FILES = tuple(f"{noun}.yaml" for noun in ("recording", "rotation", "nodes", "fleet", "exporter"))
KEPT = "KEPT_RULE_TESTS"  # a folder in which tests leave what they gave to promtool
HERE = "@RULES@"  # stands there for the folder of the rule files
_HEATMAP = "cluster_cert:kubelet_cert_lifetime_used:bucket"  # read by no rule, and many rules
METRIC = re.compile(r"\b(?:up|kubelet_cert_\w+)\b")
_CERTIFICATE, _NODE, _CAUSE = ("cluster", "node", "cert"), ("cluster", "node"), ("cluster", "cause")
_TARGET = ("job", "instance")

# Severity and identity of every alert, as docs/runbooks tell them: what the rules are held to.
ALERTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "KubeletCertRotationLate": ("info", _CERTIFICATE),
    "KubeletCertRotationStalled": ("warning", _CERTIFICATE),
    "KubeletCertExpiring": ("critical", _CERTIFICATE),
    "KubeletCertExpired": ("critical", _CERTIFICATE),
    "KubeletCertUnrotatedExpired": ("warning", _CERTIFICATE),
    "KubeletCertManualRotationDue": ("warning", _CERTIFICATE),
    "KubeletCertNotYetValid": ("warning", _CERTIFICATE),
    "KubeletCertBlind": ("warning", _CERTIFICATE),
    "KubeletCertNeverRead": ("warning", _NODE),
    "KubeletCertRestartUnsafe": ("warning", _NODE),
    "KubeletCertStoreBroken": ("warning", _NODE),
    "KubeletCertStoreFull": ("warning", _NODE),
    "KubeletCertCrashLoop": ("warning", _NODE),
    "KubeletCertNodeClockSkew": ("warning", _NODE),
    "KubeletCertKeyMaterialSeen": ("warning", _NODE),
    "KubeletCertHostKeyChanged": ("warning", _NODE),
    "KubeletCertFinding": ("warning", _CAUSE),
    "KubeletCertFleetRotationStalled": ("critical", ("cluster",)),
    "KubeletCertCAExpiring": ("warning", ("cluster",)),
    "KubeletCertCANearlyExpired": ("critical", ("cluster",)),
    "KubeletCertShared": ("warning", ("cluster",)),
    "KubeletCertFleetFinding": ("warning", _CAUSE),
    "KubeletCertCoverageLow": ("warning", ("cluster",)),
    "KubeletCertInventoryShrank": ("warning", ("cluster",)),
    "KubeletCertClusterVanished": ("warning", ("cluster",)),
    "KubeletCertExporterDown": ("warning", _TARGET),
    "KubeletCertExporterAbsent": ("warning", ()),
    "KubeletCertExporterStuck": ("warning", _TARGET),
    "KubeletCertExporterClockOff": ("warning", ()),
    "KubeletCertVisitsOverdue": ("warning", _TARGET),
    "KubeletCertLoginsPaused": ("warning", _TARGET),
    "KubeletCertHostKeysUnchecked": ("warning", _TARGET),
    "KubeletCertConfigReloadFailed": ("warning", _TARGET),
    "KubeletCertInventorySourceDown": ("warning", (*_TARGET, "source")),
    "KubeletCertWebConfigReloadFailed": ("warning", _TARGET),
    "KubeletCertExporterStoreDown": ("warning", _TARGET),
    "KubeletCertSshCredentialExpiring": ("warning", (*_TARGET, "file")),
    "KubeletCertShardMissing": ("warning", ("job",)),
    "KubeletCertShardsMismatch": ("warning", ("job",)),
}
_USUAL = {"cluster": "prod", "node": "w1", "cert": "client", "job": "kubelet-cert-exporter", "instance": "one:10024"}


History = Mapping[tuple[tuple[str, str], ...], Sequence[float | None]]  # of a recorded series, by labels and minute


@dataclass(frozen=True)
class Episode:
    """One alert that fires from a minute to a minute, both included."""

    labels: tuple[tuple[str, str], ...]
    first: int
    last: int

    def __contains__(self, minute: int) -> bool:
        return self.first <= minute <= self.last


def fires(alert: str, first: int, last: int, **identity: str) -> Episode:
    """Node w1's client certificate, where nothing else is said; an empty word takes a label away."""
    severity, names = ALERTS[alert]
    assert set(identity) <= set(names), identity
    own = {name: identity.get(name, _USUAL.get(name, "")) for name in names}
    labels = own | {"alertname": alert, "alertstate": "firing", "component": "kubelet-cert", "severity": severity}
    return Episode(tuple(sorted((name, value) for name, value in labels.items() if value)), first, last)


def named(rules: Path = RULES) -> frozenset[str]:
    """Every metric that the rules look at; a story is spared all others."""
    return frozenset(name for file in FILES for name in METRIC.findall((rules / file).read_text()))


def world(**options: object) -> World:
    """A world whose Prometheus keeps what the rules look at."""
    return World(named(), **options)  # type: ignore[arg-type] # World's own


def check(story: World, *episodes: Episode, every: int = 1) -> None:
    """Nothing but these alerts fires, at any minute of a story; or at each of so many, where it is a long one."""
    compare(story.series.lines(), story.minute, *episodes, every=every)


def compare(lines: list[dict[str, str]], minutes: int, *episodes: Episode, every: int = 1) -> None:
    """The same of input series that were written otherwise."""
    last = (minutes - 1) // every * every
    late = [episode for episode in episodes if not 0 <= episode.first <= episode.last <= last]
    assert not late, f"beyond the story, which ends at {last}: {late}"
    run(written(lines, list(_moments(episodes, last, every)), every))


def recorded(story: World, minute: int, query: str, answer: Mapping[tuple[tuple[str, str], ...], float]) -> None:
    """At that minute a query has this answer, by labels."""
    answered(story, minute, {query: answer})


def kept(lines: list[dict[str, str]], minutes: list[int], series: Mapping[str, History]) -> None:
    """At each of these minutes a recorded series is what it should be then, and there is no other of its name."""
    queries = []
    for name, history in series.items():
        for minute in minutes:
            answer = {labels: value for labels, values in history.items() if (value := values[minute]) is not None}
            queries.append(_asked(name, minute, answer, name))
    run(written(lines, queries))


def answered(story: World, minute: int, answers: Mapping[str, Mapping[tuple[tuple[str, str], ...], float]]) -> None:
    """At that minute each query has its answer, by labels."""
    run(written(story.series.lines(), [_asked(query, minute, answer) for query, answer in answers.items()]))


def written(lines: list[dict[str, str]], queries: list[dict[str, object]], every: int = 1) -> str:
    """The text of a test file; rules are evaluated ``every`` so many minutes."""
    groups = [group["name"] for file in FILES for group in yaml.safe_load((RULES / file).read_text())["groups"]]
    return json.dumps(
        {
            "rule_files": [f"{HERE}/{file}" for file in FILES],
            "evaluation_interval": f"{every}m",
            "group_eval_order": groups,
            "tests": [{"interval": "1m", "input_series": lines, "promql_expr_test": queries}],
        }
    )


def run(test: str, rules: Path | None = None) -> None:
    """Fails with promtool's words where it does."""
    if folder := os.environ.get(KEPT):
        name = re.sub(r"\W+", "-", os.environ["PYTEST_CURRENT_TEST"].split(" ")[0].removeprefix("tests/"))
        count = len(list(Path(folder).glob(f"{name}-*.json")))
        Path(folder, f"{name}-{count}.json").write_text(test)
    said = verdict(test, rules or _bare(_HEATMAP in test))
    assert said is None, _in_short(said)


@functools.cache
def _bare(has_heatmap: bool) -> Path:
    """The rules without annotations, whose queries cost more than the rules: what these say has tests of its own."""
    folder = tempfile.TemporaryDirectory(prefix="bare-rules-")
    atexit.register(folder.cleanup)
    for file in FILES:
        groups = yaml.safe_load((RULES / file).read_text())["groups"]
        for group in groups:
            rules = [bare(rule) for rule in group["rules"]]
            group["rules"] = [rule for rule in rules if has_heatmap or rule.get("record") != _HEATMAP]
        Path(folder.name, file).write_text(json.dumps({"groups": groups}))
    return Path(folder.name)


def bare(rule: dict[str, Any]) -> dict[str, Any]:
    """Without annotations."""
    return {key: value for key, value in rule.items() if key != "annotations"}


def verdict(test: str, rules: Path) -> str | None:
    """What promtool has to say against a test file; None where it passes."""
    assert PROMTOOL
    with tempfile.TemporaryDirectory(prefix="rules-") as folder:
        file = Path(folder, "test.json")
        file.write_text(test.replace(HERE, str(rules)))
        done = subprocess.run([PROMTOOL, "test", "rules", str(file)], capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else done.stdout + done.stderr


_SAMPLE = re.compile(r"(\{.*?[^\\]\}) ([^,\s]+)")
_SAID = re.compile(r'alertname=|(?:alertstate|component|severity|__name__)="[^"]*"(?:, )?')


def _in_short(said: str) -> str:
    """promtool's words without what it found as expected."""
    lines = []
    for block in said.split("    expr: ")[1:]:
        query, _, rest = block.partition(", time: ")
        expected, got = (set(_SAMPLE.findall(half.replace("\n", " "))) for half in rest.split("got:", 1))
        lines.append(f"{query[:12]} at {rest.partition(',')[0]}")
        for sign, samples in (("-", expected - got), ("+", got - expected)):
            lines += [f"  {sign} {value} {_SAID.sub('', labels)}" for labels, value in sorted(samples)]
    return "\n".join(lines) or said


def _moments(episodes: Iterable[Episode], last: int, every: int) -> Iterator[dict[str, object]]:
    """What fires at every edge of an episode, and for how long each in all."""
    episodes = list(episodes)
    total: Counter[tuple[tuple[str, str], ...]] = Counter()
    for episode in episodes:
        total[episode.labels] += (episode.last - episode.first) // every + 1
    yield _asked(f'count_over_time(ALERTS{{alertstate="firing"}}[{last + 1}m])', last, total)
    edges = {edge for it in episodes for edge in (it.first - every, it.first, it.last, it.last + every)}
    for minute in sorted({last} | {edge for edge in edges if 0 <= edge <= last}):
        firing = {episode.labels: 1 for episode in episodes if minute in episode}
        yield _asked('ALERTS{alertstate="firing"}', minute, firing, "ALERTS")


def _asked(
    query: str, minute: int, answer: Mapping[tuple[tuple[str, str], ...], float], name: str = ""
) -> dict[str, object]:
    samples = [{"labels": f"{name}{_selector(labels)}", "value": value} for labels, value in answer.items()]
    return {"expr": query, "eval_time": f"{minute}m", "exp_samples": samples}


def _selector(labels: tuple[tuple[str, str], ...]) -> str:
    return "{" + ",".join(f"{name}={json.dumps(value)}" for name, value in labels) + "}"
