"""``explain --offline``: the last that a running exporter knew of a node, without touching it."""

from __future__ import annotations

from exporter.cli.history import NOT_KEPT_HERE, kept_at
from exporter.cli.selection import not_a_node
from exporter.config.loading import load
from exporter.errors import ConfigurationError, Mistake
from exporter.inventory.catalogue import Catalogue
from exporter.model.assessment import Assessment
from exporter.model.report import NodeReport, Visit
from exporter.model.snapshot import FleetSnapshot
from exporter.rounds.store.archive import archive
from exporter.serve.views import NodeView, views


def last_known(config_file: str, name: str, now: float) -> tuple[Visit, NodeView]:
    """The last visit as far as it is kept, and the node as a scrape at ``now`` sees it. Raises ConfigurationError."""
    where = kept_at(config_file)
    config, document = load(config_file)
    catalogue = Catalogue(config, document)
    nodes = {node.name: node for node in catalogue.nodes}
    if name not in nodes:
        raise ConfigurationError(Mistake(name, not_a_node(name, nodes)))
    with archive(where) as past:
        report = past.report(nodes[name])
        if report is None:
            raise ConfigurationError(Mistake(name, NOT_KEPT_HERE))
    (view,) = views(FleetSnapshot((report,), catalogue.labels, config.pace), now)
    return _visit(report), view


def _visit(report: NodeReport) -> Visit:
    """Without facts, which are not kept; what they meant is."""
    duration = report.duration or 0.0
    began = (report.last_visit or report.last_success or 0.0) - duration
    return Visit(report.node, began, duration, report.reason, report.detail, assessment=_meaning(report))


def _meaning(report: NodeReport) -> Assessment:
    """As the last visits that saw each thing had it."""
    return Assessment(
        reason=report.reason,
        client=report.client,
        serving=report.serving,
        serving_absent=report.serving is None,
        history=report.history,
        findings=report.findings,
        kubelet=report.kubelet,
        restart=report.restart,
        kubeconfig=report.kubeconfig,
        authority=report.authority,
        serving_live=report.serving_live,
        ties=report.ties,
        served=report.served,
    )
