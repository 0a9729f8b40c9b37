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
Outcome = list[SocketAddress] | CollectError
_places = threading.BoundedSemaphore(MOST_LOOKUPS)


def resolve(
    host: str, port: int, left: Callable[[], float], family: socket.AddressFamily = socket.AF_UNSPEC
) -> list[SocketAddress]:
    """Every address of ``host`` in ``family``, in the resolver's order; ``left`` tells how many seconds it may take.

    Raises CollectError.
    """
    if is_literal(host):
        return lookup(host, port, family)
    answer: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
    while not begin_lookup(host, port, family, answer.put, patience=_POLL):
        if left() <= 0:
            raise busy(host)
    while True:
        try:
            result = answer.get(timeout=_POLL)
        except queue.Empty:
            if left() <= 0:
                raise too_late(host) from None
            continue
        if isinstance(result, CollectError):
            raise result
        return result


def begin_lookup(
    host: str, port: int, family: socket.AddressFamily, told: Callable[[Outcome], None], *, patience: float = 0.0
) -> bool:
    """Look a name up in a thread of its own, on which ``told`` is called.

    False where there was no place for it within ``patience`` (seconds).
    """
    if not _places.acquire(timeout=patience):
        return False
    try:
        threading.Thread(target=_answer, args=(host, port, family, told), name="resolve", daemon=True).start()
    except RuntimeError:  # the process may have no more threads
        _places.release()
        told(CollectError(Reason.NAME_TIMEOUT, f"{host}: no thread for the resolver"))
    return True


def busy(host: str) -> CollectError:
    """There was no place for a lookup in time."""
    return CollectError(Reason.NAME_TIMEOUT, f"{host}: the resolver is busy")


def too_late(host: str) -> CollectError:
    """The resolver gave no answer in time."""
    return CollectError(Reason.NAME_TIMEOUT, host)


def _answer(host: str, port: int, family: socket.AddressFamily, told: Callable[[Outcome], None]) -> None:
    try:
        told(lookup(host, port, family))
    except CollectError as error:
        told(error)
    finally:
        _places.release()


def lookup(host: str, port: int, family: socket.AddressFamily) -> list[SocketAddress]:
    """Every address, however long it takes. Raises CollectError."""
    try:
        found = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise CollectError(Reason.NAME_NOT_RESOLVED, host) from error
    return [(family, address) for family, _, _, _, address in found]


def is_literal(host: str) -> bool:
    """Whether it is an address itself, which nobody is asked about."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
