"""Addresses as people write them."""

from __future__ import annotations

import ipaddress


def bare(address: str) -> str:
    """An address without the brackets of an IPv6 literal. Raises ValueError where they hold none."""
    if address.startswith("[") and address.endswith("]"):
        return str(ipaddress.IPv6Address(address[1:-1]))
    return address
