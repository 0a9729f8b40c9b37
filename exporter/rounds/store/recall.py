"""Reports out of the store, for nodes that the inventory names anew."""

from __future__ import annotations

import gc
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

from exporter.model.node import Node
from exporter.model.report import NodeReport
from exporter.rounds.store.codec import UnreadableError
from exporter.rounds.store.database import open_frozen, open_to_read
from exporter.rounds.store.refusals import RefusalError
from exporter.rounds.store.report_rows import Restoring
from exporter.rounds.store.schema import MIGRATIONS, version_of
from exporter.rounds.store.tables import Tables, reports

log = logging.getLogger(__name__)


def recall(tables: Tables, nodes: Sequence[Node]) -> dict[str, NodeReport]:
    """What is stored of these nodes, by name. One that is read as it was is known to the tables from now on."""
    found = _restored(tables.connection, nodes)
    for name, report in found.items():
        kept = tables.known[name]
        kept.node, kept.is_unheard = report.node if report.last_visit is not None else None, False
    return found


def recall_unwritten(path: str, nodes: Sequence[Node]) -> dict[str, NodeReport] | None:
    """The same where the file cannot be written; None where it cannot be read either."""
    for opened in (open_to_read, open_frozen):
        try:
            with closing(opened(path)) as connection:
                if version_of(connection) == len(MIGRATIONS):
                    return _restored(connection, nodes)
        except (sqlite3.Error, OSError, RefusalError) as error:
            log.debug("cannot be read", extra={"file": path, "error": str(error)})
    return None


def _restored(connection: sqlite3.Connection, nodes: Sequence[Node]) -> dict[str, NodeReport]:
    wanted = {node.name: node for node in nodes}
    found: dict[str, NodeReport] = {}
    unreadable, restoring = 0, Restoring()
    with _no_collection():
        for name, stored in reports(connection, list(wanted)):
            try:
                found[name] = restoring.report(wanted[name], stored)
            except UnreadableError:
                unreadable += 1
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
