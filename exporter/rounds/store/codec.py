"""Frozen dataclasses to plain values that JSON can write, and back, by their type hints alone.

A field at its default is not written, so the defaults of a stored class are part of the format. What a later version
wrote and this one does not know is passed over; a field that is missing, or holds what its type does not allow, is at
its default; an element of a tuple that cannot be read is left out. Only a required field that cannot be read makes its
object :class:`UnreadableError`.

Reading is compiled, a function for each class: a hundred thousand nodes are read at a start.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

T = TypeVar("T")
Plain = dict[str, Any]
Reader = Callable[[Any], Any]
Writer = Callable[[Any], Any]

_LEAVES: dict[type, str] = {
    str: "{0}.__class__ is str",
    bool: "{0}.__class__ is bool",
    int: "{0}.__class__ is int",
    float: "({0}.__class__ is float or {0}.__class__ is int)",
}


class UnreadableError(ValueError):
    """Something that is required is not there, or not of its type."""


class Codec(Generic[T]):
    """One class, and those that its fields name.

    ``given`` are its fields that are handed in; ``apart`` are fields, by class, that others than :attr:`plain` write,
    and that the mapping has again when it is read.
    """

    def __init__(
        self, stored: type[T], given: Collection[str] = (), apart: Mapping[type, Collection[str]] | None = None
    ) -> None:
        compiler = _Compiler(apart or {})
        self.plain: Callable[[T], Plain] = compiler.writer_of(stored, given)
        self._read = compiler.reader_of(stored, given)

    def value(self, plain: Plain, **given: object) -> T:
        """The object again. Raises UnreadableError."""
        try:
            value: T = self._read(plain, **given)
        except (KeyError, TypeError, AttributeError) as error:
            raise UnreadableError(str(error)) from error
        return value


def changing(stored: type[T], name: str) -> Callable[[T, Any], T]:
    """A function that gives an object with another value of one field: ``replace``, in a quarter of its time."""
    names: dict[str, Any] = {"Stored": stored, "Draft": _draft_of(stored)}
    copied = [f"    draft.{field.name} = item.{field.name}" for field in fields(stored) if field.name != name]  # type: ignore[arg-type] # a dataclass
    lines = ["    draft = Draft()", *copied, f"    draft.{name} = value", "    draft.__class__ = Stored"]
    return _function("item, value", [*lines, "    return draft"], names)


class _Compiler:
    """Makes each class's functions once."""

    def __init__(self, apart: Mapping[type, Collection[str]]) -> None:
        self._apart = apart
        self._readers: dict[type, Reader] = {}
        self._writers: dict[type, Writer] = {}

    def reader_of(self, stored: type, given: Collection[str] = ()) -> Callable[..., Any]:
        """A function from a mapping, and the ``given`` fields by name, to an object.

        The object is filled as a draft, a class of the same slots that is not frozen, and then becomes what it is: a
        frozen class's own ``__init__`` takes three times as long.
        """
        if stored not in self._readers or given:
            names: dict[str, Any] = {"Stored": stored, "Draft": _draft_of(stored), "or_default": _or_default}
            hints = typing.get_type_hints(stored)
            lines = ["    draft = Draft()", "    get = plain.get"]
            for place, field in enumerate(fields(stored)):
                if field.name in given:
                    lines.append(f"    draft.{field.name} = {field.name}")
                else:
                    lines += self._read_lines(field, hints[field.name], place, names)
            lines += ["    draft.__class__ = Stored", "    return draft"]
            self._readers[stored] = _function(", ".join(("plain", *given)), lines, names)
        return self._readers[stored]

    def _read_lines(self, field: Field[Any], hint: Any, place: int, names: dict[str, Any]) -> list[str]:
        """One field: checked in place where it is a leaf, by a function of its type elsewhere."""
        name, default, kept = field.name, f"default_{place}", _default(field)
        names[default] = kept
        inner, optional = _without_none(hint)
        check = _LEAVES.get(inner)
        if check is None:
            names[f"read_{place}"] = self._reader(hint)
            if kept is MISSING:
                return [f"    draft.{name} = read_{place}(plain[{name!r}])"]
            return [
                f"    value = get({name!r}, {default})",
                f"    draft.{name} = value if value is {default} else or_default(read_{place}, value, {default})",
            ]
        test = check.format("value")
        if optional:
            test = f"value is None or {test}"
        if kept is MISSING:
            return [
                f"    value = plain[{name!r}]",
                f"    if not ({test}): raise TypeError({name!r})",
                f"    draft.{name} = value",
            ]
        return [f"    value = get({name!r}, {default})", f"    draft.{name} = value if {test} else {default}"]

    def _reader(self, hint: Any) -> Reader:
        """A function that takes a plain value of that type, or raises."""
        inner, optional = _without_none(hint)
        if optional:
            some = self._reader(inner)
            return lambda value: None if value is None else some(value)
        if typing.get_origin(inner) is tuple:
            arguments = typing.get_args(inner)
            if arguments[-1] is Ellipsis:
                return _each(self._reader(arguments[0]))
            return _together([self._reader(one) for one in arguments])
        if is_dataclass(inner) and isinstance(inner, type):
            return self.reader_of(inner)
        if isinstance(inner, type) and issubclass(inner, StrEnum):
            return {str(member): member for member in inner}.__getitem__
        if inner in _LEAVES:
            return _checked(inner)
        raise TypeError(f"cannot be stored: {hint}")

    def writer_of(self, stored: type, given: Collection[str] = ()) -> Writer:
        """A function from an object to a mapping without what is at its default."""
        if stored not in self._writers or given:
            names: dict[str, Any] = {}
            hints = typing.get_type_hints(stored)
            lines = ["    plain = {}"]
            for place, field in enumerate(fields(stored)):
                if field.name in given or field.name in self._apart.get(stored, ()):
                    continue
                write, kept = self._writer(hints[field.name]), _default(field)
                names |= {f"default_{place}": kept, f"write_{place}": write}
                told = f"write_{place}(value)" if write else "value"
                condition = "" if kept is MISSING else f"if value != default_{place}: "
                lines += [f"    value = item.{field.name}", f"    {condition}plain[{field.name!r}] = {told}"]
            self._writers[stored] = _function("item", [*lines, "    return plain"], names)
        return self._writers[stored]

    def _writer(self, hint: Any) -> Writer | None:
        """A function that makes a value plain; None where JSON can write it as it is."""
        inner, optional = _without_none(hint)
        if optional:
            some = self._writer(inner)
            return some and (lambda value: None if value is None else some(value))
        if typing.get_origin(inner) is tuple:
            kinds = [one for one in typing.get_args(inner) if one is not Ellipsis]
            parts = [self._writer(one) for one in kinds]
            if not any(parts):
                return None
            if len(kinds) == 1:
                one = parts[0]
                return one and (lambda values: [one(value) for value in values])
            return lambda values: [part(value) if part else value for part, value in zip(parts, values, strict=True)]
        return self.writer_of(inner) if is_dataclass(inner) and isinstance(inner, type) else None


