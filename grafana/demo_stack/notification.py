"""What Alertmanager sends to a webhook, and how a person reads it in a terminal."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_SAID_ONCE = frozenset({"alertname", "cluster", "severity", "component"})
_OURS = "kubelet-cert-"
_INDENT = " " * 10


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of a notification."""

    is_firing: bool
    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    @property
    def subject(self) -> str:
        """What tells it from the others of its group, the node first: ``node=… cert=…``."""
        told = sorted((name != "node", name, value) for name, value in self.labels.items() if name not in _SAID_ONCE)
        return " ".join(f"{name}={value}" for _, name, value in told)

    @property
    def description(self) -> Sequence[str]:
        """Its lines."""
        return self.annotations.get("description", "").splitlines()

    @property
    def dashboard(self) -> str:
        """Where to look."""
        return self.annotations.get("dashboard_url", "none")

    def of_any_node(self, line: str) -> str:
        """A line without this node's name: what is said of another one may be the same."""
        node = re.escape(self.labels.get("node", ""))
        return re.sub(rf"(?<![\w.-]){node}(?![\w-]|\.\w)", "NODE", line) if node else line


@dataclass(frozen=True, slots=True)
class Notification:
    """A group of alerts on its way to one receiver."""

    receiver: str
    alerts: tuple[Alert, ...]

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Notification:
        """The body of a webhook's request, version 4. Raises KeyError, TypeError or ValueError for anything else."""
        return cls(str(body["receiver"]), tuple(map(_alert, body["alerts"])))


def _alert(given: Mapping[str, Any]) -> Alert:
    labels, annotations = _texts(given["labels"]), _texts(given["annotations"])
    if not labels["alertname"]:
        raise ValueError("an alert without a name")
    return Alert(given["status"] == "firing", labels, annotations)


def _texts(given: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in dict(given).items()}


def rendered(notification: Notification, clock: str, width: int = 120) -> str:
    """Lines for a terminal: what fires, then what is over."""
    lines: list[str] = []
    for is_firing in (True, False):
        if alerts := [alert for alert in notification.alerts if alert.is_firing is is_firing]:
            lines.append(
                f"{clock}  {_headline(alerts, is_firing=is_firing)}  ({notification.receiver.removeprefix(_OURS)})"
            )
            lines += _wrapped(alerts[0].annotations.get("summary", ""), width)
            lines += _one(alerts[0], width) if len(alerts) == 1 else _several(alerts, width)
            lines.append(f"{_INDENT}runbook    {alerts[0].annotations.get('runbook_url', 'none')}")
    return "\n".join(_harmless(line) for line in [*lines, ""])


def _headline(alerts: Sequence[Alert], *, is_firing: bool) -> str:
    labels = alerts[0].labels
    words = ["FIRING" if is_firing else "RESOLVED", labels.get("severity", ""), labels["alertname"]]
    words.append(f"cluster={labels['cluster']}" if "cluster" in labels else "no cluster")
    words.append(alerts[0].subject if len(alerts) == 1 else f"{len(alerts)} alerts")
    return "  ".join(word for word in words if word)


def _one(alert: Alert, width: int) -> list[str]:
    # the description of one that is over is of the time when it fired
    lines = [line for text in alert.description for line in _wrapped(text, width)] if alert.is_firing else []
    return [*lines, f"{_INDENT}dashboard  {alert.dashboard}"]


def _several(alerts: Sequence[Alert], width: int) -> list[str]:
    """Each in few lines, beginning with its node's name; what is the same for all is said once, of NODE."""
    dashboards = {alert.dashboard for alert in alerts}
    same = _said_of_all(alerts)
    lines: list[str] = []
    for alert in alerts:
        own = [line for line in alert.description if alert.of_any_node(line) not in same] if alert.is_firing else []
        lines += _wrapped("  ".join([f"* {alert.subject}", *filter(None, [" ".join(own)])]), width, hanging="  ")
        lines += [f"{_INDENT}  {alert.dashboard}"] if alert.is_firing and len(dashboards) > 1 else []
    if alerts[0].is_firing:
        lines += [line for text in same for line in _wrapped(text, width)]
    return [*lines, *(f"{_INDENT}dashboard  {dashboard}" for dashboard in dashboards if len(dashboards) == 1)]


def _said_of_all(alerts: Sequence[Alert]) -> list[str]:
    first, *others = [[alert.of_any_node(line) for line in alert.description] for alert in alerts]
    return [line for line in first if all(line in other for other in others)]


def _wrapped(text: str, width: int, hanging: str = "") -> list[str]:
    """An URL or a command is not broken at its hyphens."""
    return textwrap.wrap(
        text, width, initial_indent=_INDENT, subsequent_indent=_INDENT + hanging, break_on_hyphens=False
    )


def _harmless(line: str) -> str:
    """Without characters that a terminal obeys: label values are other people's."""
    return "".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in line)
