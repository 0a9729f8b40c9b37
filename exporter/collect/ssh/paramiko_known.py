"""Whether this release of paramiko is one that the loop can drive."""

from __future__ import annotations

from exporter.collect.ssh import paramiko_internals, paramiko_negotiation, paramiko_packets, paramiko_stepped

NEEDED = tuple(
    one
    for module in (paramiko_internals, paramiko_negotiation, paramiko_packets, paramiko_stepped)
    for one in module.NEEDED
)
# What an instance has from its own __init__, so that no class shows it.
NEEDED_OF_INSTANCES = (
    "K",
    "_expected_packet",
    "_handler_table",
    "clear_to_send",
    "clear_to_send_lock",
    "in_kex",
    "initial_kex_done",
    "local_kex_init",
    "remote_kex_init",
    "saved_exception",
)


class _Nowhere:
    """An outlet for a transport that is only looked at."""

    def send(self, data: bytes, /) -> int:
        return len(data)

    def settimeout(self, seconds: float | None, /) -> None:
        pass

    def close(self) -> None:
        pass


def missing() -> tuple[str, ...]:
    """The names that this release of paramiko does not have, as its users write them."""
    of_classes = [
        f"{owner.__name__}.{name}" for owner, name in NEEDED if not any(name in vars(base) for base in owner.__mro__)
    ]
    if of_classes:
        return tuple(of_classes)
    transport = paramiko_stepped.SteppedTransport(_Nowhere())
    return tuple(f"Transport().{name}" for name in NEEDED_OF_INSTANCES if not hasattr(transport, name))
