"""Files of ssh_config to blocks of options, what they include read in place."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass, field

from exporter.config.file import read_bytes
from exporter.config.ssh_config import options
from exporter.config.ssh_config.conditions import Condition, condition
from exporter.config.ssh_config.patterns import PatternList
from exporter.config.ssh_config.tokens import has_tokens
from exporter.config.ssh_config.values import READ_BY, word
from exporter.config.ssh_config.words import Line, arguments, keyword
from exporter.errors import ConfigurationError, Mistake, Mistakes

LARGEST = 4 * 1024 * 1024
DEEPEST = 16  # as OpenSSH's READCONF_MAX_DEPTH
MOST_FILES = 1000
_INCLUDED_BY_USERS = "~/.ssh"  # where a relative Include of a file that is named by -F is looked for


@dataclass(slots=True)
class Block:
    """Options, and files of them, that count where a condition holds."""

    condition: Condition
    line: Line | None = None  # where it begins; None: with its file
    items: list[Line | File] = field(default_factory=list)


class File:
    """The blocks of a file, in order."""

    def __init__(self, blocks: list[Block]) -> None:
        self._blocks = blocks
        self._for_any: list[int] = []
        self._by_name: dict[str, list[int]] = {}
        for number, block in enumerate(blocks):
            if block.condition.names is None:
                self._for_any.append(number)
            for name in block.condition.names or ():
                self._by_name.setdefault(name, []).append(number)

    def blocks(self, name: str) -> list[Block]:
        """Those that may count for a host of this name: a file may have a block for each of thousands."""
        return [self._blocks[number] for number in sorted([*self._for_any, *self._by_name.get(name, ())])]


def read(path: str) -> File:
    """A file and all that it includes. Raises ConfigurationError with every mistake."""
    reader = _Reader()
    file = reader.file(path, depth=0, counts_always=True)
    if reader.mistakes.found:
        raise ConfigurationError(*dict.fromkeys(reader.mistakes.found))
    return file


class _Reader:
    def __init__(self) -> None:
        self.mistakes = Mistakes()
        self._files = 0
        self._ignored: list[PatternList] = []  # of each IgnoreUnknown that is some host's first
        self._ignored_always = False

    def file(self, path: str, *, depth: int, counts_always: bool) -> File:
        """With ``counts_always`` for every host; else only where a block around it does."""
        blocks = [Block(Condition())]
        text = ""
        with self.mistakes.gathered():
            text = self._text(path, is_included=depth > 0)
        for number, content in enumerate(text.split("\n"), 1):
            try:
                line = _line(path, number, content)
                if line is not None:
                    self._take(line, blocks, depth, counts_always=counts_always and blocks[-1].condition.is_always)
            except ValueError as error:
                self.mistakes.found.append(Mistake(f"{path}:{number}", str(error)))
        return File(blocks)

    def _text(self, path: str, *, is_included: bool) -> str:
        self._files += 1
        content, found = read_bytes(path, LARGEST)
        if is_included and (found.st_uid not in (0, os.getuid()) or found.st_mode & 0o022):
            raise ConfigurationError(Mistake(path, "included, yet another than root or we may write it"))
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            raise ConfigurationError(Mistake(path, "not UTF-8")) from error

    def _take(self, line: Line, blocks: list[Block], depth: int, *, counts_always: bool) -> None:
        """Raises ValueError where the line is not one."""
        try:
            if line.option in ("host", "match"):
                blocks.append(Block(condition(line), line))
                return
            if line.option == "include":
                blocks[-1].items.extend(self._include(line, depth, counts_always=counts_always))
                return
            if not options.is_known(line.option):
                self._refuse_unknown(line)
                return
            if line.option in READ_BY:
                READ_BY[line.option](line)
            if line.option == "ignoreunknown" and not self._ignored_always:
                self._ignored.append(PatternList.of(word(line).lower().split(",")))
                self._ignored_always = counts_always
        except ValueError as error:
            raise ValueError(f"{line.written}: {error}") from error
        blocks[-1].items.append(line)

    def _refuse_unknown(self, line: Line) -> None:
        if not self._ignored_always or not all(one.matches(line.option) for one in self._ignored):
            raise ValueError("ssh_config has no such option, and no IgnoreUnknown names it for every host")

    def _include(self, line: Line, depth: int, *, counts_always: bool) -> list[Line | File]:
        if not line.arguments or "" in line.arguments:
            raise ValueError("an empty argument")
        if any(map(has_tokens, line.arguments)):
            return [line]  # refused where it counts
        found = [path for pattern in line.arguments for path in _matching(pattern)]
        if found and depth == DEEPEST:
            raise ValueError(f"nested more than {DEEPEST} deep; does a file include itself?")
        if self._files + len(found) > MOST_FILES:
            raise ValueError(f"more than {MOST_FILES} files")
        return [self.file(path, depth=depth + 1, counts_always=counts_always) for path in found]


def _line(path: str, number: int, content: str) -> Line | None:
    """Raises ValueError."""
    found = keyword(content)
    if found is None:
        return None
    written, rest = found
    return Line(path, number, options.name(written), written, rest, arguments(rest))


def _matching(pattern: str) -> list[str]:
    if not pattern.startswith(("/", "~")):
        pattern = os.path.join(_INCLUDED_BY_USERS, pattern)
    return sorted(glob.glob(os.path.expanduser(pattern)))
