"""Every open connection of a listener: how many there may be, how long each may take, who goes when it is full."""

from __future__ import annotations

from enum import Enum
from typing import Protocol


class Phase(Enum):
    """What a connection is at."""

    HANDSHAKE = "handshake"  # TLS is not agreed upon yet
    HEAD = "head"  # a request's line and headers are to come, or come
    ANSWER = "answer"  # the request is worked on, or the client reads
    IDLE = "idle"  # answered, and kept for the next request
    CLOSING = "closing"  # all is said


_SPARE = 16
PATIENCE = {Phase.HANDSHAKE: 10.0, Phase.HEAD: 10.0, Phase.ANSWER: 120.0, Phase.IDLE: 75.0, Phase.CLOSING: 2.0}


class Peer(Protocol):
    """One connection, as the register sees it."""

    phase: Phase
    since: float
    served: bool

    def look(self, now: float) -> None:
        """Bring ``phase`` up to date."""

    def abort(self) -> None:
        """End it now, whatever is still unsaid."""


class Connections:
    """At most ``most`` of them. A newcomer takes the place of one that asks for nothing, never of one being answered.

    Those that were never answered go first, the oldest of them before the others, then the one idle for longest.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: dict[Peer, None] = {}

    def __len__(self) -> int:
        return len(self._open)

    def add(self, peer: Peer) -> None:
        self._open[peer] = None

    def discard(self, peer: Peer) -> None:
        self._open.pop(peer, None)

    def has_room(self, now: float) -> bool:
        """Whether a newcomer can have a place, be it another one's."""
        return len(self._open) < self._most or self._least_missed(now) is not None

    def make_room(self, now: float) -> bool:
        """Give a newcomer a place; True where another one had to go for it."""
        return len(self._open) >= self._most and self.end_one(now)

    def shrink(self, now: float) -> None:
        """Fewer places from now on: there are no descriptors for more, and the rest of the exporter needs some."""
        for _ in range(_SPARE):
            if not self.end_one(now):
                break
        self._most = max(1, len(self._open))

    def end_one(self, now: float) -> bool:
        """End the connection that is missed least; False where every one is being answered."""
        found = self._least_missed(now)
        if found is not None:
            self._end(found)
        return found is not None

    def sweep(self, now: float) -> tuple[Phase, ...]:
        """End those that take too long; what each was at."""
        for peer in self._open:
            peer.look(now)
        late = [peer for peer in self._open if now - peer.since > PATIENCE[peer.phase]]
        for peer in late:
            self._end(peer)
        return tuple(peer.phase for peer in late)

    def end_all(self) -> None:
        for peer in list(self._open):
            self._end(peer)

    def _least_missed(self, now: float) -> Peer | None:
        for peer in self._open:
            peer.look(now)
        idle = (peer for peer in self._open if peer.phase is not Phase.ANSWER)
        return min(idle, key=lambda peer: (peer.served, peer.since), default=None)

    def _end(self, peer: Peer) -> None:
        self.discard(peer)
        peer.abort()
