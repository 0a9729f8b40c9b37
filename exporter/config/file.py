"""A file that a person or a tool wrote, read whole: never a FIFO or a device, never without a bound."""

from __future__ import annotations

import glob
import os
import stat

from exporter.errors import ConfigurationError, Mistake

_CREDENTIALS = "$CREDENTIALS_DIRECTORY"
Signature = tuple[int, int, int, int] | None


def signature(path: str) -> Signature:
    """What changes when a file is written or replaced; None where it is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def absolute(path: str, beside: str) -> str:
    """``path``, if relative then to the folder of the file ``beside``.

    ``~`` is expanded, and so is systemd's ``$CREDENTIALS_DIRECTORY`` at its beginning.
    """
    expanded = os.path.expanduser(path)  # pathlib's raises where a container's user has no home
    if expanded.startswith(_CREDENTIALS + "/"):
        expanded = os.environ.get(_CREDENTIALS[1:], _CREDENTIALS) + expanded.removeprefix(_CREDENTIALS)
    return os.path.join(os.path.dirname(os.path.abspath(beside)), expanded)


def absolute_pattern(pattern: str, beside: str) -> str:
    """As :func:`absolute`; signs of a pattern in the folder's own name are escaped."""
    return absolute(pattern, os.path.join(glob.escape(os.path.dirname(os.path.abspath(beside))), "x"))


def read_bytes(path: str, most: int) -> tuple[bytes, os.stat_result]:
    """Content and status of a regular file of at most ``most`` bytes. Raises ConfigurationError that names it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise ConfigurationError(Mistake(path, "not a regular file"))
            with os.fdopen(os.dup(descriptor), "rb") as file:
                content = file.read(most + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise ConfigurationError(Mistake(path, f"cannot be read: {error.strerror}")) from error
    if len(content) > most:
        raise ConfigurationError(Mistake(path, f"larger than {most >> 10} KiB"))
    return content, found
