"""A node's past that could not be had at its start, put under what was learned since."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields, replace
from typing import Any

from exporter.model.report import NodeReport

_OF_VISIT = ("node", "reason", "detail", "last_visit", "duration", "failures")


def has_no_reading(report: NodeReport) -> bool:
    """Whether nothing in it tells how long the node has: no certificate, and no proof that there is none."""
    return report.client is None and report.last_success is None and not report.no_client_by_design


def with_past(report: NodeReport, past: NodeReport) -> NodeReport:
    """``past`` with all that ``report`` learned since; how the last visit ended is the report's, if there was one."""
    of_visit = _OF_VISIT if report.last_visit is not None else ("node",)
    learned = {
        field.name: value
        for field in fields(NodeReport)
        if field.name not in _OF_VISIT and (value := getattr(report, field.name)) != _default(field)
    }
    if report.no_client_by_design:
        learned |= {"client": None, "authority": None}
    return replace(past, **{name: getattr(report, name) for name in of_visit}, **learned)


def _default(field: Field[Any]) -> object:
    return field.default if field.default_factory is MISSING else field.default_factory()
