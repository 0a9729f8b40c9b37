"""From a certificate on a disk to the notification: a real exporter, Prometheus and Alertmanager, with what we ship.

Only intervals are bent, in copies: half a second takes the place of a minute.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from exporter.demo.fleet import FLEET, Story
from exporter.demo.node_tree import NodeTree
from exporter.demo.signer import Authority, Pair
from grafana.demo_stack import configuration, stack
from grafana.demo_stack.addresses import address, url
from grafana.demo_stack.configuration import ALERTMANAGER, Links
from grafana.demo_stack.introduction import WITHIN
from grafana.demo_stack.notification import Notification
from grafana.demo_stack.pages import RUNBOOKS, page
from grafana.demo_stack.part import Part
from grafana.demo_stack.programs import installed
from grafana.demo_stack.receiver import Receiver
from tests.alertmanagers import wait_for
from tests.demo_stacks import demo
from tests.machines import free_port

pytestmark = pytest.mark.skipif(
    not shutil.which("prometheus") or not shutil.which("prometheus-alertmanager"),
    reason="Debian's prometheus and prometheus-alertmanager are not installed",
)

DAY = 86400.0
LIFE = 30 * DAY
HEALTHY, STALLED = 0.3, 0.93
OFTEN = "500ms"
PATIENCE = 45.0
ROUNDS = 4
WATCHED = 660.0  # more than ten minutes of scrapes
# firing or resolved, what, of which node
Told = tuple[bool, str, str]


class Alarm:
    """Two clusters of four nodes, the whole chain behind them, and every notification that came of it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.notifications: list[Notification] = []
        self.trees: dict[str, NodeTree] = {}
        self.exporter = self._exporter_part(free_port())
        self.prometheus = url(free_port())

    def node(self, name: str, used: float) -> None:
        """A kubeadm worker whose certificate has lived that share of its life."""
        now = time.time()
        authority = Authority("ca", not_before=now - 100 * DAY, not_after=now + 3650 * DAY)
        tree = NodeTree(self.directory / "nodes" / name, name, authority)
        tree.kubeadm(now)
        tree.store().update(_issued(tree, now, used), now - used * LIFE)
        self.trees[name] = tree

    def repair(self, name: str) -> None:
        """Its kubelet has got a new certificate."""
        now = time.time()
        self.trees[name].store().update(_issued(self.trees[name], now, 0.0), now)

    def told(self) -> list[Told]:
        """What was told, in its order."""
        return [
            (alert.is_firing, alert.labels["alertname"], alert.labels.get("node", ""))
            for notification in self.notifications
            for alert in notification.alerts
        ]

    def wait_until_told(self, *expected: Told) -> None:
        """Until these were told, and nothing else was; still nothing else some evaluations later."""
        wait_for(lambda: set(expected) <= set(self.told()), f"not told yet: {expected}", PATIENCE)
        self.settle()
        assert sorted(self.told()) == sorted(expected)

    def settle(self) -> None:
        """Until every rule was evaluated some times more."""
        until = self._rounds() + ROUNDS
        wait_for(lambda: self._rounds() >= until, "the rules are not evaluated", PATIENCE)

    def value(self, query: str) -> float | None:
        """What Prometheus answers; None where that is nothing."""
        with urllib.request.urlopen(f"{self.prometheus}/api/v1/query?query={urllib.parse.quote(query)}") as answer:
            result = json.load(answer)["data"]["result"]
        return float(result[0]["value"][1]) if result else None

    def restart_exporter(self) -> None:
        """The same exporter again, without what it knew."""
        for file in self.directory.glob("store.sqlite*"):
            file.unlink()
        self.exporter.start()
        self.exporter.wait_until_ready(threading.Event())

    @contextmanager
    def running(self) -> Iterator[Alarm]:
        """All of it, until the block ends."""
        port = int(self.prometheus.rpartition(":")[2])
        with Receiver(0, self.notifications.append, lambda target: page(target, self.prometheus)) as receiver:
            alertmanager = free_port()
            parts = [
                self.exporter,
                stack.alertmanager_part(installed(), self._alertmanager(receiver.url), alertmanager),
                stack.prometheus_part(installed(), self._prometheus(receiver.url, alertmanager), port),
            ]
            with stack.running(parts, threading.Event()):
                yield self

    def _rounds(self) -> float:
        with urllib.request.urlopen(f"{self.prometheus}/metrics") as answer:
            text = answer.read().decode()
        return min(map(float, re.findall(r"^prometheus_rule_group_iterations_total\{.*\} (\S+)$", text, re.MULTILINE)))

    def _exporter_part(self, port: int) -> Part:
        self._exporter = address(port)
        config = self.directory / "config.yaml"
        group = {"transport": "local", "root": f"{self.directory}/nodes/{{name}}"}
        groups = {
            cluster: {**group, "labels": {"cluster": cluster}, "nodes": [f"{cluster}-{number}" for number in range(4)]}
            for cluster in ("east", "west")
        }
        kept = {"interval": "1s", "min_interval": "1s", "store": "store.sqlite"}
        config.write_text(json.dumps({**kept, "groups": groups}))
        command = [sys.executable, "-m", "exporter", "run", f"--config.file={config}"]
        return Part(
            "exporter",
            [*command, f"--web.listen-address={self._exporter}"],
            f"{url(port)}/-/healthy",
            self.directory / "exporter.log",
        )

    def _alertmanager(self, receiver: str) -> Path:
        found = json.loads(configuration.alertmanager(ALERTMANAGER.read_text(), receiver))
        _hurry_routes([found["route"]])
        path = self.directory / "alertmanager.yml"
        path.write_text(json.dumps(found))
        return path

    def _prometheus(self, receiver: str, alertmanager: int) -> Path:
        rules = self.directory / "rules"
        configuration.write_rules(rules, Links(f"{receiver}{RUNBOOKS}", receiver))
        for file in rules.iterdir():
            file.write_text(_hurried(file.read_text()))
        path = self.directory / "prometheus.yml"
        path.write_text(
            configuration.prometheus(self._exporter, address(alertmanager), OFTEN, evaluation_interval=OFTEN)
        )
        return path


