"""Readings that differ in nothing but their moment are judged once, for as long as the judgement holds.

:func:`judge` says what :func:`~exporter.judge.assess.assess` says. Where facts carry the same mark (:class:`Mark`) as
those before them, and the memory of the node is what it was but for the moment of the last visit, the assessment is
told again as long as no question that the judge put to a clock, or to the room that is left, would be answered
otherwise (``judge/varying.py``). So no cause has to know of it, and none can be forgotten.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace
from typing import cast
from weakref import WeakKeyDictionary

from exporter.config.settings import Rotation
from exporter.judge.assess import assess
from exporter.judge.varying import Condition, Conditions, Varying
from exporter.model.assessment import Assessment, Certificate, Memory, Reading
from exporter.model.facts import Mark, NodeFacts

_TAKEN, _BEFORE, _BYTES, _FILES = range(4)  # what varies: this visit's moment, the last one's, bytes and files free

_THEN = "at the last visit"

Values = tuple[float, float, float, float]
Source = tuple[int | None, float]  # which of them, or a number that does not vary


@dataclass(frozen=True, slots=True)
class _Told:
    """A reading, and where its moments come from: ``taken``, ``witness`` and ``excused_until``."""

    certificate: Certificate
    node_clock: float | None
    managed: bool
    moments: tuple[Source, Source, Source]

    def at(self, values: Values) -> Reading:
        taken, witness, excused = [alone if which is None else values[which] for which, alone in self.moments]
        return Reading(self.certificate, taken, witness, self.node_clock, self.managed, excused)


@dataclass(frozen=True, slots=True)
class _Lasting:
    """An assessment, and when it holds. ``values`` are those of what varies, by which it was made."""

    assessment: Assessment
    question: tuple[object, ...]
    values: Values
    conditions: tuple[Condition, ...]
    client: _Told | None
    serving: _Told | None

    def holds(self, question: tuple[object, ...], values: Values) -> bool:
        if self.question != question:
            return False
        changes = tuple(map(operator.sub, values, self.values))
        return all(condition.holds(changes) for condition in self.conditions)

    def at(self, values: Values) -> Assessment:
        client = self.client.at(values) if self.client else None
        return self.assessment.with_readings(client, self.serving.at(values) if self.serving else None)


class _Unfollowed:
    """A judgement that cannot be followed: each reading is judged by itself."""


_MADE: WeakKeyDictionary[Mark, _Lasting | _Unfollowed | None] = WeakKeyDictionary()  # None: met once


def judge(facts: NodeFacts, owner: Rotation, memory: Memory) -> Assessment:
    """What ``facts`` mean; ``memory`` is what earlier visits of the node knew."""
    if facts.mark is None:
        return assess(facts, owner, memory)
    made = _MADE.get(facts.mark, facts.mark)
    if made is facts.mark:
        _MADE[facts.mark] = None
    if made is facts.mark or isinstance(made, _Unfollowed):
        return assess(facts, owner, memory)
    values = _values(facts, memory)
    question = _question(facts, owner, memory, values[_BEFORE])
    if not isinstance(made, _Lasting) or not made.holds(question, values):
        lasting = _made(facts, owner, memory, values, question)
        _MADE[facts.mark] = lasting or _Unfollowed()
        if lasting is None:
            return assess(facts, owner, memory)
        made = lasting
    return made.at(values)


def _values(facts: NodeFacts, memory: Memory) -> Values:
    folder = facts.store.folder
    bytes_free, files_free = (folder.bytes_free, folder.files_free) if folder else (None, None)
    return facts.taken, _moment_before(memory), bytes_free or 0, files_free or 0


def _moment_before(memory: Memory) -> float:
    """The last moment that the memory knows of: most of the others in it are the same one."""
    before = memory.met or 0.0
    for reading in (memory.client, memory.serving):
        if reading and reading.taken > before:
            before = reading.taken
    return before


def _question(facts: NodeFacts, owner: Rotation, memory: Memory, before: float) -> tuple[object, ...]:
    """All that a judgement rests on beside the marked facts, but for what varies."""
    folder = facts.store.folder
    return (
        owner,
        _standing(memory.client, before),
        _standing(memory.serving, before),
        _THEN if memory.met == before else memory.met,
        memory.findings,
        memory.starts,
        memory.process,
        memory.newest,
        memory.kubelet,
        memory.served,
        (folder.bytes_free is None, folder.files_free is None) if folder else None,
    )


def _standing(reading: Reading | None, before: float) -> tuple[object, ...] | None:
    if reading is None:
        return None
    return (
        reading.certificate,
        reading.node_clock,
        reading.managed,
        _THEN if reading.taken == before else reading.taken,
        _THEN if reading.witness == before else reading.witness,
        _THEN if reading.excused_until == before else reading.excused_until,
    )


def _made(
    facts: NodeFacts, owner: Rotation, memory: Memory, values: Values, question: tuple[object, ...]
) -> _Lasting | None:
    """Judge once, and take down what is asked of what varies; None where that cannot be followed."""
    conditions = Conditions()
    numbers = conditions.numbers(values)
    try:
        found = assess(_varied(facts, numbers), owner, _remembered(memory, numbers, values[_BEFORE]))
        client, serving = _told(found.client, numbers), _told(found.serving, numbers)
    except (TypeError, AttributeError):
        return None
    bare = replace(found, client=None, serving=None)
    return _Lasting(bare, question, values, conditions.all(), client, serving)


def _plain(number: Varying) -> float:
    """For the judge, whose numbers are floats: a :class:`Varying` is one as far as it goes."""
    return cast(float, number)


def _varied(facts: NodeFacts, numbers: tuple[Varying, ...]) -> NodeFacts:
    taken, _, bytes_free, files_free = map(_plain, numbers)
    folder = facts.store.folder
    if folder is None:
        return replace(facts, taken=taken)
    folder = replace(
        folder,
        bytes_free=None if folder.bytes_free is None else cast(int, bytes_free),
        files_free=None if folder.files_free is None else cast(int, files_free),
    )
    return replace(facts, taken=taken, store=replace(facts.store, folder=folder))


def _remembered(memory: Memory, numbers: tuple[Varying, ...], before: float) -> Memory:
    moment = _plain(numbers[_BEFORE])

    def varied(reading: Reading | None) -> Reading | None:
        if reading is None:
            return None
        taken, witness, excused = (
            moment if one == before else one for one in (reading.taken, reading.witness, reading.excused_until)
        )
        return replace(reading, taken=taken, witness=witness, excused_until=excused)

    met = moment if memory.met == before else memory.met
    return replace(memory, client=varied(memory.client), serving=varied(memory.serving), met=met)


def _told(reading: Reading | None, numbers: tuple[Varying, ...]) -> _Told | None:
    if reading is None:
        return None
    taken, witness, excused = (
        _source(moment, numbers) for moment in (reading.taken, reading.witness, reading.excused_until)
    )
    return _Told(reading.certificate, reading.node_clock, reading.managed, (taken, witness, excused))


def _source(moment: float, numbers: tuple[Varying, ...]) -> Source:
    """Raises TypeError for a sum: it would be rounded otherwise than the judge rounds it."""
    which = next((at for at, number in enumerate(numbers) if moment is _plain(number)), None)
    if which is None and not isinstance(moment, float | int):
        raise TypeError("a sum of what varies")
    return which, 0.0 if which is not None else moment
