"""A token bucket: how many requests are taken, all clients together."""

from __future__ import annotations


class TokenBucket:
    """A token each ``interval`` seconds, at most ``burst`` of them kept. The clock is the caller's."""

    def __init__(self, interval: float, burst: int, now: float) -> None:
        self._interval = interval
        self._burst = burst
        self._tokens = float(burst)
        self._at = now

    def take(self, now: float) -> bool:
        """Whether there was a token for one more request; without an interval there always is."""
        if not self._interval:
            return True
        passed = max(0.0, now - self._at)
        self._tokens = min(self._burst, self._tokens + passed / self._interval)
        self._at += passed
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
