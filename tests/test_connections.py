"""The register of connections, the token bucket and the telling of refusals, each on a clock of the test's own."""

from __future__ import annotations

import logging

import pytest

from exporter.serve.connections import PATIENCE, Connections, Phase
from exporter.serve.rate import TokenBucket
from exporter.serve.refusals import Refusals


class Fake:
    """A connection that notes its end."""

    def __init__(self, phase: Phase, since: float, *, served: bool = False) -> None:
        self.phase, self.since, self.served, self.ended = phase, since, served, False

    def look(self, now: float) -> None:
        """It stays what it is."""

    def abort(self) -> None:
        self.ended = True


def register(most: int, *peers: Fake) -> Connections:
    connections = Connections(most)
    for peer in peers:
        connections.add(peer)
    return connections


def test_below_the_limit_nobody_goes() -> None:
    old = Fake(Phase.HEAD, 0)
    connections = register(2, old)
    assert connections.has_room(1)
    assert not connections.make_room(1)
    assert not old.ended


def test_who_goes_for_a_newcomer() -> None:
    """Those never answered go first, the oldest of them before others; then the one idle for longest."""
    peers = [
        Fake(Phase.IDLE, 1, served=True),
        Fake(Phase.IDLE, 5, served=True),
        Fake(Phase.HEAD, 7),
        Fake(Phase.HANDSHAKE, 6),
        Fake(Phase.ANSWER, 0, served=True),
    ]
    connections = register(5, *peers)
    order = []
    for _ in range(4):
        assert connections.end_one(10)
        order += [index for index, peer in enumerate(peers) if peer.ended and index not in order]
    assert order == [3, 2, 0, 1]
    assert not connections.end_one(10)
    assert len(connections) == 1


def test_fewer_places() -> None:
    """Without descriptors sixteen idle ones go, and no more than are left then may be open."""
    peers = [Fake(Phase.HEAD, number) for number in range(40)]
    connections = register(100, *peers)
    connections.shrink(50)
    assert [peer.ended for peer in peers] == [True] * 16 + [False] * 24
    assert connections.make_room(50)
    assert peers[16].ended


def test_no_place_while_all_are_answered() -> None:
    """A connection that is being answered is never ended for another one."""
    busy = [Fake(Phase.ANSWER, 0), Fake(Phase.ANSWER, 0)]
    connections = register(2, *busy)
    assert not connections.has_room(1)
    assert not connections.make_room(1)
    assert not any(peer.ended for peer in busy)


@pytest.mark.parametrize("phase", Phase)
def test_each_phase_has_its_time(phase: Phase) -> None:
    """A connection that stays longer in a phase than it may is ended, and its phase told."""
    peer = Fake(phase, 100)
    connections = register(9, peer)
    assert (connections.sweep(100 + PATIENCE[phase]), peer.ended) == ((), False)
    assert (connections.sweep(100.1 + PATIENCE[phase]), peer.ended) == ((phase,), True)
    assert len(connections) == 0


def test_a_bucket() -> None:
    """A burst at once, then one an interval; what was saved is no more than the burst."""
    bucket = TokenBucket(2.0, 3, now=0)
    assert [bucket.take(0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(now) for now in (1.9, 2.0, 2.1, 4.1)] == [False, True, False, True]
    assert [bucket.take(1000) for _ in range(4)] == [True, True, True, False]
    assert not bucket.take(500)  # a clock that goes back gives nothing


def test_a_bucket_without_an_interval_never_refuses() -> None:
    bucket = TokenBucket(0, 0, now=0)
    assert all(bucket.take(0) for _ in range(1000))


def test_refusals_are_told_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """However many are refused: one line a minute for each reason, with the number of those untold."""
    now = [0.0]
    refusals = Refusals(lambda: now[0])
    with caplog.at_level(logging.INFO):
        for _ in range(1000):
            refusals.tell("TLS: HTTP_REQUEST", "192.0.2.1")
        refusals.tell("other words")
        now[0] = 61
        refusals.tell("TLS: HTTP_REQUEST", "192.0.2.2")
    assert [(vars(record)["reason"], vars(record)["untold_before"]) for record in caplog.records] == [
        ("TLS: HTTP_REQUEST", 0),
        ("other words", 0),
        ("TLS: HTTP_REQUEST", 999),
    ]


def test_reasons_without_end_are_one(caplog: pytest.LogCaptureFixture) -> None:
    """Many different reasons do not become as many lines."""
    refusals = Refusals(lambda: 0.0)
    with caplog.at_level(logging.INFO):
        for turn in range(1000):
            refusals.tell(f"reason {turn}")
    assert len(caplog.records) == 65
