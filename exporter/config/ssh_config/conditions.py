"""For which hosts a block counts: ``Host`` and ``Match``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from exporter.config.ssh_config.patterns import PatternList, is_plain
from exporter.config.ssh_config.words import Line

# Criteria of Match that we do not look at. They count as met: a block that hangs on one alone is refused.
UNSUPPORTED = ("exec", "localuser", "localnetwork", "tagged", "command", "sessiontype", "version")
_ASKED = ("host", "originalhost", "user", *UNSUPPORTED)


class Subject(Protocol):
    """The host that is looked up, as far as the file has been read."""

    @property
    def original(self) -> str:
        """The name that was asked for."""

    @property
    def host(self) -> str:
        """What HostName has made of it."""

    @property
    def user(self) -> str:
        """Who would log in."""


Test = Callable[[Subject], bool]


@dataclass(frozen=True, slots=True)
class Condition:
    """What must hold for a block to count.

    ``names`` are the only hosts for which it can, where they are known; ``unsupported`` is a criterion that it hangs
    on besides, and that we cannot tell.
    """

    tests: tuple[Test, ...] = ()
    names: frozenset[str] | None = None
    unsupported: str = ""

    @property
    def is_always(self) -> bool:
        return not self.tests and not self.unsupported

    def holds(self, subject: Subject) -> bool:
        return all(test(subject) for test in self.tests)


def condition(line: Line) -> Condition:
    """Of a ``Host`` or a ``Match`` line. Raises ValueError."""
    if "" in line.arguments:
        raise ValueError("an empty argument")
    return _host(line.arguments) if line.option == "host" else _match(list(line.arguments))


def _host(words: tuple[str, ...]) -> Condition:
    if not words:
        raise ValueError("no pattern")
    if words == ("*",):
        return Condition()
    patterns = PatternList.of(list(words))
    names = frozenset(words) if all(map(is_plain, words)) else None
    return Condition((lambda subject: patterns.matches(subject.original),), names)


def _match(words: list[str]) -> Condition:
    tests: list[Test] = []
    unsupported, count = "", 0
    while words:
        word = words.pop(0)
        name, negated = word.removeprefix("!").lower(), word.startswith("!")
        if name == "all":
            if words or count > 1:
                raise ValueError(f"{word!r} stands alone")
            return Condition((*tests, *([_never] if negated else [])), unsupported=unsupported)
        count += 1
        if name == "final":
            return Condition(unsupported="final")  # whatever else it asks for: ssh reads the file twice, for every host
        if name == "canonical":
            tests.extend([] if negated else [_never])  # CanonicalizeHostname is refused
            continue
        name, argument = _criterion(name, word, words)
        if name in UNSUPPORTED:
            unsupported = unsupported or name
        else:
            tests.append(_test(name, argument, negated=negated))
    if not count:
        raise ValueError("no criterion")
    return Condition(tuple(tests), unsupported=unsupported)


def _criterion(name: str, word: str, words: list[str]) -> tuple[str, str]:
    """A criterion and its argument, which may hang on it with a "=" or be the next word."""
    name, equals, _ = name.partition("=")
    if name not in _ASKED:
        raise ValueError(f"unknown criterion {word!r}")
    if equals:
        argument = word.partition("=")[2]
    elif words:
        argument = words.pop(0)
    else:
        argument = ""
    if not argument:
        raise ValueError(f"no argument for {word!r}")
    return name, argument


def _test(name: str, argument: str, *, negated: bool) -> Test:
    if name == "user":
        users = PatternList.of(argument.split(","))
        return lambda subject: users.matches(subject.user) is not negated
    hosts = PatternList.of(argument.lower().split(","))
    if name == "host":
        return lambda subject: hosts.matches(subject.host.lower()) is not negated
    return lambda subject: hosts.matches(subject.original.lower()) is not negated


def _never(_: Subject) -> bool:
    return False
