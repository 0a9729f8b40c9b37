"""The recorded series that dashboards rely on."""

from __future__ import annotations

import pytest

from tests.exporters import World
from tests.lives import DAY, HOUR, MINUTE, Life
from tests.promtool import PROMTOOL, recorded, world

pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="Debian's prometheus is not installed")

EDGES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
TTL = 10 * DAY
MOMENT = 3  # the minute that is asked about


def _aged(story: World, number: int, share: float) -> Life:
    life = Life.aged(f"w{number}", share, story.now + MOMENT * MINUTE, TTL)
    life.client.due = float("inf")
    return life


def test_the_heatmap_has_every_certificate() -> None:
    """Cumulative counts by the share of life that is over; whoever is exactly at an edge is below it."""
    story = world()
    shares = sorted(round(edge * factor, 6) for edge in EDGES for factor in (0.9, 1.0, 1.1))
    story.add(*(_aged(story, number, share) for number, share in enumerate(shares)))
    story.watch(HOUR)
    story.run(MOMENT + 1)
    counts = {f"{edge:g}": sum(share <= edge for share in shares) for edge in EDGES} | {"+Inf": len(shares)}
    answer: dict[tuple[tuple[str, str], ...], float] = {
        (("cert", "client"), ("cluster", "prod"), ("le", edge)): count for edge, count in counts.items()
    }
    recorded(story, MOMENT, "sum by (cluster, cert, le) (cluster_cert:kubelet_cert_lifetime_used:bucket)", answer)


def test_one_series_a_certificate() -> None:
    """By cluster, node and certificate, however many replicas look, and whatever their labels."""
    story = world()
    life = _aged(story, 1, 0.5)
    story.add(life)
    story.watch(HOUR)
    story.watch(HOUR, "two:10024")
    story.run(MOMENT + 1)
    not_before, not_after = (date - story.start for date in life.client.dates)
    client = (("cert", "client"), ("cluster", "prod"), ("node", "w1"))
    for name, value in {
        "cluster_node_cert:kubelet_cert_not_before_timestamp_seconds:max": not_before,
        "cluster_node_cert:kubelet_cert_not_after_timestamp_seconds:max": not_after,
        "cluster_node_cert:kubelet_cert_lifetime_used:ratio": 0.5,
        "cluster_node_cert_state:kubelet_cert_rotation_state:max": 1,
    }.items():
        state = (("state", "fresh"),) if "_state:" in name else ()
        answer: dict[tuple[tuple[str, str], ...], float] = {(("__name__", name), *client, *state): value}
        recorded(story, MOMENT, f'{name}{{cert="client"}}', answer)
