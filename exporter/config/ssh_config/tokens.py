"""What stands for something else: ``~``, ``%h`` and its like, ``${NAME}``."""

from __future__ import annotations

import os
import pwd
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass

_TOKEN = re.compile(r"%(.?)|\$\{([^}]*)(\}?)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Local:
    """Who we are on our own machine: what ``%u``, ``%i``, ``%d``, ``%l`` and ``~`` stand for."""

    user: str
    uid: int
    home: str
    host: str

    @classmethod
    def here(cls) -> Local:
        """A container's user may have no entry: then ``$HOME`` is the home, and the number the name."""
        uid = os.getuid()
        try:
            entry = pwd.getpwuid(uid)
        except KeyError:
            return cls(str(uid), uid, os.environ.get("HOME", "/"), socket.gethostname())
        return cls(entry.pw_name, uid, entry.pw_dir, socket.gethostname())

    @property
    def tokens(self) -> dict[str, str]:
        short = self.host.partition(".")[0]
        return {"u": self.user, "i": str(self.uid), "d": self.home, "l": self.host, "L": short}

    def expand_home(self, path: str) -> str:
        """``~/x`` and ``~name/x``, as ssh(1) reads them: by the user database, whatever ``$HOME`` says."""
        if path == "~" or path.startswith("~/"):
            return os.path.join(self.home, path[1:].lstrip("/"))
        expanded = os.path.expanduser(path)
        if expanded.startswith("~"):
            raise ValueError(f"no such user as in {path!r}")
        return expanded


def has_tokens(text: str) -> bool:
    return "%" in text or "${" in text


def expand(text: str, tokens: Mapping[str, str], environment: Mapping[str, str] | None = None) -> str:
    """``text`` with its tokens and, where there is an ``environment``, its variables. Raises ValueError."""

    def value(found: re.Match[str]) -> str:
        letter, variable, closed = found.groups()
        if variable is not None:
            if environment is None:
                return found[0]
            if not closed or variable not in environment:
                raise ValueError(f"{found[0]!r} has no value")
            return environment[variable]
        if letter == "%":
            return "%"
        if letter not in tokens:
            raise ValueError(f"{found[0]!r} cannot be told here")
        return tokens[letter]

    return _TOKEN.sub(value, text)
