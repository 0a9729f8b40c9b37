"""docs/runbooks/README.md: every alert with its severity, and what mutes what, as rules and Alertmanager have it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
INDEX = (ROOT / "docs/runbooks/README.md").read_text()
ROW = re.compile(r"^\| \[(\w+)\]\((\w+)\.md\) \| (\w+) \| (.+) \|$", re.MULTILINE)
PREFIX = "KubeletCert"


def section(title: str) -> str:
    return INDEX.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def alerts(name: str) -> list[Any]:
    """The alerts of a rule file, in its order."""
    groups = yaml.safe_load((ROOT / f"grafana/alerts/{name}.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def test_every_alert_is_listed_with_its_severity() -> None:
    """In the order of its rule file, and linked to its page."""
    for name in ("rotation", "nodes", "fleet", "exporter"):
        rows = ROW.findall(section(name.capitalize()))
        assert [(alert, severity) for alert, _, severity, _ in rows] == [
            (rule["alert"], rule["labels"]["severity"]) for rule in alerts(name)
        ]
        assert all(alert == page for alert, page, _, _ in rows)


def names(cell: str) -> list[str]:
    """The alerts that a cell of the table names, of ours and of kube-prometheus."""
    return [
        word if word.startswith("Kube") else PREFIX + word for word in re.findall(r"\b(?:[A-Z]\w*[a-z]\w*)\b", cell)
    ]


def told() -> set[tuple[str, str]]:
    """Who mutes whom, by the page."""
    rows = re.findall(r"^\| (.+) \| (.+) \| .+ \|$", section("What mutes what"), re.MULTILINE)[2:]
    return {(source, target) for by, what in rows for source in names(by.partition("(")[0]) for target in names(what)}


def configured() -> set[tuple[str, str]]:
    """Who mutes whom, by the configuration."""
    config = yaml.safe_load((ROOT / "grafana/alertmanager/alertmanager.yml").read_text())
    return {
        (source, target)
        for rule in config["inhibit_rules"]
        for source in matched(rule["source_matchers"])
        for target in matched(rule["target_matchers"])
    }


def matched(matchers: list[str]) -> list[str]:
    """The names that a rule's matcher of the alert's name takes."""
    (pattern,) = [found for one in matchers for found in re.findall(r'^alertname=~?"(.+)"$', one)]
    return str(pattern).split("|")


def test_what_mutes_what_is_what_alertmanager_has() -> None:
    """Pair by pair."""
    assert configured()
    assert told() == configured()
