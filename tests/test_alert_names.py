"""Metrics, alerts, runbooks, dashboards and documentation name the same things: a renamed one is noticed."""

from __future__ import annotations

import re

import pytest

from exporter.model.snapshot import ExporterCounters, SourceStatus, SshStatus
from exporter.serve.doorkeeper import DoorStatus
from exporter.serve.families import FAMILIES, FLEET_FAMILIES
from exporter.serve.health import DoorCollector, HealthCollector
from tests.mentions import DASHBOARDS, RULES, RUNBOOKS, read
from tests.names import Names

EVERYTHING = ExporterCounters(
    last_visit=1.0,
    config_reload_time=1.0,
    sources=(SourceStatus("nodes.json", up=True),),
    ssh=SshStatus((("id-cert.pub", 1.0),), accepted_host_keys=1),
    store_up=True,
)
TEXTS = read()


def families() -> dict[str, frozenset[str]]:
    """Every series' name that the exporter has, with its labels."""
    door = DoorCollector(lambda: DoorStatus(successful=True, loaded=1.0))
    collectors = (HealthCollector(lambda: EVERYTHING), door)
    health = [sample for each in collectors for metric in each.collect() for sample in metric.samples]
    return (
        {family.name: frozenset({"cluster", "node", *family.labels}) for family in FAMILIES}
        | {family.name: frozenset(family.labels) for family in FLEET_FAMILIES}
        | {sample.name: frozenset(sample.labels) for sample in health}
    )


ALL = families()
NAMES = Names(TEXTS, ALL)


def renamed(path: str, name: str) -> dict[str, str]:
    """The texts, with every mention of a name in one of them replaced by another."""
    text, number = re.subn(rf"(?<![\w:]){re.escape(name)}(?![\w:])", f"{name}x", TEXTS[path])
    assert number, (path, name)
    return TEXTS | {path: text}


def test_every_name_leads_somewhere() -> None:
    """What is named exists, what exists is named, and no alert's name has two severities."""
    assert NAMES.alerts
    assert NAMES.boards
    assert NAMES.mistakes() == []


def test_a_renamed_family_is_noticed() -> None:
    """Renamed in the exporter alone."""
    for name, labels in ALL.items():
        others = {each: its for each, its in ALL.items() if each != name}
        assert Names(TEXTS, others | {f"{name}x": labels}).mistakes(), name


@pytest.mark.parametrize("path", TEXTS)
def test_a_renamed_metric_is_noticed(path: str) -> None:
    """Each metric that a text names, renamed in that text alone; but for a series that rules record for themselves."""
    elsewhere = {name for other, each in NAMES.mentions.items() if other != path for name in each.metrics}
    for name in NAMES.mentions[path].metrics - (NAMES.recorded - elsewhere):
        assert Names(renamed(path, name), ALL).mistakes(), name


@pytest.mark.parametrize("path", TEXTS)
def test_a_renamed_alert_is_noticed(path: str) -> None:
    """Each alert that a text names, renamed in that text alone."""
    for name in NAMES.mentions[path].alerts:
        assert Names(renamed(path, name), ALL).mistakes(), name


def test_a_renamed_series_of_the_rules_is_noticed() -> None:
    """Each recorded series, renamed where it is recorded alone."""
    path = f"{RULES}recording.yaml"
    for name in NAMES.recorded:
        text = TEXTS[path].replace(f"record: {name}\n", f"record: {name}x\n")
        assert Names(TEXTS | {path: text}, ALL).mistakes(), name


def test_a_renamed_page_is_noticed() -> None:
    """Each runbook, and each alert whose rule alone has another name, in its heading or in its link."""
    for alert in NAMES.alerts:
        page = f"{RUNBOOKS}{alert.name}.md"
        others = {path: text for path, text in TEXTS.items() if path != page}
        assert Names(others | {f"{RUNBOOKS}{alert.name}x.md": TEXTS[page]}, ALL).mistakes(), page
        for line in (f"alert: {alert.name}\n", f"/{alert.name}.md\n"):
            path = next(path for path, each in NAMES.mentions.items() if alert in each.defined)
            other = line.replace(alert.name, f"{alert.name}x")
            assert Names(TEXTS | {path: TEXTS[path].replace(line, other)}, ALL).mistakes(), line


def test_a_renamed_dashboard_is_noticed() -> None:
    """Each uid, renamed in the dashboard alone, and in each text that leads to it alone."""
    for uid in NAMES.boards:
        for path, each in NAMES.mentions.items():
            if each.uid == uid:
                text = TEXTS[path].replace(f'"uid": "{uid}"', f'"uid": "{uid}x"')
            elif uid in {led for led, _ in each.links}:
                text = TEXTS[path].replace(f"/d/{uid}", f"/d/{uid}x")
            else:
                continue
            assert Names(TEXTS | {path: text}, ALL).mistakes(), (path, uid)


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        (f"{RULES}nodes.yaml", 'cause="store-full"', 'cause="store-fill"'),
        (f"{RULES}nodes.yaml", "orphan-.*", "orphans-.*"),
        (f"{RULES}nodes.yaml", 'reason="key_material"', 'reason="key_materials"'),
        (f"{RULES}rotation.yaml", 'state="stalled"', 'state="stuck"'),
        (f"{RULES}rotation.yaml", "by (cluster, node, cert)", "by (cluster, node, role)"),
        (f"{RULES}rotation.yaml", "$labels.cert", "$labels.certificate"),
        (f"{RULES}rotation.yaml", "var-node=", "var-host="),
        (f"{RULES}recording.yaml", 'distribution="openshift"', 'distribution="ocp"'),
        ("grafana/alertmanager/alertmanager.yml", "KubeNodeNotReady", "KubeNodeUnready"),
    ],
)
def test_a_renamed_word_is_noticed(path: str, old: str, new: str) -> None:
    """Causes, reasons, states, distributions, labels, variables, and what kube-prometheus calls its alerts."""
    assert old in TEXTS[path]
    assert Names(TEXTS | {path: TEXTS[path].replace(old, new)}, ALL).mistakes()


def test_no_text_is_forgotten() -> None:
    """Each kind of text is among those that are read."""
    for kind in (RULES, DASHBOARDS, RUNBOOKS, "docs/", "README.md", "grafana/alertmanager/", "deploy/"):
        assert any(path.startswith(kind) for path in TEXTS), kind
