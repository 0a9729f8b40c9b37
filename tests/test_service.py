"""The daemon as a process: metrics, readiness, reload, signals, on the demonstration fleet's real SSH."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import socket
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exporter.demo.world import World
from tests.running import Running, by_node, reasons, samples, states


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """The demonstration fleet, alive."""
    world = World(tmp_path / "world", random.Random(7))
    world.start()
    yield world
    world.stop()


def edit(world: World, change: Any) -> None:
    """Change the world's configuration in place."""
    settings = json.loads(world.config.read_text())
    change(settings)
    world.config.write_text(json.dumps(settings))


def complete(exporter: Running) -> bool:
    return exporter.get("/-/ready")[0] == 200


def causes(text: str) -> dict[str, set[str]]:
    """What is wrong, by node."""
    found: dict[str, set[str]] = {}
    for labels in samples(text).get("kubelet_cert_finding", {}):
        of = dict(labels)
        found.setdefault(of["node"], set()).add(of["cause"])
    return found


CAUSES = {
    "control-1.prod": {"kubeconfig-embedded", "bootstrap-file-missing"},
    "worker-10.prod": {"store-link-regular-file"},
    "worker-11.prod": {"store-updated-leftover"},
    "worker-12.prod": {"store-target-broken"},
    "worker-13.prod": {"orphan-empty"},
    "worker-14.prod": {"kubeconfig-dated-file"},
    "edge-05.branch": {"rotation-disabled"},
    "edge-06.branch": {"serving-self-signed-ending"},
    "edge-08.branch": {"kubelet-down"},
    "edge-10.branch": {"not-yet-valid"},
    "edge-12.branch": {"owner-renewal-due"},
    "edge-13.branch": {"node-name-differs"},
    "edge-14.branch": {"node-name-differs"},
}


def test_the_fleet_is_told_whole(world: World) -> None:
    """Each node has its dates and state, or is unknown with a reason."""
    with Running(world.config) as exporter:
        exporter.wait_for(lambda: complete(exporter))
        text = exporter.scrape()
    assert {node: state for node, state in states(text).items() if state != "fresh" or node in reasons(text)} == {
        "worker-08.prod": "window",
        "worker-09.prod": "unknown",
        "worker-13.prod": "window",
        "edge-05.branch": "unmanaged",
        "edge-08.branch": "expired",
        "edge-09.branch": "unknown",
        "edge-10.branch": "not_yet_valid",
        "edge-11.branch": "unknown",
        "edge-12.branch": "unmanaged",
    }
    assert reasons(text) == {
        "worker-09.prod": "host_key_changed",
        "edge-09.branch": "connection_refused",
        "edge-11.branch": "store_denied",
    }
    assert len(by_node(text, "kubelet_cert_not_after_timestamp_seconds")) == 28
    assert all(abs(offset) < 5 for offset in by_node(text, "kubelet_cert_node_clock_offset_seconds").values())
    assert causes(text) == CAUSES
    found = samples(text)
    assert found["kubelet_cert_fleet_finding"] == {
        (("cause", "certificate-shared"), ("cluster", "branch"), ("severity", "critical")): 1.0
    }
    assert found["kubelet_cert_inventory_nodes"] == {(("cluster", "branch"),): 14.0, (("cluster", "prod"),): 17.0}
    not_safe = {node for node, safe in by_node(text, "kubelet_cert_restart_safe").items() if not safe}
    assert not_safe == {"control-1.prod", "worker-12.prod", "edge-10.branch"}


@pytest.mark.long
def test_a_kubelet_that_starts_again_and_again_is_told(world: World) -> None:
    """Three visits in a row saw a new start."""
    with Running(world.config) as exporter:
        exporter.wait_for(lambda: causes(exporter.scrape()).get("edge-07.branch") == {"kubelet-crash-loop"}, 120)


