"""Partial verdicts, and the words that they are told in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from exporter.model.restart import Ending, Restart, RestartReason


def comes_back(words: str) -> Restart:
    return Restart(safe=True, reason=RestartReason.COMES_BACK, words=words)


def dies(reason: RestartReason, words: str) -> Restart:
    return Restart(safe=False, reason=reason, words=words, ending=Ending.DIES)


def exits(reason: RestartReason, words: str, until: float | None = None) -> Restart:
    return Restart(safe=False, reason=reason, words=words, ending=Ending.EXITS, until=until)


def lives(reason: RestartReason, words: str, until: float | None = None) -> Restart:
    return Restart(safe=False, reason=reason, words=words, ending=Ending.LIVES, until=until)


def unknown(reason: RestartReason, words: str) -> Restart:
    return Restart(safe=None, reason=reason, words=words)


def unseen(what: str) -> Restart:
    """A fact that decides was not to be seen."""
    return unknown(RestartReason.NOT_SEEN, f"That the kubelet would come back depends on {what}, which was not seen.")


def moment(seconds: float) -> str:
    """A date as a person reads it; certificates may say any year from 1 to 9999."""
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(seconds)):%Y-%m-%d %H:%M} UTC"
