"""A TCP connection to a host, within a deadline, that another thread may give up."""

from __future__ import annotations

import socket
from collections.abc import Callable

from exporter.collect.ssh.bounded import hang_up
from exporter.collect.ssh.failures import of_connect
from exporter.collect.ssh.resolving import resolve
from exporter.config.settings import AddressFamily
from exporter.errors import CollectError
from exporter.model.node import SshAccess

FAMILIES = {
    AddressFamily.ANY: socket.AF_UNSPEC,
    AddressFamily.INET: socket.AF_INET,
    AddressFamily.INET6: socket.AF_INET6,
}


class Dialling:
    """One attempt to reach one host, by any of its addresses."""

    def __init__(self) -> None:
        self._under_way: socket.socket | None = None
        self._given_up = False

    def give_up(self) -> None:
        """May come from another thread."""
        self._given_up = True
        if self._under_way:
            hang_up(self._under_way)

    def dial(self, access: SshAccess, left: Callable[[], float]) -> socket.socket:
        """A connected socket; ``left`` tells how many seconds there are. Raises CollectError."""
        error: OSError = TimeoutError("no address")
        family = FAMILIES[access.address_family]
        found = resolve(access.address, access.port, left, family)
        for tried, (number, address) in enumerate(found):
            if left() <= 0 or self._given_up:
                break
            try:  # an address that swallows packets leaves the others their share
                return self._connect(number, address, access.bind_address, left() / (len(found) - tried))
            except OSError as failed:
                error = failed
        raise CollectError(of_connect(error), f"{access.address} port {access.port}") from error

    def _connect(
        self,
        family: socket.AddressFamily,
        address: tuple[str | int | bytes, ...],
        bind_address: str | None,
        timeout: float,
    ) -> socket.socket:
        connected = self._under_way = socket.socket(family, socket.SOCK_STREAM)
        try:
            connected.settimeout(max(0.001, timeout))
            if bind_address:
                connected.bind((bind_address, 0))
            connected.connect(address)
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            connected.close()
            raise
        return connected
