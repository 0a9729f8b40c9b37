"""What can be chosen at the top of a dashboard, and the matchers that use it."""

from __future__ import annotations

from typing import Any

from grafana.builder.panels import DATASOURCE, Json

ANY = ".+"
ANY_OR_NONE = ".*"  # also matches where the label is missing: an inventory need not have clusters


def datasource() -> Json:
    """No saved value: Grafana takes its default Prometheus."""
    return {"type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus", "hide": 0}


def label(name: str, shown: str, of: str, **more: Any) -> Json:
    """A label's values in a selector, one of them: ``label("node", "Node", 'kubelet_cert_node_info{…}')``."""
    asked = f"label_values({of}, {name})"
    return {
        "type": "query",
        "name": name,
        "label": shown,
        "datasource": DATASOURCE,
        "definition": asked,
        "query": {"query": asked, "refId": f"variable-{name}"},
        "refresh": 2,
        "sort": 1,
        "multi": False,
        "includeAll": False,
        **more,
    }


def labels(name: str, shown: str, of: str, *, every: str = ANY) -> Json:
    """The same with many at once, and all by default; ``every`` is the pattern that stands for all."""
    chosen = {"selected": True, "text": ["All"], "value": ["$__all"]}
    return label(name, shown, of, multi=True, includeAll=True, allValue=every, current=chosen)


def clusters() -> Json:
    return labels("cluster", "Cluster", "kubelet_cert_node_info", every=ANY_OR_NONE)


def certificates(matchers: str = 'cluster=~"$cluster"') -> Json:
    return labels("cert", "Certificate", f"kubelet_cert_not_after_timestamp_seconds{{{matchers}}}")


def choice(name: str, shown: str, options: dict[str, str], default: str) -> Json:
    """One of a fixed list: shown text to value; ``default`` is a text."""
    return {
        "type": "custom",
        "name": name,
        "label": shown,
        "query": ", ".join(f"{text} : {value}" for text, value in options.items()),
        "options": [{"text": text, "value": value, "selected": text == default} for text, value in options.items()],
        "current": {"text": default, "value": options[default]},
        "multi": False,
        "includeAll": False,
    }
