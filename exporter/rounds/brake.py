"""The brake on logins: one wrong key must not lock accounts out on a whole fleet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

LAST, LEAST, SHARE = 100, 20, 0.2
PAUSE = 900.0  # seconds
SLACK = 12  # refusals beyond LEAST that may come of logins under way
ANSWERS_WITHIN = 5.0  # seconds; a login that has come to nothing by then hangs, and is no longer waited for
_DOUBT = 3  # refusals that nobody saw: the first few logins prove little


class Login(Enum):
    """How a visit over SSH ended, as the brake sees it."""

    ACCEPTED = "accepted"  # it brought facts
    REFUSED = "refused"
    UNKNOWN = "unknown"  # it came to no login, or to nothing behind it


@dataclass(frozen=True, slots=True)
class Brake:
    """How the last logins ended. Times are epoch seconds; ``now`` is an argument."""

    seen: tuple[Login, ...] = ()  # the last LAST visits over SSH, the newest last
    paused_until: float | None = None

    def is_on(self, now: float) -> bool:
        """Whether nobody is logged in to. A clock that was set back does not make it longer."""
        return self.paused_until is not None and self.paused_until - PAUSE <= now < self.paused_until

    @property
    def room(self) -> int:
        """How many logins may be under way at once, less those that hang.

        Were they refused as often as those that are known, with some doubt, a pause would begin about SLACK beyond
        LEAST. So a wrong key is shown to few nodes, however many visits may be under way, and a fleet whose logins are
        taken is not held up.
        """
        refused, accepted = self.seen.count(Login.REFUSED), self.seen.count(Login.ACCEPTED)
        return max(1, (LEAST + SLACK - refused) * (refused + accepted + _DOUBT) // (refused + _DOUBT))

    def after(self, now: float, login: Login) -> Brake:
        """With one more visit: a pause begins once LEAST of the last LAST, more than SHARE of them, were refused."""
        seen = (*self.seen, login)[-LAST:]
        if self.is_on(now):
            return self
        refused = seen.count(Login.REFUSED)
        if refused >= LEAST and refused > SHARE * len(seen):
            return Brake(paused_until=now + PAUSE)
        return replace(self, seen=seen)
