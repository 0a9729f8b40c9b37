"""What one text names: metrics, alerts, labels and their values, dashboards. A text is scanned once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
RULES, DASHBOARDS, RUNBOOKS = "grafana/alerts/", "grafana/dashboards/", "docs/runbooks/"
METRICS_PAGE = "docs/metrics.md"
WRITTEN = (f"{RULES}*.yaml", f"{DASHBOARDS}*.json", "docs/**/*.md", "README.md", "CHANGELOG.md", "deploy/**/*.md")
MORE = ("deploy/kubernetes/monitoring/*.yaml", "grafana/**/*.md", "grafana/alertmanager/*.yml")

_METRIC = re.compile(r"(?<![\w:])(?:[a-z_]+:)?kubelet_cert_[a-z_]*[a-z](?::[a-z_]+)?(?![\w:])")
_ALERT = re.compile(r"\bKubeletCert[A-Z]\w+")
_MATCHER = re.compile(r"""(?<![\w.$-])([a-z_]+)\s*(?:=~|!~|!=|=)\s*\\?["']([^"'\\]*)\\?["']""")
_TEMPLATE = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_LISTED = re.compile(r"\b(?:by|on|ignoring|without|group_left|group_right)\s*\(([a-z_,\s]*)\)")
_IN_TEMPLATE = re.compile(r"""\$labels\.([a-z_]+)|\.Labels\.([a-z_]+)|sortByLabel "([a-z_]+)\"""")
_ALERTNAMES = re.compile(r'alertname=~?"([^"]*)"')
_LINK = re.compile(r"/d/([\w-]+)(\?[^\s\"')]*)?")


@dataclass(frozen=True)
class Alert:
    """One alert as its rule has it."""

    name: str
    severity: str
    runbook_url: str


@dataclass(frozen=True)
class Mentions:
    """What one text names."""

    metrics: frozenset[str]
    alerts: frozenset[str]
    inhibited: frozenset[str]  # alerts by their matchers in Alertmanager's configuration
    matchers: frozenset[tuple[str, str]]  # label and value, in PromQL
    labels: frozenset[str]  # in PromQL and in templates
    links: frozenset[tuple[str, frozenset[str]]]  # a dashboard's uid, and the variables that it is given
    recorded: frozenset[str]
    used: frozenset[str]  # the metrics, without those that are only recorded here
    explained: Mapping[str, bool]  # on the page of metrics: whether a question goes with it
    defined: tuple[Alert, ...]
    uid: str = ""
    variables: frozenset[str] = frozenset()


def read() -> dict[str, str]:
    """Every text of the repository that is held to this."""
    found = {path for pattern in (*WRITTEN, *MORE) for path in ROOT.glob(pattern)}
    return {path.relative_to(ROOT).as_posix(): path.read_text() for path in sorted(found)}


@lru_cache(maxsize=4096)
def scan(path: str, text: str) -> Mentions:
    """What a text names; only rules and dashboards are PromQL throughout."""
    rules = list(_rules(text)) if path.startswith(RULES) else []
    board = json.loads(text) if path.startswith(DASHBOARDS) else {}
    plain = "\n".join(_strings(board)) if board else text
    asked = "\n".join(_expressions(board)) if board else text if rules else ""
    return Mentions(
        metrics=frozenset(_METRIC.findall(plain)),
        alerts=frozenset(_ALERT.findall(plain)),
        inhibited=frozenset(_inhibited(text)) if "\ninhibit_rules:" in text else frozenset(),
        matchers=frozenset(_MATCHER.findall(asked or "\n".join(_fences(text)))),
        labels=frozenset(_labels(asked)),
        links=frozenset((uid, _variables(query)) for uid, query in _LINK.findall(_TEMPLATE.sub("", plain))),
        recorded=frozenset(rule["record"] for rule in rules if "record" in rule),
        used=frozenset(_METRIC.findall(re.sub(r"\brecord: \S+", "", plain)) if asked else ()),
        explained=_explained(text) if path == METRICS_PAGE else {},
        defined=tuple(
            Alert(rule["alert"], rule["labels"]["severity"], rule["annotations"]["runbook_url"])
            for rule in rules
            if "alert" in rule
        ),
        uid=board.get("uid", ""),
        variables=frozenset(each["name"] for each in board.get("templating", {}).get("list", ())),
    )


def _explained(page: str) -> dict[str, bool]:
    sections = re.split(r"^### `([a-z_]+)`\n", page, flags=re.MULTILINE)[1:]
    return {name: "```promql" in body for name, body in zip(sections[::2], sections[1::2], strict=True)}


def _rules(text: str) -> Iterator[dict[str, Any]]:
    for group in yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))["groups"]:
        yield from group["rules"]


def _strings(part: object) -> Iterator[str]:
    """Every string of a JSON document."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, Mapping | list):
        for item in part.values() if isinstance(part, Mapping) else part:
            yield from _strings(item)


def _expressions(part: object) -> Iterator[str]:
    """The PromQL of a dashboard."""
    if isinstance(part, Mapping):
        yield from (part[key] for key in ("expr", "query", "definition") if isinstance(part.get(key), str))
    if isinstance(part, Mapping | list):
        for item in part.values() if isinstance(part, Mapping) else part:
            yield from _expressions(item)


def _fences(text: str) -> list[str]:
    return re.findall(r"^ *```promql\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)


def _labels(asked: str) -> Iterator[str]:
    for found in _LISTED.findall(asked):
        yield from re.findall(r"[a-z_]+", found)
    yield from (name for groups in _IN_TEMPLATE.findall(asked) for name in groups if name)
    yield from (name for name, _ in _MATCHER.findall(asked))


def _inhibited(configuration: str) -> Iterator[str]:
    for found in _ALERTNAMES.findall(configuration):
        yield from found.split("|")


def _variables(query: str) -> frozenset[str]:
    return frozenset(re.findall(r"[?&]var-(\w+)=", query))
