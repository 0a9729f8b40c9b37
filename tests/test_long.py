"""What takes minutes: the demonstration's whole story, many more lives, and a longer search by chance."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.collect import pem
from exporter.collect.pem import PemScanner
from tests import test_answer, test_schedule
from tests.running import Running, by_node, reasons, samples, states

pytestmark = pytest.mark.long

MINUTE = 60.0
VISIT = 20.0  # the demonstration's interval, and what a visit and a scrape take


def wait_for_state(exporter: Running, node: str, state: str, patience: float) -> float:
    exporter.wait_for(lambda: states(exporter.scrape())[node] == state, patience)
    return time.time()


def test_the_demonstration_tells_its_story(tmp_path: Path) -> None:
    """Healthy nodes rotate; the stalled one is late, then stalled, in time, and stays so when it is made unreachable.

    A healthy one that is made unreachable becomes unknown once its window is open, and no other state.
    """
    with Running(tmp_path, "--log.level=info", "--directory", str(tmp_path / "demo"), command="demo") as exporter:
        exporter.wait_for(lambda: exporter.get("/-/ready")[0] == 200)
        text = exporter.scrape()
        not_before = "kubelet_cert_not_before_timestamp_seconds"
        first, series = by_node(text, not_before), set(samples(text)[not_before])
        closes = by_node(text, "kubelet_cert_rotation_window_end_timestamp_seconds")["worker-08.prod"]
        ends = by_node(text, "kubelet_cert_not_after_timestamp_seconds")["worker-08.prod"]
        assert states(text)["worker-08.prod"] == "window"

        late = wait_for_state(exporter, "worker-08.prod", "late", 2 * MINUTE)
        assert closes <= late <= closes + VISIT
        (tmp_path / "demo/nodes/worker-07.prod.off").touch()
        opens = by_node(exporter.scrape(), "kubelet_cert_rotation_window_start_timestamp_seconds")["worker-07.prod"]
        seen: list[str] = []
        grace_end = closes + (ends - closes) / 4
        while time.time() < grace_end - 5:
            text = exporter.scrape()
            state = states(text)["worker-07.prod"]
            seen += [] if seen[-1:] == [state] else [state]
            assert states(text)["worker-08.prod"] == "late"
            time.sleep(2)
        stalled = wait_for_state(exporter, "worker-08.prod", "stalled", 2 * MINUTE)
        assert grace_end <= stalled <= grace_end + VISIT
        assert opens < stalled
        assert seen in (["fresh", "unknown"], ["fresh", "window", "unknown"])

        text = exporter.scrape()
        rotated = [node for node, moment in by_node(text, not_before).items() if moment > first.get(node, moment)]
        assert len(rotated) >= 10
        assert set(samples(text)[not_before]) == series

        (tmp_path / "demo/nodes/worker-08.prod.off").touch()
        exporter.wait_for(lambda: reasons(exporter.scrape()).get("worker-08.prod") == "connection_refused", MINUTE)
        died = by_node(exporter.scrape(), "kubelet_cert_node_last_success_timestamp_seconds")["worker-08.prod"]
        time.sleep(MINUTE)
        text = exporter.scrape()
        assert states(text)["worker-08.prod"] == "stalled"
        assert by_node(text, "kubelet_cert_not_after_timestamp_seconds")["worker-08.prod"] == ends
        assert by_node(text, "kubelet_cert_node_last_success_timestamp_seconds")["worker-08.prod"] == died
        assert time.time() - died > MINUTE


@pytest.mark.parametrize("seed", range(100, 108))
def test_many_more_healthy_lives(seed: int) -> None:
    """Twenty thousand more healthy lives, by other dice: none is accused."""
    test_schedule.test_no_healthy_life_is_accused(seed)


@pytest.mark.parametrize("seed", range(100, 104))
@pytest.mark.parametrize("loss", [0.0, None])
def test_many_more_stalled_lives(loss: float | None, seed: int) -> None:
    """More stalled lives, by other dice: each is claimed in time and for good."""
    test_schedule.test_every_stall_is_claimed_in_time_and_for_good(loss, seed)


@given(st.binary(max_size=6000))
@settings(max_examples=20_000, deadline=None)
def test_the_answer_reader_against_chance(noise: bytes) -> None:
    """Twenty thousand random outputs, alone and between the marks: nothing but a reason."""
    test_answer.survives(noise)
    test_answer.survives(test_answer.LINES[0] + noise + b"\n" + test_answer.LINES[-1])


PIECES = (
    b"-----BEGIN CERTIFICATE-----\n",
    b"-----END CERTIFICATE-----\n",
    b"-----BEGIN EC PRIVATE KEY-----\n",
    b"-----END EC PRIVATE KEY-----\n",
    b"-----BEGIN ",
    b"MIIBxTCCAWugAwIBAgIU\n",
    b"garbage\n",
    b"\r\n",
    b"\0",
)


@given(st.lists(st.sampled_from(PIECES)))
@settings(max_examples=20_000, deadline=None)
def test_the_pem_reader_against_chance(pieces: list[bytes]) -> None:
    """Twenty thousand shuffles of a PEM file's pieces, however they are cut, give the same condition."""
    text = b"".join(pieces)
    found = set()
    for bite in (1, 7, 16):
        scanner = PemScanner()
        for start in range(0, len(text), bite):
            if scanner.feed(text[start : start + bite]):
                break
        found.add(scanner.result())
    assert found == {pem.scan(text)[:2]}
