"""docs/metrics.md is what the tables of families say, and its questions are PromQL."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client.core import Metric

from exporter.config.settings import Paths
from exporter.model.assessment import CertificateRole, OrphanCondition, State
from exporter.model.finding import Cause
from exporter.model.node import Node, SshAccess
from exporter.model.report import NodeReport
from exporter.model.snapshot import ExporterCounters, FleetSnapshot, SourceStatus, SshStatus
from exporter.serve.doorkeeper import DoorStatus
from exporter.serve.exposition import Format, render
from exporter.serve.families import FAMILIES, FLEET_FAMILIES
from exporter.serve.health import DoorCollector, HealthCollector

PAGE = (Path(__file__).parent.parent / "docs/metrics.md").read_text()
EVERYTHING = ExporterCounters(
    last_visit=1.0,
    config_reload_time=1.0,
    sources=(SourceStatus("nodes.json", up=True),),
    ssh=SshStatus((("id-cert.pub", 1.0),), accepted_host_keys=1),
    store_up=True,
)


@dataclass(frozen=True)
class Section:
    """One family as the page has it."""

    kind: str
    labels: tuple[str, ...]
    text: str
    query: str


def sections() -> dict[str, Section]:
    """The page's families by name, each once."""
    parts = re.split(r"^### `([a-z_]+)`\n", PAGE, flags=re.MULTILINE)[1:]
    names, bodies = parts[::2], parts[1::2]
    assert len(set(names)) == len(names)
    return {name: section(body) for name, body in zip(names, bodies, strict=True)}


def section(body: str) -> Section:
    """What stands below a heading: type and labels, text, and one question."""
    found = re.fullmatch(r"(gauge|counter) · ([^\n]*)\n\n(.*?)```promql\n(.*?)\n```\n.*", body, re.DOTALL)
    assert found, body
    kind, labels, text, query = found.groups()
    assert labels == "no labels of its own" or re.fullmatch(r"`[a-z_]+`(, `[a-z_]+`)*", labels), labels
    return Section(kind, tuple(re.findall(r"`([a-z_]+)`", labels)), text, query)


def of_the_exporter() -> list[Metric]:
    """Its health, everything there is to tell."""
    health = HealthCollector(lambda: EVERYTHING).collect()
    return [*health, *DoorCollector(lambda: DoorStatus(successful=True, loaded=1.0)).collect()]


def declared() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Type and labels of every family, by the name of its series."""
    own: dict[str, tuple[str, tuple[str, ...]]] = {
        family.name: ("gauge", family.labels) for family in (*FAMILIES, *FLEET_FAMILIES)
    }
    for metric in of_the_exporter():
        (name,) = {sample.name for sample in metric.samples}
        (labels,) = {tuple(sample.labels) for sample in metric.samples}
        own[name] = ("counter" if metric.type == "counter" else "gauge", labels)
    return own


def test_the_page_has_every_family_and_no_other() -> None:
    """With its type and its labels."""
    assert {name: (one.kind, one.labels) for name, one in sections().items()} == declared()


def test_every_section_is_whole() -> None:
    """Each says when the family is absent, how many series it has, and what to ask of it."""
    for name, one in sections().items():
        assert len(re.findall(r"^- Absent: .+", one.text, re.MULTILINE)) == 1, name
        assert len(re.findall(r"^- Series: .+", one.text, re.MULTILINE)) == 1, name
        assert not one.text.startswith("-"), name
        assert name in one.query
        assert "\n" not in one.query


def test_questions_name_only_what_there_is() -> None:
    """Metrics, labels and the values of labels that the exporter has."""
    known = declared()
    labels = {label for _, own in known.values() for label in own} | {"node", "cluster"}
    values = {*CertificateRole, *State, *Cause, *OrphanCondition, "critical", "warning", "success", "failure"}
    for name, one in sections().items():
        assert set(re.findall(r"kubelet_cert_[a-z_]+", one.query)) <= set(known), name
        for matchers in re.findall(r"\{(.*?)\}", one.query):
            for label, value in re.findall(r'(\w+)=~?"(.*?)"', matchers):
                assert label in labels, name
                assert set(value.split("|")) <= values, name
        for clause in re.findall(r"(?:by|on|ignoring|without|group_left) \((.*?)\)", one.query):
            assert set(clause.split(", ")) <= labels, name


def test_the_page_names_every_word_of_the_labels() -> None:
    """States, certificates, conditions of orphans and causes over a fleet."""
    fleet = {row for row in Cause if row.startswith(("fleet-", "certificate-shared", "kubeconfig-ca-", "exporter-"))}
    words = {*State, *CertificateRole, *OrphanCondition, *fleet}
    assert sorted(word for word in words if f"`{word}`" not in PAGE) == []


def test_prometheus_understands_every_question(tmp_path: Path) -> None:
    """promtool takes them as the expressions of recording rules."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed")
    rules = [{"record": f"test:{name}", "expr": one.query} for name, one in sections().items()]
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "questions", "rules": rules}]}))
    done = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{len(rules)} rules found" in done.stdout


def test_a_family_that_is_never_absent_is_there_from_the_start() -> None:
    """A fleet of one node that was never visited, and an exporter that has just started, have these."""
    fresh = FleetSnapshot((NodeReport(Node("w1", SshAccess("w1"), Paths())),))
    text = render(fresh, 1.0, Format.TEXT).decode()
    there = set(re.findall(r"^(kubelet_cert_[a-z_]+)\{", text, re.MULTILINE))
    there |= {sample.name for metric in HealthCollector(ExporterCounters).collect() for sample in metric.samples}
    always = {name for name, one in sections().items() if re.search(r"^- Absent: never", one.text, re.MULTILINE)}
    loaded = {"kubelet_cert_exporter_config_last_reload_success_timestamp_seconds"}
    assert always - loaded <= there
    sometimes = {"kubelet_cert_node_failure", "kubelet_cert_inventory_nodes"}  # because it was not visited yet
    assert there - always == sometimes
