"""Every query of every dashboard, asked of a real Prometheus that watched a fleet, is answered with data."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from tests.grafana import Dashboard, Question, narrowed, own_span, panels, settings
from tests.prometheus import serving
from tests.running import Running

HOME = Path(__file__).parent.parent
DASHBOARDS = sorted(HOME.glob("grafana/dashboards/*.json"))
RULES = HOME / "grafana/alerts"
SCRAPE = 1.0
PATIENCE = 90.0  # seconds, on a machine that is busy with other tests
MOST_FAILURES = 20
# When there is enough to ask about: each exporter has visited all its nodes, and was scraped often enough for a rate.
SIGNS = (
    "count(sum by (instance) (rate(kubelet_cert_exporter_visits_total[1m])) > 0) == 2",
    "count(kubelet_cert_node_up) == 2 * 31 + 2",
    "increase(kubelet_cert_exporter_visit_failures_total[1m]) > 0",
    "cluster_cert:kubelet_cert_lifetime_used:bucket",
    "cluster_cert:kubelet_cert_rotations:seen",
    "count(cluster:kubelet_cert_leaf_lifetime_seconds:max) == 2",
    "cluster_cause:kubelet_cert_fleet_finding:max",
    'ALERTS{alertstate="firing",node="",cause=""}',
    'ALERTS{alertstate="firing",node!=""}',
)

UNTOLD = ("NaN", "-1")  # the latter stands for "not known" in a number's tile
# Queries by dashboard, panel and letter, and why they may have no data. What they answer otherwise is tested with
# numbers, in test_dashboard_numbers.py.
MAY_BE_EMPTY = {
    ("kubelet-cert-fleet", "What changed lately A"): "nothing comes or goes in the fleet's first minutes",
}
ZOOMED = 60.0  # seconds: as near as anybody looks


class Prometheus:
    """Debian's Prometheus, asked as Grafana asks it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._known: dict[tuple[Question, float], bool] = {}

    def get(self, path: str, **parameters: object) -> Any:
        """An answer's data. Raises ValueError with Prometheus' own words."""
        try:
            with urllib.request.urlopen(f"{self._url}{path}?{urllib.parse.urlencode(parameters)}", timeout=30) as body:
                return json.load(body)["data"]
        except urllib.error.HTTPError as error:
            if error.code == HTTPStatus.SERVICE_UNAVAILABLE:
                raise  # still starting
            with error:
                raise ValueError(json.load(error)["error"]) from error

    def count(self, expression: str) -> int:
        """Series of an instant query's answer; none while Prometheus is not up yet."""
        try:
            return len(self.get("/api/v1/query", query=expression)["result"])
        except OSError:
            return 0

    def has_data(self, question: Question, span: float, now: float) -> bool:
        """Whether there is any number in the answer. Raises ValueError."""
        if (question, span) not in self._known:
            self._known[question, span] = self._ask(question, span, now)
        return self._known[question, span]

    def _ask(self, question: Question, span: float, now: float) -> bool:
        if question.step is None:
            data = self.get("/api/v1/query", query=question.expression, time=now)
        else:
            start = now - span // question.step * question.step
            data = self.get("/api/v1/query_range", query=question.expression, start=start, end=now, step=question.step)
        if data["resultType"] == "scalar":
            return data["result"][1] not in UNTOLD
        return any(
            value not in UNTOLD for series in data["result"] for _, value in series.get("values") or [series["value"]]
        )

    def options(self, query: str) -> list[str]:
        """What a variable's ``label_values(…)`` offers."""
        inner = query.strip().removeprefix("label_values(").removesuffix(")")
        selector, _, label = inner.rpartition(",")
        matching = {"match[]": selector.strip()} if selector else {}
        found: list[str] = self.get(f"/api/v1/label/{label.strip()}/values", **matching)
        return found


def judged(dashboard: Dashboard, prometheus: Prometheus, now: float) -> tuple[list[str], set[tuple[str, str]]]:
    """What went wrong with a dashboard's queries, and which have no data whatever is chosen of its single variables.

    Of variables that may have several values all are chosen, and then two, picked by hand.
    """
    wrong: list[str] = []
    answered: dict[tuple[tuple[str, str], bool], bool] = {}
    for values in settings(dashboard, prometheus.options):
        by_hand = {name: narrowed(choice, 2) if choice.is_multiple else choice for name, choice in values.items()}
        for picked in (values, by_hand):
            for question in dashboard.questions(picked):
                where = (dashboard.uid, question.where)
                try:
                    has_data = prometheus.has_data(question, dashboard.span, now)
                except ValueError as error:
                    wrong.append(f"{where}: {error}: {question.expression}")
                    has_data = True
                case = (where, picked is by_hand)
                answered[case] = answered.get(case, False) or has_data
    if not answered:
        wrong.append(f"{dashboard.uid}: a variable has nothing to choose from")
    return wrong, {where for (where, _), has_data in answered.items() if not has_data}


