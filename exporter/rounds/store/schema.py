"""The store's tables, and the way from an older version of them to this one."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from exporter.rounds.store.refusals import NewerSchemaError, NotOursError
from exporter.rounds.store.report_rows import MOMENTS

APPLICATION = 0x6B636572  # "kcer": SQLite's application_id, by which a file is known to be ours
RING = 32  # outcomes kept of each node
_SLOTS_APART = 1 << 32

# From version n to n + 1, each in one transaction; never changed once released.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        # `gone`: since when the inventory does not name it, else null. From `report` on JSON, see report_rows.py.
        """CREATE TABLE node (
            id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, read_as TEXT NOT NULL, gone REAL, report TEXT NOT NULL,
            kubelet TEXT, restart TEXT, process TEXT, authority TEXT
        )""",
        # What moves with every visit; `visits` counts them. The id is the node's.
        f"CREATE TABLE moment (id INTEGER PRIMARY KEY, visits INTEGER NOT NULL, {', '.join(MOMENTS)})",
        """CREATE TABLE rotation (
            id INTEGER PRIMARY KEY, node INTEGER NOT NULL, cert TEXT NOT NULL, managed INTEGER NOT NULL,
            seen REAL NOT NULL, last_seen_before REAL NOT NULL,
            old_not_before INTEGER NOT NULL, old_not_after INTEGER NOT NULL, old_fingerprint TEXT NOT NULL,
            not_before INTEGER NOT NULL, not_after INTEGER NOT NULL, fingerprint TEXT NOT NULL, serial TEXT NOT NULL
        )""",
        "CREATE INDEX rotations_of_a_node ON rotation (node, seen)",
        # A ring of each node, see slot(). No reason: the visit brought a reading.
        "CREATE TABLE outcome (slot INTEGER PRIMARY KEY, ended REAL NOT NULL, duration REAL NOT NULL, reason TEXT)",
    ),
    ("ALTER TABLE rotation ADD COLUMN written REAL",),
)


def slot(node: int, visit: int) -> int:
    """Where the outcome of a node's so-many-th visit goes.

    Nodes that are visited equally often have theirs side by side, so that a second's outcomes fill few pages.
    """
    return (visit % RING) * _SLOTS_APART + node


def version_of(connection: sqlite3.Connection, migrations: Sequence[object] = MIGRATIONS) -> int:
    """Raises NewerSchemaError, NotOursError; reads only."""
    ((version,),) = connection.execute("PRAGMA user_version")
    ((application,),) = connection.execute("PRAGMA application_id")
    ((tables,),) = connection.execute("SELECT count(*) FROM sqlite_master")
    if tables and application != APPLICATION:
        raise NotOursError("a database of another application")
    if version > len(migrations):
        raise NewerSchemaError(f"version {version} of the tables; this exporter knows {len(migrations)}")
    return int(version)


def migrate(connection: sqlite3.Connection, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> None:
    """Bring the tables to this version, or make them. A step that fails leaves them as they were before it."""
    for version in range(version_of(connection, migrations), len(migrations)):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in migrations[version]:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {version + 1}")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
