"""A host's name as ssh(1) writes it once it has it."""

from __future__ import annotations

import ipaddress
import re
import socket

_SHORT_ADDRESS = re.compile(r"[0-9a-fA-FxX.]+")


def canonical(host: str) -> str:
    """A name in lower case, an address in its usual form; ``10.1`` is an address too."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        is_short = _SHORT_ADDRESS.fullmatch(host)
    try:
        return socket.inet_ntoa(socket.inet_aton(host)) if is_short else host.lower()
    except OSError:
        return host.lower()
