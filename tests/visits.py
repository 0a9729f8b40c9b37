"""One visit over SSH, as tests make it."""

from __future__ import annotations

from exporter.collect.ssh.transport import SshTransport
from exporter.config.ssh import Timeouts
from exporter.errors import CollectError, Reason
from exporter.model.node import Node

# Time enough for every phase: a slow machine changes nothing.
PATIENT = Timeouts().model_copy(update=dict.fromkeys(Timeouts.model_fields, 60.0))


def failure(ours: SshTransport, node: Node) -> CollectError | None:
    """Why one visit failed, None where it brought facts. Anything but a CollectError fails the test."""
    try:
        ours.read(node)
    except CollectError as error:
        return error
    return None


def reason_of(ours: SshTransport, node: Node) -> Reason | None:
    """The reason of that failure."""
    error = failure(ours, node)
    return error.reason if error else None
