"""What every test gets: no thread may be left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

LEAVING = 5.0


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    """Fails a test that leaves a thread running."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + LEAVING
    while left := [thread for thread in set(threading.enumerate()) - before if thread.is_alive()]:
        if time.monotonic() > deadline:
            pytest.fail(f"threads left behind: {sorted(thread.name for thread in left)}")
        time.sleep(0.02)
