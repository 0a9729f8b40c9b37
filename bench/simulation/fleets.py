"""Made-up fleets: what many clusters have seen, and what all nodes of one may see at the same moment."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from bench.simulation.life import NONE, Life, Span, Troubles
from exporter.config.settings import Paths
from exporter.errors import Reason
from exporter.model.assessment import Certificate
from exporter.model.node import Hop, Node, SshAccess

HOUR, DAY, YEAR = 3_600, 86_400, 31_536_000
BEGIN = 1_700_006_400  # seconds since the epoch: an evening in November 2023
EDGE = Hop(SshAccess("192.0.2.1", name="edge"))

Fleet = dict[str, Life]


def batch(names: Iterable[str], lifetime: int, issued: float, within: float, troubles: Troubles = NONE) -> Fleet:
    """All certificates of one moment, or of the seconds after it; what goes wrong does so for all."""
    return {name: life(name, lifetime, issued + within * dice(name).random(), troubles) for name in names}


def behind(names: Iterable[str], lifetime: int, away: Span) -> Fleet:
    """Certificates of any age before their window, behind a bastion that is away for a time."""
    return {name: life(name, lifetime, _any_age(name, lifetime), Troubles(silent=(away,)), EDGE) for name in names}


def mixed(names: Iterable[str], lifetime: int, length: float) -> Fleet:
    """Certificates of any age before their window, and now and then a node in trouble in ``length`` seconds.

    Of a hundred nodes eight fall silent, four stall and are repaired, two are joined anew, two refuse their login for a
    while, and the clocks of ten lag.
    """
    return {name: _in_trouble(name, number % 100, lifetime, length) for number, name in enumerate(names)}


def named(prefix: str, number: int) -> list[str]:
    return [f"{prefix}-{one:05}" for one in range(number)]


def dice(name: str) -> random.Random:
    """A node's own: what becomes of it depends on no other."""
    return random.Random(f"of {name}")


def life(name: str, lifetime: int, begin: float, troubles: Troubles = NONE, via: Hop | None = None) -> Life:
    serial = f"{int(begin):x}"
    first = Certificate(int(begin), int(begin) + lifetime, serial, "CN=ca", "CN=node", f"{name}-{serial}")
    return Life(Node(name, SshAccess("192.0.2.9", via=via), Paths()), first, dice(name), troubles)


def _any_age(name: str, lifetime: int) -> float:
    return BEGIN - dice(name).uniform(0, 0.69) * lifetime


def _in_trouble(name: str, number: int, lifetime: int, length: float) -> Life:
    begin, own = _any_age(name, lifetime), dice(name)
    if number < 8:
        troubles = Troubles(silent=_spans(own, length, Reason.CONNECT_TIMEOUT))
    elif number < 12:
        repaired = begin + (0.9 + own.uniform(0.01, 0.13)) * lifetime
        troubles = Troubles(unsigned=(Span(begin, repaired),))
    elif number < 14:
        troubles = Troubles(rejoins=(BEGIN + own.uniform(0.1, 1) * length,))
    elif number < 16:
        troubles = Troubles(silent=_spans(own, length, Reason.AUTH_FAILED))
    else:
        troubles = Troubles(offset=own.uniform(-25.0, 0.0) if number < 26 else own.uniform(-0.3, 0.3))
    return life(name, lifetime, begin, troubles)


def _spans(own: random.Random, length: float, reason: Reason) -> tuple[Span, ...]:
    """Two times without an answer, some minutes to some days long, with time between them."""
    half = length / 2
    begins: Sequence[float] = [BEGIN + half * (number + own.uniform(0.1, 0.5)) for number in range(2)]
    return tuple(Span(moment, moment + min(own.uniform(600, 3 * DAY), 0.4 * half), reason) for moment in begins)
