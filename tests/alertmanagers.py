"""A real Alertmanager on loopback: alerts posted to it, and what it says of them."""

from __future__ import annotations

import datetime
import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from grafana.demo_stack import stack
from grafana.demo_stack.addresses import url
from grafana.demo_stack.programs import installed
from tests.machines import free_port

Labels = Mapping[str, str]
PATIENCE = 20.0
_CANARY = "canary"


def wait_for(condition: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Poll until it holds; fails with ``what`` where it never does."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


class Alertmanager:
    """What one at ``url`` is told and asked."""

    def __init__(self, address: str) -> None:
        self.url = address
        self._rounds = 0

    def muted_by(self, source: Labels, targets: Sequence[Labels]) -> list[Labels]:
        """Which of the targets are muted while the source fires; afterwards none of them is left."""
        # alerts are looked at in the order in which they come: once the last pair was, all were
        self._rounds += 1
        cluster = f"{_CANARY}-{self._rounds}"
        cause = {"alertname": "KubeletCertCANearlyExpired", "cluster": cluster}
        effect = {"alertname": "KubeletCertCAExpiring", "cluster": cluster}
        alerts = [*targets, source, effect, cause]
        self.post(alerts)
        wait_for(lambda: effect in self.muted(), "the canary is never muted")
        muted = [target for target in targets if target in self.muted()]
        self.post(alerts, over=True)
        wait_for(lambda: not self._known(), "the alerts never end")
        return muted

    def post(self, alerts: Sequence[Labels], *, over: bool = False) -> None:
        """They fire, or are over."""
        now = datetime.datetime.now(datetime.UTC)
        body: list[dict[str, object]] = [{"labels": dict(labels), "annotations": {}} for labels in alerts]
        for one in body:
            one["startsAt"] = (now - datetime.timedelta(minutes=1)).isoformat()
            one["endsAt"] = (now + datetime.timedelta(minutes=-0.5 if over else 10)).isoformat()
        request = urllib.request.Request(
            f"{self.url}/api/v2/alerts", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            assert answer.status == 200

    def muted(self) -> list[Labels]:
        """The labels of all alerts that another one mutes."""
        return [alert["labels"] for alert in self._known() if alert["status"]["inhibitedBy"]]

    def _known(self) -> list[dict[str, dict[str, str]]]:
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts", timeout=PATIENCE) as answer:
            found: list[dict[str, dict[str, str]]] = json.load(answer)
            return found


@contextmanager
def alertmanager(directory: Path, configuration: str) -> Iterator[Alertmanager]:
    """An Alertmanager with that configuration; it sends to whom the configuration says."""
    port = free_port()
    config = directory / "alertmanager.yml"
    config.write_text(configuration)
    part = stack.alertmanager_part(installed(), config, port)
    with stack.running([part], threading.Event()):
        yield Alertmanager(url(port))
