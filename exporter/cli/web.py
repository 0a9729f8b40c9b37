"""What the command line says of the web side: sockets that are bound, and the door before them."""

from __future__ import annotations

import argparse
import socket
from dataclasses import dataclass

from exporter.errors import Mistakes
from exporter.serve.doorkeeper import Doorkeeper
from exporter.serve.listener import listen, url


@dataclass(frozen=True, slots=True)
class Web:
    """The web side before it serves. ``doorkeeper`` is None where nothing is asked of clients."""

    sockets: list[socket.socket]
    health_sockets: list[socket.socket]
    doorkeeper: Doorkeeper | None
    most_connections: int
    lifecycle: bool

    @property
    def urls(self) -> list[str]:
        """Where the metrics are."""
        tls = self.doorkeeper is not None and self.doorkeeper.tls is not None
        return [url(bound, "https" if tls else "http") for bound in self.sockets]


def doorkeeper(given: argparse.Namespace) -> Doorkeeper | None:
    """The web configuration, where one is named. Raises ConfigurationError with its mistakes."""
    return Doorkeeper(given.web_config) if given.web_config else None


def open_web(given: argparse.Namespace) -> Web:
    """Read the web configuration and bind. Raises ConfigurationError with the mistakes of both."""
    mistakes = Mistakes()
    kept: Doorkeeper | None = None
    sockets: list[socket.socket] = []
    health: list[socket.socket] = []
    with mistakes.gathered():
        kept = doorkeeper(given)
    with mistakes.gathered():
        sockets = listen(given.listen or [given.default_address])
    with mistakes.gathered():
        health = listen(given.health_listen or [], "--web.health-listen-address")
    if mistakes.found:
        for bound in (*sockets, *health):
            bound.close()
    mistakes.tell()
    return Web(sockets, health, kept, given.max_connections, given.lifecycle)
