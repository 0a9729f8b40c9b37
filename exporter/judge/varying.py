"""Numbers that know what was made of them: for which other values would all the same have come out?

A judgement is a function of facts, and some of the facts are numbers that move while nothing happens: the moment of the
visit, the moment of the one before, the room that is left. Such a number can be given to the judge as a
:class:`Varying`, which behaves like the number and takes down every question that is put to it. Sums and differences
with other numbers are followed, comparisons become limits; to be shown or counted as true or equal ties it to the very
value. Nothing else can be done with it: a TypeError says that its answers cannot be followed.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

_MARGIN = 1e-3  # seconds or bytes: more than sums of epoch seconds are rounded by

Weights = tuple[int, ...]  # how often each of the varying numbers is in a sum
Limits = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Condition:
    """Of one sum: between which changes, both ends excluded, all comes out the same. ``exact``: for none but 0."""

    weights: Weights
    lower: float
    upper: float
    exact: bool

    def holds(self, changes: Sequence[float]) -> bool:
        """``changes`` are those of the varying numbers since they were taken down."""
        change: float = sum(map(operator.mul, self.weights, changes))
        return change == 0 if self.exact else self.lower < change < self.upper


class Conditions:
    """Takes down what is asked of varying numbers."""

    def __init__(self) -> None:
        self._limits: dict[Weights, Limits] = {}
        self._exact: set[Weights] = set()

    def all(self) -> tuple[Condition, ...]:
        """What was asked, in as few conditions as it comes to."""
        limited = {**dict.fromkeys(self._exact, (0.0, 0.0)), **self._limits}
        return tuple(Condition(weights, *limits, weights in self._exact) for weights, limits in limited.items())

    def numbers(self, values: Sequence[float]) -> tuple[Varying, ...]:
        """The varying numbers themselves, with what they are now."""
        units = range(len(values))
        return tuple(Varying(self, value, tuple(int(one == at) for one in units)) for at, value in enumerate(values))

    def sign(self, value: float, weights: Weights) -> int:
        """Whether a sum is more than, less than or just 0."""
        if not value:
            self.tie(weights)
            return 0
        weights, towards = (weights, value) if weights > tuple(-one for one in weights) else (_minus(weights), -value)
        lower, upper = self._limits.get(weights, (-math.inf, math.inf))
        if towards > 0:
            self._limits[weights] = max(lower, _MARGIN - towards), upper
        else:
            self._limits[weights] = lower, min(upper, -towards - _MARGIN)
        return 1 if value > 0 else -1

    def tie(self, weights: Weights) -> None:
        """A sum was asked for its very value."""
        self._exact.add(max(weights, _minus(weights)))


def _minus(weights: Weights) -> Weights:
    return tuple(-one for one in weights)


class Varying:
    """A sum of varying numbers and others."""

    __slots__ = ("_conditions", "value", "weights")
    __hash__ = None  # type: ignore[assignment] # as the language wants it of what has no hash

    def __init__(self, conditions: Conditions, value: float, weights: Weights) -> None:
        self._conditions = conditions
        self.value = value
        self.weights = weights

    def __add__(self, other: object) -> float | Varying:
        if isinstance(other, Varying):
            weights = tuple(one + two for one, two in zip(self.weights, other.weights, strict=True))
            value = self.value + other.value
            return Varying(self._conditions, value, weights) if any(weights) else value
        if isinstance(other, int | float):
            return Varying(self._conditions, self.value + other, self.weights)
        return NotImplemented

    __radd__ = __add__

    def __neg__(self) -> Varying:
        return Varying(self._conditions, -self.value, _minus(self.weights))

    def __sub__(self, other: object) -> float | Varying:
        return self + -other if isinstance(other, int | float | Varying) else NotImplemented

    def __rsub__(self, other: object) -> float | Varying:
        return -self + other

    def __abs__(self) -> Varying:
        return -self if self._sign(0) < 0 else self

    def _sign(self, other: object) -> int:
        difference = self - other
        if isinstance(difference, Varying):
            return self._conditions.sign(difference.value, difference.weights)
        return (difference > 0) - (difference < 0)

    def __lt__(self, other: object) -> bool:
        return self._sign(other) < 0

    def __le__(self, other: object) -> bool:
        return self._sign(other) <= 0

    def __gt__(self, other: object) -> bool:
        return self._sign(other) > 0

    def __ge__(self, other: object) -> bool:
        return self._sign(other) >= 0

    def __eq__(self, other: object) -> bool:
        return self._sign(other) == 0 if isinstance(other, int | float | Varying) else NotImplemented

    def __bool__(self) -> bool:
        return self._sign(0) != 0

    def __format__(self, specification: str) -> str:
        self._conditions.tie(self.weights)
        return format(self.value, specification)

    def __str__(self) -> str:
        return format(self, "")

    def __float__(self) -> NoReturn:
        raise TypeError("a varying number cannot be followed into a plain one")
