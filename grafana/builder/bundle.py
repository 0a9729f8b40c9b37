"""All that is built, as files of one folder: with the placeholders of the repository, or with somebody's own links."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from grafana.builder import catalogue, kubernetes, rules


def of_the_repository() -> dict[Path, str]:
    """What is generated and committed, by its path."""
    dashboards = catalogue.files()
    made = kubernetes.manifests(rules.rule_files(), dashboards)
    return {
        **{catalogue.FOLDER / name: text for name, text in dashboards.items()},
        **{kubernetes.FOLDER / name: text for name, text in made.items()},
    }


def with_own_links(folder: Path, *, runbooks: str, grafana: str) -> dict[Path, str]:
    """The same and the rules with these base URLs: ``alerts``, ``dashboards`` and ``kubernetes`` below a folder.

    Raises ValueError for what is no base URL.
    """

    def linked(texts: Mapping[str, str]) -> dict[str, str]:
        return {name: rules.with_links(text, runbooks=runbooks, grafana=grafana) for name, text in texts.items()}

    alerts, dashboards = linked(rules.rule_files()), linked(catalogue.files())
    parts = {
        "alerts": alerts,
        "dashboards": dashboards,
        "kubernetes": {**kubernetes.by_hand(), **kubernetes.manifests(alerts, dashboards)},
    }
    return {folder / part / name: text for part, texts in parts.items() for name, text in texts.items()}
