"""What is printed: by several threads, each text whole."""

from __future__ import annotations

import sys
import threading

_LOCK = threading.Lock()


def show(text: str) -> None:
    """A paragraph of its own: one write, with a blank line after it."""
    with _LOCK:
        sys.stdout.write(f"{text.rstrip()}\n\n")
        sys.stdout.flush()
