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
    nodes = 0
    with mistakes.gathered():
        catalogue = Kept(given.config_file, shard=mine).catalogue
        _tell_problems(catalogue)
        nodes = len(catalogue.nodes)
    mistakes.tell()
    share = "" if mine.is_whole else f", of shard {mine.index} of {mine.total} alone"
    print(f"{given.config_file}: no mistakes; nodes: {nodes}{share}")


def _tell_problems(catalogue: Catalogue) -> None:
    """A daemon goes on with what a broken file_sd file gave before; a check says what is wrong with it."""
    problems = [Mistake("", line) for text in catalogue.problems.values() for line in text.splitlines()]
    if problems:
        raise ConfigurationError(*problems)