def second_replica(directory: Path) -> Path:
    """A configuration that watches the same nodes, with all that shows in the exporter's own health; its path."""
    key = directory / "unused"
    authority = directory / "authority"
    for name in (key, authority):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", name], check=True)
    subprocess.run(["ssh-keygen", "-q", "-s", authority, "-I", "t", "-n", "t", "-V", "+1h", f"{key}.pub"], check=True)
    document = json.loads((directory / "config.yaml").read_text())
    document |= {"interval": "5s", "store": "none"}  # the demonstration has its own
    document["ssh"]["identities"].append({"file": key.name})
    document["ssh"]["accepted_host_keys"] = "accepted_host_keys"
    (directory / "found.json").write_text("[]")
    document["groups"]["found"] = {"file_sd": {"files": ["found.json"]}, "labels": {"cluster": "prod"}}
    for policy in ("insecure", "accept-new"):
        nodes = [{"name": f"{policy}.branch", "address": "127.0.0.1", "port": 1}]
        labels = {"cluster": "branch"}
        document["groups"][policy] = {"labels": labels, "host_key_policy": policy, "nodes": nodes}
    path = directory / "replica.yaml"
    path.write_text(json.dumps(document))
    (directory / "web.yaml").write_text("{}")
    return path


@contextmanager
def watching(directory: Path, targets: list[str]) -> Iterator[Prometheus]:
    """A Prometheus on loopback with our rules that scrapes the exporters."""
    job = {"job_name": "kubelet-cert-exporter", "honor_labels": True, "static_configs": [{"targets": targets}]}
    pace = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    rules = directory / "rules"
    rules.mkdir()
    for path in RULES.glob("*.yaml"):
        (rules / path.name).write_text(re.sub(r"(?m)^( *interval:) .*", r"\1 1s", path.read_text()))
    with serving(directory, {"global": pace, "rule_files": [f"{rules}/*.yaml"], "scrape_configs": [job]}) as url:
        yield Prometheus(url)


@contextmanager
def filled(directory: Path) -> Iterator[Prometheus]:
    """A Prometheus that has seen the demonstration's fleet for a while, through two exporters."""
    fleet = directory / "fleet"
    with Running(Path(), f"--directory={fleet}", "--log.level=info", command="demo") as demo, ExitStack() as others:
        replica = others.enter_context(Running(second_replica(fleet), f"--web.config.file={fleet / 'web.yaml'}"))
        targets = [exporter.url.removeprefix("http://") for exporter in (demo, replica)]
        prometheus = others.enter_context(watching(directory, targets))
        demo.wait_for(lambda: all(prometheus.count(sign) for sign in SIGNS), PATIENCE)
        yield prometheus


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="Debian's prometheus is not installed")
def test_every_query_is_answered_with_data(tmp_path: Path) -> None:
    """No query of a panel, annotation or variable fails; those without data are among the listed ones."""
    wrong: list[str] = []
    asked: set[tuple[str, str]] = set()
    empty: set[tuple[str, str]] = set()
    empty_when_zoomed: set[tuple[str, str]] = set()
    with filled(tmp_path) as prometheus:
        now = time.time()
        for content in [json.loads(path.read_text()) for path in DASHBOARDS]:
            shown = [(panel["title"], target["refId"]) for panel in panels(content) for target in panel["targets"]]
            asked.update((content["uid"], f"{title} {letter}") for title, letter in shown)
            for span, without_data in ((own_span(content), empty), (ZOOMED, empty_when_zoomed)):
                failures, found = judged(Dashboard(content, SCRAPE, span), prometheus, now)
                wrong += failures
                without_data.update(found)
    assert wrong[:MOST_FAILURES] == []
    assert empty - MAY_BE_EMPTY.keys() == set(), "these have no data"
    assert MAY_BE_EMPTY.keys() - asked == set(), "these are gone: take them from the list"
    assert empty_when_zoomed - MAY_BE_EMPTY.keys() == set(), "these have no data from near"
