"""What Prometheus and Alertmanager are told: our rules and our configuration, with links and receivers of the stack."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from grafana.builder import rules

ALERTMANAGER = Path(__file__).parent.parent / "alertmanager" / "alertmanager.yml"


@dataclass(frozen=True, slots=True)
class Links:
    """Base URLs that stand in notifications."""

    runbooks: str
    grafana: str


def write_rules(folder: Path, links: Links) -> None:
    """The rule files as shipped, but for their links."""
    folder.mkdir()
    for name, text in rules.rule_files().items():
        (folder / name).write_text(rules.with_links(text, runbooks=links.runbooks, grafana=links.grafana))


def prometheus(exporter: str, alertmanager: str, scrape_interval: str, **everywhere: str) -> str:
    """A configuration with the rules beside it in ``rules``; ``everywhere`` are further global settings."""
    return json.dumps(  # JSON is YAML
        {
            "global": {"scrape_interval": scrape_interval, "scrape_timeout": scrape_interval, **everywhere},
            "rule_files": ["rules/*.yaml"],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
            "scrape_configs": [
                {
                    "job_name": "kubelet-cert-exporter",
                    "honor_labels": True,
                    "static_configs": [{"targets": [exporter]}],
                }
            ],
        },
        indent=2,
    )


def alertmanager(text: str, receiver: str) -> str:
    """A configuration whose webhooks all lead to ``receiver``, one path for each of its own receivers."""
    document = yaml.safe_load(text)
    for found in document["receivers"]:
        _point(found, receiver)
    return json.dumps(document, indent=2)


def _point(found: Mapping[str, object], receiver: str) -> None:
    webhooks = found.get("webhook_configs", [])
    if not isinstance(webhooks, list):
        raise TypeError(f"webhook_configs of {found['name']}: not a list")
    for webhook in webhooks:
        webhook["url"] = f"{receiver}/notify/{found['name']}"
