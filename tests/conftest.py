"""What every test gets: the log as it was, and no thread left behind."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator

import pytest

LEAVING = 5.0


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """A test that runs a command in this process sets up its log: the next one is not to write there."""
    loggers = [logging.getLogger(name) for name in (None, "exporter")]
    levels, handlers = [logger.level for logger in loggers], list(loggers[0].handlers)
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    for handler in [handler for handler in loggers[0].handlers if handler not in handlers]:
        loggers[0].removeHandler(handler)


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
