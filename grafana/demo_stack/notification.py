"""What Alertmanager sends to a webhook, and how a person reads it in a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_SAID_ONCE = frozenset({"alertname", "cluster", "severity", "component"})
_INDENT = " " * 10


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of a notification."""

    is_firing: bool
    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    @property
    def subject(self) -> str:
        """What tells it from the others of its group: ``node=… cert=…``."""
        return " ".join(f"{name}={value}" for name, value in sorted(self.labels.items()) if name not in _SAID_ONCE)

    @property
    def dashboard(self) -> str:
        """Where to look."""
        return self.annotations.get("dashboard_url", "none")


@dataclass(frozen=True, slots=True)
class Notification:
    """A group of alerts on its way to one receiver."""

    receiver: str
    alerts: tuple[Alert, ...]

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Notification:
        """The body of a webhook's request, version 4. Raises KeyError or TypeError for anything else."""
        return cls(
            body["receiver"],
            tuple(
                Alert(alert["status"] == "firing", dict(alert["labels"]), dict(alert["annotations"]))
                for alert in body["alerts"]
            ),
        )


def rendered(notification: Notification, clock: str, width: int = 120) -> str:
    """Lines for a terminal: what fires, then what is over."""
    lines: list[str] = []
    for is_firing in (True, False):
        if alerts := [alert for alert in notification.alerts if alert.is_firing is is_firing]:
            lines.append(f"{clock}  {_headline(alerts[0].labels, is_firing=is_firing)}  ({notification.receiver})")
            lines += _group(alerts, width)
    return "\n".join(_harmless(line) for line in [*lines, ""])


def _group(alerts: Sequence[Alert], width: int) -> list[str]:
    """What is the same for all is said once."""
    dashboards = {alert.dashboard for alert in alerts}
    lines = _wrapped(alerts[0].annotations.get("summary", ""), width)
    for alert in alerts:
        lines += [f"{_INDENT}* {alert.subject}"] if alert.subject else []
        if alert.is_firing:  # the description of one that is over is of the time when it fired
            lines += _wrapped(alert.annotations.get("description", ""), width)
            lines += [f"{_INDENT}dashboard  {alert.dashboard}"] if len(dashboards) > 1 else []
    lines += [f"{_INDENT}dashboard  {dashboard}" for dashboard in dashboards if len(dashboards) == 1]
    return [*lines, f"{_INDENT}runbook    {alerts[0].annotations.get('runbook_url', 'none')}"]


def _headline(labels: Mapping[str, str], *, is_firing: bool) -> str:
    words = "FIRING" if is_firing else "RESOLVED", labels.get("severity", ""), labels["alertname"]
    return "  ".join((*words, f"cluster={labels['cluster']}" if "cluster" in labels else "no cluster"))


def _wrapped(text: str, width: int) -> list[str]:
    """Its own lines stay; an URL or a command is not broken at its hyphens."""
    return [
        line
        for paragraph in text.splitlines()
        for line in textwrap.wrap(
            paragraph, width, initial_indent=_INDENT, subsequent_indent=_INDENT, break_on_hyphens=False
        )
    ]


def _harmless(line: str) -> str:
    """Without characters that a terminal obeys: label values are other people's."""
    return "".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in line)
