"""One line of ssh_config: its keyword, and the words after it without their quotes."""

from __future__ import annotations

import re
from dataclasses import dataclass

_KEYWORD = re.compile(r'[ \t\r]*([^ \t\r"=]+)(?:[ \t\r]*=[ \t\r]*|[ \t\r]+|$)(.*)', re.DOTALL)
_ESCAPES = re.compile(r"\\(['\"\\])")
_ESCAPES_UNQUOTED = re.compile(r"\\(['\"\\ ])")


@dataclass(frozen=True, slots=True)
class Line:
    """An option as it stands in a file. ``option`` is its name in lower case, of all its names the usual one."""

    file: str
    number: int
    option: str
    written: str
    rest: str
    arguments: tuple[str, ...]

    @property
    def place(self) -> str:
        return f"{self.file}:{self.number}"


def keyword(text: str) -> tuple[str, str] | None:
    """The keyword and what stands after it; None for an empty line or a comment. Raises ValueError."""
    text = text[:1] + text[1:].rstrip(" \t\r\f")  # a form feed is a blank at the end alone
    if "\0" in text:
        raise ValueError("a NUL byte")
    if text.lstrip(" \t\r")[:1] in ("", "#"):
        return None
    found = _KEYWORD.fullmatch(text)
    if not found:
        raise ValueError("does not begin with a keyword")
    if not found[2]:
        raise ValueError(f"{found[1]}: no argument")
    return found[1], found[2]


def arguments(text: str) -> tuple[str, ...]:
    """The words up to a comment, split as OpenSSH's ``argv_split`` does. Raises ValueError at a quote left open."""
    words: list[str] = []
    at = 0
    while at < len(text):
        if text[at] in " \t":
            at += 1
        elif text[at] == "#":
            break
        else:
            word, at = _word(text, at)
            words.append(word)
    return tuple(words)


def _word(text: str, at: int) -> tuple[str, int]:
    """The word that begins at ``at``, and where it ends."""
    word, quote = "", ""
    while at < len(text) and (quote or text[at] not in " \t"):
        escape = (_ESCAPES if quote else _ESCAPES_UNQUOTED).match(text, at)
        if escape:
            word += escape[1]
            at += 1
        elif not quote and text[at] in "\"'":
            quote = text[at]
        elif text[at] == quote:
            quote = ""
        else:
            word += text[at]
        at += 1
    if quote:
        raise ValueError("a quote that is not closed")
    return word, at
