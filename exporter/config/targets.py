"""Who may be probed that is not in the inventory: names by pattern, addresses by network."""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator

_PATTERN = re.compile(r"[A-Za-z0-9.*?_-]+")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_LOCAL = "localhost"
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _target_pattern(text: str) -> str:
    if _network(text) is None and (not _PATTERN.fullmatch(text) or _is_number(text)):
        raise ValueError("neither a name such as *.nodes.example.org nor a network such as 10.20.0.0/16")
    return text


TargetPattern = Annotated[str, AfterValidator(_target_pattern)]


def is_allowed(target: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns takes a target; a network takes addresses alone, a pattern of names only names.

    Addresses of this host, of its link (where clouds keep their metadata) and of many hosts at once are taken by a
    network that has no others, and `localhost` by its own name: `0.0.0.0/0` and `*` are everybody else. Where a name
    leads is the resolver's word.
    """
    address = _address(target)
    if address is None:
        name = target.lower()
        if _is_number(name):  # 127.1 and 0x7f000001 are addresses to a resolver
            return False
        is_local = name == _LOCAL or name.endswith(f".{_LOCAL}")
        return any(
            _network(one) is None and (name == one.lower() if is_local else fnmatch.fnmatchcase(name, one.lower()))
            for one in patterns
        )
    networks = (network for one in patterns if (network := _network(one)))
    return any(
        address.version == network.version and address in network and _nature(address) == _nature(network)
        for network in networks
    )


def canonical(target: str) -> str:
    """The one spelling of a target that may be written in many: names in lower case, addresses as they are printed."""
    address = _address(target)
    if address is None:
        return target.lower()
    text = str(address)  # a node's name neither begins nor ends with a colon
    return f"{'0' if text.startswith(':') else ''}{text}{'0' if text.endswith(':') else ''}"


def _nature(of: Address | Network) -> tuple[bool, ...]:
    """What sets an address apart from others; a network has it where all of its addresses do."""
    return of.is_loopback, of.is_link_local, of.is_multicast, of.is_unspecified


def _address(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _network(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        return None


def _is_number(name: str) -> bool:
    """Whether its last label is a number, which no name of a host has and every form of an IPv4 address."""
    return _NUMBER.fullmatch(name.rpartition(".")[2]) is not None
