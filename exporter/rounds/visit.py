"""One node through collect and judge, never raising."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

from exporter.collect import Transport
from exporter.config.settings import TransportKind
from exporter.errors import CollectError, Reason
from exporter.judge.lasting import judge
from exporter.model.facts import NodeFacts
from exporter.model.node import Node
from exporter.model.report import NodeReport, Visit

log = logging.getLogger(__name__)

Transports = Mapping[TransportKind, Transport]


def visit(node: Node, report: NodeReport, transports: Transports, clock: Callable[[], float] = time.time) -> Visit:
    """Read ``node`` once and judge it, given what its ``report`` said before. ``clock`` is in epoch seconds."""
    began, monotonic = clock(), time.monotonic()
    outcome = read(node, report, transports)
    return judged(node, report, outcome, began, time.monotonic() - monotonic)


def read(node: Node, report: NodeReport, transports: Transports) -> NodeFacts | Exception:
    """What a reading of ``node`` brings, or why it brings nothing. Blocks."""
    try:
        return transports[node.transport].read(node, report.flags)
    except Exception as error:  # noqa: BLE001 - it is what the visit came to
        return error


def judged(node: Node, report: NodeReport, outcome: NodeFacts | Exception, began: float, duration: float) -> Visit:
    """What a visit amounts to that began at ``began`` (epoch seconds) and ended so after ``duration`` seconds."""
    if not isinstance(outcome, Exception):
        try:
            assessment = judge(outcome, node.rotation, report.memory)
            detail = _detail(assessment.reason, outcome)
            return Visit(node, began, duration, assessment.reason, detail, outcome, assessment)
        except Exception as error:  # noqa: BLE001 - told below, as one of the reader's
            outcome = error
    if isinstance(outcome, CollectError):
        return Visit(node, began, duration, outcome.reason, outcome.detail)
    if report.reason is not Reason.INTERNAL:
        log.error("a visit failed in a way nobody foresaw", exc_info=outcome, extra={"node": node.name})
    return Visit(node, began, duration, Reason.INTERNAL, type(outcome).__name__)


def _detail(reason: Reason | None, facts: NodeFacts) -> str:
    """Which file, and what an ordinary user has not seen of the node."""
    who = "" if facts.uid is None else f" as uid {facts.uid}"
    if reason is Reason.STORE_DENIED:
        return f"{facts.store.path}: not to be seen{who}"
    if reason is Reason.CERTIFICATE_DENIED:
        return f"{facts.client.path}: not to be read{who}; names and times of the store alone were seen"
    return facts.client.path if reason else ""
