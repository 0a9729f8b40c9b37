"""What the demonstration's stack prints of a notification, and what it takes for one."""

from __future__ import annotations

import io
import json
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from grafana.demo_stack.notification import Notification, rendered
from grafana.demo_stack.page import Page
from grafana.demo_stack.receiver import Receiver
from grafana.demo_stack.terminal import show


def body(*alerts: dict[str, object]) -> dict[str, object]:
    """A webhook's request, as far as it is read."""
    return {"version": "4", "receiver": "kubelet-cert-tickets", "status": "firing", "alerts": list(alerts)}


def one(node: str, status: str = "firing", **labels: str) -> dict[str, object]:
    """One alert of such a request."""
    common = {"alertname": "KubeletCertRotationStalled", "severity": "warning", "component": "kubelet-cert"}
    return {
        "status": status,
        "labels": {**common, "cluster": "prod", "node": node, "cert": "client", **labels},
        "annotations": {
            "summary": "A certificate is not renewed.",
            "description": f"{node}: nobody signs.\nRun: kubelet-cert-exporter explain {node}",
            "runbook_url": "http://r/Stalled.md",
            "dashboard_url": f"http://g/d/node?var-node={node}",
        },
    }


def test_a_notification_reads_well() -> None:
    """Which node stands in the first line; no description of what is over."""
    notification = Notification.of(body(one("worker-1"), one("worker-3", "resolved")))
    assert rendered(notification, "21:00:00").splitlines() == [
        "21:00:00  FIRING  warning  KubeletCertRotationStalled  cluster=prod  node=worker-1 cert=client  (tickets)",
        "          A certificate is not renewed.",
        "          worker-1: nobody signs.",
        "          Run: kubelet-cert-exporter explain worker-1",
        "          dashboard  http://g/d/node?var-node=worker-1",
        "          runbook    http://r/Stalled.md",
        "21:00:00  RESOLVED  warning  KubeletCertRotationStalled  cluster=prod  node=worker-3 cert=client  (tickets)",
        "          A certificate is not renewed.",
        "          dashboard  http://g/d/node?var-node=worker-3",
        "          runbook    http://r/Stalled.md",
    ]


def test_many_alerts_read_well_too() -> None:
    """Each begins with its node and has what is its own, on one line, and its link; the rest is said once, of NODE."""
    full, cut = one("worker-1"), one("worker-11.prod")
    for alert, cause in ((full, "disk-full"), (cut, "key-cut")):
        annotations = alert["annotations"]
        assert isinstance(annotations, dict)
        annotations["description"] += f"\nFound: {cause}.\n10 % are left."
    over = [one("worker-3", "resolved"), one("worker-4", "resolved")]
    assert rendered(Notification.of(body(full, cut, *over)), "21:00:00").splitlines() == [
        "21:00:00  FIRING  warning  KubeletCertRotationStalled  cluster=prod  2 alerts  (tickets)",
        "          A certificate is not renewed.",
        "          * node=worker-1 cert=client  Found: disk-full.",
        "            http://g/d/node?var-node=worker-1",
        "          * node=worker-11.prod cert=client  Found: key-cut.",
        "            http://g/d/node?var-node=worker-11.prod",
        "          NODE: nobody signs.",
        "          Run: kubelet-cert-exporter explain NODE",
        "          10 % are left.",
        "          runbook    http://r/Stalled.md",
        "21:00:00  RESOLVED  warning  KubeletCertRotationStalled  cluster=prod  2 alerts  (tickets)",
        "          A certificate is not renewed.",
        "          * node=worker-3 cert=client",
        "          * node=worker-4 cert=client",
        "          runbook    http://r/Stalled.md",
    ]


@pytest.mark.parametrize("node", ["a", "1", ".", "(", "prod"])
def test_a_short_node_name_is_not_found_in_other_words(node: str) -> None:
    """What is a part of another word or name is left."""
    (alert,) = Notification.of(body(one(node))).alerts
    assert alert.of_any_node("A database, 11 of worker-1.prod") == "A database, 11 of worker-1.prod"
    assert alert.of_any_node(f"explain {node}") == "explain NODE"


def test_a_label_cannot_command_the_terminal() -> None:
    """Other people's escape sequences and line ends are shown, not obeyed."""
    text = rendered(Notification.of(body(one("worker\x1b[2J-1", cluster="a\nb\u202e"))), "21:00:00")
    assert all(line.isprintable() for line in text.splitlines())
    assert "cluster=a\\x0ab\\x202e" in text


def test_texts_of_one_moment_stay_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is one write with a blank line after it, whichever threads they come from."""
    writes: list[str] = []
    beside: list[int] = []
    writing = threading.Lock()

    class Slow(io.StringIO):
        def write(self, text: str) -> int:
            if not writing.acquire(blocking=False):
                beside.append(1)
                return 0
            writes.append(text)
            time.sleep(0.02)
            writing.release()
            return len(text)

    monkeypatch.setattr(sys, "stdout", Slow())
    threads = [threading.Thread(target=show, args=(f"{number} first\n{number} second\n",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not beside
    assert sorted(writes) == [f"{number} first\n{number} second\n\n" for number in range(8)]


def test_what_is_no_notification_is_refused(tmp_path: Path) -> None:
    """400 with the reason for anything else; and what arrives is handed on."""
    taken: list[Notification] = []
    with Receiver(0, taken.append, lambda target: Page.of(target, "")) as receiver:
        nameless = '{"receiver": "a", "alerts": [{"status": "firing", "labels": {}, "annotations": {}}]}'
        for text in ("", "[]", "{}", "7", "[" * 100_000, '{"receiver": "a", "alerts": [{}]}', nameless):
            with pytest.raises(urllib.error.HTTPError, match="400"):
                urllib.request.urlopen(f"{receiver.url}/notify/a", text.encode())
        with urllib.request.urlopen(f"{receiver.url}/notify/a", json.dumps(body(one("worker-1"))).encode()) as answer:
            assert answer.status == 204
    assert taken == [Notification.of(body(one("worker-1")))]
