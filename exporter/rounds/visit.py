"""One node through collect and judge, never raising."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

from exporter.collect import Transport
from exporter.config.settings import TransportKind
from exporter.errors import CollectError, Reason
from exporter.judge.assess import assess
from exporter.model.facts import NodeFacts
from exporter.model.node import Node
from exporter.model.report import NodeReport, Visit

log = logging.getLogger(__name__)

Transports = Mapping[TransportKind, Transport]


def visit(node: Node, report: NodeReport, transports: Transports, clock: Callable[[], float] = time.time) -> Visit:
    """Read ``node`` once and judge it, given what its ``report`` said before. ``clock`` is in epoch seconds."""
    began, monotonic = clock(), time.monotonic()
    try:
        facts = transports[node.transport].read(node, report.flags)
        assessment = assess(facts, node.rotation, report.memory)
    except CollectError as error:
        return Visit(node, began, time.monotonic() - monotonic, error.reason, error.detail)
    except Exception as error:
        if report.reason is not Reason.INTERNAL:
            log.exception("a visit failed in a way nobody foresaw", extra={"node": node.name})
        return Visit(node, began, time.monotonic() - monotonic, Reason.INTERNAL, type(error).__name__)
    duration = time.monotonic() - monotonic
    return Visit(node, began, duration, assessment.reason, _detail(assessment.reason, facts), facts, assessment)


def _detail(reason: Reason | None, facts: NodeFacts) -> str:
    """Which file, and what an ordinary user has not seen of the node."""
    who = "" if facts.uid is None else f" as uid {facts.uid}"
    if reason is Reason.STORE_DENIED:
        return f"{facts.store.path}: not to be seen{who}"
    if reason is Reason.CERTIFICATE_DENIED:
        return f"{facts.client.path}: not to be read{who}; names and times of the store alone were seen"
    return facts.client.path if reason else ""
