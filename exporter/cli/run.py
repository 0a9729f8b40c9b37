"""``run``: the daemon."""

from __future__ import annotations

import argparse
import signal

from exporter.cli.service import Service, leave
from exporter.cli.shard import shard
from exporter.cli.web import doorkeeper, open_web
from exporter.errors import ConfigurationError, Mistake, Mistakes
from exporter.inventory.catalogue import Catalogue
from exporter.model.shard import Shard
from exporter.rounds.keeper import Kept
from exporter.rounds.store.place import place


def command(given: argparse.Namespace) -> int:
    """Visit the fleet and serve its metrics until a signal. Raises ConfigurationError."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is something to reload
    mine = shard(given)
    if given.config_check:
        _check(given, mine)
        return 0
    kept = Kept(given.config_file, shard=mine)
    return leave(Service(given.config_file, kept, open_web(given)).run())


def _check(given: argparse.Namespace, mine: Shard) -> None:
    """Both files, and what they name."""
    mistakes = Mistakes()
    with mistakes.gathered():
        doorkeeper(given)
    nodes, store = 0, ""
    with mistakes.gathered():
        kept = Kept(given.config_file, shard=mine)
        _tell_problems(kept.catalogue)
        nodes, store = len(kept.catalogue.nodes), _store(kept.config.store)
    mistakes.tell()
    share = "" if mine.is_whole else f", of shard {mine.index} of {mine.total} alone"
    print(f"{given.config_file}: no mistakes; nodes: {nodes}{share}")
    print(f"store: {store}")


def _store(configured: str | None) -> str:
    """Which one would be used."""
    where = place(configured)
    if where is None:
        return "none: what is learned ends with the process"
    return where if configured else f"{where} (`store` is not set: by the environment, and the user who runs it)"


def _tell_problems(catalogue: Catalogue) -> None:
    """A daemon goes on with what a broken file_sd file gave before; a check says what is wrong with it."""
    problems = [Mistake("", line) for text in catalogue.problems.values() for line in text.splitlines()]
    if problems:
        raise ConfigurationError(*problems)
