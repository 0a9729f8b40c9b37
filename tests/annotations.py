"""Constant series, told node by node, and what one alert has to say of them, for ``promtool test rules``."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from urllib.parse import quote_plus

from tests.promtool import ALERTS

LIFE = 100_000


@dataclass(frozen=True)
class Words:
    """The values of the labels that are not ours to choose; a cluster may have no name."""

    cluster: str = "prod"
    node: str = "w1"
    job: str = "kubelet-cert-exporter"
    instance: str = "one:10087"
    file: str = "/etc/kubelet-cert-exporter/id-cert.pub"
    source: str = "/etc/nodes/*.json"


@dataclass
class Story:
    """Constant series, and what one alert says of them after so many minutes."""

    alert: str
    words: Words
    minutes: int
    labels: dict[str, str] = field(default_factory=dict)
    series: list[dict[str, str]] = field(default_factory=list)
    summary: str = ""
    description: str = ""
    dashboard: str = ""

    @property
    def now(self) -> int:
        return 60 * self.minutes

    def has(self, name: str, value: float = 1, values: str = "", **labels: str) -> Story:
        """A series of the exporter."""
        own = {"job": self.words.job, "instance": self.words.instance, **labels}
        self.series.append({"series": name + selector(own), "values": values or f"{value}x{self.minutes}"})
        return self

    def of_node(self, name: str, value: float = 1, **labels: str) -> Story:
        """A series of the node."""
        return self.has(name, value, cluster=self.words.cluster, node=self.words.node, **labels)

    def certificate(self, used: float, cert: str = "client", *, managed: bool = True) -> Story:
        """Its dates: so much of a life of 100,000 s is over now."""
        begin = self.now - round(used * LIFE)
        self.of_node("kubelet_cert_node_info", distribution="kubeadm")
        self.of_node("kubelet_cert_not_before_timestamp_seconds", begin, cert=cert)
        self.of_node("kubelet_cert_not_after_timestamp_seconds", begin + LIFE, cert=cert)
        if managed:
            start = begin + round(0.7 * LIFE)
            self.of_node("kubelet_cert_rotation_window_start_timestamp_seconds", start, cert=cert)
        return self

    def read(self, ago: float = 0) -> Story:
        """The node was read so many seconds ago."""
        return self.of_node("kubelet_cert_node_last_success_timestamp_seconds", self.now - ago)

    def state(self, state: str, cert: str = "client") -> Story:
        return self.of_node("kubelet_cert_rotation_state", cert=cert, state=state)

    def finding(self, *causes: str) -> Story:
        for cause in causes:
            self.of_node("kubelet_cert_finding", cause=cause, severity="warning")
        return self

    def failure(self, reason: str) -> Story:
        return self.of_node("kubelet_cert_node_failure", reason=reason)

    def says(self, summary: str, *lines: str) -> Story:
        self.summary, self.description = summary, "\n".join(lines)
        return self

    @property
    def link(self) -> str:
        """The dashboard with its variables, as a browser has to be given it."""
        names = {"node": ("cluster", "node"), "fleet": ("cluster",), "exporter": ("job", "instance"), "exporters": ()}
        names["job"] = ("job",)
        query = "&".join(f"var-{it}={quote_plus(getattr(self.words, it), safe='~')}" for it in names[self.dashboard])
        uid = "exporter" if self.dashboard == "job" else self.dashboard.removesuffix("s")
        return f"https://grafana.example.com/d/kubelet-cert-{uid}{'?' if query else ''}{query}"

    def test(self) -> dict[str, object]:
        """For promtool."""
        severity, names = ALERTS[self.alert]
        labels = {name: getattr(self.words, name, "") for name in names} | self.labels
        named = {name: value for name, value in labels.items() if value}
        return {
            "interval": "1m",
            "input_series": self.series,
            "alert_rule_test": [
                {
                    "eval_time": f"{self.minutes}m",
                    "alertname": self.alert,
                    "exp_alerts": [
                        {
                            "exp_labels": named | {"severity": severity, "component": "kubelet-cert"},
                            "exp_annotations": {
                                "summary": self.summary,
                                "description": self.description,
                                "runbook_url": f"https://runbooks.example.com/{self.alert}.md",
                                "dashboard_url": self.link,
                            },
                        }
                    ],
                }
            ],
        }


def selector(labels: dict[str, str]) -> str:
    """Labels as a series has them; JSON's strings are PromQL's."""
    return (
        "{"
        + ",".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in labels.items() if value)
        + "}"
    )
