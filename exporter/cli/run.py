"""``run``: the daemon."""

from __future__ import annotations

import argparse
import signal

from exporter.cli.service import Service, leave
from exporter.errors import ConfigurationError, Mistake
from exporter.inventory.catalogue import Catalogue
from exporter.rounds.keeper import Kept
from exporter.serve.listener import listen


def command(given: argparse.Namespace) -> int:
    """Visit the fleet and serve its metrics until a signal. Raises ConfigurationError."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is something to reload
    kept = Kept(given.config_file)
    if given.config_check:
        _tell_problems(kept.catalogue)
        print(f"{given.config_file}: no mistakes; nodes: {len(kept.catalogue.nodes)}")
        return 0
    sockets = listen(given.listen or [given.default_address])
    return leave(Service(given.config_file, kept, sockets, lifecycle=given.lifecycle).run())


def _tell_problems(catalogue: Catalogue) -> None:
    """A daemon goes on with what a broken file_sd file gave before; a check says what is wrong with it."""
    problems = [Mistake("", line) for text in catalogue.problems.values() for line in text.splitlines()]
    if problems:
        raise ConfigurationError(*problems)
