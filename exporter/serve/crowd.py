"""What only shows across nodes, compared anew only where a clue has changed (judge/cohort.py)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

from exporter.judge import cohort
from exporter.model.assessment import State
from exporter.model.finding import Cause, FleetFinding, Severity
from exporter.model.report import NodeReport
from exporter.serve.views import NodeView, counted

_Clue = Callable[[NodeReport, State, float], Hashable]


class _Column:
    """One row of the table: the nodes' clues by place, and the clusters in which its cause holds."""

    def __init__(self, row: cohort.Row, clue: _Clue) -> None:
        self.row = row
        self.holding: set[str] = set()
        self._clue = clue
        self._clues: list[Hashable] = []
        self._outdated: set[str] = set()

    def arrange(self, places: Iterable[int], clusters: Iterable[str]) -> None:
        self._clues = [self._clues[place] if place >= 0 else None for place in places]
        self._outdated, self.holding = set(clusters), set()

    def look(self, places: Iterable[int], nodes: Sequence[NodeView], clusters: Sequence[str], now: float) -> None:
        """Take the clues of nodes that have changed."""
        clue, clues = self._clue, self._clues
        for place, node in zip(places, nodes, strict=True):
            found = clue(node.report, node.client_state, now)
            if found != clues[place]:
                clues[place] = found
                self._outdated.add(clusters[place])

    def judge(self, clusters: Mapping[str, Sequence[int]], nodes: Sequence[NodeView], now: float) -> None:
        """Compare the nodes of each cluster in which a clue has changed."""
        for cluster in self._outdated:
            places, clues = clusters[cluster], self._clues
            self.holding.discard(cluster)
            if self.row.may_hold([clues[place] for place in places]):
                members = [cohort.member(nodes[place].report, nodes[place].client_state) for place in places]
                if self.row.holds(members, now):
                    self.holding.add(cluster)
        self._outdated = set()


class Crowd:
    """The nodes of all clusters, side by side."""

    def __init__(self) -> None:
        self._columns = [_Column(row, row.clue) for row in cohort.TABLE if row.clue]
        self._clusters: list[str] = []  # by place
        self._places: dict[str, list[int]] = {}

    @property
    def inventory(self) -> Mapping[str, int]:
        """How many nodes each cluster has."""
        return {cluster: len(places) for cluster, places in self._places.items()}

    def arrange(self, places: Sequence[int], clusters: list[str]) -> None:
        """The inventory has changed: where each node was before, -1 where it is new, and the clusters of all."""
        by_cluster: defaultdict[str, list[int]] = defaultdict(list)
        for place, cluster in enumerate(clusters):
            by_cluster[cluster].append(place)
        self._clusters, self._places = clusters, dict(by_cluster)
        for column in self._columns:
            column.arrange(places, by_cluster)

    def look(self, places: Sequence[int], nodes: Sequence[NodeView], now: float) -> None:
        """Take the clues of nodes that have changed."""
        for column in self._columns:
            column.look(places, nodes, self._clusters, now)

    def findings(
        self, nodes: Sequence[NodeView], now: float, *, exporter_clock_suspect: bool
    ) -> tuple[FleetFinding, ...]:
        """As cohort.fleet_findings has them, without evidence and names; ``nodes`` are all of them."""
        for column in self._columns:
            column.judge(self._places, nodes, now)
        clock = [row for row in cohort.TABLE if row.whole] if exporter_clock_suspect else []
        return (
            *(FleetFinding("", row.cause, row.severity) for row in clock),
            *(
                FleetFinding(cluster, column.row.cause, column.row.severity)
                for cluster in sorted(self._places)
                for column in self._columns
                if cluster in column.holding
            ),
        )

    def counted(self, nodes: Sequence[NodeView]) -> Mapping[tuple[str, Cause, Severity], int]:
        """On how many nodes of which cluster a cause holds."""
        return counted(nodes, self._clusters)
