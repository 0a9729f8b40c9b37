"""What is told of clients that were not served: one line a minute for each reason, however many there were."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

_QUIET = 60.0
_MOST_REASONS = 64


class Refusals:
    """Counts by reason; the first of a minute is logged, with how many went untold since the one before."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: dict[str, tuple[float, int]] = {}

    def tell(self, reason: str, peer: str = "") -> None:
        """One client was refused. ``reason`` is one of a few words of ours or of OpenSSL's."""
        if reason not in self._told and len(self._told) >= _MOST_REASONS:
            reason = "other"
        now = self._clock()
        last, untold = self._told.get(reason, (-_QUIET, 0))
        if now - last < _QUIET:
            self._told[reason] = (last, untold + 1)
            return
        self._told[reason] = (now, 0)
        log.info("connection refused", extra={"reason": reason, "client": peer, "untold_before": untold})
