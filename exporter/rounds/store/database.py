"""The store's file: opened, brought to this version, set aside where it is broken."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from exporter.rounds.store.schema import MIGRATIONS, migrate, version_of

PATIENCE = 5.0  # seconds for another process to let go, such as a backup
_BESIDE = ("-wal", "-shm", "")  # the database last: a log without one belongs to none
_LARGEST_LOG = 64 << 20  # bytes that the write-ahead log keeps after it was long
_BROKEN = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB))


def open_to_write(path: str, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> sqlite3.Connection:
    """A connection whose transactions survive the end of this process, and whose file a power cut leaves whole.

    Folders that are missing are made. Raises sqlite3.Error, OSError, and RefusalError of a file that is left as it is.
    """
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY, 0o600)
    try:
        if os.fstat(descriptor).st_size:
            with closing(open_to_read(path)) as looked:
                version_of(looked, migrations)
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
    connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA journal_size_limit = {_LARGEST_LOG}")
        migrate(connection, migrations)
    except BaseException:
        connection.close()
        raise
    return connection


def open_to_read(path: str) -> sqlite3.Connection:
    """A connection that changes nothing, beside whoever writes. Raises sqlite3.Error."""
    return sqlite3.connect(
        f"{Path(path).absolute().as_uri()}?mode=ro", uri=True, timeout=PATIENCE, isolation_level=None
    )


def open_frozen(path: str) -> sqlite3.Connection:
    """The same without a file made beside it, for which a full disk has no room.

    Raises OSError where a log has what the file has not.
    """
    log = path + "-wal"
    if os.path.exists(log) and os.path.getsize(log):
        raise OSError("not all of it is in the file")
    return sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None)


def is_broken(error: BaseException) -> bool:
    """Whether the file itself is no database any more."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, sqlite3.DatabaseError) and code is not None and code & 0xFF in _BROKEN


def set_aside(path: str, now: float) -> str:
    """Give a broken file another name, with all that belongs to it; the name. ``now`` is in epoch seconds."""
    aside = f"{path}.corrupt-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}"
    number = 1
    while os.path.lexists(aside + f".{number}" * (number > 1)):
        number += 1
    aside += f".{number}" * (number > 1)
    for end in _BESIDE:
        if os.path.lexists(path + end):
            os.rename(path + end, aside + end)
    return aside
