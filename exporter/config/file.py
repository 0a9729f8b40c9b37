"""A file that a person or a tool wrote, read whole: never a FIFO or a device, never without a bound."""

from __future__ import annotations

import os
import stat

from exporter.errors import ConfigurationError, Mistake


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