def _issued(tree: NodeTree, now: float, used: float) -> Pair:
    return tree.authority.issue(f"system:node:{tree.name}", now - used * LIFE, now + (1 - used) * LIFE)


def _hurry_routes(routes: Sequence[dict[str, object]]) -> None:
    for route in routes:
        route |= {name: OFTEN for name in ("group_wait", "group_interval") if name in route}
        below = route.get("routes", [])
        assert isinstance(below, list)
        _hurry_routes(below)


def _hurried(text: str) -> str:
    """Every group as often as Prometheus can be made to, and an exporter that is down soon is."""
    document = yaml.safe_load(text)
    for group in document["groups"]:
        group["interval"] = OFTEN
        for rule in group["rules"]:
            if rule.get("alert") == "KubeletCertExporterDown":
                rule["for"] = "2s"
    return json.dumps(document)


@pytest.fixture
def alarm(tmp_path: Path) -> Iterator[Alarm]:
    """The chain over a fleet in which nobody signs for one node of each cluster."""
    found = Alarm(tmp_path)
    for cluster in ("east", "west"):
        found.node(f"{cluster}-0", STALLED)
        for number in range(1, 4):
            found.node(f"{cluster}-{number}", HEALTHY)
    with found.running():
        yield found


FIRST: tuple[Told, ...] = (
    (True, "KubeletCertRotationStalled", "east-0"),
    (True, "KubeletCertRotationStalled", "west-0"),
)


def test_a_stalled_node_is_told_once_and_resolves_when_it_is_repaired(alarm: Alarm) -> None:
    """One notification a cluster, with the cause and links that lead somewhere; the repaired one resolves alone."""
    alarm.wait_until_told(*FIRST)
    for notification in alarm.notifications:
        (alert,) = notification.alerts
        assert notification.receiver == "kubelet-cert-tickets"
        assert "rotation-not-signed" in alert.annotations["description"]
        assert "93" in alert.annotations["description"]
        for link in (alert.annotations["runbook_url"], alert.annotations["dashboard_url"]):
            with urllib.request.urlopen(link) as answer:
                assert answer.status == 200
    alarm.repair("east-0")
    alarm.wait_until_told(*FIRST, (False, "KubeletCertRotationStalled", "east-0"))


def test_no_alarm_ends_because_nobody_can_look(alarm: Alarm) -> None:
    """Unreachable nodes, a killed exporter, one that has come back and knows nothing: no resolved, and no flood."""
    alarm.wait_until_told(*FIRST)
    for name in ("east-0", "west-0"):
        root = alarm.trees[name].root
        root.rename(root.with_suffix(".gone"))
    wait_for(lambda: alarm.value("sum(kubelet_cert_node_up)") == 6, "both nodes are still read", PATIENCE)
    alarm.wait_until_told(*FIRST)

    alarm.exporter.stop()
    down = (True, "KubeletCertExporterDown", "")
    alarm.wait_until_told(*FIRST, down)

    alarm.restart_exporter()
    up = (False, "KubeletCertExporterDown", "")
    alarm.wait_until_told(*FIRST, down, up)
    unknown = 'sum(kubelet_cert_rotation_state{state="unknown"})'
    wait_for(lambda: alarm.value(unknown) == 2, "the new exporter has not read the others", PATIENCE)
    alarm.wait_until_told(*FIRST, down, up)

    root = alarm.trees["west-0"].root
    root.with_suffix(".gone").rename(root)
    alarm.repair("west-0")
    alarm.wait_until_told(*FIRST, down, up, (False, "KubeletCertRotationStalled", "west-0"))


@pytest.mark.long
def test_a_newcomer_sees_the_stalled_node_told_and_no_healthy_one() -> None:
    """`make demo-stack` as it is: within the announced time the notification is there, and meanwhile no false one."""
    began = time.monotonic()
    with demo() as found:
        told = re.compile(r"FIRING  warning  KubeletCertRotationStalled  cluster=prod .*?\n\n", re.DOTALL)
        wait_for(lambda: told.search(found.text) is not None, found.text, WITHIN * 60)
        text = next(match[0] for match in told.finditer(found.text))
        assert "node=worker-08.prod" in text
        assert "rotation-not-signed" in text
        for link in re.findall(r"http://\S+", found.text.partition("Ctrl-C")[2]):
            with urllib.request.urlopen(link) as answer:
                assert answer.status == 200, link
        while time.monotonic() < began + WATCHED:
            assert found.process.poll() is None, found.text
            time.sleep(1)
        prometheus = url(found.ports.prometheus)
        fired = _nodes_of('ALERTS{alertstate="firing"}', prometheus)
        # an alert of a cluster does not name the nodes that it counts
        ill = _nodes_of("kubelet_cert_finding", prometheus)
    assert "worker-08.prod" in fired & ill
    assert (fired | ill).isdisjoint(one.name for one in FLEET if one.story is Story.HEALTHY)


def _nodes_of(series: str, prometheus: str) -> set[str]:
    """The nodes that such a series had at any moment of the last half hour."""
    query = f"count by (node) (count_over_time({series}[30m]))"
    with urllib.request.urlopen(f"{prometheus}/api/v1/query?query={urllib.parse.quote(query)}") as answer:
        return {found["metric"].get("node", "") for found in json.load(answer)["data"]["result"]}
