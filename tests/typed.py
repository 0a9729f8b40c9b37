"""Series that are typed, minute by minute: for edges that a simulated exporter comes to by chance at most."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tests.promtool import Episode, History, compare, kept

MINUTE = 60
LIFE = 1000 * MINUTE
Values = float | tuple[tuple[float | None, int], ...]


class Typed:
    """A story of so many minutes. promtool's clock begins at 0, so what was before has a negative date."""

    def __init__(self, minutes: int) -> None:
        self.minutes = minutes
        self.lines: list[dict[str, str]] = []

    def has(self, name: str, values: Values = 1, /, **labels: str) -> Typed:
        """One value throughout, or values and for how many minutes each; None: the series is over."""
        own = {"job": "kubelet-cert-exporter", "instance": "one:10024", **labels}
        selector = ",".join(f'{label}="{value}"' for label, value in own.items() if value)
        spans = values if isinstance(values, tuple) else ((values, self.minutes),)
        self.lines.append({"series": f"{name}{{{selector}}}", "values": " ".join(_span(*span) for span in spans)})
        return self

    def node(self, node: str = "w1", cluster: str = "prod", read: float | None = 0, **labels: str) -> Typed:
        """It is in the inventory, and was last read so many minutes before the story, if ever."""
        labels = {"node": node, "cluster": cluster, **labels}
        self.has("kubelet_cert_node_info", distribution=labels.pop("distribution", "kubeadm"), **labels)
        if read is not None:
            self.has("kubelet_cert_node_last_success_timestamp_seconds", -read * MINUTE, **labels)
        return self

    def certificate(self, left: float, state: str = "", window: float | None = None, **labels: str) -> Typed:
        """Of a life of 1000 minutes so many are left as the story begins; ``window``: minutes until it opens."""
        labels = {"cluster": "prod", "node": "w1", "cert": "client", **labels}
        self.has("kubelet_cert_not_after_timestamp_seconds", left * MINUTE, **labels)
        self.has("kubelet_cert_not_before_timestamp_seconds", left * MINUTE - LIFE, **labels)
        if window is not None:
            self.has("kubelet_cert_rotation_window_start_timestamp_seconds", window * MINUTE, **labels)
        return self.has("kubelet_cert_rotation_state", state=state, **labels) if state else self

    def fires(self, *episodes: Episode) -> None:
        """These, and nothing else; the exporter answers where nothing else is said of it."""
        if not any(line["series"].startswith("up{") for line in self.lines):
            self.has("up")
        compare(self.lines, self.minutes, *episodes)

    def records(self, series: Mapping[str, History], minutes: Iterable[int] | None = None) -> None:
        """At these minutes, or at every one: these recorded series, by their rule's name, and no other of the name."""
        if not any(line["series"].startswith("up{") for line in self.lines):
            self.has("up")
        kept(self.lines, list(range(self.minutes) if minutes is None else minutes), series)


def during(*spans: tuple[float | None, int]) -> list[float | None]:
    """A value for each minute: so much for so many minutes, one span after the other."""
    return [value for value, minutes in spans for _ in range(minutes)]


def by(**labels: str) -> tuple[tuple[str, str], ...]:
    """What a recorded series is known by: those of w1 in prod, and what is said here; an empty word takes one away."""
    whole = {"cluster": "prod", "node": "w1", **labels}
    return tuple(sorted((name, value) for name, value in whole.items() if value))


def _span(value: float | None, minutes: int) -> str:
    if value is None:
        return " ".join(["stale", *([f"_x{minutes - 1}"] if minutes > 1 else [])])
    return f"{value:g}+0x{minutes - 1}" if minutes > 1 else f"{value:g}"