def test_a_healthy_worker_over_ssh_costs_the_budget(world: World) -> None:
    """A healthy node costs 24 series over SSH."""
    with Running(world.config) as exporter:
        exporter.wait_for(lambda: complete(exporter))
        text = exporter.scrape()
    assert len([line for line in text.splitlines() if 'node="worker-01.prod"' in line]) == 24


def test_a_rotation_changes_values_and_no_labels(world: World) -> None:
    """When a node rotates, notBefore moves on and the series stays the same."""
    with Running(world.config) as exporter:
        exporter.wait_for(lambda: complete(exporter))
        name = "kubelet_cert_not_before_timestamp_seconds"
        before = samples(exporter.scrape())[name]
        world._rotate(next(one for one in world._due if one.name == "worker-01.prod"), time.time() + 1)
        node = (("cert", "client"), ("cluster", "prod"), ("node", "worker-01.prod"))
        exporter.wait_for(lambda: samples(exporter.scrape())[name][node] > before[node])
        assert set(samples(exporter.scrape())[name]) == set(before)


def test_reload_adds_and_removes_and_keeps(world: World) -> None:
    """A reload adds and removes nodes at once, keeps all readings, and a broken file changes nothing but a gauge."""
    with Running(world.config, "--web.enable-lifecycle") as exporter:
        exporter.wait_for(lambda: complete(exporter))
        kept = by_node(exporter.scrape(), "kubelet_cert_node_last_success_timestamp_seconds")

        def change(settings: Any) -> None:
            settings["groups"]["prod"]["nodes"].pop(0)
            settings["groups"]["prod"]["nodes"].append({"name": "new.prod", "address": "127.0.0.1", "port": 1})

        edit(world, change)
        assert exporter.get("/-/reload", method="POST") == (200, "")
        exporter.wait_for(lambda: "new.prod" in states(exporter.scrape()))
        text = exporter.scrape()
        assert "control-1.prod" not in text
        now = by_node(text, "kubelet_cert_node_last_success_timestamp_seconds")
        assert all(now[node] >= taken for node, taken in kept.items() if node != "control-1.prod")
        exporter.wait_for(lambda: reasons(exporter.scrape()).get("new.prod") == "connection_refused")

        edit(world, lambda settings: settings.update(intervall="1h", concurrency=0))
        status, told = exporter.get("/-/reload", method="POST")
        assert status == 500
        assert 'intervall: unknown key; did you mean "interval"?' in told
        assert ": concurrency: " in told
        text = exporter.scrape()
        assert samples(text)["kubelet_cert_exporter_config_last_reload_successful"] == {(): 0.0}
        assert "new.prod" in states(text)

        def mend(settings: Any) -> None:
            del settings["intervall"], settings["concurrency"]

        edit(world, mend)
        exporter.process.send_signal(signal.SIGHUP)
        exporter.wait_for(
            lambda: samples(exporter.scrape())["kubelet_cert_exporter_config_last_reload_successful"] == {(): 1.0}
        )


def test_reload_over_http_must_be_enabled(world: World) -> None:
    """Without --web.enable-lifecycle a POST to /-/reload answers 403; a GET is never a reload."""
    with Running(world.config) as exporter:
        assert exporter.get("/-/reload", method="POST")[0] == 403
        assert exporter.get("/-/reload")[0] == 405


def test_file_sd_counts_at_once(world: World, tmp_path: Path) -> None:
    """A file_sd file is taken in when it changes; a malformed one keeps its nodes and shows in a gauge."""
    targets = tmp_path / "targets.json"
    targets.write_text(json.dumps([{"targets": ["127.0.0.1"], "labels": {"node": "first"}}]))

    def change(settings: Any) -> None:
        settings["file_sd_refresh"] = "100ms"
        settings["groups"]["found"] = {"file_sd": {"files": [str(targets)]}, "port": 1, "labels": {"cluster": "found"}}

    edit(world, change)
    source = (("source", str(targets)),)
    with Running(world.config) as exporter:
        exporter.wait_for(lambda: "first" in states(exporter.scrape()))
        targets.write_text("[{")
        exporter.wait_for(
            lambda: samples(exporter.scrape())["kubelet_cert_exporter_inventory_source_up"] == {source: 0.0}
        )
        assert "first" in states(exporter.scrape())
        assert any("file_sd file is not used, or only in part" in line for line in exporter.log)
        assert not any("inventory changed" in line for line in exporter.log)
        targets.write_text(json.dumps([{"targets": ["127.0.0.1"], "labels": {"node": "second"}}]))
        exporter.wait_for(lambda: "second" in states(exporter.scrape()))
        text = exporter.scrape()
    assert sum("inventory changed" in line for line in exporter.log) == 1
    assert "first" not in states(text)
    assert samples(text)["kubelet_cert_exporter_inventory_source_up"] == {source: 1.0}


