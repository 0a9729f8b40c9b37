"""How long a running kubelet has an excuse for a rotation that is past its window (design section 4).

Patience p is 16 minutes, which is what one request may wait for its signature and a little more (rotation-truth 1.3),
or half of what is left after the window where that is less. Of two excuses the one that ends later counts:

* It has only just started: until its start + p. A start is one moment, so it excuses once; and not at all where three
  visits in a row saw a new one, which is a crash loop. A visit between them that saw no kubelet breaks no row.
* It slept: until the window's end + the time suspended since that kubelet started + p, because its timer counts
  monotonic time (rotation-truth 1.4). A node tells only what it slept since its boot. No more of that can count than
  has passed since the timer was set: at the kubelet's start, or when the certificate was issued if that was later.
  How much of the sleep lay before is not to be known, so all that can lie behind that moment does.

A kubelet that is down has no excuse. Where its process or start was not seen, the excuse that this certificate had
stands, and there is no new one. Nothing excuses ``expired``. Start times are the node's clock's;
:attr:`NodeClock.offset` carries them to the exporter's.
"""

from __future__ import annotations

from itertools import pairwise

from exporter.judge import rotation
from exporter.model.assessment import SAME_START, Certificate, Memory
from exporter.model.facts import NodeFacts
from exporter.model.host import Process, Sight

LONGEST_PATIENCE = 960.0
NEW_STARTS_OF_A_LOOP = 3


def patience(certificate: Certificate) -> float:
    """Seconds that a due rotation may take."""
    return max(0.0, min(LONGEST_PATIENCE, (certificate.not_after - rotation.window(certificate).end) / 2))


def until(facts: NodeFacts, certificate: Certificate, memory: Memory) -> float:
    """When the last excuse that a visit shows ends, in epoch seconds by the exporter's clock; 0 where it shows none."""
    started = start(facts.process)
    if started is None:
        return _before(facts, certificate, memory)
    ends = [0.0]
    if not is_restarting(facts, memory):
        offset = facts.clock.offset if facts.clock else 0.0
        ends.append(min(started - offset, facts.taken) + patience(certificate))
    slept = _slept(facts, certificate, started)
    if slept > 0:
        ends.append(rotation.window(certificate).end + slept + patience(certificate))
    return max(ends)


def _before(facts: NodeFacts, certificate: Certificate, memory: Memory) -> float:
    """The excuse of the visit before, where this one could not look for a kubelet."""
    is_down = facts.process is not None and facts.process.sight is Sight.ABSENT
    before = next((it for it in (memory.client, memory.serving) if it and it.certificate == certificate), None)
    return 0.0 if is_down or before is None else before.excused_until


def start(process: Process | None) -> float | None:
    """When a kubelet that was seen to run started, by the node's clock."""
    return process.started if process and process.sight is Sight.SEEN else None


def is_restarting(facts: NodeFacts, memory: Memory) -> bool:
    """Whether the last three visits that saw a kubelet run, this one included, each saw another than the one before."""
    new = new_starts(facts, memory)
    return len(new) == NEW_STARTS_OF_A_LOOP and all(new)


def new_starts(facts: NodeFacts, memory: Memory) -> list[bool]:
    """Of the last visits that saw a kubelet run, oldest first: whether each met another process than the one before."""
    seen = [moment for moment in (*memory.starts, memory.start(facts)) if moment is not None]
    return [abs(later - earlier) > SAME_START for earlier, later in pairwise(seen[-NEW_STARTS_OF_A_LOOP - 1 :])]


def has_lived(memory: Memory) -> bool:
    """Whether the last two visits that looked met one and the same kubelet."""
    before = memory.starts[-2:]
    return len(before) == 2 and None not in before and abs((before[1] or 0.0) - (before[0] or 0.0)) <= SAME_START


def _slept(facts: NodeFacts, certificate: Certificate, started: float) -> float:
    """Seconds asleep that may lie behind the moment when the kubelet's timer was set."""
    suspended = (facts.host.suspended if facts.host else None) or 0.0
    return min(suspended, facts.by_the_node - max(started, certificate.not_before))
