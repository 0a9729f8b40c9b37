"""What is remembered of the fleet, behind the only lock."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace

from exporter.config.settings import Pace, TransportKind
from exporter.errors import Reason
from exporter.model.node import Node
from exporter.model.report import NodeReport, Visit
from exporter.model.shard import WHOLE_FLEET, Shard
from exporter.model.snapshot import ExporterCounters, FleetSnapshot, SourceStatus, SshStatus
from exporter.rounds.brake import Brake, Login
from exporter.rounds.store.late import has_no_reading, with_past

MOST_GUESTS = 10_000


class FleetState:
    """Reports by node, in the inventory's order. Every method may be called from any thread."""

    def __init__(self, shard: Shard = WHOLE_FLEET) -> None:
        """``shard`` is the share of the fleet that it is told of."""
        self._lock = threading.Lock()
        self._reports: dict[str, NodeReport] = {}
        self._guests: dict[str, NodeReport] = {}  # who was probed and is in no inventory, the latest invited last
        self._told: tuple[NodeReport, ...] | None = ()  # the last snapshot's, while they are what is known
        self._labels: tuple[str, ...] = ()
        self._pace = Pace()
        self._counters = ExporterCounters(shard=shard)
        self._brake = Brake()
        self._guests_brake = Brake()  # whoever names guests must not stop the fleet
        self._releases = 0

    def snapshot(self, now: float, overdue: int = 0, ssh: SshStatus | None = None) -> FleetSnapshot:
        """All of it at this moment; ``now`` is in epoch seconds.

        While nothing is recorded and the inventory stays, ``reports`` is one and the same tuple.
        """
        with self._lock:
            paused = self._brake.is_on(now)
            counters = replace(self._counters, overdue=overdue, ssh=ssh or SshStatus(), logins_paused=paused)
            if self._told is None:
                self._told = tuple(self._reports.values())
            return FleetSnapshot(self._told, self._labels, self._pace, counters)

    def report(self, name: str) -> NodeReport | None:
        """One node's report; None once the inventory no longer has it."""
        with self._lock:
            return self._reports.get(name) or self._guests.get(name)

    def invite(self, node: Node) -> None:
        """Have a report of a node that is in no inventory: in no snapshot, and forgotten where too many come after."""
        with self._lock:
            known = self._guests.pop(node.name, None)
            stays = known is not None and known.node.is_read_as(node)
            self._guests[node.name] = known.read_alike(node) if known and stays else NodeReport(node)
            if len(self._guests) > MOST_GUESTS:
                del self._guests[next(iter(self._guests))]

    def settle(
        self, nodes: tuple[Node, ...], labels: tuple[str, ...], pace: Pace, past: Mapping[str, NodeReport] | None = None
    ) -> None:
        """The inventory as it is now: a node that left is gone at once, one that stays keeps what is known of it.

        One that is read in another way from now on has not been visited so: :meth:`NodeReport.read_elsewhere`. A node
        that is new has what is known of its ``past``, by name.
        """
        with self._lock:
            known = {**past, **self._reports} if past else self._reports
            self._reports = {node.name: _settled(known.get(node.name), node) for node in nodes}
            self._told = None
            self._labels, self._pace = labels, pace
            self._counters = replace(self._counters, unverified=sum(node.is_unverified for node in nodes))

    def restore(self, past: Mapping[str, NodeReport]) -> None:
        """What was known before of nodes, by name, that are here without it; what was learned since stays."""
        with self._lock:
            for name, earlier in past.items():
                known = self._reports.get(name)
                if known is not None and has_no_reading(known):
                    self._reports[name], self._told = with_past(known, earlier), None

    def record(self, visit: Visit) -> tuple[NodeReport, NodeReport] | None:
        """Add a visit's outcome; the report before and after it.

        None, and nothing changes, where the node has left meanwhile or is read in another way by now.
        """
        with self._lock:
            of = self._reports if visit.node.name in self._reports else self._guests
            before = of.get(visit.node.name)
            self._counters = self._counters.counting(visit)
            if before is None or not before.node.is_read_as(visit.node):
                return None
            after = before.after(visit)
            of[visit.node.name], self._told = after, None
            return before, after

    def logins_paused_until(self, now: float, *, of_guests: bool = False) -> float | None:
        """Until when nobody is logged in to; None while anybody may be. What stops the fleet stops guests, too."""
        with self._lock:
            brakes = (self._brake, self._guests_brake) if of_guests else (self._brake,)
            return next((brake.paused_until for brake in brakes if brake.is_on(now)), None)

    @property
    def login_room(self) -> int:
        """How many logins may be under way at once, for all that is known of how they end."""
        with self._lock:
            return (self._brake if self._reports else self._guests_brake).room

    @property
    def brake_releases(self) -> int:
        """How often the brake was released: a visit that began before the last one counts for nothing."""
        with self._lock:
            return self._releases

    def brake(self, visit: Visit, releases: int) -> bool:
        """Count how a login ended that began after so many ``releases``. True where it began a pause.

        Of all logins; where it was a guest's, of all guests' alone.
        """
        if visit.node.transport is not TransportKind.SSH or visit.reason is Reason.LOGINS_PAUSED:
            return False
        if visit.facts is not None and not visit.facts.has_logged_in:  # it proves nothing of our key
            return False
        with self._lock:
            if releases != self._releases:
                return False
            before = self._guests_brake if visit.node.is_guest else self._brake
            after = before.after(visit.ended, _login(visit))
            if visit.node.is_guest:
                self._guests_brake = after
            else:
                self._brake = after
            return after.is_on(visit.ended) and not before.is_on(visit.ended)

    def release_brake(self) -> None:
        """Let everybody be logged in to: another configuration may have the right key."""
        with self._lock:
            self._brake = self._guests_brake = Brake()
            self._releases += 1

    def sources(self, statuses: tuple[SourceStatus, ...]) -> None:
        """Which file_sd files count."""
        with self._lock:
            self._counters = replace(self._counters, sources=statuses)

    def stored(self, up: bool) -> None:  # noqa: FBT001 - a listener of one word
        """Whether what is learned survives a restart."""
        with self._lock:
            self._counters = replace(self._counters, store_up=up)

    def reloaded(self, now: float, *, successful: bool) -> None:
        """How the last load of the configuration ended."""
        with self._lock:
            time = now if successful else self._counters.config_reload_time
            self._counters = replace(self._counters, config_reload_successful=successful, config_reload_time=time)


def _settled(known: NodeReport | None, node: Node) -> NodeReport:
    """What is known of a node of the inventory; the same object where the node is the same."""
    if known is None:
        return NodeReport(node)
    return known.read_alike(node) if known.node.is_read_as(node) else known.read_elsewhere(node)


def _login(visit: Visit) -> Login:
    if visit.reason is not None and visit.reason.is_refused_login:
        return Login.REFUSED
    return Login.UNKNOWN if visit.facts is None else Login.ACCEPTED
