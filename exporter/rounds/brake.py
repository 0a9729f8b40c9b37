"""The brake on logins: one wrong key must not lock accounts out on a whole fleet."""

from __future__ import annotations

from dataclasses import dataclass, replace

LAST, LEAST, SHARE = 100, 20, 0.2
PAUSE = 900.0  # seconds


@dataclass(frozen=True, slots=True)
class Brake:
    """How the last logins ended. Times are epoch seconds; ``now`` is an argument."""

    refused: tuple[bool, ...] = ()  # the last LAST visits over SSH, the newest last
    paused_until: float | None = None

    def is_on(self, now: float) -> bool:
        """Whether nobody is logged in to. A clock that was set back does not make it longer."""
        return self.paused_until is not None and self.paused_until - PAUSE <= now < self.paused_until

    def after(self, now: float, *, refused: bool) -> Brake:
        """With one more visit: a pause begins once LEAST of the last LAST, more than SHARE of them, were refused."""
        seen = (*self.refused, refused)[-LAST:]
        if self.is_on(now):
            return self
        if sum(seen) >= LEAST and sum(seen) > SHARE * len(seen):
            return Brake(paused_until=now + PAUSE)
        return replace(self, refused=seen)
