"""Host names to addresses, within a deadline.

``getaddrinfo`` has none and cannot be interrupted, so a lookup runs in a thread of its own that is left behind when it
takes too long; only so many may be under way at once.
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
from collections.abc import Callable

from exporter.errors import CollectError, Reason

MOST_LOOKUPS = 16
_POLL = 0.1

SocketAddress = tuple[socket.AddressFamily, tuple[str | int | bytes, ...]]
_places = threading.BoundedSemaphore(MOST_LOOKUPS)


def resolve(
    host: str, port: int, left: Callable[[], float], family: socket.AddressFamily = socket.AF_UNSPEC
) -> list[SocketAddress]:
    """Every address of ``host`` in ``family``, in the resolver's order; ``left`` tells how many seconds it may take.

    Raises CollectError.
    """
    if _is_literal(host):
        return _lookup(host, port, family)
    while not _places.acquire(timeout=_POLL):
        if left() <= 0:
            raise CollectError(Reason.NAME_TIMEOUT, f"{host}: the resolver is busy")
    answer: queue.SimpleQueue[list[SocketAddress] | CollectError] = queue.SimpleQueue()
    try:
        threading.Thread(target=_answer, args=(host, port, family, answer), name="resolve", daemon=True).start()
    except RuntimeError as error:  # the process may have no more threads
        _places.release()
        raise CollectError(Reason.NAME_TIMEOUT, f"{host}: no thread for the resolver") from error
    while True:
        try:
            result = answer.get(timeout=_POLL)
        except queue.Empty:
            if left() <= 0:
                raise CollectError(Reason.NAME_TIMEOUT, host) from None
            continue
        if isinstance(result, CollectError):
            raise result
        return result


def _answer(
    host: str, port: int, family: socket.AddressFamily, answer: queue.SimpleQueue[list[SocketAddress] | CollectError]
) -> None:
    try:
        answer.put(_lookup(host, port, family))
    except CollectError as error:
        answer.put(error)
    finally:
        _places.release()


def _lookup(host: str, port: int, family: socket.AddressFamily) -> list[SocketAddress]:
    try:
        found = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise CollectError(Reason.NAME_NOT_RESOLVED, host) from error
    return [(family, address) for family, _, _, _, address in found]


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
