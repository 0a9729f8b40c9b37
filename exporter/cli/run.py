"""``run``: the daemon."""

from __future__ import annotations

import argparse

from exporter.cli.service import Service
from exporter.rounds.keeper import Kept
from exporter.serve.listener import listen


def command(given: argparse.Namespace) -> int:
    """Visit the fleet and serve its metrics until a signal. Raises ConfigurationError."""
    kept = Kept(given.config_file)
    if given.config_check:
        print(f"{given.config_file}: {len(kept.catalogue.nodes)} nodes, no mistakes")
        return 0
    sockets = listen(given.listen or [given.default_address])
    return Service(given.config_file, kept, sockets, lifecycle=given.lifecycle).run()
