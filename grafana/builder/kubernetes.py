"""Rules and dashboards as Kubernetes takes them: a PrometheusRule, and ConfigMaps for the sidecar of Grafana's chart.

What watches our pods, and the kustomization around all of it, is written by hand in the same folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parent.parent.parent / "deploy/kubernetes/monitoring"
NAMESPACE = "monitoring"
BY_HAND = ("kustomization.yaml", "servicemonitor.yaml", "podmonitor.yaml")

_NAME = "kubelet-cert-exporter"
_LABELS = {"app.kubernetes.io/name": _NAME, "app.kubernetes.io/part-of": _NAME}
# what kube-prometheus' own rules have; before its release 0.9 it took no others
_RULE_LABELS = {"prometheus": "k8s", "role": "alert-rules"}
# the defaults of Grafana's chart; the annotation counts where `folderAnnotation` is set to its name
_DASHBOARD_LABELS = {"grafana_dashboard": "1"}
_DASHBOARD_ANNOTATIONS = {"grafana_folder": "Kubelet certificates"}
_GENERATED = "# Generated from {source} by python -m grafana.builder: change it there.\n"


class _Dumper(yaml.SafeDumper):
    """Text of several lines stands as it is read."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def manifests(rules: Mapping[str, str], dashboards: Mapping[str, str]) -> dict[str, str]:
    """File name to content: one PrometheusRule of all rule files, one ConfigMap a dashboard."""
    config_maps = [_config_map(name, text) for name, text in sorted(dashboards.items())]
    return {
        "prometheusrule.yaml": _GENERATED.format(source="grafana/alerts") + _dump(_prometheus_rule(rules)),
        "dashboards.yaml": _GENERATED.format(source="grafana/dashboards") + "---\n".join(map(_dump, config_maps)),
    }


def by_hand() -> dict[str, str]:
    """The other files of the folder, by name."""
    return {name: (FOLDER / name).read_text(encoding="utf-8") for name in BY_HAND}


def _prometheus_rule(rules: Mapping[str, str]) -> dict[str, Any]:
    groups = [group for text in rules.values() for group in yaml.safe_load(text)["groups"]]
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "kubelet-cert", "namespace": NAMESPACE, "labels": {**_LABELS, **_RULE_LABELS}},
        "spec": {"groups": groups},
    }


def _config_map(file: str, text: str) -> dict[str, Any]:
    name = f"kubelet-cert-dashboard-{file.removesuffix('.json')}"
    labels = {**_LABELS, **_DASHBOARD_LABELS}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels, "annotations": _DASHBOARD_ANNOTATIONS},
        # the sidecar puts all files of one folder side by side: the name must be nobody else's
        "data": {f"kubelet-cert-{file}": text},
    }


def _dump(document: dict[str, Any]) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=116)
