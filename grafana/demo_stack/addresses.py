"""Where each part of the stack listens: a port of its own on loopback."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass, fields

HOST = "127.0.0.1"


class TakenPortError(Exception):
    """Another program listens where a part of the stack should."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """The ports. Not 9090 and 9093: Debian's packages start services of their own there."""

    exporter: int = 19087
    prometheus: int = 19090
    alertmanager: int = 19093
    receiver: int = 19095

    def each(self) -> Iterator[tuple[str, int]]:
        """The parts' names and their ports."""
        for field in fields(self):
            yield field.name, getattr(self, field.name)

    def require_free(self) -> None:
        """Raises TakenPortError with every port on which somebody listens."""
        taken = [(name, port) for name, port in self.each() if not _is_free(port)]
        if taken:
            raise TakenPortError(
                "\n".join(
                    f"{address(port)} is taken: choose another port for it by --{name}-port" for name, port in taken
                )
            )


def address(port: int) -> str:
    """Host and port of a part."""
    return f"{HOST}:{port}"


def url(port: int) -> str:
    """The base URL of a part."""
    return f"http://{address(port)}"


def _is_free(port: int) -> bool:
    try:
        with socket.create_server((HOST, port)):
            return True
    except OSError:
        return False