def test_web_endpoints(world: World) -> None:
    """Landing page, health, compression and content types are those of a Prometheus exporter."""
    with Running(world.config) as exporter:
        assert exporter.get("/-/healthy")[0] == 200
        assert '<a href="metrics">' in exporter.get("/")[1]
        assert exporter.get("/nowhere")[0] == 404
        exporter.wait_for(lambda: complete(exporter))
        request = urllib.request.Request(exporter.url + "/metrics", headers={"Accept-Encoding": "gzip"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.headers["content-encoding"] == "gzip"
            assert b"kubelet_cert_node_up" in gzip.decompress(answer.read())
        request = urllib.request.Request(
            exporter.url + "/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
            assert answer.read().endswith(b"# EOF\n")


def test_a_slow_reader_blocks_no_other_scrape(world: World) -> None:
    """While one client does not read its answers, another scrape is served."""
    with Running(world.config) as exporter:
        host, _, port = exporter.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
            assert "kubelet_cert_inventory_nodes" in exporter.scrape()


def test_a_changed_reason_is_logged_once(world: World) -> None:
    """A failing node is logged when its reason changes, not at each visit."""
    edit(world, lambda settings: settings.update(interval="5s"))
    with Running(world.config) as exporter:
        exporter.wait_for(lambda: complete(exporter))
        exporter.wait_for(
            lambda: (
                samples(exporter.scrape())["kubelet_cert_exporter_visit_failures_total"][(("reason", "store_denied"),)]
                >= 3
            ),
            60.0,
        )
    assert len([line for line in exporter.log if "edge-11.branch" in line and "visit failed" in line]) == 1


def test_sigterm_ends_it_with_no_thread_left(world: World) -> None:
    """SIGTERM ends the process within 5 s, with status 0 and no thread left behind."""
    with Running(world.config) as exporter:
        exporter.wait_for(lambda: complete(exporter))
        assert exporter.stop() < 5
        assert exporter.process.returncode == 0
    assert "threads_left" not in exporter.log[-1]
    assert "msg=stopped" in exporter.log[-1]


def test_odd_names_cost_no_scrape(world: World, tmp_path: Path) -> None:
    """A file_sd file whose name is no text, and a label value that is none, leave /metrics whole."""
    folder = tmp_path / "targets"
    folder.mkdir()
    (folder / os.fsdecode(b"odd-\xff.json")).write_text(json.dumps([{"targets": ["192.0.2.7"]}]))
    (folder / "label.json").write_text('[{"targets": ["192.0.2.8"], "labels": {"cluster": "\\ud800"}}]')
    os.mkfifo(folder / "fifo.json")

    def change(settings: Any) -> None:
        settings["groups"]["found"] = {"file_sd": {"files": [str(folder / "*.json")]}, "labels": {"cluster": "found"}}

    edit(world, change)
    with Running(world.config) as exporter:
        status, text = exporter.get()
        assert status == 200
        sources = samples(text)["kubelet_cert_exporter_inventory_source_up"]
        exporter.process.send_signal(signal.SIGHUP)
        assert exporter.stop() < 5
    assert {os.path.basename(dict(labels)["source"]): value for labels, value in sources.items()} == {
        "odd-\\xff.json": 1.0,
        "label.json": 0.0,
        "fifo.json": 0.0,
    }
