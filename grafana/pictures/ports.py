"""Ports of loopback that nobody listens on."""

from __future__ import annotations

import contextlib
import socket

from grafana.demo_stack.addresses import HOST


def free_ports(number: int) -> list[int]:
    """Different ones: all are held until the last is found."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.create_server((HOST, 0))) for _ in range(number)]
        return [each.getsockname()[1] for each in sockets]
