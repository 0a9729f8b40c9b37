"""What a simulation counts: visits, crowds, waits, and how late each kind of event was seen."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.simulation.delays import Kind
from bench.simulation.life import Life
from exporter.config.settings import Pace
from exporter.judge import rotation
from exporter.model.assessment import State
from exporter.model.report import NodeReport

GRAIN = 1e-4  # seconds; moments are told since the epoch
ENDED = (State.STALLED, State.EXPIRED)


@dataclass(slots=True)
class Worst:
    """How often a kind of event was seen, and the longest that one took."""

    number: int = 0
    longest: float = 0.0


@dataclass(slots=True)
class Tally:
    """Delays are by kind and lifetime, from the event to when the visit that saw it was due, as in ``delays``."""

    pace: Pace
    visits: int = 0
    busiest: int = 0  # visits due in one second
    most_logins: int = 0  # begun in any one second
    longest_wait: float = 0.0  # in the queue, seconds
    longest_queue: int = 0
    delays: dict[tuple[Kind, int], Worst] = field(default_factory=dict)
    _due_second: int = 0
    _due: int = 0
    _begun: deque[float] = field(default_factory=deque)  # of the last second

    def due(self, moment: float, waiting: int) -> None:
        """A visit is due at this moment, and waits with others."""
        self._due_second, self._due = (
            (self._due_second, self._due + 1) if int(moment) == self._due_second else (int(moment), 1)
        )
        self.share(self._due)
        self.longest_queue = max(self.longest_queue, waiting)

    def share(self, number: int) -> None:
        """So many visits are due in one second."""
        self.busiest = max(self.busiest, number)

    def login(self, due: float, began: float) -> None:
        """One visit began that was due then."""
        self.longest_wait = max(self.longest_wait, began - due)
        while self._begun and self._begun[0] <= began - 1.0 + GRAIN:
            self._begun.popleft()
        self._begun.append(began)
        self.most_logins = max(self.most_logins, len(self._begun))

    def saw(self, kind: Kind, lifetime: int, delay: float) -> None:
        worst = self.delays.setdefault((kind, lifetime), Worst())
        worst.number += 1
        worst.longest = max(worst.longest, delay)

    def visited(self, life: Life, before: NodeReport, after: NodeReport, due: float) -> None:
        """What a visit of this node saw first, and how long after it happened the visit was due."""
        began = (after.last_visit or 0.0) - life.lasting
        for kind, moment in self._seen(life, before, after, began):
            # what one sees that waited in the queue may have happened meanwhile
            self.saw(kind, life.lifetime, max(0.0, due - moment))

    def _seen(self, life: Life, before: NodeReport, after: NodeReport, began: float) -> Iterator[tuple[Kind, float]]:
        if before.client is None:
            return
        was = rotation.state(before.client, began, self.pace)
        if before.reason is None and after.reason is not None:
            silence = life.silence(began)
            if silence and silence.reason is after.reason:
                yield (Kind.LOST_AT_REST if was is State.FRESH else Kind.LOST), silence.begins
        if before.reason is not None and after.reason is None and not before.reason.is_of_bastion:
            span = max((span for span in life.silent if span.ends <= began), key=lambda span: span.ends)
            yield (Kind.REFUSED if before.is_refused else Kind.BACK), span.ends
        if before.reason is None and after.reason is None and after.client is not None:
            yield from self._judged(life, before, after, began)

    def _judged(self, life: Life, before: NodeReport, after: NodeReport, began: float) -> Iterator[tuple[Kind, float]]:
        """``before`` and ``after`` were both read, and nothing but two visits apart."""
        assert before.client is not None
        assert after.client is not None
        certificate, edges = before.client.certificate, rotation.window(before.client.certificate)
        was = rotation.state(before.client, before.client.taken, self.pace)
        if before.client.taken < edges.start <= began:
            blind = rotation.state(before.client, began, self.pace) is State.UNKNOWN
            yield Kind.OPENED, (edges.start if blind else began)
        if after.client.certificate is not certificate:
            kind = Kind.REPAIRED if was in ENDED else Kind.REPLACED if was is State.FRESH else Kind.ROTATED
            yield kind, life.since
            return
        state = rotation.state(after.client, began, self.pace)
        crossed = {State.LATE: edges.end + life.lag, State.STALLED: edges.grace_end + life.lag}
        if state is not was and state.is_accusation:
            kind = {State.LATE: Kind.LATE, State.STALLED: Kind.STALLED, State.EXPIRED: Kind.EXPIRED}[state]
            yield kind, crossed.get(state, float(certificate.not_after))
