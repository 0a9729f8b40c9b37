"""The soak's short form: a hundred machines and hostile peers, reloads and scrapes, for half a minute."""

from __future__ import annotations

import shutil

import pytest

from tests.soak.soak import Plan, soak
from tests.sshd import needs_chroot

needs_prometheus = pytest.mark.skipif(shutil.which("prometheus") is None, reason="no Prometheus on this machine")


@needs_chroot
@needs_prometheus
@pytest.mark.long
def test_half_a_minute() -> None:
    """No scrape is missed, nothing grows, every healthy node is fresh, every hostile one has its reason."""
    plan = Plan(nodes=100, seconds=45, interval=15, reload=8, scrape=2, every=6, concurrency=64, logins_per_second=10)
    assert [row for row in soak(plan) if not row.is_well] == []
