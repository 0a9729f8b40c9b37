"""Reports out of the store, for nodes that the inventory names anew."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from exporter.model.node import Node
from exporter.model.report import NodeReport
from exporter.rounds.store.codec import UnreadableError
from exporter.rounds.store.report_rows import Restoring
from exporter.rounds.store.tables import Tables, reports

log = logging.getLogger(__name__)


def recall(tables: Tables, nodes: Sequence[Node]) -> dict[str, NodeReport]:
    """What is stored of these nodes, by name. One that is read as it was is known to the tables from now on."""
    wanted = {node.name: node for node in nodes}
    found: dict[str, NodeReport] = {}
    unreadable, restoring = 0, Restoring()
    with _no_collection():
        for name, stored in reports(tables.connection, list(wanted)):
            try:
                report = found[name] = restoring.report(wanted[name], stored)
            except UnreadableError:
                unreadable += 1
            else:
                kept = tables.known[name]
                kept.node, kept.is_unheard = report.node if report.last_visit is not None else None, False
    if unreadable:
        log.warning("what is stored of some nodes cannot be understood: they are new", extra={"nodes": unreadable})
    return found


@contextmanager
def _no_collection() -> Iterator[None]:
    """Nothing here becomes garbage, and to look for some takes longer than all the rest, later too.

    So it is left out from then on: frozen data has no cycles, and goes when nobody has it any more.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()