def _function(parameters: str, lines: list[str], names: dict[str, Any]) -> Callable[..., Any]:
    """As dataclasses make their own methods."""
    exec("\n".join([f"def made({parameters}):", *lines]), names)  # noqa: S102 - of our own classes' field names alone
    made: Callable[..., Any] = names["made"]
    return made


def _draft_of(stored: type) -> type:
    """The data model lets an object change its class where both have the same bases and slots."""
    return type(
        f"{stored.__name__}Draft", stored.__bases__, {"__slots__": tuple(field.name for field in fields(stored))}
    )


def _default(field: Field[Any]) -> Any:
    """Shared between objects: what is stored is frozen."""
    return field.default if field.default_factory is MISSING else field.default_factory()


def _without_none(hint: Any) -> tuple[Any, bool]:
    if typing.get_origin(hint) not in (typing.Union, types.UnionType):
        return hint, False
    (inner,) = (one for one in typing.get_args(hint) if one is not types.NoneType)
    return inner, True


def _or_default(read: Reader, value: Any, default: Any) -> Any:
    try:
        return read(value)
    except (KeyError, TypeError, AttributeError):
        return default


def _checked(kind: type) -> Reader:
    allowed = (float, int) if kind is float else (kind,)

    def read(value: Any) -> Any:
        if type(value) not in allowed:
            raise TypeError(kind.__name__)
        return value

    return read


def _each(read: Reader) -> Reader:
    def read_all(values: Any) -> Any:
        if type(values) is not list:
            raise TypeError("tuple")
        found = []
        for value in values:
            try:
                found.append(read(value))
            except (KeyError, TypeError, AttributeError):
                continue
        return tuple(found)

    return read_all


def _together(readers: list[Reader]) -> Reader:
    def read_each(values: Any) -> Any:
        if type(values) is not list or len(values) != len(readers):
            raise TypeError("tuple")
        return tuple(read(value) for read, value in zip(readers, values, strict=True))

    return read_each
