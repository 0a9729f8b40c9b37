"""Files that are left alone: somebody else's, or of a later version."""

from __future__ import annotations


class RefusalError(Exception):
    """The store is not used, and not touched; the text says why."""


class HeldError(RefusalError):
    """Another exporter has it."""


class NewerSchemaError(RefusalError):
    """A later version of the exporter wrote it."""


class NotOursError(RefusalError):
    """A database of another application."""
