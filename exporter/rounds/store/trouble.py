"""How the store fares, told: in the log once for each kind of trouble, and to whoever serves the metric."""

from __future__ import annotations

import logging
from collections.abc import Callable

log = logging.getLogger(__name__)


class Trouble:
    """The writer's own: no lock."""

    def __init__(self, path: str, up: Callable[[bool], None]) -> None:
        self._path = path
        self._up = up
        self._told = ""
        self._is_up = False
        up(False)  # noqa: FBT003 - a listener of one word

    def is_told(self, error: Exception) -> None:
        """Something that a disk, a folder or another program does."""
        what = f"{type(error).__name__}: {error}"
        if what != self._told:
            fields = {"file": self._path, "error": what}
            log.error("the store cannot be used: what is learned now is forgotten at a restart", extra=fields)
        self._set(up=False, told=what)

    def is_unforeseen(self, error: Exception) -> None:
        """Something that we did wrong."""
        what = f"{type(error).__name__}: {error}"
        if what != self._told:
            log.error("the store stumbled in a way nobody foresaw", extra={"file": self._path}, exc_info=error)
        self._set(up=False, told=what)

    def is_set_aside(self, name: str) -> None:
        """A broken file has another name now."""
        log.error("the store's file is broken: a new one begins", extra={"file": self._path, "kept_as": name})

    def is_over(self) -> None:
        """What was to be written is."""
        if self._told:
            log.info("the store is used again", extra={"file": self._path})
        self._set(up=True, told="")

    def _set(self, *, up: bool, told: str) -> None:
        self._told = told
        if up is not self._is_up:
            self._is_up = up
            self._up(up)
