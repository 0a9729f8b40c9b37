"""The store as a command reads it, beside the exporter that writes it or without one: nothing is locked or changed."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from exporter.errors import ConfigurationError, Mistake
from exporter.model.node import Node
from exporter.model.report import NodeReport
from exporter.rounds.store import tables
from exporter.rounds.store.codec import UnreadableError
from exporter.rounds.store.database import open_to_read
from exporter.rounds.store.records import Outcome, SeenRotation
from exporter.rounds.store.refusals import RefusalError
from exporter.rounds.store.report_rows import Restoring
from exporter.rounds.store.schema import MIGRATIONS, version_of


class Archive:
    """What is kept of each node, by its name."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @property
    def names(self) -> tuple[str, ...]:
        """Every node that something is kept of: those of the inventory, and those that left it within a day."""
        return tuple(name for (name,) in self._connection.execute("SELECT name FROM node ORDER BY name"))

    def report(self, node: Node) -> NodeReport | None:
        """The last that was known; None where nothing is kept that can be understood."""
        for _, stored in tables.reports(self._connection, [node.name]):
            try:
                return Restoring().report(node, stored)
            except UnreadableError:
                break
        return None

    def rotations(self, name: str) -> tuple[SeenRotation, ...]:
        """The oldest first."""
        return tables.rotations(self._connection, name)

    def outcomes(self, name: str) -> tuple[Outcome, ...]:
        """Of the last visits, the oldest first."""
        return tables.outcomes(self._connection, name)


@contextmanager
def archive(path: str) -> Iterator[Archive]:
    """The store at ``path``. Raises ConfigurationError where it cannot be read."""
    if not os.path.exists(path):
        raise ConfigurationError(
            Mistake(path, "no store here: no exporter with this configuration has run as this user")
        )
    try:
        with closing(open_to_read(path)) as connection:
            _refuse_older(version_of(connection))
            yield Archive(connection)
    except (sqlite3.Error, RefusalError) as error:
        raise ConfigurationError(Mistake(path, f"cannot be read: {error}")) from error


def _refuse_older(version: int) -> None:
    if version < len(MIGRATIONS):
        raise RefusalError("tables of an earlier version; the exporter brings them to this one at its next start")
